use super::Context;
use super::named_files::problems;
use crate::catalogue::options;

rule! {
    /// The password file cannot be opened.
    ///
    /// ## What it finds
    /// A `password_file` that does not exist, that is no regular file, or that the account which the broker
    /// runs as cannot read, be it for its own mode or for that of a directory above it.
    ///
    /// ## Why it matters
    /// The broker does not start. Its own check of the configuration (`--test-config`) does not notice,
    /// because it opens no password file. The broker reads the file after it has changed from root to its
    /// `user`.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883
    /// password_file users.txt
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883
    /// password_file passwd
    /// ```
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to open the file, exit 13 (it hangs on a directory)
    /// - 2.0.21: does not start: unable to open the file, exit 13
    /// - 2.1.2: does not start: unable to open the file, exit 13
    "passwd-unreadable", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::PASSWORD_FILE]) {
        if let Some(finding) = problem.unopened(cx) {
            cx.report(finding);
        }
    }
}
