use super::Context;
use crate::catalogue::Quirk;
use crate::model::Protocol;
use crate::model::notes::{Note, NoteKind};

rule! {
    /// The first word of `listener` is no port.
    ///
    /// ## What it finds
    /// `listener` lines that start with a word that is not a plain number: the word `port`, an address, or
    /// address and port in one word.
    ///
    /// ## Why it matters
    /// From 2.1 on the broker does not start. 2.0 takes the leading digits for the port, so `127.0.0.1:1883`
    /// is port 127, and a word without digits is port 0, which stands for a unix socket: `listener port 1884`
    /// listens on a socket file called `1884`, and on no port at all. With `protocol websockets` 2.0.21 then
    /// opens any free TCP port on every interface.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener port 1884
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1884 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: listens on a unix socket called `1884`
    /// - 2.0.21: starts: listens on a unix socket called `1884`
    /// - 2.1.2: does not start: the port is not a number, exit 3
    "listener-port-not-a-number", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::ListenerPort { read_as } = note.kind else { continue };
        // A whole number out of bounds is the matter of another rule.
        if read_as.is_some_and(|number| u16::try_from(number).is_err()) {
            continue;
        }
        let message = format!("`{}` is no port", cx.text(note.span));
        let finding = cx.finding_on(note, message).note(consequence(cx, note, read_as));
        cx.report(finding.help(match suggestion(cx, note) {
            Some(line) => format!("write `{line}`"),
            None => "write the port as a plain number: `listener PORT [ADDRESS]`".to_owned(),
        }));
    }
}

fn consequence(cx: &Context<'_>, note: &Note, read_as: Option<i64>) -> String {
    let listener = cx.listener_lines.at(note.span);
    let Some(number) = read_as else { return "the broker stops at this line".to_owned() };
    let socket = listener.and_then(|listener| listener.socket.as_ref());
    let is_web = listener.is_some_and(|listener| listener.protocol == Protocol::Websockets);
    match (number, socket) {
        (0, Some(_)) if is_web && cx.release.has(Quirk::WebsocketsOnUnixSocketOpenPort) => {
            "it is read as 0, which opens any free TCP port on every interface".to_owned()
        }
        (0, Some(path)) => {
            format!("it is read as 0, so that the listener is a unix socket with the path `{}`", path.value)
        }
        (0, None) => "it is read as 0, and the broker stops for want of the path of a unix socket".to_owned(),
        _ => format!("it is read as {number}"),
    }
}

/// The line as it was probably meant.
fn suggestion(cx: &Context<'_>, note: &Note) -> Option<String> {
    let word = cx.text(note.span);
    let line = cx.listener_lines.at(note.span).map(|listener| cx.text(listener.span));
    let second = line.as_ref().and_then(|line| line.split(' ').filter(|word| !word.is_empty()).nth(2));
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    let is_address = |text: &str| text.contains(['.', ':']) || text == "localhost";
    if let Some(port) = second.filter(|second| is_port(second)) {
        let line = format!("listener {port}");
        return Some(if is_address(&word) { format!("{line} {word}") } else { line });
    }
    let (host, port) = word.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    is_port(port).then(|| format!("listener {port} {host}").trim_end().to_owned())
}
