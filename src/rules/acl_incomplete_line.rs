use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// `user`, `topic` or `pattern` stands alone.
    ///
    /// ## What it finds
    /// Lines of an ACL file that hold nothing but a keyword.
    ///
    /// ## Why it matters
    /// The broker does not start.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic readwrite plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: empty topic, exit 3
    /// - 2.0.21: does not start: empty topic, exit 3
    /// - 2.1.2: does not start: empty topic, exit 3
    "acl-incomplete-line", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::Empty) = note.kind else { continue };
        let keyword = cx.text(cx.whole_line(note.span));
        let (missing, example) =
            if keyword == "user" { ("a name", "user alice") } else { ("a topic", "topic read plant/#") };
        let finding = cx.finding_on(note, format!("`{keyword}` stands without {missing}"));
        let finding = finding.note("the broker stops at a line that ends behind its keyword");
        cx.report(finding.help(format!("write it behind, as in `{example}`, or take the line out")));
    }
}
