use super::Context;
use super::password_lines::{password_notes, with_loss};
use crate::model::notes::PasswordNote;

rule! {
    /// A line of the password file has no name, or no hash.
    ///
    /// ## What it finds
    /// Lines such as `alice:` and `:$7$…`.
    ///
    /// ## Why it matters
    /// A user without a password cannot be expressed, and neither can a password without a user. 2.0 leaves
    /// the line out, 2.1 does not start.
    ///
    /// ## Example
    /// ```passwd bad
    /// alice:
    /// ```
    ///
    /// ## Instead
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` is dropped and cannot log in, even with an empty password
    /// - 2.0.21: starts: `alice` is dropped and cannot log in, even with an empty password
    /// - 2.1.2: does not start: unable to decode line in password file, exit 3
    "passwd-empty-password", Error, check
}

fn check(cx: &mut Context<'_>) {
    for (note, kind) in password_notes(cx) {
        let PasswordNote::Empty = kind else { continue };
        let is_nameless = cx.sources.slice(note.span).trim_ascii_start().starts_with(b":");
        let message = if is_nameless { "the line has no user name" } else { "the user has no password" };
        let finding = with_loss(cx.finding(note.span, message));
        cx.report(finding.help(match is_nameless {
            true => "write a name in front of the colon, or take the line out",
            false => "set one with `mosquitto_passwd FILE USER`, or take the line out",
        }));
    }
}
