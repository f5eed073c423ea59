use super::{Context, logins};
use crate::catalogue::{Quirk, options};
use crate::model::Protocol;
use crate::report::Severity;

rule! {
    /// WebSocket clients are not served since there is too little room for their requests.
    ///
    /// ## What it finds
    /// `websockets_headers_size` with fewer than 512 bytes where a listener has `protocol websockets`; `0` from 2.1 on
    /// only, since before it stands for the library's own size.
    ///
    /// ## Why it matters
    /// The request with which a WebSocket connection begins has some 200 bytes at least, and browsers send far more. One
    /// that does not fit is not answered: 2.0 closes the connection, 2.1 lets the client wait. With `0` 2.1 resets
    /// every connection.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// allow_anonymous true
    /// websockets_headers_size 128
    /// listener 21883 127.0.0.1
    /// listener 29001 127.0.0.1
    /// protocol websockets
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    /// websockets_headers_size 4096
    /// listener 21883 127.0.0.1
    /// listener 29001 127.0.0.1
    /// protocol websockets
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: connections of WebSocket clients are closed
    /// - 2.0.21: starts: connections of WebSocket clients are closed
    /// - 2.1.2: starts: requests of WebSocket clients are not answered
    "websockets-headers-too-small", Warning, check
}

/// A short request of a browser without cookies.
const SMALL: i64 = 512;

/// The shortest request of a client: it names host, protocol, version and key.
const SHORTEST: i64 = 170;

fn check(cx: &mut Context<'_>) {
    let Some(size) = cx.deployment.global.number(options::WEBSOCKETS_HEADERS_SIZE) else { return };
    let is_default = size.value == 0 && cx.release.has(Quirk::WebsocketsByLibrary);
    let served = |listener: &&crate::model::Listener| listener.protocol == Protocol::Websockets;
    let Some(listener) = logins::client_listeners(cx.deployment).find(served) else { return };
    if is_default || size.value >= SMALL {
        return;
    }
    let message = match size.value {
        0 => "every WebSocket client is turned away: there is no room for its request".to_owned(),
        most if most < SHORTEST => format!("no request of a WebSocket client fits into {most} bytes"),
        most => format!("WebSocket clients whose requests are longer than {most} bytes are not served"),
    };
    let mut finding = cx.finding(size.span, message).related(listener.span, "a listener of such clients");
    if size.value < SHORTEST {
        finding.severity = Severity::Error;
    }
    cx.report(finding.help("write `websockets_headers_size 4096`, the size that 2.1 has by itself"));
}
