//! What can be wrong with a packet.

use std::fmt;

use crate::access::InvalidFilter;

use super::packet::{PacketKind, Version};
use super::property::PropertyKind;
use super::reason::Reason;

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// It is not UTF-8, surrogates included.
    NotUtf8,
    /// It holds U+0000.
    Nul,
    /// It holds another control character, U+0001 to U+001F or U+007F to U+009F.
    Control,
    /// It holds a code point that never is a character, such as U+FFFF.
    NonCharacter,
}

/// Which text or value of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The name of the protocol.
    Protocol,
    /// The client id.
    ClientId,
    /// The topic of a message.
    Topic,
    /// The topic of the will.
    WillTopic,
    /// The payload of the will.
    WillPayload,
    /// The user name.
    UserName,
    /// The password.
    Password,
    /// A filter of a subscription.
    Filter,
    /// A property.
    Property,
    /// Something else.
    Other,
}

/// What is wrong with a shared subscription, `$share/GROUP/FILTER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedFault {
    /// `$share` and nothing else.
    Bare,
    /// There is no filter behind the group.
    NoFilter,
    /// The group has no name.
    EmptyGroup,
    /// The group is a wildcard.
    WildcardGroup,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// There is no packet with that number.
    UnknownKind,
    /// The connection is not at the point where it may come; only [`refusal`](crate::broker::refusal) finds that.
    OutOfPlace,
    /// Only the other side may send it.
    WrongDirection,
    /// The version has no such packet.
    NotInVersion,
    /// The flags of the first byte are not those of the packet.
    HeaderFlags,
    /// Quality of service 3.
    QoS,
    /// A duplicate of a message with quality of service 0.
    DupAtMostOnce,
    /// It ends within the named field.
    Short(Field),
    /// Bytes are left behind the last field.
    Trailing,
    /// The packet identifier is 0.
    PacketIdZero,
    /// A text is not one.
    Text(Field, TextFault),
    /// The topic is empty, and no alias stands for it.
    TopicEmpty(Field),
    /// The topic holds a wildcard.
    TopicWildcard(Field),
    /// The topic has too many levels.
    TopicDeep(Field),
    /// The filter is none.
    Filter(InvalidFilter),
    /// A shared subscription that has no group or no filter.
    SharedFilter(SharedFault),
    /// A shared subscription without the client's own messages.
    SharedNoLocal,
    /// The protocol has another name; the level where that name is as long as a known one.
    ProtocolName(Option<u8>),
    /// The protocol has no such level under that name.
    ProtocolLevel(u8),
    /// The reserved flag of a CONNECT is set.
    ConnectFlags,
    /// Flags of the will are set, and there is no will.
    WillFlags,
    /// Quality of service 3 of the will.
    WillQoS,
    /// No client id, in 3.1, or for a session that is to last, in 3.1.1.
    ClientIdMissing,
    /// A password without a user name, before MQTT 5.
    PasswordWithoutUserName,
    /// The flags of a CONNACK.
    ConnAckFlags,
    /// No filter.
    NoFilter,
    /// Options of a subscription that are reserved or out of range.
    SubscriptionOptions,
    /// A reason code that this packet cannot have.
    ReasonCode(u8),
    /// The length of the properties is longer than it needs to be, or has no end.
    PropertyLength,
    /// The properties are longer than the packet, or end within one.
    PropertyEnd,
    /// There is no such property.
    PropertyUnknown(u32),
    /// The packet cannot have this property.
    PropertyMisplaced(PropertyKind),
    /// It comes twice.
    PropertyTwice(PropertyKind),
    /// Its value is out of range.
    PropertyValue(PropertyKind),
    /// Authentication data without a method.
    AuthenticationDataAlone,
}

impl Defect {
    /// What MQTT 5 calls it.
    pub fn reason(self) -> Reason {
        match self {
            Self::WrongDirection
            | Self::OutOfPlace
            | Self::NotInVersion
            | Self::TopicEmpty(_)
            | Self::SharedNoLocal
            | Self::NoFilter
            | Self::PacketIdZero
            | Self::PasswordWithoutUserName
            | Self::PropertyMisplaced(_)
            | Self::PropertyTwice(_)
            | Self::AuthenticationDataAlone => Reason::PROTOCOL_ERROR,
            Self::PropertyValue(PropertyKind::TopicAlias) => Reason::TOPIC_ALIAS_INVALID,
            Self::PropertyValue(_) => Reason::PROTOCOL_ERROR,
            Self::ProtocolName(_) | Self::ProtocolLevel(_) => Reason::UNSUPPORTED_VERSION,
            Self::ClientIdMissing => Reason::CLIENT_ID_INVALID,
            Self::TopicWildcard(_) | Self::TopicDeep(_) => Reason::TOPIC_NAME_INVALID,
            Self::Filter(_) | Self::SharedFilter(_) => Reason::TOPIC_FILTER_INVALID,
            _ => Reason::MALFORMED_PACKET,
        }
    }
}

/// A packet that is not as the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which packet it claims to be; `None` for the reserved number 0.
    pub kind: Option<PacketKind>,
    /// The version of the connection; of a CONNECT the one that it names, if it could be read.
    pub version: Option<Version>,
    /// The first thing that is wrong.
    pub defect: Defect,
    /// What MQTT 5 calls that.
    pub reason: Reason,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{} is malformed: {}", kind.name(), self.defect),
            None => write!(f, "{}", self.defect),
        }
    }
}

impl std::error::Error for Malformed {}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "is not UTF-8",
            Self::Nul => "holds a NUL",
            Self::Control => "holds a control character",
            Self::NonCharacter => "holds a code point that is no character",
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "the name of the protocol",
            Self::ClientId => "the client id",
            Self::Topic => "the topic",
            Self::WillTopic => "the topic of the will",
            Self::WillPayload => "the payload of the will",
            Self::UserName => "the user name",
            Self::Password => "the password",
            Self::Filter => "the filter",
            Self::Property => "a property",
            Self::Other => "a field",
        })
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfPlace => f.write_str("it may not come at this point"),
            Self::UnknownKind => f.write_str("there is no packet of kind 0"),
            Self::WrongDirection => f.write_str("only the other side sends it"),
            Self::NotInVersion => f.write_str("the version has no such packet"),
            Self::HeaderFlags => f.write_str("its flags are reserved"),
            Self::QoS => f.write_str("there is no quality of service 3"),
            Self::DupAtMostOnce => f.write_str("a message of quality of service 0 is no duplicate"),
            Self::Short(field) => write!(f, "it ends before {field} does"),
            Self::Trailing => f.write_str("it goes on behind its last field"),
            Self::PacketIdZero => f.write_str("the packet identifier is 0"),
            Self::Text(field, fault) => write!(f, "{field} {fault}"),
            Self::TopicEmpty(field) => write!(f, "{field} is empty"),
            Self::TopicWildcard(field) => write!(f, "{field} holds a wildcard"),
            Self::TopicDeep(field) => write!(f, "{field} has too many levels"),
            Self::Filter(why) => write!(f, "{why}"),
            Self::SharedFilter(SharedFault::Bare | SharedFault::NoFilter) => {
                f.write_str("a shared subscription has a group and a filter")
            }
            Self::SharedFilter(_) => {
                f.write_str("the group of a shared subscription is a name without wildcards")
            }
            Self::SharedNoLocal => f.write_str("a shared subscription cannot leave out own messages"),
            Self::ClientIdMissing => f.write_str("the client id is empty"),
            Self::ProtocolName(_) => f.write_str("the protocol is not MQTT"),
            Self::ProtocolLevel(level) => write!(f, "there is no protocol level {level} under that name"),
            Self::ConnectFlags => f.write_str("the reserved flag is set"),
            Self::WillFlags => f.write_str("flags of a will are set without a will"),
            Self::WillQoS => f.write_str("there is no quality of service 3 for a will"),
            Self::PasswordWithoutUserName => f.write_str("a password comes without a user name"),
            Self::ConnAckFlags => f.write_str("reserved flags are set"),
            Self::NoFilter => f.write_str("it has no filter"),
            Self::SubscriptionOptions => f.write_str("the options of a subscription are reserved"),
            Self::ReasonCode(code) => write!(f, "it cannot have the reason code {code}"),
            Self::PropertyLength => f.write_str("a length of properties is written too long"),
            Self::PropertyEnd => f.write_str("its properties do not fit their length"),
            Self::PropertyUnknown(number) => write!(f, "there is no property {number}"),
            Self::PropertyMisplaced(kind) => write!(f, "it cannot have the property {}", kind.name()),
            Self::PropertyTwice(kind) => write!(f, "the property {} comes twice", kind.name()),
            Self::PropertyValue(kind) => write!(f, "the property {} has no such value", kind.name()),
            Self::AuthenticationDataAlone => f.write_str("authentication data comes without a method"),
        }
    }
}
