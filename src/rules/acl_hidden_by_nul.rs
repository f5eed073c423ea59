use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A NUL byte hides the rest of an ACL file.
    ///
    /// ## What it finds
    /// A NUL byte in an ACL file. Editors show it as nothing, or as `^@`; it comes from files that were cut
    /// off by a crash, or saved as UTF-16.
    ///
    /// ## Why it matters
    /// The broker reads no further. The line with the NUL and all lines below are lost without a word,
    /// denials included.
    ///
    /// ## Example
    /// ```aclfile bad
    /// topic readwrite plant/#
    /// topic read <NUL>
    /// topic deny plant/secret/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// topic readwrite plant/#
    /// topic deny plant/secret/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients publish to `plant/secret/door`
    /// - 2.0.21: starts: clients publish to `plant/secret/door`
    /// - 2.1.2: starts: clients publish to `plant/secret/door`
    "acl-hidden-by-nul", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::HiddenByNul) = note.kind else { continue };
        let bytes = cx.sources.get(note.span.source).bytes();
        let rest = bytes.get(note.span.end as usize..).unwrap_or_default();
        let is_rule = |line: &&[u8]| {
            let line = line.trim_ascii();
            !line.is_empty() && !line.starts_with(b"#") && line.iter().any(|byte| *byte != 0)
        };
        let hidden = rest.split(|byte| *byte == b'\n').skip(1).filter(is_rule).count();
        let message = match hidden {
            0 => "a NUL byte hides its line from the broker".to_owned(),
            1 => "a NUL byte hides its line and the rule below from the broker".to_owned(),
            _ => format!("a NUL byte hides its line and the {hidden} lines below from the broker"),
        };
        let finding = cx.finding_on(note, message).label("NUL");
        let finding = finding.note("the broker stops reading there and says nothing");
        cx.report(finding.help("delete the byte, and save the file as plain text (UTF-8)"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn bytes_that_end_the_file() {
        let cases = [("topic a\0b\ntopic c\n", 1), ("\0\ntopic c\n", 0), ("topic a\n", 0)];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-hidden-by-nul", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
