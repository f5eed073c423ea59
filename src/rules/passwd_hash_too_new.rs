use super::Context;
use super::password_lines::password_notes;
use crate::catalogue::Quirk;
use crate::model::notes::{Effect, PasswordNote};

rule! {
    /// A hash was made by tools of a later release than the broker, or of another build.
    ///
    /// ## What it finds
    /// For 2.0: hashes with a salt of 64 bytes, as `mosquitto_passwd` of 2.1 writes them, and `argon2id`
    /// hashes. For 2.1: `argon2id` hashes, which only builds with argon2 take. The observed build, that of
    /// Debian, has none; whether another one has it cannot be seen from the files.
    ///
    /// ## Why it matters
    /// 2.0 drops the user, who cannot log in. A 2.1 without argon2 does not start.
    ///
    /// ## Example
    /// The salt has 64 bytes.
    ///
    /// ```passwd bad
    /// alice:$7$1000$ArouWQ3R7/ndav1Jnu6L6chL9m7/dU8CiI7+CsSsRXPydxeRExzcyX3kXN0yK2kKVdk5VwBbvfQhi7d1TsxUsg==$fesRdjeX/C2Z+zd7uI8tamE0YR2r0HyvbsW9vw3qHKM2EsYLWvuc/abxOuWJRspm/Ph7l9Gp/OF8jbBrCATu5g==
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
    /// - 2.1.2: starts: `alice` can log in; with an `argon2id` hash it does not start, exit 3
    "passwd-hash-too-new", Error, check
}

fn check(cx: &mut Context<'_>) {
    for (note, kind) in password_notes(cx) {
        let message = match kind {
            PasswordNote::SaltLength { length } => {
                format!("the salt has {length} bytes, and the release takes 12")
            }
            PasswordNote::Argon2id if cx.release.has(Quirk::Argon2idByBuild) => {
                "only builds with argon2 take `argon2id` hashes; the one that was observed has none"
                    .to_owned()
            }
            PasswordNote::Argon2id => "the release knows no `argon2id` hashes".to_owned(),
            _ => continue,
        };
        let finding = cx.finding(note.span, message).note(match note.effect {
            Effect::None => "the broker drops the user, who cannot log in, with a line in the log",
            _ => "the broker does not start with such a line",
        });
        cx.report(finding.help(
            "set the password with `mosquitto_passwd` of 2.0, whose hashes every release and build takes",
        ));
    }
}
