use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// One listener takes a port on all addresses, another on one of them.
    ///
    /// ## What it finds
    /// Two listeners with the same port, of which one has no address, or `0.0.0.0` or `::`, and the other an
    /// address that this takes in.
    ///
    /// ## Why it matters
    /// The second one cannot be opened, and the broker ends. `mosquitto --test-config` does not notice it.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// listener 1883 0.0.0.0
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// listener 1884 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: address in use, exit 1
    /// - 2.0.21: does not start: address in use, exit 1
    /// - 2.1.2: does not start: address in use, exit 1
    "listener-bind-overlap", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::AddressInUse { first, is_overlap: true } = note.kind else { continue };
        let port = cx.listener_lines.at(note.span).map_or(0, |listener| listener.port);
        let message = format!("port {port} is opened on all addresses and on one of them");
        let finding = cx.finding_on(note, message).related(first, "opened here first");
        let finding = finding.note("the second cannot be opened beside the first, and the broker ends");
        cx.report(finding.help("remove the one with the single address, or give it another port"));
    }
}
