use super::Context;
use crate::catalogue::{Quirk, options};
use crate::model::Protocol;

rule! {
    /// `max_connections` limits a WebSocket listener, and the release does not enforce it.
    ///
    /// ## What it finds
    /// `max_connections` with a limit on a listener with `protocol websockets`, where the release is older
    /// than 2.1.
    ///
    /// ## Why it matters
    /// 2.0 does not count the clients that connect by WebSocket, and says nothing: with a limit of one it
    /// serves three at once.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// listener 9001 127.0.0.1
    /// protocol websockets
    /// max_connections 10
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// max_connections 10
    /// # WebSocket clients are limited by the proxy in front of this port
    /// listener 9001 127.0.0.1
    /// protocol websockets
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: more clients than the limit are served
    /// - 2.0.21: starts: more clients than the limit are served
    /// - 2.1.2: starts: the limit holds
    "max-connections-on-websockets", Warning, check
}

fn check(cx: &mut Context<'_>) {
    if !cx.release.has(Quirk::WebsocketsIgnoreMaxConnections) {
        return;
    }
    for listener in &cx.deployment.listeners {
        let limit = listener.settings.number(options::MAX_CONNECTIONS).filter(|limit| limit.value > 0);
        let Some(limit) = limit.filter(|_| listener.protocol == Protocol::Websockets) else { continue };
        let finding = cx.finding(limit.span, "the limit does not hold for WebSocket clients");
        let finding = finding.related(listener.span, "the listener");
        let finding = finding.note("releases before 2.1 do not count the clients of a WebSocket listener");
        cx.report(finding.help("put a proxy in front of the listener, or run release 2.1 or later"));
    }
}
