//! Reason codes and return codes.

/// A reason code of MQTT 5, or a return code of the versions before; what a number means hangs on the version and
/// the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason(pub u8);

impl Reason {
    /// It went well; granted quality of service 0.
    pub const SUCCESS: Self = Self(0);
    /// DISCONNECT: the will is to be sent.
    pub const WITH_WILL: Self = Self(4);
    /// Nobody subscribes to the topic.
    pub const NO_MATCHING_SUBSCRIBERS: Self = Self(16);
    /// UNSUBSCRIBE: there was no such subscription.
    pub const NO_SUBSCRIPTION_EXISTED: Self = Self(17);
    /// The sender does not want to say, or nothing fits.
    pub const UNSPECIFIED: Self = Self(128);
    /// The packet could not be read.
    pub const MALFORMED_PACKET: Self = Self(129);
    /// The packet was not allowed there, or did not make sense.
    pub const PROTOCOL_ERROR: Self = Self(130);
    /// The receiver does not take it.
    pub const IMPLEMENTATION_SPECIFIC: Self = Self(131);
    /// The protocol version is not served.
    pub const UNSUPPORTED_VERSION: Self = Self(132);
    /// The client id is not taken.
    pub const CLIENT_ID_INVALID: Self = Self(133);
    /// User name or password are wrong.
    pub const BAD_USER_OR_PASSWORD: Self = Self(134);
    /// The client may not do that.
    pub const NOT_AUTHORIZED: Self = Self(135);
    /// The server cannot serve now.
    pub const SERVER_UNAVAILABLE: Self = Self(136);
    /// The server has too much to do.
    pub const SERVER_BUSY: Self = Self(137);
    /// The client is banned.
    pub const BANNED: Self = Self(138);
    /// The server ends.
    pub const SERVER_SHUTTING_DOWN: Self = Self(139);
    /// The method of authentication is not served.
    pub const BAD_AUTHENTICATION_METHOD: Self = Self(140);
    /// Nothing came within one and a half times the keepalive.
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(141);
    /// Another client came with the same client id.
    pub const SESSION_TAKEN_OVER: Self = Self(142);
    /// The filter is formed well and not taken.
    pub const TOPIC_FILTER_INVALID: Self = Self(143);
    /// The topic is formed well and not taken.
    pub const TOPIC_NAME_INVALID: Self = Self(144);
    /// The packet identifier is in use.
    pub const PACKET_IDENTIFIER_IN_USE: Self = Self(145);
    /// The packet identifier is not known.
    pub const PACKET_IDENTIFIER_NOT_FOUND: Self = Self(146);
    /// More messages came at once than were asked for.
    pub const RECEIVE_MAXIMUM_EXCEEDED: Self = Self(147);
    /// The topic alias is not valid.
    pub const TOPIC_ALIAS_INVALID: Self = Self(148);
    /// The packet is larger than was asked for.
    pub const PACKET_TOO_LARGE: Self = Self(149);
    /// Messages come too fast.
    pub const MESSAGE_RATE_TOO_HIGH: Self = Self(150);
    /// A limit is reached.
    pub const QUOTA_EXCEEDED: Self = Self(151);
    /// An administrator ended the connection.
    pub const ADMINISTRATIVE_ACTION: Self = Self(152);
    /// The payload is not what its indicator says.
    pub const PAYLOAD_FORMAT_INVALID: Self = Self(153);
    /// Retained messages are not served.
    pub const RETAIN_NOT_SUPPORTED: Self = Self(154);
    /// The quality of service is not served.
    pub const QOS_NOT_SUPPORTED: Self = Self(155);
    /// Another server is to be used for now.
    pub const USE_ANOTHER_SERVER: Self = Self(156);
    /// Another server is to be used from now on.
    pub const SERVER_MOVED: Self = Self(157);
    /// Shared subscriptions are not served.
    pub const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(158);
    /// Connections come too fast.
    pub const CONNECTION_RATE_EXCEEDED: Self = Self(159);
    /// The connection lasted as long as it may.
    pub const MAXIMUM_CONNECT_TIME: Self = Self(160);
    /// Subscription identifiers are not served.
    pub const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: Self = Self(161);
    /// Wildcard subscriptions are not served.
    pub const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(162);

    /// Whether it says that something did not go well.
    pub fn is_failure(self) -> bool {
        self.0 >= 128
    }
}
