//! Packets to their bytes.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::connect::BRIDGE;
use super::packet::{Ack, ConnAck, Connect, Packet, PacketKind, Publish, QoS, Subscription, Version, Will};
use super::property::{Properties, Property};
use super::property_codec::{properties_len, put_properties};
use super::reason::Reason;
use super::text::Text;

/// The longest body of a packet.
const MAX_BODY: usize = 268_435_455;

/// The longest bytes behind a length of two bytes.
const MAX_BYTES: usize = u16::MAX as usize;

/// A packet, or a password, will payload or property in it, is longer (a subscription identifier: larger) than the
/// protocol can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the packet is longer than MQTT allows")
    }
}

impl std::error::Error for TooLong {}

/// A message on its way to one receiver; what it shares with those to others is only borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Whether it may have been sent before.
    pub dup: bool,
    /// Quality of service.
    pub qos: QoS,
    /// The retain flag.
    pub retain: bool,
    /// The topic; empty where an alias stands for it.
    pub topic: &'a Text,
    /// The packet identifier; not written with QoS 0.
    pub packet_id: u16,
    /// Properties that all receivers get.
    pub properties: &'a [Property],
    /// Properties of this receiver, written behind the others.
    pub own: &'a [Property],
    /// The payload.
    pub payload: &'a [u8],
}

impl Delivery<'_> {
    fn properties_len(&self, version: Version) -> Option<usize> {
        (version == Version::V5).then(|| properties_len(self.properties) + properties_len(self.own))
    }

    fn body_len(&self, version: Version) -> usize {
        let packet_id = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = self.properties_len(version).map_or(0, |length| length + variable_len(length));
        bytes_len(self.topic.as_bytes()) + packet_id + properties + self.payload.len()
    }

    /// Bytes of the whole packet.
    pub fn encoded_len(&self, version: Version) -> usize {
        packet_len(self.body_len(version))
    }

    /// Writes it behind what `out` holds, which it leaves alone where it fails.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), TooLong> {
        if !are_short(self.properties) || !are_short(self.own) {
            return Err(TooLong);
        }
        let flags = u8::from(self.dup) << 3 | self.qos.number() << 1 | u8::from(self.retain);
        put_header(PacketKind::Publish, flags, self.body_len(version), out)?;
        put_bytes(self.topic.as_bytes(), out);
        if self.qos != QoS::AtMostOnce {
            out.put_u16(self.packet_id);
        }
        if let Some(length) = self.properties_len(version) {
            put_variable(length, out);
            put_properties(self.properties, out);
            put_properties(self.own, out);
        }
        out.put_slice(self.payload);
        Ok(())
    }
}

impl Publish {
    /// The same, borrowed.
    pub fn as_delivery(&self) -> Delivery<'_> {
        Delivery {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            packet_id: self.packet_id,
            properties: &self.properties.0,
            own: &[],
            payload: &self.payload,
        }
    }
}

/// Writes a packet behind what `out` holds, which it leaves alone where it fails.
///
/// A CONNECT is written in its own version. Versions before 5 have no properties and no reason codes in
/// acknowledgements and DISCONNECT: these are left out.
pub fn encode(packet: &Packet, version: Version, out: &mut BytesMut) -> Result<(), TooLong> {
    if let Packet::Publish(publish) = packet {
        return publish.as_delivery().encode(version, out);
    }
    if !fits(packet) {
        return Err(TooLong);
    }
    let flags = match packet {
        Packet::PubRel(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => 0b0010,
        _ => 0,
    };
    put_header(packet.kind(), flags, body_len(packet, version), out)?;
    match packet {
        Packet::Publish(_) | Packet::PingReq | Packet::PingResp => {}
        Packet::Connect(connect) => put_connect(connect, out),
        Packet::ConnAck(connack) => put_connack(connack, version, out),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            put_ack(ack, version, out);
        }
        Packet::Subscribe(subscribe) => {
            out.put_u16(subscribe.packet_id);
            put_all_properties(&subscribe.properties, version, out);
            for subscription in &subscribe.subscriptions {
                put_bytes(subscription.filter.as_bytes(), out);
                out.put_u8(options(subscription, version));
            }
        }
        Packet::SubAck(suback) => {
            out.put_u16(suback.packet_id);
            put_all_properties(&suback.properties, version, out);
            out.extend(suback.reasons.iter().map(|reason| reason.0));
        }
        Packet::Unsubscribe(unsubscribe) => {
            out.put_u16(unsubscribe.packet_id);
            put_all_properties(&unsubscribe.properties, version, out);
            for filter in &unsubscribe.filters {
                put_bytes(filter.as_bytes(), out);
            }
        }
        Packet::UnsubAck(unsuback) => {
            out.put_u16(unsuback.packet_id);
            put_all_properties(&unsuback.properties, version, out);
            if version == Version::V5 {
                out.extend(unsuback.reasons.iter().map(|reason| reason.0));
            }
        }
        Packet::Disconnect(disconnect) => put_end(disconnect.reason, &disconnect.properties, version, out),
        Packet::Auth(auth) => put_end(auth.reason, &auth.properties, Version::V5, out),
    }
    Ok(())
}

/// Bytes of the whole packet as [`encode`] writes it.
pub fn encoded_len(packet: &Packet, version: Version) -> usize {
    packet_len(body_len(packet, version))
}

fn body_len(packet: &Packet, version: Version) -> usize {
    match packet {
        Packet::Connect(connect) => connect_len(connect),
        Packet::ConnAck(connack) => 2 + all_properties_len(&connack.properties, version),
        Packet::Publish(publish) => publish.as_delivery().body_len(version),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            2 + end_len(ack.reason, &ack.properties, version)
        }
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.subscriptions.iter().map(|one| bytes_len(one.filter.as_bytes()) + 1);
            2 + all_properties_len(&subscribe.properties, version) + filters.sum::<usize>()
        }
        Packet::SubAck(suback) => 2 + all_properties_len(&suback.properties, version) + suback.reasons.len(),
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.filters.iter().map(|filter| bytes_len(filter.as_bytes()));
            2 + all_properties_len(&unsubscribe.properties, version) + filters.sum::<usize>()
        }
        Packet::UnsubAck(unsuback) => {
            let reasons = if version == Version::V5 { unsuback.reasons.len() } else { 0 };
            2 + all_properties_len(&unsuback.properties, version) + reasons
        }
        Packet::PingReq | Packet::PingResp => 0,
        Packet::Disconnect(disconnect) => end_len(disconnect.reason, &disconnect.properties, version),
        Packet::Auth(auth) => end_len(auth.reason, &auth.properties, Version::V5),
    }
}

/// Whether all that stands behind a length of two bytes fits it; a [`Text`] always does.
fn fits(packet: &Packet) -> bool {
    let properties = match packet {
        Packet::Connect(connect) => {
            let will = connect.will.as_ref();
            let password = connect.password.as_ref().map_or(0, Bytes::len);
            return password.max(will.map_or(0, |will| will.payload.len())) <= MAX_BYTES
                && are_short(&connect.properties.0)
                && will.is_none_or(|will| are_short(&will.properties.0));
        }
        Packet::PingReq | Packet::PingResp => return true,
        Packet::ConnAck(connack) => &connack.properties,
        Packet::Publish(publish) => &publish.properties,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &ack.properties
        }
        Packet::Subscribe(subscribe) => &subscribe.properties,
        Packet::SubAck(suback) => &suback.properties,
        Packet::Unsubscribe(unsubscribe) => &unsubscribe.properties,
        Packet::UnsubAck(unsuback) => &unsuback.properties,
        Packet::Disconnect(disconnect) => &disconnect.properties,
        Packet::Auth(auth) => &auth.properties,
    };
    are_short(&properties.0)
}

fn are_short(properties: &[Property]) -> bool {
    properties.iter().all(|property| match property {
        Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => bytes.len() <= MAX_BYTES,
        Property::SubscriptionIdentifier(number) => *number as usize <= MAX_BODY,
        _ => true,
    })
}

fn connect_len(connect: &Connect) -> usize {
    let (name, _) = connect.version.name_and_level();
    let optional = |bytes: Option<&[u8]>| bytes.map_or(0, bytes_len);
    let will = connect.will.as_ref().map_or(0, |will| {
        all_properties_len(&will.properties, connect.version)
            + bytes_len(will.topic.as_bytes())
            + bytes_len(&will.payload)
    });
    bytes_len(name.as_bytes())
        + 4
        + all_properties_len(&connect.properties, connect.version)
        + bytes_len(connect.client_id.as_bytes())
        + will
        + optional(connect.user_name.as_ref().map(Text::as_bytes))
        + optional(connect.password.as_deref())
}

fn put_connect(connect: &Connect, out: &mut BytesMut) {
    let (name, level) = connect.version.name_and_level();
    put_bytes(name.as_bytes(), out);
    out.put_u8(level | if connect.is_bridge && connect.version != Version::V5 { BRIDGE } else { 0 });
    let will = connect.will.as_ref();
    let will_flags = |will: &Will| 0x04 | will.qos.number() << 3 | u8::from(will.retain) << 5;
    out.put_u8(
        u8::from(connect.clean_start) << 1
            | will.map_or(0, will_flags)
            | u8::from(connect.password.is_some()) << 6
            | u8::from(connect.user_name.is_some()) << 7,
    );
    out.put_u16(connect.keep_alive);
    put_all_properties(&connect.properties, connect.version, out);
    put_bytes(connect.client_id.as_bytes(), out);
    if let Some(will) = will {
        put_all_properties(&will.properties, connect.version, out);
        put_bytes(will.topic.as_bytes(), out);
        put_bytes(&will.payload, out);
    }
    if let Some(user_name) = &connect.user_name {
        put_bytes(user_name.as_bytes(), out);
    }
    if let Some(password) = &connect.password {
        put_bytes(password, out);
    }
}

fn put_connack(connack: &ConnAck, version: Version, out: &mut BytesMut) {
    out.put_u8(u8::from(connack.session_present));
    out.put_u8(connack.reason.0);
    put_all_properties(&connack.properties, version, out);
}

fn put_ack(ack: &Ack, version: Version, out: &mut BytesMut) {
    out.put_u16(ack.packet_id);
    put_end(ack.reason, &ack.properties, version, out);
}

fn options(subscription: &Subscription, version: Version) -> u8 {
    let qos = subscription.qos.number();
    if version != Version::V5 {
        return qos;
    }
    qos | u8::from(subscription.no_local) << 2
        | u8::from(subscription.retain_as_published) << 3
        | (subscription.retain_handling as u8) << 4
}

/// Bytes of a reason code and properties; nothing where they say nothing.
fn end_len(reason: Reason, properties: &Properties, version: Version) -> usize {
    if version != Version::V5 {
        0
    } else if !properties.is_empty() {
        1 + all_properties_len(properties, version)
    } else {
        usize::from(reason != Reason::SUCCESS)
    }
}

fn put_end(reason: Reason, properties: &Properties, version: Version, out: &mut BytesMut) {
    if end_len(reason, properties, version) > 0 {
        out.put_u8(reason.0);
        if !properties.is_empty() {
            put_all_properties(properties, version, out);
        }
    }
}

/// Bytes of properties and their length; none before MQTT 5.
fn all_properties_len(properties: &Properties, version: Version) -> usize {
    if version != Version::V5 {
        return 0;
    }
    let length = properties_len(&properties.0);
    variable_len(length) + length
}

fn put_all_properties(properties: &Properties, version: Version, out: &mut BytesMut) {
    if version == Version::V5 {
        put_variable(properties_len(&properties.0), out);
        put_properties(&properties.0, out);
    }
}

fn packet_len(body: usize) -> usize {
    1 + variable_len(body) + body
}

fn put_header(kind: PacketKind, flags: u8, body: usize, out: &mut BytesMut) -> Result<(), TooLong> {
    if body > MAX_BODY {
        return Err(TooLong);
    }
    out.reserve(packet_len(body));
    out.put_u8((kind as u8) << 4 | flags);
    put_variable(body, out);
    Ok(())
}

/// Bytes of a number of one to four bytes.
pub(super) fn variable_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Writes a number of one to four bytes.
pub(super) fn put_variable(mut value: usize, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Bytes of bytes behind their own length.
pub(super) fn bytes_len(bytes: &[u8]) -> usize {
    2 + bytes.len()
}

/// Writes bytes behind their own length.
pub(super) fn put_bytes(bytes: &[u8], out: &mut BytesMut) {
    out.put_u16(bytes.len() as u16);
    out.put_slice(bytes);
}
