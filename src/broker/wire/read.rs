//! Packets from their bytes.

use super::connect::{read_connack, read_connect};
use super::defect::{Defect, Field, Malformed, SharedFault};
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
use crate::access::{self, InvalidFilter};

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

/// Tells which defects of a packet do not matter, so that it is read all the same.
///
/// Only these can be forgiven: flags of the first byte and of a CONNECT, level 133 (5 with the bit of a bridge: it
/// has no properties), a wrong direction, duplicates with quality of service 0, bytes behind the last field, reason
/// codes, no filter, an empty filter of a SUBSCRIBE (which is left out), shared subscriptions, the place, number and value of properties, authentication data alone; and
/// user name and password of a CONNECT that are no text or end too early, which are then left out.
pub type Forgive<'a> = &'a dyn Fn(PacketKind, Version, Defect) -> bool;

/// Reads a packet of a connection of the given version. A CONNECT tells its own version; `version` is not looked at.
pub fn decode(frame: &Frame, version: Version, sender: Sender) -> Result<Packet, Malformed> {
    decode_forgiving(frame, version, sender, &|_, _, _| false)
}

/// Reads a packet whose reader does not mind some defects.
pub fn decode_forgiving(
    frame: &Frame,
    version: Version,
    sender: Sender,
    forgives: Forgive<'_>,
) -> Result<Packet, Malformed> {
    let Some(kind) = PacketKind::from_first_byte(frame.first) else {
        let defect = Defect::UnknownKind;
        return Err(Malformed { kind: None, version: Some(version), defect, reason: defect.reason() });
    };
    let mut told = (kind != PacketKind::Connect).then_some(version);
    let (reader, flags) = (Reader::new(&frame.body), frame.first & 0x0f);
    let mut reading = Reading { reader, kind, flags, version, sender, forgives };
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
    forgives: Forgive<'a>,
}

impl<'a> Reading<'a> {
    fn forgives(&self, defect: Defect) -> bool {
        (self.forgives)(self.kind, self.version, defect)
    }

    /// A defect, unless it is forgiven.
    pub(super) fn refuse(&self, defect: Defect) -> Result<(), Defect> {
        if self.forgives(defect) { Ok(()) } else { Err(defect) }
    }

    /// A field that is left out where its defect is forgiven.
    pub(super) fn optional<T>(
        &mut self,
        field: Field,
        read: impl FnOnce(&mut Reader<'a>, Field) -> Result<T, Defect>,
    ) -> Result<Option<T>, Defect> {
        match read(&mut self.reader, field) {
            Ok(value) => Ok(Some(value)),
            Err(defect) => self.refuse(defect).map(|()| None),
        }
    }

    fn packet(&mut self, told: &mut Option<Version>) -> Result<Packet, Defect> {
        if self.kind == PacketKind::Auth && self.version != Version::V5 {
            return Err(Defect::NotInVersion);
        }
        if self.kind != PacketKind::Connect {
            self.check_flags()?;
        }
        if !self.sender.sends(self.kind) {
            self.refuse(Defect::WrongDirection)?;
        }
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
        if self.reader.left() > 0 {
            self.refuse(Defect::Trailing)?;
        }
        Ok(packet)
    }

    pub(super) fn check_flags(&self) -> Result<(), Defect> {
        let expected = match self.kind {
            PacketKind::Publish => return Ok(()),
            PacketKind::PubRel | PacketKind::Subscribe | PacketKind::Unsubscribe => 0b0010,
            _ => 0,
        };
        if self.flags == expected { Ok(()) } else { self.refuse(Defect::HeaderFlags) }
    }

    pub(super) fn properties(&mut self) -> Result<Properties, Defect> {
        self.properties_of(Place::Packet(self.kind, self.sender))
    }

    pub(super) fn properties_of(&mut self, place: Place) -> Result<Properties, Defect> {
        if self.version != Version::V5 {
            return Ok(Properties::NONE);
        }
        let (forgives, kind, version) = (self.forgives, self.kind, self.version);
        read_properties(&mut self.reader, place, |defect| forgives(kind, version, defect))
    }

    fn packet_id(&mut self) -> Result<u16, Defect> {
        match self.reader.u16(Field::Other)? {
            0 => Err(Defect::PacketIdZero),
            packet_id => Ok(packet_id),
        }
    }

    pub(super) fn reason(&mut self) -> Result<Reason, Defect> {
        let code = self.reader.u8(Field::Other)?;
        self.check_reason(code)
    }

    fn check_reason(&self, code: u8) -> Result<Reason, Defect> {
        if !is_code_of(code, self.kind, self.version, self.sender) {
            self.refuse(Defect::ReasonCode(code))?;
        }
        Ok(Reason(code))
    }

    fn publish(&mut self) -> Result<Publish, Defect> {
        let qos = QoS::from_number(self.flags >> 1 & 3).ok_or(Defect::QoS)?;
        let (dup, retain) = (self.flags & 0b1000 != 0, self.flags & 1 != 0);
        if dup && qos == QoS::AtMostOnce {
            self.refuse(Defect::DupAtMostOnce)?;
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
        let code = self.reader.u8(Field::Other)?;
        // The releases do so, and one defect may hide another.
        if matches!(self.kind, PacketKind::PubRec | PacketKind::PubRel) {
            self.check_reason(code)?;
        }
        let properties = if self.reader.left() == 0 { Properties::NONE } else { self.properties()? };
        Ok((self.check_reason(code)?, properties))
    }

    fn subscribe(&mut self) -> Result<Subscribe, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        let mut subscriptions = Vec::new();
        while self.reader.left() > 0 {
            let filter = self.reader.text(Field::Filter)?;
            if filter.is_empty() {
                // Passed over where it is forgiven, as if it had no options.
                self.refuse(Defect::Filter(InvalidFilter::Empty))?;
                continue;
            }
            subscriptions.push(self.subscription(filter)?);
        }
        if subscriptions.is_empty() {
            self.refuse(Defect::NoFilter)?;
        }
        Ok(Subscribe { packet_id, properties, subscriptions })
    }

    fn subscription(&mut self, filter: Text) -> Result<Subscription, Defect> {
        access::check(filter.as_bytes()).map_err(Defect::Filter)?;
        let options = self.reader.u8(Field::Filter)?;
        let no_local = self.version == Version::V5 && options & 0b0100 != 0;
        if no_local && filter.as_bytes().starts_with(b"$share/") {
            self.refuse(Defect::SharedNoLocal)?;
        }
        let reserved = if self.version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
        if options & reserved != 0 {
            return Err(Defect::SubscriptionOptions);
        }
        let qos = QoS::from_number(options & 3).ok_or(Defect::SubscriptionOptions)?;
        let retain_handling = match options >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(Defect::SubscriptionOptions),
        };
        self.check_shared(&filter)?;
        Ok(Subscription {
            filter,
            qos,
            no_local,
            retain_as_published: options & 0b1000 != 0,
            retain_handling,
        })
    }

    fn check_shared(&self, filter: &Text) -> Result<(), Defect> {
        match shared_fault(filter.as_bytes()) {
            Some(fault) => self.refuse(Defect::SharedFilter(fault)),
            None => Ok(()),
        }
    }

    fn suback(&mut self) -> Result<SubAck, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        // Brokers answer so to the empty SUBSCRIBE, which they take from 3.1 clients only.
        let can_be_empty = self.version == Version::V31 && self.sender == Sender::Broker;
        let is_empty = can_be_empty && self.reader.left() == 0;
        let reasons = if is_empty { Vec::new() } else { self.reasons()? };
        Ok(SubAck { packet_id, properties, reasons })
    }

    fn reasons(&mut self) -> Result<Vec<Reason>, Defect> {
        let mut reasons = Vec::with_capacity(self.reader.left());
        while self.reader.left() > 0 {
            reasons.push(self.reason()?);
        }
        if reasons.is_empty() {
            self.refuse(Defect::NoFilter)?;
        }
        Ok(reasons)
    }

    fn unsubscribe(&mut self) -> Result<Unsubscribe, Defect> {
        let packet_id = self.packet_id()?;
        let properties = self.properties()?;
        let mut filters = Vec::new();
        while self.reader.left() > 0 {
            let filter = self.reader.text(Field::Filter)?;
            access::check(filter.as_bytes()).map_err(Defect::Filter)?;
            self.check_shared(&filter)?;
            filters.push(filter);
        }
        if filters.is_empty() {
            self.refuse(Defect::NoFilter)?;
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

/// What is wrong with a valid filter as a shared subscription.
fn shared_fault(filter: &[u8]) -> Option<SharedFault> {
    if filter == b"$share" {
        return Some(SharedFault::Bare);
    }
    let mut parts = filter.strip_prefix(b"$share/")?.splitn(2, |byte| *byte == b'/');
    let group = parts.next().unwrap_or_default();
    if parts.next().unwrap_or_default().is_empty() {
        Some(SharedFault::NoFilter)
    } else if group.is_empty() {
        Some(SharedFault::EmptyGroup)
    } else if group == b"+" {
        Some(SharedFault::WildcardGroup)
    } else {
        None
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
