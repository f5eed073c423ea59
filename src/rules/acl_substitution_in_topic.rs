use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// `%u` or `%c` stands in a `topic` line.
    ///
    /// ## What it finds
    /// Placeholders in `topic` lines.
    ///
    /// ## Why it matters
    /// They are replaced in `pattern` lines only. In a `topic` line they are plain text: the line is about
    /// topics that are really called `%u`.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic readwrite devices/%u/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// pattern readwrite devices/%u/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` publishes to `devices/%u/state`, and not to `devices/alice/state`
    /// - 2.0.21: starts: `alice` publishes to `devices/%u/state`, and not to `devices/alice/state`
    /// - 2.1.2: starts: `alice` publishes to `devices/%u/state`, and not to `devices/alice/state`
    "acl-substitution-in-topic", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::PlaceholderInTopic) = note.kind else { continue };
        let placeholder = cx.text(note.span);
        let finding = cx.finding_on(note, format!("`{placeholder}` is plain text in a `topic` line"));
        let finding =
            finding.note(format!("the line is about topics that are really called `{placeholder}`"));
        let other = if placeholder == "%u" { ", or the user's name in its place" } else { "" };
        cx.report(
            finding.help(format!("write `pattern` in place of `topic`, which holds for every client{other}")),
        );
    }
}
