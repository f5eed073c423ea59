use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// The file starts with a byte order mark.
    ///
    /// ## What it finds
    /// The three bytes EF BB BF at the beginning of a configuration file, which some editors write and none
    /// shows.
    ///
    /// ## Why it matters
    /// The broker takes the bytes for the beginning of the first option's name, which it then does not know.
    /// A comment in the first line is no protection.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// <BOM>listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unknown option, exit 3
    /// - 2.0.21: does not start: unknown option, exit 3
    /// - 2.1.2: does not start: unknown option, exit 3
    "byte-order-mark", Error, check
}

fn check(cx: &mut Context<'_>) {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    for note in cx.notes {
        let NoteKind::UnknownOption = note.kind else { continue };
        if cx.sources.slice(note.span).starts_with(MARK) {
            let finding = cx.finding(note.span.part(0, MARK.len()), "the line starts with a byte order mark");
            let finding = finding.note("the broker takes it for a part of the option's name, and stops");
            cx.report(finding.help("save the file as UTF-8 without a byte order mark"));
        }
    }
}
