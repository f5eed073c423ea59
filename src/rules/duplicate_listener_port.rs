use super::{Context, placement};
use crate::model::notes::NoteKind;

rule! {
    /// Two listeners are to open the same port of the same address.
    ///
    /// ## What it finds
    /// A second listener with the port and the address of an earlier one, included files and the default
    /// listener counted in: that one may be opened by `port`, or by an option above the first `listener`
    /// line.
    ///
    /// ## Why it matters
    /// The second one cannot be opened, and the broker ends. `mosquitto --test-config` does not notice it.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// listener 1883 127.0.0.1
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
    "duplicate-listener-port", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::AddressInUse { first, is_overlap: false } = note.kind else { continue };
        let port = cx.listener_lines.at(note.span).map_or(0, |listener| listener.port);
        let message = format!("port {port} is opened a second time");
        let finding = cx.finding_on(note, message).related(first, "opened here first");
        let finding = finding.note("the broker cannot open it twice and ends");
        let default = [first, note.span].into_iter().find_map(|place| cx.listener_lines.default_at(place));
        cx.report(match default {
            Some(listener) if placement::is_asked_for(listener) => {
                finding.help("remove the `port` or `bind_address` line, or the `listener` line")
            }
            Some(listener) => {
                let option = cx.text(listener.span);
                let finding = finding.note(format!("`{option}` opens the default listener"));
                finding.help(format!("move `{option}` below the `listener` line that it is meant for"))
            }
            None => finding.help("remove one of them, or give it another port or address"),
        });
    }
}
