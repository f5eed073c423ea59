use super::Context;
use super::named_files::problems;
use crate::catalogue::options;

rule! {
    /// The file of pre-shared keys cannot be opened.
    ///
    /// ## What it finds
    /// A `psk_file` that does not exist, that is no regular file, or that the account which the broker runs
    /// as cannot read, be it for its own mode or for that of a directory above it.
    ///
    /// ## Why it matters
    /// The broker does not start, even where no listener uses keys. It reads the file after it has changed
    /// from root to its `user`.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// psk_hint plant
    /// psk_file keys.txt
    /// use_identity_as_username true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// psk_hint plant
    /// psk_file pskfile
    /// use_identity_as_username true
    /// ```
    /// ```pskfile good
    /// pump:4f2e0d6a91c74b55a0f3d81be7c96a20
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to open the file, exit 13 (it hangs on a directory)
    /// - 2.0.21: does not start: unable to open the file, exit 13
    /// - 2.1.2: does not start: unable to open the file, exit 13
    "psk-file-unreadable", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::PSK_FILE]) {
        if let Some(finding) = problem.unopened(cx) {
            cx.report(finding);
        }
    }
}
