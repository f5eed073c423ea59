//! Packets there and back again, and what is refused.

use bytes::{Bytes, BytesMut};

use super::*;

fn text(text: &'static str) -> Text {
    Text::fixed(text)
}

fn frame(bytes: &[u8]) -> Frame {
    let mut buffer = BytesMut::from(bytes);
    let frame = take_frame(&mut buffer, usize::MAX).unwrap().unwrap();
    assert!(buffer.is_empty());
    frame
}

fn connect(version: Version) -> Connect {
    let mut properties = Properties::NONE;
    let mut of_will = Properties::NONE;
    if version == Version::V5 {
        properties.push(Property::ReceiveMaximum(7));
        properties.push(Property::UserProperty(text("a"), text("ä")));
        of_will.push(Property::WillDelayInterval(70_000));
    }
    Connect {
        version,
        is_bridge: version == Version::V31,
        clean_start: true,
        keep_alive: 60,
        properties,
        client_id: text("me"),
        will: Some(Will {
            topic: text("w/1"),
            payload: Bytes::from_static(b"\0gone"),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: of_will,
        }),
        user_name: Some(text("alice")),
        password: Some(Bytes::from_static(b"\xff\0")),
    }
}

fn publish(qos: QoS, properties: Properties) -> Packet {
    let (topic, payload) = (text("a/b"), Bytes::from_static(b"x"));
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { 9 };
    let dup = qos != QoS::AtMostOnce;
    Packet::Publish(Publish { dup, qos, retain: true, topic, packet_id, properties, payload })
}

fn some_packets(version: Version) -> Vec<(Sender, Packet)> {
    let is_5 = version == Version::V5;
    let reasons = vec![Reason(1), Reason(0x80)];
    let (reason, mut properties) = (Reason(if is_5 { 0x92 } else { 0 }), Properties::NONE);
    if is_5 {
        properties.push(Property::ReasonString(text("why")));
    }
    let ack = Ack { packet_id: 2, reason, properties: properties.clone() };
    let plain = Ack { packet_id: 2, reason: Reason::SUCCESS, properties: Properties::NONE };
    let subscription = Subscription {
        filter: text("a/+/#"),
        qos: QoS::ExactlyOnce,
        no_local: is_5,
        retain_as_published: is_5,
        retain_handling: if is_5 { RetainHandling::DoNotSend } else { RetainHandling::Send },
    };
    let none = Properties::NONE;
    let mut packets = vec![
        (Sender::Client, Packet::Connect(Box::new(connect(version)))),
        (
            Sender::Broker,
            Packet::ConnAck(ConnAck {
                session_present: true,
                reason: Reason(0),
                properties: properties.clone(),
            }),
        ),
        (Sender::Client, publish(QoS::AtMostOnce, Properties::NONE)),
        (Sender::Broker, publish(QoS::ExactlyOnce, Properties::NONE)),
        (Sender::Client, Packet::PubAck(plain.clone())),
        (Sender::Broker, Packet::PubRec(plain)),
        (Sender::Client, Packet::PubRel(ack.clone())),
        (Sender::Client, Packet::PubComp(ack)),
        (
            Sender::Client,
            Packet::Subscribe(Subscribe {
                packet_id: 3,
                properties: none.clone(),
                subscriptions: vec![subscription],
            }),
        ),
        (
            Sender::Broker,
            Packet::SubAck(SubAck { packet_id: 3, properties: none.clone(), reasons: reasons.clone() }),
        ),
        (
            Sender::Client,
            Packet::Unsubscribe(Unsubscribe {
                packet_id: 4,
                properties: none.clone(),
                filters: vec![text("#")],
            }),
        ),
        (
            Sender::Broker,
            Packet::UnsubAck(UnsubAck {
                packet_id: 4,
                properties: properties.clone(),
                reasons: if is_5 { vec![Reason(0x11)] } else { Vec::new() },
            }),
        ),
        (Sender::Client, Packet::PingReq),
        (Sender::Broker, Packet::PingResp),
        (Sender::Client, Packet::Disconnect(Disconnect { reason: Reason(0), properties: none })),
    ];
    if is_5 {
        let mut method = Properties::NONE;
        method.push(Property::AuthenticationMethod(text("m")));
        packets.push((Sender::Client, Packet::Auth(Auth { reason: Reason(0x18), properties: method })));
        let mut of_message = Properties::NONE;
        of_message.push(Property::SubscriptionIdentifier(268_435_455));
        of_message.push(Property::SubscriptionIdentifier(1));
        of_message.push(Property::CorrelationData(Bytes::from_static(b"\0")));
        packets.push((Sender::Broker, publish(QoS::AtLeastOnce, of_message)));
        packets.push((Sender::Broker, Packet::Disconnect(Disconnect { reason: Reason(0x8e), properties })));
    }
    packets
}

#[test]
fn packets_come_back() {
    for version in [Version::V31, Version::V311, Version::V5] {
        for (sender, packet) in some_packets(version) {
            let mut out = BytesMut::new();
            encode(&packet, version, &mut out).unwrap();
            assert_eq!(out.len(), encoded_len(&packet, version), "{packet:?}");
            assert_eq!(decode(&frame(&out), version, sender), Ok(packet));
        }
    }
}

#[test]
fn known_bytes() {
    let read = |bytes: &[u8], version| decode(&frame(bytes), version, Sender::Client);
    let ack = Ack { packet_id: 1, reason: Reason(0), properties: Properties::NONE };
    assert_eq!(read(b"\x40\x02\x00\x01", Version::V311), Ok(Packet::PubAck(ack.clone())));
    assert_eq!(read(b"\x40\x04\x00\x01\x00\x00", Version::V5), Ok(Packet::PubAck(ack)));
    let mut out = BytesMut::new();
    encode(&publish(QoS::AtLeastOnce, Properties::NONE), Version::V5, &mut out).unwrap();
    assert_eq!(&out[..], b"\x3b\x09\x00\x03a/b\x00\x09\x00x");
    let Ok(Packet::Connect(connect)) = read(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c", Version::V5)
    else {
        panic!("a CONNECT tells its own version");
    };
    assert_eq!((connect.version, connect.keep_alive, connect.client_id.as_str()), (Version::V311, 60, "c"));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut large = connect(Version::V5);
    large.password = Some(Bytes::from(vec![0; 65_536]));
    assert_eq!(encode(&Packet::Connect(Box::new(large)), Version::V5, &mut out), Err(TooLong));
    assert_eq!(&out[..], b"before");
}

#[test]
fn what_is_shared_is_written_between_what_is_not() {
    let (topic, shared) = (text("t"), [Property::PayloadFormatIndicator(1)]);
    let (first, last) = ([Property::SubscriptionIdentifier(3)], [Property::TopicAlias(2)]);
    let delivery = Delivery {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: &topic,
        packet_id: 0,
        first: &first,
        properties: &shared,
        last: &last,
        payload: b"p",
    };
    let mut out = BytesMut::new();
    delivery.encode(Version::V5, &mut out).unwrap();
    assert_eq!(&out[..], b"\x30\x0c\x00\x01t\x07\x0b\x03\x01\x01\x23\x00\x02p");
    assert_eq!(out.len(), delivery.encoded_len(Version::V5));
}
