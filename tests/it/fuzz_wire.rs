//! Millions of packets: nothing panics, what is read is written back the same, and another codec agrees.
//!
//! `MOSKIT_CASES` says how many for each version, `MOSKIT_SEED` which.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::BytesMut;
use moskit::broker::refusal::{self, Phase};
use moskit::broker::wire::{
    Defect, Frame, Malformed, Packet, Properties, Property, Sender, Version, decode, decode_forgiving,
    encode, encoded_len, take_frame,
};
use moskit::catalogue::Release;
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use crate::random_packets::{Chance, damaged, framed, framed_bytes, packet};
use crate::seeds;

/// What came of the inputs.
#[derive(Default, Debug)]
struct Tally {
    inputs: u64,
    frames: u64,
    read: u64,
    both_read: u64,
    /// What only we refuse, and what only the other codec refuses.
    stricter: BTreeMap<&'static str, u64>,
    laxer: BTreeMap<&'static str, u64>,
}

fn cases() -> u64 {
    let told = std::env::var("MOSKIT_CASES").ok();
    told.map_or(1_000_000, |text| text.parse().expect("MOSKIT_CASES is a number"))
}

fn written(packet: &Packet, version: Version) -> BytesMut {
    let mut out = BytesMut::new();
    encode(packet, version, &mut out).unwrap();
    assert_eq!(out.len(), encoded_len(packet, version), "{packet:?}");
    out
}

/// The bytes of a frame, with the shortest length.
fn bytes_of(frame: &Frame) -> BytesMut {
    BytesMut::from(&framed(frame.first, &frame.body)[..])
}

/// What the other codec reads, written by itself.
fn by_other(frame: &Frame, version: Version) -> Result<BytesMut, String> {
    let mut source = bytes_of(frame);
    let mut out = BytesMut::new();
    let incomplete = || "not complete".to_owned();
    if version == Version::V5 {
        let (packet, _) =
            v5::Codec::default().decode(&mut source).map_err(|e| e.to_string())?.ok_or_else(incomplete)?;
        v5::Codec::default().encode(packet, &mut out).map_err(|e| format!("cannot write: {e}"))?;
    } else {
        let (packet, _) =
            v3::Codec::default().decode(&mut source).map_err(|e| e.to_string())?.ok_or_else(incomplete)?;
        v3::Codec::default().encode(packet, &mut out).map_err(|e| format!("cannot write: {e}"))?;
    }
    Ok(out)
}

/// The version in which a packet is written: a CONNECT has its own.
fn version_of(packet: &Packet, version: Version) -> Version {
    if let Packet::Connect(connect) = packet { connect.version } else { version }
}

fn check(frame: &Frame, version: Version, tally: &mut Tally) {
    tally.frames += 1;
    for sender in [Sender::Client, Sender::Broker] {
        let read = decode(frame, version, sender);
        if let Ok(packet) = &read {
            tally.read += 1;
            let out = written(packet, version_of(packet, version));
            let again = take_frame(&mut out.clone(), usize::MAX).unwrap().unwrap();
            assert_eq!(decode(&again, version, sender).as_ref(), Ok(packet), "{frame:?}");
            // What is forgiven is only what is not right.
            assert_eq!(decode_forgiving(frame, version, sender, &|_, _, _| true).as_ref(), Ok(packet));
            let body = &again.body;
            assert!(body.len() <= frame.body.len(), "{frame:?}");
        } else {
            let _ = decode_forgiving(frame, version, sender, &|_, _, _| true);
        }
        compare(frame, version, &read, tally);
    }
    for release in Release::known() {
        for phase in [Phase::New, Phase::Connected(version)] {
            let mut buffer = bytes_of(frame);
            let Ok(Some(frame)) = refusal::take_frame(*release, phase, &mut buffer, 0) else { continue };
            if let Err(refused) = refusal::read(*release, phase, &frame) {
                refused.answer.encode(&mut BytesMut::new());
                assert!(!refused.cause.to_string().is_empty());
                assert!(
                    decode(&frame, version, Sender::Client).is_err()
                        || phase != Phase::New
                        || frame.first != 0x10
                );
            }
        }
    }
}

/// Compares with the other codec, which does not know who sends.
fn compare(frame: &Frame, version: Version, ours: &Result<Packet, Malformed>, tally: &mut Tally) {
    let version = ours.as_ref().map_or(version, |packet| version_of(packet, version));
    let theirs = by_other(frame, version);
    match (ours, theirs) {
        (Ok(packet), Ok(mut bytes)) => {
            tally.both_read += 1;
            if matches!(packet, Packet::Connect(_)) && version == Version::V31 {
                // The other codec writes the name of 3.1 with the level of 3.1.1.
                let name = bytes.windows(6).position(|part| part == b"MQIsdp").unwrap();
                bytes[name + 6] = 3;
            }
            let again = take_frame(&mut bytes.clone(), usize::MAX).unwrap().unwrap();
            let sides = [Sender::Client, Sender::Broker];
            let theirs: Vec<_> =
                sides.iter().map(|sender| decode(&again, version, *sender).map(alike)).collect();
            assert!(
                theirs.contains(&Ok(alike(packet.clone()))),
                "{frame:?}\nours   {packet:?}\ntheirs {theirs:?}"
            );
        }
        (Ok(packet), Err(error)) => {
            *tally.laxer.entry(laxity(packet, &error)).or_default() += 1;
        }
        (Err(malformed), Ok(_)) if malformed.defect != Defect::WrongDirection => {
            *tally.stricter.entry(strictness(malformed, frame)).or_default() += 1;
        }
        (Err(_), _) => {}
    }
}

/// The packet without what the other codec does not keep: the order of properties, and those that say what holds
/// without them.
fn alike(mut packet: Packet) -> Packet {
    let tidy = |properties: &mut Properties| {
        properties.0.retain(|property| !is_default(property));
        properties.0.sort_by_key(|property| property.kind() as u8);
    };
    match &mut packet {
        Packet::Connect(connect) => {
            tidy(&mut connect.properties);
            connect.will.iter_mut().for_each(|will| tidy(&mut will.properties));
        }
        Packet::ConnAck(connack) => tidy(&mut connack.properties),
        Packet::Publish(publish) => tidy(&mut publish.properties),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            tidy(&mut ack.properties);
        }
        Packet::Subscribe(subscribe) => tidy(&mut subscribe.properties),
        Packet::SubAck(suback) => tidy(&mut suback.properties),
        Packet::Unsubscribe(unsubscribe) => tidy(&mut unsubscribe.properties),
        Packet::UnsubAck(unsuback) => tidy(&mut unsuback.properties),
        Packet::Disconnect(disconnect) => tidy(&mut disconnect.properties),
        Packet::Auth(auth) => tidy(&mut auth.properties),
        Packet::PingReq | Packet::PingResp => {}
    }
    packet
}

fn is_default(property: &Property) -> bool {
    matches!(
        property,
        Property::PayloadFormatIndicator(0)
            | Property::SessionExpiryInterval(0)
            | Property::RequestProblemInformation(1)
            | Property::RequestResponseInformation(0)
            | Property::ReceiveMaximum(u16::MAX)
            | Property::TopicAliasMaximum(0)
            | Property::RetainAvailable(1)
            | Property::WildcardSubscriptionAvailable(1)
            | Property::SubscriptionIdentifierAvailable(1)
            | Property::SharedSubscriptionAvailable(1)
    )
}

/// Why the other codec does not read what we read, and every known release does.
fn laxity(packet: &Packet, error: &str) -> &'static str {
    let never_lasts = |properties: &Properties| {
        properties.iter().any(|property| matches!(property, Property::MessageExpiryInterval(0)))
    };
    match packet {
        Packet::Connect(connect) if connect.is_bridge => "level of a bridge",
        // Whether it is served is not for a codec to say.
        Packet::Connect(connect) if connect.client_id.is_empty() && !connect.clean_start => "no client id",
        Packet::Connect(connect)
            if connect.will.as_ref().is_some_and(|will| never_lasts(&will.properties)) =>
        {
            "a message that never lasts"
        }
        Packet::Publish(publish) if never_lasts(&publish.properties) => "a message that never lasts",
        _ => panic!("only we read {packet:?}: {error}"),
    }
}

/// What the other codec does not look at. Where a client is concerned, `malformed.tsv` shows the releases refuse it;
/// those that do not forgive it in [`refusal`].
const STRICTER: &[&str] = &[
    "AuthenticationDataAlone",
    "ClientIdMissing",
    "DupAtMostOnce",
    "Filter",
    "NoFilter",
    "PasswordWithoutUserName",
    "PropertyLength",
    "PropertyMisplaced",
    "PropertyValue",
    "ProtocolLevel",
    "ReasonCode",
    "SharedFilter",
    "SharedNoLocal",
    "SubscriptionOptions",
    "Text",
    "TopicDeep",
    "TopicEmpty",
    "TopicWildcard",
    "Trailing",
    "WillFlags",
    "WillQoS",
];

fn strictness(malformed: &Malformed, frame: &Frame) -> &'static str {
    let name = format!("{:?}", malformed.defect);
    let name = name.split('(').next().unwrap();
    let known = STRICTER.iter().find(|known| **known == name);
    known.unwrap_or_else(|| panic!("only we refuse {frame:?}: {malformed}"))
}

fn fuzz(version: Version) {
    let test = format!("fuzz_wire {version:?}");
    let mut chance = Chance::new(seeds::seed(&test));
    let mut tally = Tally::default();
    let began = Instant::now();
    for number in 0..cases() {
        tally.inputs += 1;
        let sender = if number % 2 == 0 { Sender::Client } else { Sender::Broker };
        let bytes = match number / 2 % 4 {
            0 => chance.bytes(40),
            1 => framed_bytes(&mut chance),
            _ => damaged(&mut chance, version, sender),
        };
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = take_frame(&mut buffer, 100_000) {
            check(&frame, version, &mut tally);
        }
        assert!(buffer.capacity() < 1_000_000);
    }
    println!("{test}: {:.1} s: {tally:#?}", began.elapsed().as_secs_f64());
}

#[test]
fn any_bytes_of_3_1() {
    fuzz(Version::V31);
}

#[test]
fn any_bytes_of_3_1_1() {
    fuzz(Version::V311);
}

#[test]
fn any_bytes_of_5() {
    fuzz(Version::V5);
}

#[test]
fn packets_come_back() {
    let mut chance = Chance::new(seeds::seed("packets_come_back"));
    for number in 0..cases() {
        let version = *chance.pick(&[Version::V31, Version::V311, Version::V5]);
        let sender = if number % 2 == 0 { Sender::Client } else { Sender::Broker };
        let packet = packet(&mut chance, version, sender);
        let mut bytes = written(&packet, version);
        let frame = take_frame(&mut bytes, usize::MAX).unwrap().unwrap();
        assert_eq!(decode(&frame, version, sender), Ok(packet));
    }
}
