use super::Context;
use crate::model::Protocol;
use crate::model::notes::NoteKind;

rule! {
    /// No listener is for plain MQTT, and the release needs one that is.
    ///
    /// ## What it finds
    /// Configurations whose listeners all have `protocol http_api` or, for 2.0.11, `protocol websockets`.
    ///
    /// ## Why it matters
    /// The broker says that it cannot start any listening sockets, and ends. Later releases are content
    /// with a WebSocket listener.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21884 127.0.0.1
    /// protocol websockets
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    /// listener 21883 127.0.0.1
    /// listener 21884 127.0.0.1
    /// protocol websockets
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to start any listening sockets, exit 1
    /// - 2.0.21: starts: with the WebSocket listener alone
    /// - 2.1.2: starts: with the WebSocket listener alone
    "no-mqtt-listener", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::NoMqttListener = note.kind else { continue };
        let listeners = &cx.deployment.listeners;
        let has_websockets = listeners.iter().any(|listener| listener.protocol == Protocol::Websockets);
        let finding = cx.finding_on(
            note,
            match has_websockets {
                true => "every listener is for WebSockets",
                false => "no listener is for MQTT",
            },
        );
        let finding = finding.note("the broker needs a listener of plain MQTT and ends without it");
        cx.report(finding.help("add one, such as `listener 1883 127.0.0.1`"));
    }
}
