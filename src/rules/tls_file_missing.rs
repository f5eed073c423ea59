use super::Context;
use super::named_files::{TLS_FILES, problems};
use crate::model::notes::FileProblem;

rule! {
    /// A file that TLS needs does not exist.
    ///
    /// ## What it finds
    /// A `certfile`, `keyfile`, `cafile`, `crlfile` or `dhparamfile` of a TLS listener that is not there, or
    /// that is a directory. Paths in folders that do not exist on this machine are counted as not looked at.
    ///
    /// ## Why it matters
    /// The broker stops when it opens the listener. Its own check of the configuration (`--test-config`) does
    /// not notice. WebSocket listeners of 2.0 open without `cafile`, and then refuse every client
    /// certificate; they never look at `crlfile`, so that revoked certificates are good there.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server-key.pem
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
    "tls-file-missing", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &TLS_FILES) {
        if let (FileProblem::Open(_), Some(finding)) = (problem.problem, problem.unopened(cx)) {
            cx.report(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn only_where_it_is_known() {
        let count = |conf, key| {
            finds("tls-file-missing", &[("/etc/m.conf", ""), ("mosquitto.conf", conf), (key, "")])
        };
        let conf = "listener 8883\ncertfile /k/c\nkeyfile /k/c\n";
        assert_eq!(count(conf, "/etc/other"), 0);
        assert_eq!(count(conf, "/k/other"), 2);
        assert_eq!(count("listener 8883\ncrlfile /k/c\n", "/k/other"), 0);
    }
}
