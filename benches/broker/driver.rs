//! Clients with blocking sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{Bytes, BytesMut};
use moskit::broker::wire::{
    Ack, Connect, Packet, Properties, Publish, QoS, Reason, RetainHandling, Sender, Subscribe, Subscription,
    Text, Version, decode, encode, take_frame,
};

pub(crate) fn text(text: &str) -> Text {
    Text::new(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

pub(crate) fn message(topic: &str, size: usize, qos: QoS, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: text(topic),
        packet_id,
        properties: Properties::NONE,
        payload: Bytes::from(vec![b'x'; size]),
    }
}

pub(crate) fn bytes_of(packet: &Packet) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(packet, Version::V311, &mut out).unwrap();
    out.to_vec()
}

pub(crate) fn connect(id: &str) -> Vec<u8> {
    bytes_of(&Packet::Connect(Box::new(Connect {
        version: Version::V311,
        is_bridge: false,
        clean_start: true,
        keep_alive: 0,
        properties: Properties::NONE,
        client_id: text(id),
        will: None,
        user_name: None,
        password: None,
    })))
}

/// A client over any stream.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    buffer: BytesMut,
    part: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    /// Lets a client in.
    pub(crate) fn enter(stream: S, id: &str) -> Self {
        let mut client = Self { stream, buffer: BytesMut::new(), part: vec![0; 64 * 1024] };
        client.stream.write_all(&connect(id)).unwrap();
        assert!(matches!(client.next(), Packet::ConnAck(_)));
        client
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) {
        let subscription = Subscription {
            filter: text(filter),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        };
        let subscribe =
            Subscribe { packet_id: 1, properties: Properties::NONE, subscriptions: vec![subscription] };
        self.stream.write_all(&bytes_of(&Packet::Subscribe(subscribe))).unwrap();
    }

    /// The first bytes of the packets that came, and their bodies, at least one.
    pub(crate) fn frames(&mut self, mut each: impl FnMut(u8, &[u8])) {
        let mut found = false;
        while !found {
            while let Some(frame) = take_frame(&mut self.buffer, usize::MAX).unwrap() {
                found = true;
                each(frame.first, &frame.body);
            }
            if !found {
                let count = self.stream.read(&mut self.part).unwrap();
                assert!(count > 0, "the broker ended the connection");
                self.buffer.extend_from_slice(&self.part[..count]);
            }
        }
    }

    pub(crate) fn next(&mut self) -> Packet {
        loop {
            if let Some(frame) = take_frame(&mut self.buffer, usize::MAX).unwrap() {
                return decode(&frame, Version::V311, Sender::Broker).unwrap();
            }
            let count = self.stream.read(&mut self.part).unwrap();
            assert!(count > 0, "the broker ended the connection");
            self.buffer.extend_from_slice(&self.part[..count]);
        }
    }

    pub(crate) fn ping(&mut self) {
        self.stream.write_all(&bytes_of(&Packet::PingReq)).unwrap();
        while !matches!(self.next(), Packet::PingResp) {}
    }

    /// Reads so many messages and acknowledges them.
    pub(crate) fn receive(&mut self, count: usize) {
        let (mut received, mut done) = (0, 0);
        let mut out = BytesMut::new();
        while done < count {
            let mut answers = Vec::new();
            self.frames(|first, body| {
                let id = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
                match (first >> 4, first >> 1 & 3) {
                    (3, qos) => {
                        received += 1;
                        let at = 2 + usize::from(id(0));
                        match qos {
                            0 => done += 1,
                            1 => {
                                done += 1;
                                answers.push(Packet::PubAck(ack(id(at))));
                            }
                            _ => answers.push(Packet::PubRec(ack(id(at)))),
                        }
                    }
                    (6, _) => {
                        done += 1;
                        answers.push(Packet::PubComp(ack(id(0))));
                    }
                    _ => {}
                }
            });
            for answer in &answers {
                encode(answer, Version::V311, &mut out).unwrap();
            }
            self.stream.write_all(&out).unwrap();
            out.clear();
        }
        assert_eq!(received, count);
    }
}

fn ack(packet_id: u16) -> Ack {
    Ack { packet_id, reason: Reason::SUCCESS, properties: Properties::NONE }
}

/// How many messages of QoS 1 and 2 a publisher has unacknowledged at most.
const WINDOW: usize = 20;

/// Publishes so many messages, with a window for those that are acknowledged.
pub(crate) fn publish(client: &mut Client<TcpStream>, topic: &str, size: usize, qos: QoS, count: usize) {
    if qos == QoS::AtMostOnce {
        let one = bytes_of(&Packet::Publish(message(topic, size, qos, 0)));
        let batch = one.repeat(64);
        let (whole, rest) = (count / 64, count % 64);
        for _ in 0..whole {
            client.stream.write_all(&batch).unwrap();
        }
        client.stream.write_all(&one.repeat(rest)).unwrap();
        return;
    }
    let (mut sent, mut done) = (0_usize, 0_usize);
    let mut out = BytesMut::new();
    while done < count {
        while sent < count && sent - done < WINDOW {
            let id = (sent % 65_535 + 1) as u16;
            encode(&Packet::Publish(message(topic, size, qos, id)), Version::V311, &mut out).unwrap();
            sent += 1;
        }
        client.stream.write_all(&out).unwrap();
        out.clear();
        client.frames(|first, body| match first >> 4 {
            4 | 7 => done += 1,
            5 => {
                let release = ack(u16::from_be_bytes([body[0], body[1]]));
                encode(&Packet::PubRel(release), Version::V311, &mut out).unwrap();
            }
            _ => {}
        });
    }
}
