use super::Context;
use super::password_lines::{password_notes, with_loss};
use crate::credentials::HashError;
use crate::model::notes::PasswordNote;

rule! {
    /// A password stands in the password file as it is, not as a hash.
    ///
    /// ## What it finds
    /// Lines of a password file whose second field is no hash of any kind.
    ///
    /// ## Why it matters
    /// No release takes a password in clear text: the user cannot log in, and 2.1 does not even start. And
    /// everybody who has the file has the password: if it was in use, change it.
    ///
    /// ## Example
    /// ```passwd bad
    /// alice:secret
    /// ```
    ///
    /// ## Instead
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` is dropped with a line in the log and cannot log in
    /// - 2.0.21: starts: `alice` is dropped with a line in the log and cannot log in
    /// - 2.1.2: does not start: unable to decode line in password file, exit 3
    "passwd-plaintext", Error, check
}

fn check(cx: &mut Context<'_>) {
    for (note, kind) in password_notes(cx) {
        let PasswordNote::BadHash(HashError::PlainText) = kind else { continue };
        let finding = cx.finding(note.span, "this is no hash but, it seems, the password itself");
        cx.report(with_loss(finding).help(
            "turn a file of nothing but such lines into hashes with `mosquitto_passwd -U FILE`, or set \
             passwords one by one with `mosquitto_passwd FILE USER`",
        ));
    }
}
