//! Packets as values.

use bytes::Bytes;

use super::property::Properties;
use super::reason::Reason;
use super::text::Text;

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// 3.1, protocol name `MQIsdp`, level 3.
    V31,
    /// 3.1.1, level 4.
    V311,
    /// 5.0, level 5.
    V5,
}

/// Quality of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QoS {
    /// 0: sent once, never acknowledged.
    #[default]
    AtMostOnce,
    /// 1: acknowledged.
    AtLeastOnce,
    /// 2: acknowledged in two steps.
    ExactlyOnce,
}

impl Version {
    /// The name and the level by which a CONNECT tells it.
    pub fn name_and_level(self) -> (&'static str, u8) {
        match self {
            Self::V31 => ("MQIsdp", 3),
            Self::V311 => ("MQTT", 4),
            Self::V5 => ("MQTT", 5),
        }
    }
}

impl QoS {
    /// By its number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Which packet it is, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum PacketKind {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketKind {
    /// By its number on the wire.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// By the first byte of a packet.
    pub fn from_first_byte(first: u8) -> Option<Self> {
        Self::from_number(first >> 4)
    }

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

/// A packet of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// The client's first packet.
    Connect(Box<Connect>),
    /// The answer to it.
    ConnAck(ConnAck),
    /// A message.
    Publish(Publish),
    /// QoS 1: it was received.
    PubAck(Ack),
    /// QoS 2: it was received.
    PubRec(Ack),
    /// QoS 2: it is released.
    PubRel(Ack),
    /// QoS 2: it is done.
    PubComp(Ack),
    /// New subscriptions.
    Subscribe(Subscribe),
    /// The answer to it.
    SubAck(SubAck),
    /// The end of subscriptions.
    Unsubscribe(Unsubscribe),
    /// The answer to it.
    UnsubAck(UnsubAck),
    /// A sign of life.
    PingReq,
    /// The answer to it.
    PingResp,
    /// The end.
    Disconnect(Disconnect),
    /// Enhanced authentication; MQTT 5 only.
    Auth(Auth),
}

/// CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The protocol version.
    pub version: Version,
    /// Whether the top bit of the level is set, by which bridges tell a broker that they are one (3.1 and 3.1.1).
    pub is_bridge: bool,
    /// Clean session; in MQTT 5 clean start.
    pub clean_start: bool,
    /// Seconds; 0 for none.
    pub keep_alive: u16,
    /// Properties of the connection.
    pub properties: Properties,
    /// The client id, which may be empty.
    pub client_id: Text,
    /// The will.
    pub will: Option<Will>,
    /// The user name.
    pub user_name: Option<Text>,
    /// The password.
    pub password: Option<Bytes>,
}

/// The message that is sent when the connection breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Its topic.
    pub topic: Text,
    /// Its payload.
    pub payload: Bytes,
    /// Its quality of service.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Its properties.
    pub properties: Properties,
}

/// CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether a stored session is taken up.
    pub session_present: bool,
    /// The return code (3.1, 3.1.1: 0 to 5) or reason code.
    pub reason: Reason,
    /// Properties.
    pub properties: Properties,
}

/// PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Whether it may have been sent before.
    pub dup: bool,
    /// Quality of service.
    pub qos: QoS,
    /// Whether it is, or is to be, retained.
    pub retain: bool,
    /// The topic; empty where an alias stands for it.
    pub topic: Text,
    /// The packet identifier; 0 with QoS 0.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties,
    /// The payload.
    pub payload: Bytes,
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The packet identifier.
    pub packet_id: u16,
    /// The reason code; success in versions that have none.
    pub reason: Reason,
    /// Properties.
    pub properties: Properties,
}

/// What is sent of retained messages when a subscription is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// 0: all.
    #[default]
    Send,
    /// 1: all, unless the subscription was there before.
    SendIfNew,
    /// 2: none.
    DoNotSend,
}

/// A filter of a SUBSCRIBE and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The filter, `$share/…` included.
    pub filter: Text,
    /// Highest quality of service.
    pub qos: QoS,
    /// The client's own messages are not sent back to it.
    pub no_local: bool,
    /// The retain flag is kept as it was published.
    pub retain_as_published: bool,
    /// What is sent of retained messages.
    pub retain_handling: RetainHandling,
}

/// SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The packet identifier.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties,
    /// At least one filter.
    pub subscriptions: Vec<Subscription>,
}

/// SUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// The packet identifier.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties,
    /// One for each filter: the granted quality of service, or why it was not granted.
    pub reasons: Vec<Reason>,
}

/// UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The packet identifier.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties,
    /// At least one filter.
    pub filters: Vec<Text>,
}

/// UNSUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck {
    /// The packet identifier.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties,
    /// One for each filter in MQTT 5, none before.
    pub reasons: Vec<Reason>,
}

/// DISCONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// The reason code; success in versions that have none.
    pub reason: Reason,
    /// Properties.
    pub properties: Properties,
}

/// AUTH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The reason code.
    pub reason: Reason,
    /// Properties.
    pub properties: Properties,
}

impl Packet {
    /// Which packet it is.
    pub fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::Connect,
            Self::ConnAck(_) => PacketKind::ConnAck,
            Self::Publish(_) => PacketKind::Publish,
            Self::PubAck(_) => PacketKind::PubAck,
            Self::PubRec(_) => PacketKind::PubRec,
            Self::PubRel(_) => PacketKind::PubRel,
            Self::PubComp(_) => PacketKind::PubComp,
            Self::Subscribe(_) => PacketKind::Subscribe,
            Self::SubAck(_) => PacketKind::SubAck,
            Self::Unsubscribe(_) => PacketKind::Unsubscribe,
            Self::UnsubAck(_) => PacketKind::UnsubAck,
            Self::PingReq => PacketKind::PingReq,
            Self::PingResp => PacketKind::PingResp,
            Self::Disconnect(_) => PacketKind::Disconnect,
            Self::Auth(_) => PacketKind::Auth,
        }
    }
}
