use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// A NUL byte hides the rest of the file from the broker.
    ///
    /// ## What it finds
    /// A byte with the value zero in a configuration file. A file that was saved as UTF-16 is full of them.
    ///
    /// ## Why it matters
    /// The broker stops reading at the line with the NUL byte, says nothing, and starts without that line and
    /// all that follow it. A NUL byte in the first column does so up to 2.0.11; later releases take its line
    /// for an empty one.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// max_qos 1<NUL>
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// max_qos 1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `max_qos` and `allow_anonymous` are not read
    /// - 2.0.21: starts: `max_qos` and `allow_anonymous` are not read
    /// - 2.1.2: starts: `max_qos` and `allow_anonymous` are not read
    "hidden-by-nul", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::HiddenByNul = note.kind else { continue };
        let source = cx.sources.get(note.span.source);
        let line = source.position(note.span.start).line;
        let message = format!("a NUL byte hides line {line} and everything below it");
        let finding = cx.finding_on(note, message).label("NUL");
        let finding = finding.note("the broker stops reading here, without a message, and goes on");
        let is_utf16 = source.bytes().starts_with(b"\xff\xfe") || source.bytes().starts_with(b"\xfe\xff");
        cx.report(finding.help(match is_utf16 {
            true => "save the file as UTF-8: it is UTF-16",
            false => "remove the byte",
        }));
    }
}
