use super::Context;
use crate::catalogue::{OptionId, Quirk, options};
use crate::model::{Listener, Protocol};
use crate::report::Severity;

rule! {
    /// A WebSocket listener of 2.0 does not heed an option of TLS that decides who gets in.
    ///
    /// ## What it finds
    /// `psk_hint`, `capath` and `crlfile` on a listener with `protocol websockets`, for releases of 2.0.
    ///
    /// ## Why it matters
    /// The library that does WebSockets there is not told of them. With `psk_hint` alone the listener is clear text and
    /// asks for no key; certificates that `crlfile` revokes are taken; certificates of the authorities in `capath` are
    /// refused. 2.1 does WebSockets itself and heeds them.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// psk_file pskfile
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 29001 127.0.0.1
    /// protocol websockets
    /// psk_hint plant
    /// ```
    /// ```pskfile bad
    /// pump:4f2e0d6a91c74b55a0f3d81be7c96a20
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 29001 127.0.0.1
    /// protocol websockets
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
    /// use_identity_as_username true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients get in without TLS and without a key
    /// - 2.0.21: starts: clients get in without TLS and without a key
    /// - 2.1.2: starts: only clients with a key get in
    "websockets-ignores-tls-option", Warning, check
}

/// An option, since when it is heeded, and what comes of it before.
type Ignored = (OptionId, Quirk, &'static str);

const IGNORED: [Ignored; 3] = [
    (
        options::CAPATH,
        Quirk::WebsocketsIgnoreCapath,
        "client certificates of the authorities in that folder are refused",
    ),
    (options::CRLFILE, Quirk::WebsocketsSkipTlsOptions, "certificates that the file revokes are taken"),
    (options::PSK_HINT, Quirk::WebsocketsIgnorePsk, "clients are asked for no key"),
];

fn check(cx: &mut Context<'_>) {
    let is_websocket = |listener: &&Listener| listener.protocol == Protocol::Websockets;
    for listener in cx.deployment.listeners.iter().filter(is_websocket) {
        for (option, quirk, outcome) in IGNORED {
            let Some(line) = listener.settings.get(option).filter(|_| cx.release.has(quirk)) else { continue };
            let has_certificate = listener.has_certificate();
            if option != options::PSK_HINT && !has_certificate {
                // Without TLS nothing is made of it anywhere.
                continue;
            }
            let message = format!("the WebSocket listener does not heed `{}`", option.name());
            let mut finding = cx.finding(line.name_span, message).related(listener.span, "the listener");
            finding = finding.note(outcome);
            if option == options::PSK_HINT && !has_certificate {
                finding.severity = Severity::Error;
                finding = finding.note("without a certificate it is clear text");
            }
            cx.report(finding.help(match option {
                options::CAPATH => "write the authorities into one file and name it in `cafile`",
                options::CRLFILE => "put a proxy in front of the listener, or use 2.1, which heeds it",
                _ => "give the listener `certfile` and `keyfile`, or use 2.1, which heeds it",
            }));
        }
    }
}
