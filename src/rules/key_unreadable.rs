use super::Context;
use super::named_files::{TLS_FILES, problems};
use crate::model::notes::FileProblem;

rule! {
    /// The account that the broker runs as cannot read a file of its TLS.
    ///
    /// ## What it finds
    /// A `keyfile`, or another file of a TLS listener, that the account of the broker may not read, for its
    /// own mode and owner or for those of a directory above it. Keys made by certbot are a common case: their
    /// folder is open to root only.
    ///
    /// ## Why it matters
    /// A broker that root starts changes to its `user` (`mosquitto` by default) first and opens these files
    /// then. It stops with `Permission denied`. Its own check of the configuration (`--test-config`) does not
    /// notice.
    ///
    /// ## Example
    /// `private.key` belongs to root and has the mode 0600.
    ///
    /// ```mosquitto.conf bad
    /// user nobody
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile private.key
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// user nobody
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to load the key, permission denied, exit 1
    /// - 2.0.21: does not start: unable to load the key, permission denied, exit 1
    /// - 2.1.2: does not start: unable to load the key, permission denied, exit 1
    "key-unreadable", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &TLS_FILES) {
        if let (FileProblem::Unreadable { .. }, Some(finding)) = (problem.problem, problem.unopened(cx)) {
            cx.report(finding);
        }
    }
}
