//! Frames and what releases made of them.

use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use crate::broker::transport::websocket::{Manner, WebSocket};

/// A frame as a client sends it; `first` has the opcode and, at 0x80, the mark of the last one.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let flag = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(flag | short as u8),
        medium @ 126..65536 => {
            bytes.push(flag | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(flag | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    bytes.extend(mask.iter().flatten());
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, Some(*b"abcd"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Feeds input to a WebSocket: what it reads, and what the client gets, up to the end of the connection.
async fn exchange(manner: Manner, input: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut client, server) = duplex(1 << 20);
    let mut socket = WebSocket::new(server, manner, BytesMut::new());
    client.write_all(input).await.unwrap();
    let mut read = Vec::new();
    let reading = async { while let Ok(1..) = socket.read_buf(&mut read).await {} };
    // Where it waits for more, that is the end of the test.
    let _ = timeout(Duration::from_millis(20), reading).await;
    socket.shutdown().await.unwrap();
    drop(socket);
    (read, everything(client).await)
}

async fn everything(mut client: DuplexStream) -> Vec<u8> {
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    got
}

/// Frames, and for 2.0 and for 2.1 what is read and what the client gets.
#[test]
fn frames_are_treated_as_by_the_releases() {
    const DATA: &[u8] = b"\x10\x0e\0\x04MQTT\x04\x02\0<\0\x02ab";
    let both = |frames: &[Vec<u8>]| frames.concat();
    let (half, rest) = DATA.split_at(5);
    let long = |length: u64| {
        let mut bytes = vec![0x82, 0xff];
        bytes.extend(length.to_be_bytes());
        [&bytes, &b"abcd"[..], &masked(0x82, DATA)[6..]].concat()
    };
    let data = |bytes: &'static [u8], end: &'static [u8]| (bytes, end);
    const NORMAL: &[u8] = b"\x88\x02\x03\xe8";
    const BROKEN: &[u8] = b"\x88\x02\x03\xea";
    let h126 = [b'h'; 126];
    let pong = [b"\x8a\x7d".as_slice(), &[b'h'; 125]].concat();
    let pong: &'static [u8] = pong.leak();
    let pong_then_normal: &'static [u8] = [pong, NORMAL].concat().leak();
    let cases: Vec<(&str, Vec<u8>, (&[u8], &[u8]), (&[u8], &[u8]))> = vec![
        ("binary", masked(0x82, DATA), data(DATA, b""), data(DATA, NORMAL)),
        ("text", masked(0x81, DATA), data(DATA, b""), data(b"", b"\x88\x02\x03\xeb")),
        ("not masked", frame(0x82, DATA, None), data(DATA, b""), data(DATA, NORMAL)),
        ("in parts", both(&[masked(2, half), masked(0x80, rest)]), data(DATA, b""), data(DATA, NORMAL)),
        (
            "in two messages",
            both(&[masked(0x82, half), masked(0x82, rest)]),
            data(DATA, b""),
            data(DATA, NORMAL),
        ),
        ("ping", masked(0x89, b"hi"), data(b"", b"\x8a\x02hi"), data(b"", b"\x8a\x02hi\x88\x02\x03\xe8")),
        ("pong", both(&[masked(0x8a, b"hi"), masked(0x82, DATA)]), data(DATA, b""), data(DATA, NORMAL)),
        ("long ping", masked(0x89, &h126[1..]), data(b"", pong), data(b"", pong_then_normal)),
        ("too long ping", masked(0x89, &h126), data(b"", b""), data(b"", BROKEN)),
        ("ping in parts", masked(9, b"h"), data(b"", b"\x88\x0a\x03\xeafrag ctl"), data(b"", BROKEN)),
        ("close", masked(0x88, b"\x03\xe8"), data(b"", NORMAL), data(b"", NORMAL)),
        ("empty close", masked(0x88, b""), data(b"", b"\x88\x00"), data(b"", NORMAL)),
        ("half a code", masked(0x88, b"\x03"), data(b"", b"\x88\x01\x03"), data(b"", BROKEN)),
        (
            "data after close",
            both(&[masked(0x88, b"\x03\xe8bye"), masked(0x82, DATA)]),
            data(b"", b"\x88\x05\x03\xe8bye"),
            data(DATA, NORMAL),
        ),
        ("opcode 3", masked(0x83, DATA), data(b"", b"\x88\x09\x03\xeabad opc"), data(b"", BROKEN)),
        ("opcode 11", masked(0x8b, b""), data(b"", b"\x88\x09\x03\xeabad opc"), data(b"", BROKEN)),
        ("reserved bit", masked(0xc2, DATA), data(b"", b"\x88\x0a\x03\xearsv bits"), data(b"", BROKEN)),
        ("end without start", masked(0x80, DATA), data(b"", b"\x88\x0a\x03\xeabad cont"), data(DATA, NORMAL)),
        (
            "start without end",
            both(&[masked(2, half), masked(0x82, rest)]),
            data(b"\x10\x0e\0\x04M", b"\x88\x0a\x03\xeabad cont"),
            data(DATA, NORMAL),
        ),
        (
            "ping between parts",
            both(&[masked(2, half), masked(0x89, b"x"), masked(0x80, rest)]),
            data(DATA, b"\x8a\x01x"),
            data(DATA, b"\x8a\x01x\x88\x02\x03\xe8"),
        ),
        ("empty", both(&[masked(0x82, b""), masked(0x82, DATA)]), data(DATA, b""), data(b"", NORMAL)),
        ("claims 100 MB", long(100_000_000), data(DATA, b""), data(DATA, NORMAL)),
        ("claims 256 MiB", long(268_435_460), data(DATA, b""), data(b"", NORMAL)),
        ("claims 8 EB", long(u64::MAX), data(b"", b""), data(b"", NORMAL)),
    ];
    for (name, input, old, new) in cases {
        for (manner, expected) in [(Manner::Library, old), (Manner::BuiltIn, new)] {
            let (read, got) = runtime().block_on(exchange(manner, &input));
            assert_eq!((&*read, &*got), expected, "{name}, {manner:?}");
        }
    }
}

#[test]
fn writing_survives_a_slow_reader_that_pings() {
    let sent: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    let got = runtime().block_on(async {
        let (client, server) = duplex(1000);
        let socket = WebSocket::new(server, Manner::Library, BytesMut::new());
        let (mut reader, mut writer) = tokio::io::split(socket);
        let (mut client_reader, mut client_writer) = tokio::io::split(client);
        let pings = async {
            for _ in 0..500 {
                client_writer.write_all(&masked(0x89, b"still there?")).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.flush().await.unwrap();
        };
        let mut got = Vec::new();
        let reading = async {
            let mut part = [0; 700];
            while written_bytes(&got) < sent.len() {
                let count = client_reader.read(&mut part).await.unwrap();
                got.extend_from_slice(&part[..count]);
            }
        };
        let serving = async {
            let mut nothing = Vec::new();
            let _ = reader.read_buf(&mut nothing).await;
        };
        let all = async { tokio::join!(pings, writing, reading) };
        let done = async {
            tokio::select! { _ = all => {}, () = serving => {} }
        };
        timeout(Duration::from_secs(20), done).await.expect("it hangs");
        got
    });
    assert_eq!(payload_bytes(&got), sent);
}

/// Payload of the binary frames among all frames that are complete.
fn payload_bytes(mut bytes: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    loop {
        let (first, length, rest) = match bytes {
            [first, 126, a, b, rest @ ..] => (*first, usize::from(u16::from_be_bytes([*a, *b])), rest),
            [first, 127, a, b, c, d, e, f, g, h, rest @ ..] => {
                (*first, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize, rest)
            }
            [first, length @ 0..126, rest @ ..] => (*first, usize::from(*length), rest),
            _ => return payload,
        };
        let Some(part) = rest.get(..length) else { return payload };
        if first == 0x82 {
            payload.extend_from_slice(part);
        } else {
            assert_eq!((first, part), (0x8a, b"still there?".as_slice()));
        }
        bytes = &rest[length..];
    }
}

fn written_bytes(bytes: &[u8]) -> usize {
    payload_bytes(bytes).len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a client cuts its bytes into messages, frames and writes, they arrive as they were.
    #[test]
    fn cuts_do_not_show(
        parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..3000), any::<bool>(), any::<Option<[u8; 4]>>()), 1..6),
        ping in any::<bool>(),
        step in 1_usize..5000,
        room in 1_usize..4000,
    ) {
        let (mut input, mut sent) = (Vec::new(), Vec::new());
        let mut is_inside = false;
        for (payload, is_final, mask) in &parts {
            let first = if is_inside { 0 } else { 2 } | if *is_final { 0x80 } else { 0 };
            is_inside = !is_final;
            input.extend(frame(first, payload, *mask));
            sent.extend_from_slice(payload);
            if ping {
                input.extend(masked(0x89, b"?"));
            }
        }
        for manner in [Manner::Library, Manner::BuiltIn] {
            let (input, wanted) = (input.clone(), sent.len());
            let read = runtime().block_on(async move {
                let (mut client, server) = duplex(1 << 20);
                let writing = async {
                    for part in input.chunks(step) {
                        client.write_all(part).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let mut socket = WebSocket::new(server, manner, BytesMut::new());
                let mut read = Vec::new();
                let reading = async {
                    let mut part = vec![0; room];
                    while read.len() < wanted {
                        let count = socket.read(&mut part).await.unwrap();
                        read.extend_from_slice(&part[..count]);
                    }
                };
                timeout(Duration::from_secs(10), async { tokio::join!(writing, reading) }).await.unwrap();
                read
            });
            prop_assert_eq!(&read, &sent);
        }
    }

    /// No bytes whatever do any harm.
    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(any::<u8>(), 0..300), library in any::<bool>()) {
        let manner = if library { Manner::Library } else { Manner::BuiltIn };
        runtime().block_on(async {
            let (mut client, server) = duplex(1 << 20);
            let mut socket = WebSocket::new(server, manner, BytesMut::new());
            client.write_all(&noise).await.unwrap();
            client.shutdown().await.unwrap();
            let mut read = Vec::new();
            while let Ok(1..) = socket.read_buf(&mut read).await {}
            assert!(read.len() <= noise.len());
        });
    }
}
