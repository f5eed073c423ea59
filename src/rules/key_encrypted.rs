use super::Context;
use super::named_files::problems;
use crate::catalogue::options;
use crate::model::notes::FileProblem;

rule! {
    /// The private key is protected by a pass phrase.
    ///
    /// ## What it finds
    /// A `keyfile` with an encrypted key.
    ///
    /// ## Why it matters
    /// The broker asks for the pass phrase on its terminal. As a service it has none, and does not start.
    /// There is no option that gives the pass phrase of a file.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile encrypted.key
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
    /// - 2.0.11: does not start: bad password read, exit 1
    /// - 2.0.21: does not start: bad password read, exit 1
    /// - 2.1.2: does not start: bad password read, exit 1
    "key-encrypted", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::KEYFILE]) {
        let FileProblem::EncryptedKey = problem.problem else { continue };
        let message = format!("the key in `{}` needs a pass phrase", problem.path.display());
        let finding = cx.finding_on(problem.note, message);
        let finding = finding.note("the broker asks for it on its terminal; as a service it does not start");
        cx.report(finding.help(
            "write a key without one (`openssl pkey -in FILE -out PLAIN`), which only the broker may read",
        ));
    }
}
