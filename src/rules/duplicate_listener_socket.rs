use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// Two listeners have the same unix socket.
    ///
    /// ## What it finds
    /// A second `listener 0 PATH` with the path of an earlier one.
    ///
    /// ## Why it matters
    /// Each listener removes what lies at its path and makes its socket there. So both start, and nobody
    /// reaches the earlier one any more.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 0 mosquitto.sock
    /// listener 0 mosquitto.sock
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 0 mosquitto.sock
    /// listener 0 other.sock
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: the first listener cannot be reached
    /// - 2.0.21: starts: the first listener cannot be reached
    /// - 2.1.2: starts: the first listener cannot be reached
    "duplicate-listener-socket", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::SocketInUse { first } = note.kind else { continue };
        let message = "the listener takes the socket away from an earlier one";
        let finding = cx.finding_on(note, message).related(first, "this listener cannot be reached");
        let finding = finding.note("each listener removes what lies at its path before it makes its socket");
        cx.report(finding.help("give it a path of its own, or remove one of them"));
    }
}
