use super::Context;
use crate::catalogue::options;
use crate::model::FileState;
use crate::model::notes::FileProblem;
use crate::rules::named_files::{Problem, problems};

rule! {
    /// The private key does not belong to the certificate.
    ///
    /// ## What it finds
    /// A `keyfile` whose key is not the one that the first certificate of `certfile` was made for.
    ///
    /// ## Why it matters
    /// The broker stops when it opens the listener. It happens when only one of the two is renewed, and where
    /// the chain in `certfile` starts with the authority in place of the server.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile other.key
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
    /// - 2.0.11: does not start: key values mismatch, exit 1
    /// - 2.0.21: does not start: key values mismatch, exit 1
    /// - 2.1.2: does not start: key values mismatch, exit 1
    "key-cert-mismatch", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::KEYFILE]) {
        let FileProblem::KeyMismatch { certificate } = *problem.problem else { continue };
        let message = format!("the key in `{}` does not belong to the certificate", problem.path.display());
        let mut finding = cx.finding_on(problem.note, message);
        finding = finding.related(certificate, "the certificate, whose first entry counts");
        finding = finding.note("the broker checks that they belong together, and stops");
        cx.report(finding.help(match elsewhere(cx, &problem) {
            Some(place) => format!("the key belongs to {place}"),
            None => "name the key that the certificate was made for, or renew both together".to_owned(),
        }));
    }
}

/// The certificate that the key does belong to, among those that the listener names.
fn elsewhere(cx: &Context<'_>, problem: &Problem<'_>) -> Option<String> {
    let is_it = |listener: &&crate::model::Listener| listener.tls.key.span == Some(problem.note.span);
    let tls = &cx.deployment.listeners.iter().find(is_it)?.tls;
    let FileState::Loaded(key) = &tls.key.state else { return None };
    let owner = |certificates: Option<&std::sync::Arc<[crate::credentials::CertificateFacts]>>| {
        certificates?.iter().position(|certificate| key.matches(certificate) == Some(true))
    };
    if let Some(place) = owner(tls.certificate.state.loaded()) {
        return Some(format!("certificate {} of `certfile`: put that one first", place + 1));
    }
    let place = owner(tls.authorities.state.loaded())?;
    Some(format!("certificate {} of `cafile`: the two files may be swapped", place + 1))
}
