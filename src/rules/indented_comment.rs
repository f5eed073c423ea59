use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// A comment does not start in the first column.
    ///
    /// ## What it finds
    /// Lines whose first character that is no space is `#`, with spaces before it.
    ///
    /// ## Why it matters
    /// `#` starts a comment in the first column only. With spaces before it, it is taken for the name of an
    /// option, which no release knows.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    ///   # for guests
    ///   allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// # for guests
    ///   allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unknown option `#`, exit 3
    /// - 2.0.21: does not start: unknown option `#`, exit 3
    /// - 2.1.2: does not start: unknown option `#`, exit 3
    "indented-comment", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::UnknownOption = note.kind else { continue };
        if cx.sources.slice(note.span).starts_with(b"#") {
            let finding = cx.finding(note.span.part(0, 1), "the comment does not start in the first column");
            let finding = finding.note("the broker takes it for an option that it does not know, and stops");
            cx.report(finding.help("remove the spaces before `#`"));
        }
    }
}
