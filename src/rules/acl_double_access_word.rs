use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A second access word stands where the topic begins.
    ///
    /// ## What it finds
    /// Lines such as `topic read write a/#`.
    ///
    /// ## Why it matters
    /// There is one access word. The second one is taken for the beginning of the topic: the line gives a
    /// topic that is called `write a/#`, with a space in it, and nothing of `a/#`.
    ///
    /// ## Example
    /// ```aclfile bad
    /// topic read write plant/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// topic readwrite plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: nobody reads or writes `plant/door`
    /// - 2.0.21: starts: nobody reads or writes `plant/door`
    /// - 2.1.2: starts: nobody reads or writes `plant/door`
    "acl-double-access-word", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::DoubleAccess) = note.kind else { continue };
        let word = cx.text(note.span);
        let line = cx.sources.text(cx.whole_line(note.span));
        let first = line.split(' ').filter(|word| !word.is_empty()).nth(1).unwrap_or_default();
        let help = match (first, &*word) {
            ("read", "write") | ("write", "read") => "write `readwrite` for both",
            _ => "keep one access word",
        };
        let finding =
            cx.finding_on(note, format!("the second access word, `{word}`, is taken for the topic"));
        let finding =
            finding.note("the line is about topics that begin with this word and a space, and no others");
        cx.report(finding.help(help));
    }
}
