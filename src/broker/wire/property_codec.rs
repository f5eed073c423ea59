//! Properties on the wire: which packet may have which, how they are read and written.

use bytes::{BufMut, Bytes, BytesMut};

use super::defect::{Defect, Field};
use super::packet::PacketKind;
use super::property::{Properties, Property, PropertyKind};
use super::read::{Sender, check_topic};
use super::reader::Reader;
use super::text::Text;
use super::write::{bytes_len, put_bytes, put_variable, variable_len};

/// What has properties: a packet, or the will of a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Packet(PacketKind, Sender),
    Will,
}

impl Place {
    fn allows(self, property: PropertyKind) -> bool {
        use PropertyKind as P;
        let Self::Packet(kind, sender) = self else {
            return matches!(property, P::WillDelayInterval | P::UserProperty) || is_of_message(property);
        };
        if property == P::UserProperty {
            return true;
        }
        match kind {
            PacketKind::Connect => matches!(
                property,
                P::SessionExpiryInterval
                    | P::AuthenticationMethod
                    | P::AuthenticationData
                    | P::RequestProblemInformation
                    | P::RequestResponseInformation
                    | P::ReceiveMaximum
                    | P::TopicAliasMaximum
                    | P::MaximumPacketSize
            ),
            PacketKind::ConnAck => {
                !is_of_message(property)
                    && !matches!(
                        property,
                        P::SubscriptionIdentifier
                            | P::RequestProblemInformation
                            | P::RequestResponseInformation
                            | P::WillDelayInterval
                            | P::TopicAlias
                    )
            }
            PacketKind::Publish => {
                is_of_message(property)
                    || property == P::TopicAlias
                    || property == P::SubscriptionIdentifier && sender == Sender::Broker
            }
            PacketKind::Subscribe => property == P::SubscriptionIdentifier,
            PacketKind::Unsubscribe | PacketKind::PingReq | PacketKind::PingResp => false,
            PacketKind::PubAck
            | PacketKind::PubRec
            | PacketKind::PubRel
            | PacketKind::PubComp
            | PacketKind::SubAck
            | PacketKind::UnsubAck => property == P::ReasonString,
            PacketKind::Disconnect => match property {
                P::ReasonString => true,
                P::SessionExpiryInterval => sender == Sender::Client,
                P::ServerReference => sender == Sender::Broker,
                _ => false,
            },
            PacketKind::Auth => {
                matches!(property, P::AuthenticationMethod | P::AuthenticationData | P::ReasonString)
            }
        }
    }

    fn allows_twice(self, property: PropertyKind) -> bool {
        property == PropertyKind::UserProperty
            || property == PropertyKind::SubscriptionIdentifier
                && matches!(self, Self::Packet(PacketKind::Publish, _))
    }
}

/// Whether it goes with a message from its publisher to its receivers.
fn is_of_message(property: PropertyKind) -> bool {
    matches!(
        property,
        PropertyKind::PayloadFormatIndicator
            | PropertyKind::MessageExpiryInterval
            | PropertyKind::ContentType
            | PropertyKind::ResponseTopic
            | PropertyKind::CorrelationData
    )
}

/// Reads properties behind their length; `forgives` tells which defects do not matter.
pub(super) fn read_properties(
    reader: &mut Reader<'_>,
    place: Place,
    forgives: impl Fn(Defect) -> bool,
) -> Result<Properties, Defect> {
    let length = reader.variable(Field::Property)?;
    if length == 0 {
        return Ok(Properties::NONE);
    }
    // A property that is longer than what is left of the length does not end the reading: the releases go on behind it,
    // and what is wrong first there decides about their answer.
    let end = reader.left() as i64 - i64::from(length);
    let mut properties = Properties::NONE;
    while reader.left() as i64 != end {
        let number = reader.variable(Field::Property).map_err(inside)?;
        let kind = PropertyKind::from_number(number).ok_or(Defect::PropertyUnknown(number))?;
        properties.push(read_value(kind, reader).map_err(inside)?);
    }
    check(&properties, place, forgives)?;
    Ok(properties)
}

/// Whether a packet can have these properties, once all could be read: so does every known release.
fn check(properties: &Properties, place: Place, forgives: impl Fn(Defect) -> bool) -> Result<(), Defect> {
    let mut seen = 0u64;
    for property in properties.iter() {
        let kind = property.kind();
        let bit = 1 << kind as u32;
        let defects = [
            (!is_in_range(property), Defect::PropertyValue(kind)),
            (!place.allows(kind), Defect::PropertyMisplaced(kind)),
            (seen & bit != 0 && !place.allows_twice(kind), Defect::PropertyTwice(kind)),
        ];
        for (is_there, defect) in defects {
            if is_there && !forgives(defect) {
                return Err(defect);
            }
        }
        seen |= bit;
    }
    // An empty method is none.
    let is_method =
        |property: &Property| matches!(property, Property::AuthenticationMethod(name) if !name.is_empty());
    let has_data = seen & (1 << PropertyKind::AuthenticationData as u32) != 0;
    let is_alone = has_data && !properties.iter().any(is_method);
    if is_alone && !forgives(Defect::AuthenticationDataAlone) {
        return Err(Defect::AuthenticationDataAlone);
    }
    Ok(())
}

/// A property that ends behind all of them is another defect than a packet that ends too early.
fn inside(defect: Defect) -> Defect {
    match defect {
        Defect::Short(_) => Defect::PropertyEnd,
        other => other,
    }
}

fn is_in_range(property: &Property) -> bool {
    match property {
        Property::PayloadFormatIndicator(value)
        | Property::RequestProblemInformation(value)
        | Property::RequestResponseInformation(value)
        | Property::MaximumQoS(value)
        | Property::RetainAvailable(value)
        | Property::WildcardSubscriptionAvailable(value)
        | Property::SubscriptionIdentifierAvailable(value)
        | Property::SharedSubscriptionAvailable(value) => *value <= 1,
        Property::ReceiveMaximum(value) | Property::TopicAlias(value) => *value != 0,
        Property::SubscriptionIdentifier(value) | Property::MaximumPacketSize(value) => *value != 0,
        Property::ResponseTopic(topic) => !topic.is_empty() && check_topic(topic, Field::Property).is_ok(),
        _ => true,
    }
}

fn read_value(kind: PropertyKind, reader: &mut Reader<'_>) -> Result<Property, Defect> {
    use PropertyKind as P;
    let field = Field::Property;
    Ok(match kind {
        P::PayloadFormatIndicator => Property::PayloadFormatIndicator(reader.u8(field)?),
        P::MessageExpiryInterval => Property::MessageExpiryInterval(reader.u32(field)?),
        P::ContentType => Property::ContentType(reader.text(field)?),
        P::ResponseTopic => Property::ResponseTopic(reader.text(field)?),
        P::CorrelationData => Property::CorrelationData(reader.bytes(field)?),
        P::SubscriptionIdentifier => Property::SubscriptionIdentifier(reader.variable(field)?),
        P::SessionExpiryInterval => Property::SessionExpiryInterval(reader.u32(field)?),
        P::AssignedClientIdentifier => Property::AssignedClientIdentifier(reader.text(field)?),
        P::ServerKeepAlive => Property::ServerKeepAlive(reader.u16(field)?),
        P::AuthenticationMethod => Property::AuthenticationMethod(reader.text(field)?),
        P::AuthenticationData => Property::AuthenticationData(reader.bytes(field)?),
        P::RequestProblemInformation => Property::RequestProblemInformation(reader.u8(field)?),
        P::WillDelayInterval => Property::WillDelayInterval(reader.u32(field)?),
        P::RequestResponseInformation => Property::RequestResponseInformation(reader.u8(field)?),
        P::ResponseInformation => Property::ResponseInformation(reader.text(field)?),
        P::ServerReference => Property::ServerReference(reader.text(field)?),
        P::ReasonString => Property::ReasonString(reader.text(field)?),
        P::ReceiveMaximum => Property::ReceiveMaximum(reader.u16(field)?),
        P::TopicAliasMaximum => Property::TopicAliasMaximum(reader.u16(field)?),
        P::TopicAlias => Property::TopicAlias(reader.u16(field)?),
        P::MaximumQoS => Property::MaximumQoS(reader.u8(field)?),
        P::RetainAvailable => Property::RetainAvailable(reader.u8(field)?),
        P::UserProperty => Property::UserProperty(reader.text(field)?, reader.text(field)?),
        P::MaximumPacketSize => Property::MaximumPacketSize(reader.u32(field)?),
        P::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(reader.u8(field)?),
        P::SubscriptionIdentifierAvailable => Property::SubscriptionIdentifierAvailable(reader.u8(field)?),
        P::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(reader.u8(field)?),
    })
}

/// A value as it stands on the wire.
enum Value<'a> {
    One(u8),
    Two(u16),
    Four(u32),
    Variable(u32),
    Text(&'a Text),
    Pair(&'a Text, &'a Text),
    Bytes(&'a Bytes),
}

fn value(property: &Property) -> Value<'_> {
    match property {
        Property::PayloadFormatIndicator(value)
        | Property::RequestProblemInformation(value)
        | Property::RequestResponseInformation(value)
        | Property::MaximumQoS(value)
        | Property::RetainAvailable(value)
        | Property::WildcardSubscriptionAvailable(value)
        | Property::SubscriptionIdentifierAvailable(value)
        | Property::SharedSubscriptionAvailable(value) => Value::One(*value),
        Property::ServerKeepAlive(value)
        | Property::ReceiveMaximum(value)
        | Property::TopicAliasMaximum(value)
        | Property::TopicAlias(value) => Value::Two(*value),
        Property::MessageExpiryInterval(value)
        | Property::SessionExpiryInterval(value)
        | Property::WillDelayInterval(value)
        | Property::MaximumPacketSize(value) => Value::Four(*value),
        Property::SubscriptionIdentifier(value) => Value::Variable(*value),
        Property::ContentType(text)
        | Property::ResponseTopic(text)
        | Property::AssignedClientIdentifier(text)
        | Property::AuthenticationMethod(text)
        | Property::ResponseInformation(text)
        | Property::ServerReference(text)
        | Property::ReasonString(text) => Value::Text(text),
        Property::UserProperty(name, text) => Value::Pair(name, text),
        Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => Value::Bytes(bytes),
    }
}

/// Bytes of a property, its number included.
pub(super) fn property_len(property: &Property) -> usize {
    1 + match value(property) {
        Value::One(_) => 1,
        Value::Two(_) => 2,
        Value::Four(_) => 4,
        Value::Variable(value) => variable_len(value as usize),
        Value::Text(text) => bytes_len(text.as_bytes()),
        Value::Pair(name, text) => bytes_len(name.as_bytes()) + bytes_len(text.as_bytes()),
        Value::Bytes(bytes) => bytes_len(bytes),
    }
}

/// Bytes of properties without their length.
pub(super) fn properties_len(properties: &[Property]) -> usize {
    properties.iter().map(property_len).sum()
}

/// Writes properties without their length.
pub(super) fn put_properties(properties: &[Property], out: &mut BytesMut) {
    for property in properties {
        out.put_u8(property.kind() as u8);
        match value(property) {
            Value::One(value) => out.put_u8(value),
            Value::Two(value) => out.put_u16(value),
            Value::Four(value) => out.put_u32(value),
            Value::Variable(value) => put_variable(value as usize, out),
            Value::Text(text) => put_bytes(text.as_bytes(), out),
            Value::Pair(name, text) => {
                put_bytes(name.as_bytes(), out);
                put_bytes(text.as_bytes(), out);
            }
            Value::Bytes(bytes) => put_bytes(bytes, out),
        }
    }
}
