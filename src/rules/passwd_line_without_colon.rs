use super::Context;
use super::password_lines::password_notes;
use crate::model::notes::PasswordNote;

rule! {
    /// A line of the password file has no colon, so it is skipped.
    ///
    /// ## What it finds
    /// Lines that are neither blank nor a comment (`#` in the first column) and have no colon.
    ///
    /// ## Why it matters
    /// The broker skips the line without a word. If it was meant to be a user, that user cannot log in.
    ///
    /// ## Example
    /// ```passwd bad
    /// bob
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Instead
    /// ```passwd good
    /// # bob
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` can log in, `bob` cannot
    /// - 2.0.21: starts: `alice` can log in, `bob` cannot
    /// - 2.1.2: starts: `alice` can log in, `bob` cannot
    "passwd-line-without-colon", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for (note, kind) in password_notes(cx) {
        let PasswordNote::NoColon = kind else { continue };
        let finding = cx.finding_on(note, "the line has no colon, so it is skipped");
        let finding = finding.note("the broker skips it without a word: it makes no user");
        cx.report(finding.help("write `NAME:HASH` with `mosquitto_passwd`, or put `#` in front"));
    }
}
