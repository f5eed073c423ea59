use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A tab stands in an ACL file where only a space separates.
    ///
    /// ## What it finds
    /// Tabs at the beginning of a line, behind a keyword, and between the access word and the topic.
    ///
    /// ## Why it matters
    /// The broker cuts lines at spaces only. A tab in front of a keyword or behind it stops the start. A tab
    /// behind the access word goes unnoticed: word, tab and topic together are taken for the topic, which no
    /// client can name.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic<TAB>read plant/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic read plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: invalid line, exit 3
    /// - 2.0.21: does not start: invalid line, exit 3
    /// - 2.1.2: does not start: invalid line, exit 3
    "acl-tab", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let (place, message, why) = match note.kind {
            NoteKind::Acl(AclNote::TabInFilter) => (
                note.span,
                "a tab follows the access word, so that both are part of the topic",
                "only a space separates; the line gives a topic that no client can name, and nothing else",
            ),
            NoteKind::Acl(AclNote::UnknownAccess) => {
                let word = cx.sources.slice(note.span);
                let Some(at) = word.iter().position(|byte| *byte == b'\t') else { continue };
                (
                    note.span.part(at, at + 1),
                    "a tab stands beside the access word, and only a space separates",
                    "the broker takes the tab for part of the access word and stops",
                )
            }
            NoteKind::Acl(AclNote::UnknownKeyword) => match tab_in_keyword(cx.sources.slice(note.span)) {
                Some(0) => (
                    note.span.part(0, 1),
                    "the line begins with a tab, and only spaces may stand before a keyword",
                    "the broker takes the tab for part of the keyword and stops",
                ),
                Some(at) => (
                    note.span.part(at, at + 1),
                    "a tab follows the keyword, and only a space separates",
                    "the broker takes everything up to the next space for the keyword and stops",
                ),
                None => continue,
            },
            _ => continue,
        };
        let mut finding = cx.finding(place, message).label("tab");
        finding = finding.note(why);
        cx.report(finding.help("put a space in its place"));
    }
}

/// Where a tab stands at the beginning of a line or right behind a keyword that would be fine without it.
pub(super) fn tab_in_keyword(line: &[u8]) -> Option<usize> {
    let at = line.iter().position(|byte| *byte == b'\t')?;
    let before = line[..at].trim_ascii();
    let behind = line[at..].trim_ascii_start();
    let is_keyword = |word: &[u8]| matches!(word, b"user" | b"topic" | b"pattern");
    let first = behind.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
    (is_keyword(before) || before.is_empty() && is_keyword(first)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn tabs_that_count() {
        let cases = [
            ("\ttopic read a\n", 1),
            ("user\talice\n", 1),
            ("topic\t\tread a\n", 1),
            ("topic read\ta\n", 1),
            ("topic read\ta b\n", 1),
            ("topic read\t a\n", 1),
            ("topic read \ta\n", 0),
            ("topic read a\t\n", 0),
            ("user \talice\n", 0),
            ("\t# x\n", 0),
            ("\t\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-tab", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
