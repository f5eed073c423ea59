use super::Context;
use crate::catalogue::{Quirk, options};
use crate::model::Protocol;
use crate::report::Severity;

rule! {
    /// A WebSocket listener of 2.0 does not keep to its `tls_version`.
    ///
    /// ## What it finds
    /// `tls_version` on a TLS listener with `protocol websockets`, for releases of 2.0.
    ///
    /// ## Why it matters
    /// The library that does WebSockets there is not told of it. A listener with `tlsv1.3` takes clients with
    /// TLS 1.2. 2.1 does WebSockets itself and keeps to the value.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 29001 127.0.0.1
    /// protocol websockets
    /// certfile server.crt
    /// keyfile server.key
    /// tls_version tlsv1.3
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 29001 127.0.0.1
    /// protocol websockets
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: a client with TLS 1.2 gets in
    /// - 2.0.21: starts: a client with TLS 1.2 gets in
    /// - 2.1.2: starts: only clients with TLS 1.3 get in
    "websockets-ignores-tls-version", Warning, check
}

fn check(cx: &mut Context<'_>) {
    if !cx.release.has(Quirk::WebsocketsIgnoreTlsVersion) {
        return;
    }
    for listener in &cx.deployment.listeners {
        let Some(version) = listener.settings.text(options::TLS_VERSION) else { continue };
        if listener.protocol != Protocol::Websockets || !listener.has_certificate() {
            continue;
        }
        let message = format!("the WebSocket listener does not keep to `tls_version {}`", version.value);
        let mut finding = cx.finding(version.span, message);
        if version.value != "tlsv1.3" {
            // What the system's OpenSSL allows by itself is hardly older.
            finding.severity = Severity::Note;
        }
        finding = finding.note("what clients may use is what OpenSSL on that machine allows by itself");
        cx.report(finding.help("set the lowest version in `openssl.cnf`, or use 2.1, which keeps to it"));
    }
}
