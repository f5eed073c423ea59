//! Properties of MQTT 5.

use bytes::Bytes;

use super::text::Text;

/// A property and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property {
    /// 1: whether the payload is UTF-8.
    PayloadFormatIndicator(u8),
    /// 2: seconds.
    MessageExpiryInterval(u32),
    /// 3
    ContentType(Text),
    /// 8
    ResponseTopic(Text),
    /// 9
    CorrelationData(Bytes),
    /// 11: 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// 17: seconds.
    SessionExpiryInterval(u32),
    /// 18
    AssignedClientIdentifier(Text),
    /// 19: seconds.
    ServerKeepAlive(u16),
    /// 21
    AuthenticationMethod(Text),
    /// 22
    AuthenticationData(Bytes),
    /// 23
    RequestProblemInformation(u8),
    /// 24: seconds.
    WillDelayInterval(u32),
    /// 25
    RequestResponseInformation(u8),
    /// 26
    ResponseInformation(Text),
    /// 28
    ServerReference(Text),
    /// 31
    ReasonString(Text),
    /// 33
    ReceiveMaximum(u16),
    /// 34
    TopicAliasMaximum(u16),
    /// 35
    TopicAlias(u16),
    /// 36
    MaximumQoS(u8),
    /// 37
    RetainAvailable(u8),
    /// 38: name and value.
    UserProperty(Text, Text),
    /// 39: bytes.
    MaximumPacketSize(u32),
    /// 40
    WildcardSubscriptionAvailable(u8),
    /// 41
    SubscriptionIdentifierAvailable(u8),
    /// 42
    SharedSubscriptionAvailable(u8),
}

/// Which property it is, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum PropertyKind {
    PayloadFormatIndicator = 1,
    MessageExpiryInterval = 2,
    ContentType = 3,
    ResponseTopic = 8,
    CorrelationData = 9,
    SubscriptionIdentifier = 11,
    SessionExpiryInterval = 17,
    AssignedClientIdentifier = 18,
    ServerKeepAlive = 19,
    AuthenticationMethod = 21,
    AuthenticationData = 22,
    RequestProblemInformation = 23,
    WillDelayInterval = 24,
    RequestResponseInformation = 25,
    ResponseInformation = 26,
    ServerReference = 28,
    ReasonString = 31,
    ReceiveMaximum = 33,
    TopicAliasMaximum = 34,
    TopicAlias = 35,
    MaximumQoS = 36,
    RetainAvailable = 37,
    UserProperty = 38,
    MaximumPacketSize = 39,
    WildcardSubscriptionAvailable = 40,
    SubscriptionIdentifierAvailable = 41,
    SharedSubscriptionAvailable = 42,
}

impl PropertyKind {
    /// By its number on the wire.
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::PayloadFormatIndicator,
            2 => Self::MessageExpiryInterval,
            3 => Self::ContentType,
            8 => Self::ResponseTopic,
            9 => Self::CorrelationData,
            11 => Self::SubscriptionIdentifier,
            17 => Self::SessionExpiryInterval,
            18 => Self::AssignedClientIdentifier,
            19 => Self::ServerKeepAlive,
            21 => Self::AuthenticationMethod,
            22 => Self::AuthenticationData,
            23 => Self::RequestProblemInformation,
            24 => Self::WillDelayInterval,
            25 => Self::RequestResponseInformation,
            26 => Self::ResponseInformation,
            28 => Self::ServerReference,
            31 => Self::ReasonString,
            33 => Self::ReceiveMaximum,
            34 => Self::TopicAliasMaximum,
            35 => Self::TopicAlias,
            36 => Self::MaximumQoS,
            37 => Self::RetainAvailable,
            38 => Self::UserProperty,
            39 => Self::MaximumPacketSize,
            40 => Self::WildcardSubscriptionAvailable,
            41 => Self::SubscriptionIdentifierAvailable,
            42 => Self::SharedSubscriptionAvailable,
            _ => return None,
        })
    }

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::PayloadFormatIndicator => "payload format indicator",
            Self::MessageExpiryInterval => "message expiry interval",
            Self::ContentType => "content type",
            Self::ResponseTopic => "response topic",
            Self::CorrelationData => "correlation data",
            Self::SubscriptionIdentifier => "subscription identifier",
            Self::SessionExpiryInterval => "session expiry interval",
            Self::AssignedClientIdentifier => "assigned client identifier",
            Self::ServerKeepAlive => "server keep alive",
            Self::AuthenticationMethod => "authentication method",
            Self::AuthenticationData => "authentication data",
            Self::RequestProblemInformation => "request problem information",
            Self::WillDelayInterval => "will delay interval",
            Self::RequestResponseInformation => "request response information",
            Self::ResponseInformation => "response information",
            Self::ServerReference => "server reference",
            Self::ReasonString => "reason string",
            Self::ReceiveMaximum => "receive maximum",
            Self::TopicAliasMaximum => "topic alias maximum",
            Self::TopicAlias => "topic alias",
            Self::MaximumQoS => "maximum quality of service",
            Self::RetainAvailable => "retain available",
            Self::UserProperty => "user property",
            Self::MaximumPacketSize => "maximum packet size",
            Self::WildcardSubscriptionAvailable => "wildcard subscription available",
            Self::SubscriptionIdentifierAvailable => "subscription identifier available",
            Self::SharedSubscriptionAvailable => "shared subscription available",
        }
    }
}

impl Property {
    /// Which property it is.
    pub fn kind(&self) -> PropertyKind {
        match self {
            Self::PayloadFormatIndicator(_) => PropertyKind::PayloadFormatIndicator,
            Self::MessageExpiryInterval(_) => PropertyKind::MessageExpiryInterval,
            Self::ContentType(_) => PropertyKind::ContentType,
            Self::ResponseTopic(_) => PropertyKind::ResponseTopic,
            Self::CorrelationData(_) => PropertyKind::CorrelationData,
            Self::SubscriptionIdentifier(_) => PropertyKind::SubscriptionIdentifier,
            Self::SessionExpiryInterval(_) => PropertyKind::SessionExpiryInterval,
            Self::AssignedClientIdentifier(_) => PropertyKind::AssignedClientIdentifier,
            Self::ServerKeepAlive(_) => PropertyKind::ServerKeepAlive,
            Self::AuthenticationMethod(_) => PropertyKind::AuthenticationMethod,
            Self::AuthenticationData(_) => PropertyKind::AuthenticationData,
            Self::RequestProblemInformation(_) => PropertyKind::RequestProblemInformation,
            Self::WillDelayInterval(_) => PropertyKind::WillDelayInterval,
            Self::RequestResponseInformation(_) => PropertyKind::RequestResponseInformation,
            Self::ResponseInformation(_) => PropertyKind::ResponseInformation,
            Self::ServerReference(_) => PropertyKind::ServerReference,
            Self::ReasonString(_) => PropertyKind::ReasonString,
            Self::ReceiveMaximum(_) => PropertyKind::ReceiveMaximum,
            Self::TopicAliasMaximum(_) => PropertyKind::TopicAliasMaximum,
            Self::TopicAlias(_) => PropertyKind::TopicAlias,
            Self::MaximumQoS(_) => PropertyKind::MaximumQoS,
            Self::RetainAvailable(_) => PropertyKind::RetainAvailable,
            Self::UserProperty(..) => PropertyKind::UserProperty,
            Self::MaximumPacketSize(_) => PropertyKind::MaximumPacketSize,
            Self::WildcardSubscriptionAvailable(_) => PropertyKind::WildcardSubscriptionAvailable,
            Self::SubscriptionIdentifierAvailable(_) => PropertyKind::SubscriptionIdentifierAvailable,
            Self::SharedSubscriptionAvailable(_) => PropertyKind::SharedSubscriptionAvailable,
        }
    }
}

/// The properties of a packet, in their order on the wire. Versions before 5 have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(pub Vec<Property>);

impl Properties {
    /// No properties.
    pub const NONE: Self = Self(Vec::new());

    /// Adds one behind the others.
    pub fn push(&mut self, property: Property) {
        self.0.push(property);
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Property> {
        self.0.iter()
    }

    /// The first value that `pick` takes.
    ///
    /// ```
    /// use moskit::broker::wire::{Properties, Property};
    /// let mut properties = Properties::NONE;
    /// properties.push(Property::TopicAlias(3));
    /// let alias = properties.find(|property| match property {
    ///     Property::TopicAlias(alias) => Some(*alias),
    ///     _ => None,
    /// });
    /// assert_eq!(alias, Some(3));
    /// ```
    pub fn find<T>(&self, pick: impl FnMut(&Property) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
