use super::Context;
use super::password_lines::{password_notes, with_loss};
use crate::credentials::{Encoding, HashError};
use crate::model::notes::PasswordNote;
use crate::report::Severity;

rule! {
    /// A line of the password file has a hash that the broker cannot use.
    ///
    /// ## What it finds
    /// Hashes of other programs (bcrypt, `$1$`, …), hashes that are cut off or whose base64 is broken,
    /// iterations below 1, and, for 2.1, a hash that does not begin with exactly one `$`. Where the base64
    /// has blanks in it or something behind it, it depends on the OpenSSL of the broker whether it is taken:
    /// that is a warning.
    ///
    /// ## Why it matters
    /// 2.0 drops the user, who cannot log in. 2.1 does not start.
    ///
    /// ## Example
    /// ```passwd bad
    /// alice:$2y$10$4pFhBmTzPGkGkqXtTrXqUeI9mYw3HbqGxjzJ1s7v0dXrKz8cVnLeO
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
    "passwd-invalid-hash", Error, check
}

fn check(cx: &mut Context<'_>) {
    for (note, kind) in password_notes(cx) {
        let message = match kind {
            PasswordNote::BadHash(HashError::PlainText) => continue,
            PasswordNote::BadHash(error) => error.to_string(),
            PasswordNote::LeadingDollars { count: 0 } => "the hash does not begin with `$`".to_owned(),
            PasswordNote::LeadingDollars { count } => {
                format!("the hash begins with {count} times `$`, not one")
            }
            PasswordNote::TooLong => "the name or the hash has more than 65535 bytes".to_owned(),
            PasswordNote::LooseEncoding { encoding } => {
                let mut finding = cx.finding(note.span, loose(*encoding));
                finding.severity = Severity::Warning;
                finding = finding.note("some versions of OpenSSL take this and others do not");
                cx.report(
                    finding.help("write the hash without it, or make a new one with `mosquitto_passwd`"),
                );
                continue;
            }
            _ => continue,
        };
        let finding = cx.finding(note.span, message);
        let finding = match kind {
            PasswordNote::LeadingDollars { .. } => {
                finding.note("2.1 does not start with such a line; 2.0 takes it")
            }
            _ => with_loss(finding),
        };
        cx.report(finding.help(match kind {
            PasswordNote::LeadingDollars { .. } => "write one `$` in front of the hash",
            _ => "set the password again with `mosquitto_passwd FILE USER`",
        }));
    }
}

fn loose(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::LooseEnd => "something follows the base64 of the salt or the hash",
        Encoding::Spaced | Encoding::Standard => "there are blanks in the base64 of the salt or the hash",
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn forms_that_the_releases_part_over() {
        let count = |line: &str| finds("passwd-invalid-hash", &[("passwd", line)]);
        let salt = "rb1W5LuhgzH7Guhw";
        let hash = "g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==";
        assert_eq!(count(&format!("a:$7$101${salt}${hash}\n")), 0);
        assert_eq!(count(&format!("a:$7$101${salt}${hash}$\n")), 0);
        assert_eq!(count(&format!("a:7$101${salt}${hash}\n")), 1);
        assert_eq!(count(&format!("a:$$7$101${salt}${hash}\n")), 1);
        assert_eq!(count(&format!("a:$7$101${salt}${hash}x\n")), 1);
        assert_eq!(count(&format!("a:$7$101${salt}$ {hash}\n")), 1);
        assert_eq!(count(&format!("a:$7$0${salt}${hash}\n")), 1);
        assert_eq!(count("a:secret\n"), 0);
    }
}
