//! Requests for a WebSocket and what releases made of them.

use super::{listener, new, old};
use crate::broker::transport::Upgrade;
use crate::broker::transport::upgrade::Refusal;
use crate::model::Settings;

const GOOD: &str = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: mqtt\r\n";

fn upgrade(library: bool, more: &str) -> Upgrade {
    let text = format!("listener 9001\nprotocol websockets\n{more}");
    let release = if library { old() } else { new() };
    Upgrade::of(&listener(&text, release), &Settings::default(), release).unwrap()
}

/// The subprotocol of the answer, `none` where it has none, `403`, or `closed`.
fn answer(upgrade: &Upgrade, request: &str, rest: &[u8]) -> String {
    match upgrade.judge(format!("{request}\r\n").as_bytes(), rest) {
        Err(Refusal::Silent(_)) => "closed".to_owned(),
        Err(Refusal::Forbidden) => "403".to_owned(),
        Ok(answer) => {
            let start = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: ";
            assert!(answer.starts_with(start) && answer.ends_with("\r\n\r\n"), "{answer}");
            let protocol = answer.split("Sec-WebSocket-Protocol: ").nth(1);
            protocol.map_or("none".to_owned(), |rest| rest.trim().to_owned())
        }
    }
}

/// Request, what 2.0.11 and 2.0.21 made of it, what 2.1.2 made of it.
#[test]
fn requests_are_answered_as_by_the_releases() {
    let with = |from: &str, to: &str| GOOD.replace(from, to);
    let protocol = |names: &str| with("Protocol: mqtt", &format!("Protocol: {names}"));
    let without = |name: &str| {
        let kept: Vec<&str> = GOOD.split_inclusive('\n').filter(|line| !line.starts_with(name)).collect();
        kept.concat()
    };
    let cases = [
        (GOOD.to_owned(), "mqtt", "mqtt"),
        (protocol("mqttv3.1"), "mqttv3.1", "mqttv3.1"),
        (protocol("foo, mqtt"), "mqtt", "closed"),
        (protocol("mqttv3.1,mqtt"), "mqttv3.1", "closed"),
        (protocol("MQTT"), "closed", "closed"),
        (protocol("foo"), "closed", "closed"),
        (protocol(" mqtt "), "mqtt", "mqtt"),
        (protocol("foo\r\nSec-WebSocket-Protocol: mqtt"), "mqtt", "mqtt"),
        (without("Sec-WebSocket-Protocol"), "none", "closed"),
        ("GET / HTTP/1.1\r\nHost: x\r\n".to_owned(), "closed", "closed"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n".to_owned(), "closed", "closed"),
        (with("GET", "POST"), "mqtt", "closed"),
        (with("GET", "FOO"), "403", "closed"),
        (with("HTTP/1.1", "HTTP/1.0"), "mqtt", "mqtt"),
        (with("Version: 13", "Version: 8"), "mqtt", "closed"),
        (without("Sec-WebSocket-Version"), "mqtt", "mqtt"),
        (without("Sec-WebSocket-Key"), "closed", "closed"),
        (with("dGhlIHNhbXBsZSBub25jZQ==", "abc"), "mqtt", "mqtt"),
        (with("dGhlIHNhbXBsZSBub25jZQ==", &"a".repeat(300)), "closed", "mqtt"),
        (with("dGhlIHNhbXBsZSBub25jZQ==", ""), "closed", "closed"),
        (without("Connection"), "closed", "closed"),
        (with("Connection: Upgrade", "Connection: keep-alive, upgrade"), "mqtt", "mqtt"),
        (with("Connection: Upgrade", "Connection: close"), "closed", "mqtt"),
        (without("Upgrade"), "closed", "closed"),
        (with("Upgrade: websocket", "upgrade: WebSocket"), "mqtt", "mqtt"),
        (with("Upgrade: websocket", "Upgrade: foo"), "403", "closed"),
        (without("Host"), "closed", "mqtt"),
        (with("\r\n", "\n"), "mqtt", "mqtt"),
        (format!("\r\n{GOOD}"), "403", "closed"),
        (GOOD.to_owned() + &"X: a\r\n".repeat(110), "mqtt", "closed"),
        (GOOD.to_owned() + "no header\r\n", "403", "closed"),
        ("\u{10}\u{e}\0\u{4}MQTT\u{4}".to_owned(), "403", "closed"),
    ];
    let (library, built_in) = (upgrade(true, ""), upgrade(false, ""));
    for (request, old, new) in cases {
        assert_eq!(answer(&library, &request, b""), old, "2.0: {request}");
        assert_eq!(answer(&built_in, &request, b""), new, "2.1: {request}");
    }
    assert_eq!(answer(&library, GOOD, b"\x82\x00"), "mqtt");
    assert_eq!(answer(&built_in, GOOD, b"\x82\x00"), "closed");
}

#[test]
fn origins_are_compared_whole() {
    let upgrade =
        upgrade(false, "websockets_origin http://a.example\nwebsockets_origin http://b.example:80\n");
    let cases = [
        ("", "mqtt"),
        ("Origin: http://a.example\r\n", "mqtt"),
        ("Origin: http://b.example:80\r\n", "mqtt"),
        ("Origin: http://A.example\r\n", "closed"),
        ("Origin: http://a.example/\r\n", "closed"),
        ("Origin: http://c.example\r\n", "closed"),
        ("Origin: null\r\n", "closed"),
    ];
    for (origin, expected) in cases {
        assert_eq!(answer(&upgrade, &format!("{GOOD}{origin}"), b""), expected, "{origin}");
    }
}
