use super::Context;
use crate::catalogue::{Duplicate, options};
use crate::model::notes::NoteKind;
use crate::report::Severity;

rule! {
    /// Words stand behind a value that nobody reads.
    ///
    /// ## What it finds
    /// More words than the option takes. It is a note, and a warning where the words would do something on a
    /// line of their own: `log_type error warning` logs errors only.
    ///
    /// ## Why it matters
    /// The broker reads the first word and drops the rest without a message.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// log_type error warning
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// log_type error
    /// log_type warning
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: only errors are logged
    /// - 2.0.21: starts: only errors are logged
    /// - 2.1.2: starts: only errors are logged
    "trailing-text", Note, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::IgnoredText { option } = note.kind else { continue };
        let whole = cx.sources.text(note.span);
        if whole.starts_with('#') {
            continue;
        }
        let name = option.name();
        let text = cx.text(note.span);
        let finding = cx.finding_on(note, format!("`{text}` behind the value of `{name}` is not read"));
        let mut finding = finding.note("the broker drops these words without a message");
        let known: Vec<&str> = option.entry().words_at(cx.release).collect();
        let first = whole.split(' ').next().unwrap_or_default();
        if option.entry().duplicate.at(cx.release) == Duplicate::Append && known.contains(&first) {
            finding.severity = Severity::Warning;
            finding = finding.help(format!("write a line `{name} {first}`: each line takes one word"));
        } else if option == options::LISTENER {
            finding = finding.help("write one `listener` line for each address");
        } else {
            finding = finding.help("remove them");
        }
        cx.report(finding);
    }
}
