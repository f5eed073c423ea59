use super::Context;
use super::password_lines::password_notes;
use crate::catalogue::Quirk;
use crate::model::notes::PasswordNote;

rule! {
    /// A user stands in the password file twice.
    ///
    /// ## What it finds
    /// Lines of a password file whose name an earlier line has already.
    ///
    /// ## Why it matters
    /// In 2.0 the last line with a good hash counts, and the earlier password no longer works. 2.1 does not
    /// start, even if the two lines are the same.
    ///
    /// ## Example
    /// ```passwd bad
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// alice:$7$101$Me1YV5iRevJy/PV6$XdBLJG5nBcsP5/k8Cjou5/CUxQIfCIn7wv0cTJ9C1WEZnz+D3JdG7bab06TjyuTWpbbyNhL/cUhmg458pfri+w==
    /// ```
    ///
    /// ## Instead
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: the password of the last line is the one that works
    /// - 2.0.21: starts: the password of the last line is the one that works
    /// - 2.1.2: does not start: duplicate user, exit 3
    "passwd-duplicate-user", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for (note, kind) in password_notes(cx) {
        let PasswordNote::Duplicate { first } = *kind else { continue };
        let message = format!("the user `{}` stands here a second time", cx.text(note.span));
        let finding = cx.finding_on(note, message).related(first, "the earlier line");
        let finding = finding.note(match cx.release.has(Quirk::DuplicatePasswordUserFatal) {
            true => "the broker does not start with a user twice, even if both lines are the same",
            false => "the last line with a good hash counts",
        });
        cx.report(finding.help("keep the line with the password that is in use"));
    }
}
