use super::Context;
use crate::model::notes::{AclNote, NoteKind};
use crate::report::Severity;

rule! {
    /// An access word stands alone, and is taken for a topic.
    ///
    /// ## What it finds
    /// `topic read`, `topic deny` and the like without a topic behind them.
    ///
    /// ## Why it matters
    /// Where there is one word it is the topic, and reading and writing are granted. `topic deny` denies
    /// nothing: it gives a topic called `deny`.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic readwrite plant/#
    /// topic deny
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic readwrite plant/#
    /// topic deny plant/secret/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` publishes to the topic `deny`
    /// - 2.0.21: starts: `alice` publishes to the topic `deny`
    /// - 2.1.2: starts: `alice` publishes to the topic `deny`
    "acl-keyword-as-topic", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::KeywordAsTopic) = note.kind else { continue };
        let word = cx.text(note.span);
        let mut finding =
            cx.finding_on(note, format!("`{word}` is the topic here, and reading and writing it is granted"));
        if word == "deny" {
            // It grants where it says that it denies.
            finding.severity = Severity::Error;
        }
        let finding = finding.note("a single word behind the keyword is always the topic");
        cx.report(
            finding.help(format!(
                "write the topic behind `{word}`; `topic readwrite {word}` if you mean this one"
            )),
        );
    }
}
