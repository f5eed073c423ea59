use super::tls_on_wrong_listener::taker;
use super::{Context, logins};
use crate::catalogue::options;

rule! {
    /// A listener on a port that stands for TLS speaks plain text.
    ///
    /// ## What it finds
    /// Listeners on port 8883 or 8884 without `certfile`, `keyfile` and `psk_hint` that other machines can
    /// reach.
    ///
    /// ## Why it matters
    /// 8883 is the registered port of MQTT over TLS, and clients such as `mosquitto_sub` speak TLS to it by
    /// themselves, which fails here. Where a client is told not to, its password goes over the wire in clear
    /// text while everybody takes the port for safe.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 8883
    /// password_file passwd
    /// ```
    /// ```passwd bad
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 8883
    /// certfile server.crt
    /// keyfile server.key
    /// password_file passwd
    /// ```
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: a TLS client fails with a protocol error
    /// - 2.0.21: starts: a TLS client fails with a protocol error
    /// - 2.1.2: starts: a TLS client fails, and the log says that it seems to use TLS on a listener without
    "tls-port-without-tls", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for listener in logins::client_listeners(cx.deployment) {
        let behind_proxy = listener.settings.get(options::ENABLE_PROXY_PROTOCOL).is_some();
        if !logins::has_tls_port(listener) || logins::is_meant_for_tls(listener) || listener.is_local() {
            continue;
        }
        if behind_proxy || taker(cx.deployment, listener).is_some() {
            continue;
        }
        let message = format!("port {} stands for TLS, and this listener speaks plain text", listener.port);
        let finding = cx.finding(listener.span, message);
        let finding = finding.note("clients with TLS fail, and the passwords of the others can be read");
        cx.report(finding.help("give it `certfile` and `keyfile`, or another port"));
    }
}
