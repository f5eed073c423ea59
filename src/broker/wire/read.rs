//! Packets from their bytes.

use super::connect::{read_connack, read_connect};
use super::defect::{Defect, Field, Malformed};
use super::frame::Frame;
use super::packet::{
    Ack, Auth, Disconnect, Packet, PacketKind, Publish, QoS, RetainHandling, SubAck, Subscribe, Subscription,
    UnsubAck, Unsubscribe, Version,
};
use super::property::{Properties, Property};
use super::property_codec::{Place, read_properties};
use super::reader::Reader;
use super::reason::Reason;
use super::reason_codes::is_code_of;
use super::text::Text;
use crate::access;

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A client; also a bridge, toward the broker that it connects to.
    Client,
    /// A broker.
    Broker,
}

impl Sender {
    fn sends(self, kind: PacketKind) -> bool {
        match kind {
            PacketKind::Connect | PacketKind::Subscribe | PacketKind::Unsubscribe | PacketKind::PingReq => {
                self == Self::Client
            }
            PacketKind::ConnAck | PacketKind::SubAck | PacketKind::UnsubAck | PacketKind::PingResp => {
                self == Self::Broker
            }
            _ => true,
        }
    }
}

/// Reads a packet of a connection of the given version. A CONNECT tells its own version; `version` is not looked at.
pub fn decode(frame: &Frame, version: Version, sender: Sender) -> Result<Packet, Malformed> {
    let Some(kind) = PacketKind::from_first_byte(frame.first) else {
        let defect = Defect::UnknownKind;
        return Err(Malformed { kind: None, version: Some(version), defect, reason: defect.reason() });
    };
    let mut told = (kind != PacketKind::Connect).then_some(version);
    let mut reading =
        Reading { reader: Reader::new(&frame.body), kind, flags: frame.first & 0x0f, version, sender };
    reading.packet(&mut told).map_err(|defect| Malformed {
        kind: Some(kind),
        version: told,
        defect,
        reason: defect.reason(),
    })
}

/// A packet that is being read.
pub(super) struct Reading<'a> {
    pub(super) reader: Reader<'a>,
    kind: PacketKind,
    flags: u8,
    pub(super) version: Version,
    sender: Sender,
}

impl Reading<'_> {
    fn packet(&mut self, told: &mut Option<Version>) -> Result<Packet, Defect> {
        if self.kind == PacketKind::Auth && self.version != Version::V5 {
            return Err(Defect::NotInVersion);
        }
        if !self.sender.sends(self.kind) {
            return Err(Defect::WrongDirection);
        }
        self.check_flags()?;
        let packet = match self.kind {
            PacketKind::Connect => Packet::Connect(Box::new(read_connect(self, told)?)),
            PacketKind::ConnAck => Packet::ConnAck(read_connack(self)?),
            PacketKind::Publish => Packet::Publish(self.publish()?),
            PacketKind::PubAck => Packet::PubAck(self.ack()?),
            PacketKind::PubRec => Packet::PubRec(self.ack()?),
            PacketKind::PubRel => Packet::PubRel(self.ack()?),
            PacketKind::PubComp => Packet::PubComp(self.ack()?),
            PacketKind::Subscribe => Packet::Subscribe(self.subscribe()?),
            PacketKind::SubAck => Packet::SubAck(self.suback()?),
            PacketKind::Unsubscribe => Packet::Unsubscribe(self.unsubscribe()?),
            PacketKind::UnsubAck => Packet::UnsubAck(self.unsuback()?),
            PacketKind::PingReq => Packet::PingReq,
            PacketKind::PingResp => Packet::PingResp,
            PacketKind::Disconnect => Packet::Disconnect(self.disconnect()?),
            PacketKind::Auth => Packet::Auth(self.auth()?),
        };
        if self.reader.left() > 0 { Err(Defect::Trailing) } else { Ok(packet) }
    }

    fn check_flags(&self) -> Result<(), Defect> {
        let expected = match self.kind {
            PacketKind::Publish => return Ok(()),
            PacketKind::PubRel | PacketKind::Subscribe | PacketKind::Unsubscribe => 0b0010,
            _ => 0,
        };
        // 3.1 also had duplicates of these three.
        let is_duplicate = self.version == Version::V31 && expected != 0 && self.flags == expected | 0b1000;
        if self.flags == expected || is_duplicate { Ok(()) } else { Err(Defect::HeaderFlags) }
    }

    pub(super) fn properties(&mut self) -> Result<Properties, Defect> {
        if self.version != Version::V5 {
            return Ok(Properties::NONE);
        }
        read_properties(&mut self.reader, Place::Packet(self.kind, self.sender))
    }

    fn packet_id(&mut self) -> Result<u16, Defect> {
        match self.reader.u16(Field::Other)? {
            0 => Err(Defect::PacketIdZero),
            packet_id => Ok(packet_id),
        }
    }

    pub(super) fn reason(&mut self) -> Result<Reason, Defect> {
        let code = self.reader.u8(Field::Other)?;
        if is_code_of(code, self.kind, self.version, self.sender) {
            Ok(Reason(code))
        } else {
            Err(Defect::ReasonCode(code))
        }
    }

    fn publish(&mut self) -> Result<Publish, Defect> {
        let qos = QoS::from_number(self.flags >> 1 & 3).ok_or(Defect::QoS)?;
        let (dup, retain) = (self.flags & 0b1000 != 0, self.flags & 1 != 0);
        if dup && qos == QoS::AtMostOnce {
            return Err(Defect::DupAtMostOnce);
        }
        let topic = self.reader.text(Field::Topic)?;
        if self.version != Version::V5 && topic.is_empty() {
            return Err(Defect::TopicEmpty(Field::Topic));
        }
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { self.packet_id()? };
        let properties = self.properties()?;
        let has_alias = || properties.iter().any(|property| matches!(property, Property::TopicAlias(_)));
        if topic.is_empty() && !has_alias() {
            return Err(Defect::TopicEmpty(Field::Topic));
        }
        check_topic(&topic, Field::Topic)?;
        Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: self.reader.rest() })
    }

    fn ack(&mut self) -> Result<Ack, Defect> {
        let packet_id = self.packet_id()?;
        let (reason, properties) = self.end()?;
        Ok(Ack { packet_id, reason, properties })
    }

    /// A reason code and properties, each of which MQTT 5 may leave out, and which earlier versions have not.
    fn end(&mut self) -> Result<(Reason, Properties), Defect> {
        if self.version != Version::V5 || self.reader.left() == 0 {
            return Ok((Reason::SUCCESS, Properties::NONE));
        }
        let reason = self.reason()?;
        let properties = if self.reader.left() == 0 { Properties::NONE } else { self.properties()? };
        Ok((reason, properties))
    }

    fn subscribe(&mut self) -> Result<Subscribe, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        let mut subscriptions = Vec::new();
        while self.reader.left() > 0 {
            subscriptions.push(self.subscription()?);
        }
        if subscriptions.is_empty() {
            return Err(Defect::NoFilter);
        }
        Ok(Subscribe { packet_id, properties, subscriptions })
    }

    fn subscription(&mut self) -> Result<Subscription, Defect> {
        let filter = self.filter()?;
        let options = self.reader.u8(Field::Filter)?;
        let qos = QoS::from_number(options & 3);
        let retain_handling = match options >> 4 & 3 {
            0 => Some(RetainHandling::Send),
            1 => Some(RetainHandling::SendIfNew),
            2 => Some(RetainHandling::DoNotSend),
            _ => None,
        };
        let reserved = if self.version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
        match (qos, retain_handling, options & reserved) {
            (Some(qos), Some(retain_handling), 0) => {
                let no_local = options & 0b0100 != 0;
                if no_local && filter.as_bytes().starts_with(b"$share/") {
                    return Err(Defect::SharedNoLocal);
                }
                let retain_as_published = options & 0b1000 != 0;
                Ok(Subscription { filter, qos, no_local, retain_as_published, retain_handling })
            }
            _ => Err(Defect::SubscriptionOptions),
        }
    }

    fn filter(&mut self) -> Result<Text, Defect> {
        let filter = self.reader.text(Field::Filter)?;
        access::check(filter.as_bytes()).map_err(Defect::Filter)?;
        Ok(filter)
    }

    fn suback(&mut self) -> Result<SubAck, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        Ok(SubAck { packet_id, properties, reasons: self.reasons()? })
    }

    fn reasons(&mut self) -> Result<Vec<Reason>, Defect> {
        let mut reasons = Vec::with_capacity(self.reader.left());
        while self.reader.left() > 0 {
            reasons.push(self.reason()?);
        }
        if reasons.is_empty() { Err(Defect::NoFilter) } else { Ok(reasons) }
    }

    fn unsubscribe(&mut self) -> Result<Unsubscribe, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        let mut filters = Vec::new();
        while self.reader.left() > 0 {
            filters.push(self.filter()?);
        }
        if filters.is_empty() {
            return Err(Defect::NoFilter);
        }
        Ok(Unsubscribe { packet_id, properties, filters })
    }

    fn unsuback(&mut self) -> Result<UnsubAck, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        let reasons = if self.version == Version::V5 { self.reasons()? } else { Vec::new() };
        Ok(UnsubAck { packet_id, properties, reasons })
    }

    fn disconnect(&mut self) -> Result<Disconnect, Defect> {
        let (reason, properties) = self.end()?;
        Ok(Disconnect { reason, properties })
    }

    fn auth(&mut self) -> Result<Auth, Defect> {
        let (reason, properties) = self.end()?;
        Ok(Auth { reason, properties })
    }
}

/// Whether a text can be the topic of a message. An empty one is not refused here: an alias may stand for it.
pub(super) fn check_topic(topic: &Text, field: Field) -> Result<(), Defect> {
    let bytes = topic.as_bytes();
    if bytes.iter().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(Defect::TopicWildcard(field));
    }
    let separators = bytes.iter().filter(|byte| **byte == b'/').count();
    if separators >= access::MAX_LEVELS { Err(Defect::TopicDeep(field)) } else { Ok(()) }
}
