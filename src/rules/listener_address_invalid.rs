use std::net::IpAddr;

use super::Context;
use crate::model::notes::{Effect, Note, NoteKind};
use crate::report::Diagnostic;

rule! {
    /// A listener cannot be bound to the address that is written.
    ///
    /// ## What it finds
    /// Hosts of `listener` and `bind_address` that are neither an address nor a name: with a port or a
    /// path, in brackets or quotes, with a comment. Addresses of the other family than `socket_domain`
    /// says, or of another interface than `bind_interface`. Whether the machine has the address, and
    /// whether a name is known, is not looked at.
    ///
    /// ## Why it matters
    /// The broker cannot open the listener and ends; its own check of the configuration (`--test-config`)
    /// notices a bad `bind_address` only. WebSocket listeners of 2.0 are the exception: the broker
    /// starts, and nobody can reach them.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1:21883
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: name or service not known, exit 1
    /// - 2.0.21: does not start: name or service not known, exit 1
    /// - 2.1.2: does not start: name or service not known, exit 1
    "listener-address-invalid", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let finding = match note.kind {
            NoteKind::BadHost => bad_host(cx, note),
            NoteKind::HostFamily { domain } => {
                let (host, family) = (cx.text(note.span), cx.text(domain));
                let other = if family == "ipv4" { "ipv6" } else { "ipv4" };
                let finding = cx.finding_on(note, format!("`{host}` is no address of the family `{family}`"));
                let finding = finding.related(domain, "the family is chosen here");
                finding
                    .help(format!("write `socket_domain {other}`, or remove that line: the address says it"))
            }
            NoteKind::HostNotOnInterface { interface } => {
                let (host, name) = (cx.text(note.span), cx.text(interface));
                let finding =
                    cx.finding_on(note, format!("`{host}` is no address of the interface `{name}`"));
                let finding = finding.related(interface, "the interface is chosen here");
                finding.help("write the address or the interface, not both")
            }
            _ => continue,
        };
        cx.report(finding.note(match note.effect {
            Effect::Fatal => "the broker cannot open the listener and ends",
            _ => "the broker starts all the same, and nobody can reach the listener",
        }));
    }
}

fn bad_host(cx: &Context<'_>, note: &Note) -> Diagnostic {
    let written = cx.sources.text(note.span);
    let finding =
        cx.finding_on(note, format!("`{}` is no address and no name of a host", cx.text(note.span)));
    let Some((why, mut host)) = oddity(&written) else {
        return finding.help("write an address of this machine, or none to listen on every interface");
    };
    // Of several oddities the first is told, and all of them are left out of what is proposed.
    while let Some((_, rest)) = oddity(host) {
        host = rest;
    }
    match is_plausible(host) {
        true => finding.note(why).help(format!("write `{host}`")),
        false => finding.note(why).help("write one address or name, or none to listen on every interface"),
    }
}

/// What does not belong to a host, and the host without it, which is shorter.
fn oddity(text: &str) -> Option<(&'static str, &str)> {
    const MAPPED: &str = "::ffff:";
    let quotes = ['"', '\''];
    if let Some((host, _)) = text.split_once('#') {
        return Some(("a comment stands on a line of its own", host.trim_end()));
    }
    if let Some((_, host)) = text.split_once("://") {
        return Some(("an address is written without `mqtt://` and the like", host));
    }
    if text.starts_with(quotes) || text.ends_with(quotes) {
        return Some(("quotes are taken for a part of the name", text.trim_matches(quotes)));
    }
    if let Some((host, _)) = text.split_once('/') {
        return Some(("an address has no path and no network mask behind it", host));
    }
    if let Some((host, _)) = text.split_once([',', ';', ' ']) {
        return Some(("one line opens one address", host));
    }
    if let Some((host, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Some(("an IPv6 address is written without brackets", host));
    }
    if text.get(..MAPPED.len()).is_some_and(|start| start.eq_ignore_ascii_case(MAPPED)) {
        return Some(("an IPv4 address is written without `::ffff:`", &text[MAPPED.len()..]));
    }
    match text.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(("the port is no part of the address", host))
        }
        _ => None,
    }
}

/// Whether a text looks like an address, or like a name that does not end in a number.
fn is_plausible(host: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_numeric =
        host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.parse::<IpAddr>().is_ok() || (host.bytes().all(is_name) && !is_numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_host() {
        let cases = [
            ("127.0.0.1#lan", "127.0.0.1"),
            ("mqtt://broker.example:1883/path", "broker.example"),
            ("\"[::1]\"", "::1"),
            ("[::1]:1883", "::1"),
            ("10.0.0.0/8", "10.0.0.0"),
            ("127.0.0.1,::1", "127.0.0.1"),
            ("::FFFF:127.0.0.1", "127.0.0.1"),
            ("127.0.0.1 # only here", "127.0.0.1"),
        ];
        for (written, expected) in cases {
            let mut host = written;
            while let Some((_, rest)) = oddity(host) {
                assert!(rest.len() < host.len(), "{host}");
                host = rest;
            }
            assert_eq!(host, expected, "{written}");
            assert!(is_plausible(host), "{written}");
        }
        for written in ["", "127.0.0.256", "a$b", "user@host"] {
            assert!(oddity(written).is_none() && !is_plausible(written), "{written}");
        }
    }
}
