use super::Context;
use crate::model::notes::{Effect, NoteKind};
use crate::report::Severity;

rule! {
    /// `memory_limit` leaves the broker too little memory to start.
    ///
    /// ## What it finds
    /// A `memory_limit` below what every observed release needs for itself, and, as a note, one that is so
    /// low that the size of the configuration and the build decide.
    ///
    /// ## Why it matters
    /// The limit counts bytes, and holds for the broker's own needs, too: it ends while it reads its
    /// configuration or opens its listeners, often without saying why.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// memory_limit 512
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// memory_limit 536870912
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: out of memory, exit 1
    /// - 2.0.21: does not start: out of memory, exit 1
    /// - 2.1.2: does not start: out of memory, exit 1
    "memory-limit-too-low", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::MemoryTooLittle = note.kind else { continue };
        let mut finding = match note.effect {
            Effect::Fatal => cx.finding_on(note, "the broker cannot start with so little memory"),
            _ => cx.finding_on(note, "the broker may not be able to start with so little memory"),
        };
        if note.effect != Effect::Fatal {
            finding.severity = Severity::Note;
        }
        let finding = finding.note("the limit counts bytes, and what the broker needs for itself is among them");
        cx.report(finding.help("write a limit of some megabytes at least, or none"));
    }
}
