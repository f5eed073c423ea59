use super::Context;
use crate::catalogue::options;
use crate::model::notes::{Effect, NoteKind};
use crate::report::Severity;
use crate::text::Span;

rule! {
    /// An option is written twice in one block.
    ///
    /// ## What it finds
    /// A second line of an option for the same listener, bridge or broker, included files counted in, and a
    /// second bridge of the same name. Options that are meant to be repeated, such as `log_type`, are not
    /// meant.
    ///
    /// ## Why it matters
    /// With most options that hold a text the broker does not start; so an included file cannot override what
    /// the main file says. With others the later line counts, and nothing tells that the earlier one does
    /// not.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// persistence_file one.db
    /// persistence_file two.db
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// persistence_file two.db
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: duplicate value, exit 3
    /// - 2.0.21: does not start: duplicate value, exit 3
    /// - 2.1.2: does not start: duplicate value, exit 3
    "duplicate-option", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Duplicate { option, first } = note.kind else { continue };
        let name = option.name();
        let is_fatal = note.effect == Effect::Fatal;
        let message = match option {
            options::CONNECTION => format!("a bridge called `{}` is there already", cx.text(note.span)),
            _ if is_fatal => format!("`{name}` is there already, and may not be written twice"),
            _ => format!("`{name}` is written twice, and this line counts"),
        };
        let mut finding = cx.finding_on(note, message).related(first, "the earlier line");
        if is_fatal {
            finding = finding.note("the broker stops at the second line");
        } else if line(cx, first) == line(cx, note.span) {
            finding.severity = Severity::Note;
            finding = finding.note("both lines say the same");
        } else {
            finding = finding.note("the earlier line has no effect, and the broker does not say so");
        }
        cx.report(match option {
            options::CONNECTION => finding.help("give each bridge a name of its own"),
            _ if is_fatal && first.source != note.span.source => {
                finding.help("remove one of them: an included file cannot override another file")
            }
            _ => finding.help("remove one of them"),
        });
    }
}

fn line<'a>(cx: &Context<'a>, span: Span) -> &'a [u8] {
    let source = cx.sources.get(span.source);
    source.line(source.position(span.start).line)
}
