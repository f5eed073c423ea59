use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A comment stands behind a rule or a user name.
    ///
    /// ## What it finds
    /// Text that begins with `#` and stands behind a topic or a user name.
    ///
    /// ## Why it matters
    /// In an ACL file only a `#` in the first column makes a comment. Behind a topic it is part of the topic,
    /// which is not valid then, so that the broker does not start. Behind a user name it is part of the name,
    /// without a word: the section is for a user who does not exist.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic read plant/# # the whole plant
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// # the whole plant
    /// topic read plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: invalid topic, exit 3
    /// - 2.0.21: does not start: invalid topic, exit 3
    /// - 2.1.2: does not start: invalid topic, exit 3
    "acl-inline-comment", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::InvalidFilter) = note.kind else { continue };
        let Some(at) = comment_in(cx.sources.slice(note.span)) else { continue };
        let place = note.span.part(at, note.span.len());
        let mut finding = cx.finding_on(note, "a comment stands behind the topic, and becomes part of it");
        finding.primary.span = place;
        let finding =
            finding.note("a comment begins in the first column; the broker stops, as this is no topic");
        cx.report(finding.help("put the comment on a line of its own"));
    }
    for file in cx.acl_files {
        for user in file.acl.users.iter() {
            let Some(at) = comment_in(&user.name) else { continue };
            let name = cx.text(user.span);
            let place = user.span.part(at, user.span.len());
            let finding = cx.finding(place, "a comment stands behind the user name, and becomes part of it");
            let finding =
                finding.note(format!("the section is for a user called `{name}`, and for nobody else"));
            cx.report(finding.help("put the comment on a line of its own"));
        }
    }
}

/// Where a comment begins that someone wrote behind a word.
pub(super) fn comment_in(text: &[u8]) -> Option<usize> {
    let at = text.windows(2).position(|pair| matches!(pair, b" #" | b"\t#"))?;
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn comments_behind_words() {
        let cases = [
            ("user a # b\n", 1),
            ("topic read a #b\n", 1),
            ("topic read a\t# b\n", 1),
            ("topic read a/#\n", 0),
            ("user a#b\n", 0),
            ("# c # d\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-inline-comment", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
