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
