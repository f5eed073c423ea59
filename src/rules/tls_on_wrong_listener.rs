use super::{Context, logins};
use crate::catalogue::options;
use crate::model::{Deployment, Listener};

rule! {
    /// The certificate lines of a TLS listener went to another listener.
    ///
    /// ## What it finds
    /// A listener on port 8883 or 8884 without any TLS option, beside a listener on a port that is not known
    /// for TLS (1883, 1884, 8080, 9001, 80) and has the certificate.
    ///
    /// ## Why it matters
    /// Options belong to the last `listener` line above them. A listener that is put in between takes them
    /// over, and the one that they were written for speaks plain text from then on, without a word in the
    /// log.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// allow_anonymous true
    ///
    /// listener 8883
    ///
    /// listener 9001 127.0.0.1
    /// protocol websockets
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    ///
    /// listener 8883 127.0.0.1
    /// certfile server.crt
    /// keyfile server.key
    ///
    /// listener 9001 127.0.0.1
    /// protocol websockets
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: port 8883 takes clients without TLS, and TLS clients fail
    /// - 2.0.21: starts: port 8883 takes clients without TLS, and TLS clients fail
    /// - 2.1.2: starts: port 8883 takes clients without TLS, and TLS clients fail
    "tls-on-wrong-listener", Error, check
}

/// Ports that clients take for plain MQTT, HTTP or WebSockets.
const PLAIN_PORTS: [u16; 6] = [1883, 1884, 80, 8000, 8080, 9001];

fn check(cx: &mut Context<'_>) {
    for listener in logins::client_listeners(cx.deployment) {
        let Some(taker) = taker(cx.deployment, listener) else { continue };
        let message =
            format!("{} speaks plain text: its certificate went to {}", listener.title(), taker.title());
        let mut finding = cx.finding(listener.span, message);
        if let Some(certificate) = taker.settings.get(options::CERTFILE) {
            finding = finding.related(certificate.name_span, "it stands below the other listener's line");
        }
        finding = finding.note("an option belongs to the last `listener` line above it");
        cx.report(finding.help(format!("move `certfile` and `keyfile` below `listener {}`", listener.port)));
    }
}

/// The listener on a plain port that has the certificate which a listener on a TLS port lacks.
pub(super) fn taker<'a>(deployment: &'a Deployment, listener: &Listener) -> Option<&'a Listener> {
    let lacks = [options::CERTFILE, options::KEYFILE, options::CAFILE, options::CAPATH, options::PSK_HINT]
        .into_iter()
        .all(|option| listener.settings.get(option).is_none());
    if !lacks || !logins::has_tls_port(listener) {
        return None;
    }
    let takes = |other: &&Listener| other.has_certificate() && PLAIN_PORTS.contains(&other.port);
    logins::client_listeners(deployment).find(takes)
}
