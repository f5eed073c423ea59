//! Packets by chance: well-formed ones of every kind, and what becomes of them on the way.

use bytes::{Bytes, BytesMut};
use moskit::broker::wire::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketKind, Properties, Property, Publish, QoS, Reason,
    RetainHandling, Sender, SubAck, Subscribe, Subscription, Text, UnsubAck, Unsubscribe, Version, Will,
    encode,
};

/// Chance that is quick, since millions of packets hang on it.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number (SplitMix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Once in `of` times.
    pub(crate) fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Up to `longest` bytes.
    pub(crate) fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        (0..length).map(|_| self.next() as u8).collect()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let is_there = self.once_in(2);
        is_there.then(|| make(self))
    }
}

const NAMES: &[&str] = &["", "a", "é", "plant", "%u", "\u{feff}x", "a b", "𝄞", "0123456789"];
const TOPICS: &[&str] = &["a", "/", "a/b", "$SYS/x", "plant/1/temp", "é/ü", "//", "a/b/c/d/e/f", "\u{2028}"];
const FILTERS: &[&str] = &["#", "+", "a/+/c", "a/#", "$share/g/a/+", "/", "$SYS/#", "+/+", "é"];

fn text(chance: &mut Chance, from: &[&'static str]) -> Text {
    Text::fixed(from[chance.below(from.len())])
}

fn payload(chance: &mut Chance) -> Bytes {
    let longest = if chance.once_in(50) { 400 } else { 12 };
    Bytes::from(chance.bytes(longest))
}

fn qos(chance: &mut Chance) -> QoS {
    *chance.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn packet_id(chance: &mut Chance) -> u16 {
    *chance.pick(&[1, 2, 300, u16::MAX])
}

/// One of a kind of property, with a value in its range.
fn property(chance: &mut Chance, number: u8) -> Property {
    let flag = chance.below(2) as u8;
    let four = *chance.pick(&[1, 60, 70_000, u32::MAX]);
    let two = *chance.pick(&[1, 7, u16::MAX]);
    let name = text(chance, NAMES);
    match number {
        1 => Property::PayloadFormatIndicator(flag),
        2 => Property::MessageExpiryInterval(four),
        3 => Property::ContentType(name),
        8 => Property::ResponseTopic(text(chance, TOPICS)),
        9 => Property::CorrelationData(payload(chance)),
        11 => Property::SubscriptionIdentifier(*chance.pick(&[1, 127, 128, 16_384, 268_435_455])),
        17 => Property::SessionExpiryInterval(four),
        18 => Property::AssignedClientIdentifier(name),
        19 => Property::ServerKeepAlive(two),
        21 => Property::AuthenticationMethod(name),
        22 => Property::AuthenticationData(payload(chance)),
        23 => Property::RequestProblemInformation(flag),
        24 => Property::WillDelayInterval(four),
        25 => Property::RequestResponseInformation(flag),
        26 => Property::ResponseInformation(name),
        28 => Property::ServerReference(name),
        31 => Property::ReasonString(name),
        33 => Property::ReceiveMaximum(two),
        34 => Property::TopicAliasMaximum(two),
        35 => Property::TopicAlias(two),
        36 => Property::MaximumQoS(flag),
        37 => Property::RetainAvailable(flag),
        39 => Property::MaximumPacketSize(four.max(60)),
        40 => Property::WildcardSubscriptionAvailable(flag),
        41 => Property::SubscriptionIdentifierAvailable(flag),
        42 => Property::SharedSubscriptionAvailable(flag),
        _ => Property::UserProperty(name, text(chance, NAMES)),
    }
}

const OF_MESSAGE: &[u8] = &[1, 2, 3, 8, 9];
const OF_WILL: &[u8] = &[1, 2, 3, 8, 9, 24];
const OF_CONNECT: &[u8] = &[17, 21, 23, 25, 33, 34, 39];
const OF_CONNACK: &[u8] = &[17, 18, 19, 21, 26, 28, 31, 33, 34, 36, 37, 39, 40, 41, 42];
const REASON_STRING: &[u8] = &[31];

/// Some properties of those that a packet can have, and some user properties.
fn properties(chance: &mut Chance, version: Version, numbers: &[u8]) -> Properties {
    let mut properties = Properties::NONE;
    if version != Version::V5 || chance.once_in(3) {
        return properties;
    }
    for number in numbers {
        if chance.once_in(3) {
            properties.push(property(chance, *number));
        }
        if *number == 21 && !properties.is_empty() && chance.once_in(2) {
            let has_method =
                matches!(properties.0.last(), Some(Property::AuthenticationMethod(name)) if !name.is_empty());
            properties.0.extend(has_method.then(|| property(chance, 22)));
        }
    }
    for _ in 0..chance.below(3) {
        properties.push(property(chance, 38));
    }
    properties
}

fn connect(chance: &mut Chance, version: Version) -> Connect {
    let will = chance.maybe(|chance| Will {
        topic: text(chance, TOPICS),
        payload: payload(chance),
        qos: qos(chance),
        retain: chance.once_in(2),
        properties: properties(chance, version, OF_WILL),
    });
    let user_name = chance.maybe(|chance| text(chance, NAMES));
    let mut client_id = text(chance, NAMES);
    let clean_start = chance.once_in(2);
    if client_id.is_empty() && (version == Version::V31 || version == Version::V311 && !clean_start) {
        client_id = Text::fixed("id");
    }
    let can_have_password = user_name.is_some() || version == Version::V5;
    Connect {
        version,
        is_bridge: version != Version::V5 && chance.once_in(8),
        clean_start,
        keep_alive: chance.next() as u16,
        properties: properties(chance, version, OF_CONNECT),
        client_id,
        will,
        user_name,
        password: if can_have_password { chance.maybe(payload) } else { None },
    }
}

fn publish(chance: &mut Chance, version: Version, sender: Sender) -> Publish {
    let qos = qos(chance);
    let mut properties = properties(chance, version, OF_MESSAGE);
    let mut topic = text(chance, TOPICS);
    if version == Version::V5 && chance.once_in(4) {
        properties.push(property(chance, 35));
        topic = if chance.once_in(2) { Text::default() } else { topic };
    }
    if version == Version::V5 && sender == Sender::Broker {
        for _ in 0..chance.below(3) {
            properties.push(property(chance, 11));
        }
    }
    let is_acknowledged = qos != QoS::AtMostOnce;
    Publish {
        dup: is_acknowledged && chance.once_in(2),
        qos,
        retain: chance.once_in(2),
        topic,
        packet_id: if is_acknowledged { packet_id(chance) } else { 0 },
        properties,
        payload: payload(chance),
    }
}

/// A reason code; success in versions that have none.
fn reason(chance: &mut Chance, version: Version, codes: &[u8]) -> Reason {
    Reason(if version == Version::V5 { *chance.pick(codes) } else { 0 })
}

fn ack(chance: &mut Chance, version: Version, codes: &[u8]) -> Ack {
    Ack {
        packet_id: packet_id(chance),
        reason: reason(chance, version, codes),
        properties: properties(chance, version, REASON_STRING),
    }
}

fn subscribe(chance: &mut Chance, version: Version) -> Subscribe {
    let is_5 = version == Version::V5;
    let subscriptions = (0..=chance.below(3)).map(|_| {
        let filter = text(chance, FILTERS);
        let is_shared = filter.as_bytes().starts_with(b"$share/");
        let handling = [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
        Subscription {
            qos: qos(chance),
            no_local: is_5 && !is_shared && chance.once_in(2),
            retain_as_published: is_5 && chance.once_in(2),
            retain_handling: if is_5 { *chance.pick(&handling) } else { RetainHandling::Send },
            filter,
        }
    });
    let subscriptions = subscriptions.collect();
    Subscribe { packet_id: packet_id(chance), properties: properties(chance, version, &[11]), subscriptions }
}

fn reasons(chance: &mut Chance, codes: &[u8]) -> Vec<Reason> {
    (0..=chance.below(3)).map(|_| Reason(*chance.pick(codes))).collect()
}

fn of_broker(chance: &mut Chance, version: Version) -> Packet {
    let is_5 = version == Version::V5;
    match chance.below(4) {
        0 => Packet::ConnAck(ConnAck {
            session_present: chance.once_in(2),
            reason: Reason(*chance.pick(if is_5 { &[0, 0x84, 0x85, 0x87, 0x9f] } else { &[0, 1, 2, 4, 5] })),
            properties: properties(chance, version, OF_CONNACK),
        }),
        1 => Packet::SubAck(SubAck {
            packet_id: packet_id(chance),
            properties: properties(chance, version, REASON_STRING),
            reasons: reasons(
                chance,
                if is_5 { &[0, 1, 2, 0x80, 0x87, 0x8f, 0xa2] } else { &[0, 1, 2, 0x80] },
            ),
        }),
        2 => Packet::UnsubAck(UnsubAck {
            packet_id: packet_id(chance),
            properties: properties(chance, version, REASON_STRING),
            reasons: if is_5 { reasons(chance, &[0, 0x11, 0x87]) } else { Vec::new() },
        }),
        _ => Packet::PingResp,
    }
}

fn of_client(chance: &mut Chance, version: Version) -> Packet {
    match chance.below(5) {
        0 | 1 => Packet::Connect(Box::new(connect(chance, version))),
        2 => Packet::Subscribe(subscribe(chance, version)),
        3 => Packet::Unsubscribe(Unsubscribe {
            packet_id: packet_id(chance),
            properties: properties(chance, version, &[]),
            filters: (0..=chance.below(3)).map(|_| text(chance, FILTERS)).collect(),
        }),
        _ => Packet::PingReq,
    }
}

/// A well-formed packet of any kind that the sender may send.
pub(crate) fn packet(chance: &mut Chance, version: Version, sender: Sender) -> Packet {
    const RECEIVED: &[u8] = &[0, 0x10, 0x80, 0x87, 0x97, 0x99];
    const RELEASED: &[u8] = &[0, 0x92];
    match chance.below(12) {
        0..=2 => Packet::Publish(publish(chance, version, sender)),
        3 => Packet::PubAck(ack(chance, version, RECEIVED)),
        4 => Packet::PubRec(ack(chance, version, RECEIVED)),
        5 => Packet::PubRel(ack(chance, version, RELEASED)),
        6 => Packet::PubComp(ack(chance, version, RELEASED)),
        7 => Packet::Disconnect(Disconnect {
            reason: reason(chance, version, &[0, 0x80, 0x81, 0x95, 0x97]),
            properties: properties(chance, version, REASON_STRING),
        }),
        8 if version == Version::V5 => Packet::Auth(Auth {
            reason: Reason(*chance.pick(&[0, 0x18])),
            properties: properties(chance, version, &[21, 31]),
        }),
        _ if sender == Sender::Broker => of_broker(chance, version),
        _ => of_client(chance, version),
    }
}

/// A frame of a kind that there is, with flags that are mostly right, around bytes by chance.
pub(crate) fn framed_bytes(chance: &mut Chance) -> Vec<u8> {
    let kind = 1 + chance.below(15) as u8;
    let flags = match kind {
        _ if chance.once_in(10) => chance.below(16) as u8,
        3 => *chance.pick(&[0, 1, 2, 4, 0xa, 0xd]),
        6 | 8 | 10 => 2,
        _ => 0,
    };
    let mut body = chance.bytes(24);
    if kind == PacketKind::Connect as u8 && chance.once_in(2) {
        let start = *chance.pick(&[&b"\0\x04MQTT\x05"[..], b"\0\x04MQTT\x04", b"\0\x06MQIsdp\x03"]);
        body.splice(0..0, start.iter().copied());
    } else if chance.once_in(2) {
        // Small lengths make fields that fit.
        let start: [u8; 4] =
            std::array::from_fn(|index| if index % 2 == 0 { 0 } else { chance.below(5) as u8 });
        body.splice(0..0, start);
    }
    framed(kind << 4 | flags, &body)
}

/// A packet around a body.
pub(crate) fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(length as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend_from_slice(body);
    packet
}

/// A well-formed packet with some damage, mostly with a length that is right again.
pub(crate) fn damaged(chance: &mut Chance, version: Version, sender: Sender) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(&packet(chance, version, sender), version, &mut out).unwrap();
    let mut bytes = out.to_vec();
    let header = 1 + bytes[1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let keeps_length = chance.once_in(8);
    let mut first = bytes[0];
    if chance.once_in(12) {
        first ^= 1 << chance.below(8);
    }
    let mut body = if keeps_length { bytes } else { bytes.split_off(header) };
    for _ in 0..chance.below(3) {
        damage(chance, &mut body);
    }
    if keeps_length { body } else { framed(first, &body) }
}

fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    let at = chance.below(bytes.len() + 1);
    let special = *chance.pick(&[0, 1, 2, 0x7f, 0x80, 0xff, b'#', b'+', b'/', 11, 35, 38]);
    match chance.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        1 if at < bytes.len() => bytes[at] = special,
        2 if at < bytes.len() => drop(bytes.remove(at)),
        3 => bytes.insert(at, special),
        4 => bytes.truncate(at),
        5 => {
            let end = (at + chance.below(8)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(if chance.once_in(2) { 1 } else { 0xff }),
        _ => {}
    }
}
