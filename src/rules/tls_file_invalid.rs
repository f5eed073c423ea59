use super::Context;
use super::named_files::{TLS_FILES, problems};
use crate::model::notes::FileProblem;

rule! {
    /// A file of TLS does not hold what it should.
    ///
    /// ## What it finds
    /// A `certfile` or `cafile` without a certificate or with a broken one, a `keyfile` without a private
    /// key, a `crlfile` without a revocation list, before 2.1 a `dhparamfile` without parameters. All of
    /// them are PEM files: text between `BEGIN` and `END` lines.
    ///
    /// ## Why it matters
    /// The broker stops when it opens the listener. Its own check of the configuration (`--test-config`) does
    /// not notice. WebSocket listeners of 2.0 open with any `cafile` and never read `crlfile`.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.crt
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to load the key, exit 1
    /// - 2.0.21: does not start: unable to load the key, exit 1
    /// - 2.1.2: does not start: unable to load the key, exit 1
    "tls-file-invalid", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &TLS_FILES) {
        let (wanted, reason) = match problem.problem {
            FileProblem::NotCertificate(reason) => ("certificate", reason.as_str()),
            FileProblem::NotKey(reason) => ("private key", reason.as_str()),
            FileProblem::NotCrl(reason) => ("revocation list", reason.as_str()),
            FileProblem::NotDhParameters => ("set of Diffie-Hellman parameters", "no block of that kind"),
            _ => continue,
        };
        let message = format!("`{}` gives no {wanted}: {reason}", problem.path.display());
        let mut finding = cx.finding_on(problem.note, message);
        finding = finding.note(match problem.note.effect {
            crate::model::notes::Effect::None => "the listener opens all the same, and does without it",
            _ => "the broker stops when it opens the listener",
        });
        let option = problem.option.name();
        cx.report(finding.help(match problem.problem {
            FileProblem::NotDhParameters => "take the line out: no release needs it any more".to_owned(),
            _ => format!("`{option}` needs a PEM file with a {wanted}; `openssl` turns other forms into PEM"),
        }));
    }
}
