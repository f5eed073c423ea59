use std::net::Ipv4Addr;

use super::Context;
use crate::model::notes::{Effect, Note, NoteKind};
use crate::report::Severity;

rule! {
    /// The second word of `listener` is a number.
    ///
    /// ## What it finds
    /// `listener` lines with a number in the place of the address, as if a line could open two ports.
    ///
    /// ## Why it matters
    /// The second word is an address. A number is an address too, in an old notation: 1884 is 0.0.7.92, which
    /// no machine has, so the broker cannot open the listener.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 1884
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
    /// - 2.0.11: does not start: cannot assign the address, exit 1
    /// - 2.0.21: does not start: cannot assign the address, exit 1
    /// - 2.1.2: does not start: cannot assign the address, exit 1
    "listener-second-argument-number", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::ListenerAddressIsNumber = note.kind else { continue };
        if is_refused_already(cx, note) {
            continue;
        }
        let word = cx.text(note.span);
        let mut finding = cx.finding_on(note, format!("`{word}` stands where the address belongs"));
        if note.effect != Effect::Fatal {
            finding.severity = Severity::Warning;
        }
        let finding = match word.parse::<u32>() {
            Ok(number) => finding.note(format!("it is taken for the address {}", Ipv4Addr::from(number))),
            Err(_) => finding.note("it is taken for the name of a host"),
        };
        cx.report(match word.parse::<u16>() {
            Ok(port) if port > 0 => {
                finding.help(format!("write a line `listener {port}` if it is a port: each line opens one"))
            }
            _ => finding.help("write an address or a host name, or remove it to listen on every interface"),
        });
    }
}

/// Whether the broker stops at the first word of the line already.
fn is_refused_already(cx: &Context<'_>, note: &Note) -> bool {
    let line = |note: &Note| cx.listener_lines.at(note.span).map(|listener| listener.span);
    let is_port = |note: &&Note| matches!(note.kind, NoteKind::ListenerPort { read_as: None });
    cx.notes.iter().filter(is_port).any(|port| line(port) == line(note))
}
