use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// `listener 0` without the path of a socket.
    ///
    /// ## What it finds
    /// `listener` lines with port 0 and nothing behind it.
    ///
    /// ## Why it matters
    /// Port 0 stands for a unix socket, whose path must follow. It does not stand for any free port.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 0
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 0 mosquitto.sock
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: the path is missing, exit 3
    /// - 2.0.21: does not start: the path is missing, exit 3
    /// - 2.1.2: does not start: the path is missing, exit 3
    "listener-socket-path-missing", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::SocketPathMissing = note.kind else { continue };
        // A word that is only read as 0 is the matter of another rule.
        if !cx.sources.slice(note.span).iter().all(u8::is_ascii_digit) {
            continue;
        }
        let finding = cx.finding_on(note, "port 0 stands for a unix socket, and its path is missing");
        let finding = finding.note("the broker stops at this line");
        cx.report(finding.help("write the path of the socket behind it, or the port that is meant"));
    }
}
