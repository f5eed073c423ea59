use super::{Context, logins};
use crate::catalogue::{Quirk, options};
use crate::model::{Listener, Protocol, Sourced};
use crate::text::Span;

rule! {
    /// A WebSocket listener of 2.0 is bound to every address of the machine, whatever its lines say.
    ///
    /// ## What it finds
    /// `bind_interface` on a listener with `protocol websockets` that names no address, for releases of 2.0, and an
    /// address of IPv4 on such a listener, for 2.0.11.
    ///
    /// ## Why it matters
    /// The library that does WebSockets there is not told of it. A listener that is meant for this machine or for one
    /// network can be reached from all of them. 2.0.21 heeds the address, 2.1 both.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 29001
    /// bind_interface lo
    /// protocol websockets
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 29001 ::1
    /// protocol websockets
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: other machines reach the WebSocket listener
    /// - 2.0.21: starts: other machines reach the WebSocket listener
    /// - 2.1.2: starts: only this machine reaches the WebSocket listener
    "websockets-bound-everywhere", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for listener in logins::client_listeners(cx.deployment) {
        if listener.protocol != Protocol::Websockets || listener.socket.is_some() {
            continue;
        }
        let Some((span, message)) = ignored(cx, listener) else { continue };
        let mut finding = cx.finding(span, message);
        if span != listener.span {
            finding = finding.related(listener.span, "the listener");
        }
        finding = finding.note("the WebSocket library of this release is not told of it");
        cx.report(finding.help(match listener.host {
            Some(_) => "write an address of IPv6, as `::1`, or shield the port with a firewall",
            None => "write an address behind the port of `listener`; 2.0.11 heeds those of IPv6 only",
        }));
    }
}

/// The line that is not heeded, and what comes of that.
fn ignored(cx: &Context<'_>, listener: &Listener) -> Option<(Span, String)> {
    let is_four = |host: &Sourced<Box<str>>| {
        let address = host.value.parse::<std::net::Ipv4Addr>();
        address.is_ok_and(|address| !address.is_unspecified())
    };
    match &listener.host {
        Some(host) if is_four(host) && cx.release.has(Quirk::WebsocketsIgnoreIpv4Host) => {
            let message = format!("the WebSocket listener is bound to every address, not to `{}` alone", host.value);
            Some((host.span, message))
        }
        Some(_) => None,
        None => {
            let interface = listener.settings.text(options::BIND_INTERFACE)?;
            let message = format!("the WebSocket listener is bound to every address, not to `{}`", interface.value);
            cx.release.has(Quirk::WebsocketsIgnoreInterface).then_some((interface.span, message))
        }
    }
}
