//! What tests say, with the place of each value. Everything short is written out here: what `each` and `rights` stand
//! for is expanded, variables are replaced, connections are steps.

use std::sync::Arc;
use std::time::Duration;

use super::reason::Reason;
use crate::catalogue::Target;
use crate::lang::spec::{Endpoint, Password, Secret, Spanned, Text, TlsVersion};
use crate::text::Span;

/// The tests of a file.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The whole file.
    pub span: Span,
    /// The spec that listeners, users and certificates are taken from, relative to the file's folder; `None` in a spec,
    /// and where no spec made the configuration.
    pub spec: Option<Text>,
    /// Users of a configuration that no spec made.
    pub users: Vec<Login>,
    /// Files of authorities that clients trust, relative to the file's folder, beside those of the spec.
    pub trust: Vec<Text>,
    /// Who may read and write everything, and so can tell what arrives; `None` to let the runner choose.
    pub observer: Option<Text>,
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
}

impl Suite {
    /// No tests, in the file of which `span` is the whole.
    pub fn empty(span: Span) -> Self {
        Self { span, spec: None, users: Vec::new(), trust: Vec::new(), observer: None, tests: Vec::new() }
    }

    /// Where passwords stand in the file.
    pub fn secrets(&self) -> impl Iterator<Item = Span> + '_ {
        let users = self.users.iter().filter_map(|user| user.password.as_ref());
        let users = users
            .filter(|password| matches!(password.value, Password::Plain(_)))
            .map(|password| password.span);
        let connections = self.tests.iter().flat_map(Test::turns).filter_map(|turn| match &turn.action {
            Some(Action::Connect(connection)) => match &connection.password {
                PasswordChoice::Text(text) => Some(text.span),
                PasswordChoice::Right | PasswordChoice::None => None,
            },
            _ => None,
        });
        users.chain(connections)
    }
}

/// How somebody logs in to a configuration that no spec made.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name.
    pub name: Text,
    /// Where the password comes from; never a hash, never generated.
    pub password: Option<Spanned<Password>>,
    /// The certificate.
    pub certificate: Option<KeyPair>,
}

/// Files of a certificate and its key, relative to the folder of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificate and those that lead to its authority.
    pub certificate: Text,
    /// The private key.
    pub key: Text,
}

/// A test: clients, and what they do one after the other.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name; no two tests of a suite have the same.
    pub name: Arc<str>,
    /// Its map, or for rights the topic that it is about.
    pub span: Span,
    /// Whether it needs a broker that no other test has used.
    pub is_alone: bool,
    /// The releases that it is for; none where it is for all.
    pub mosquitto: Vec<Spanned<Target>>,
    /// Its clients.
    pub clients: Vec<Client>,
    /// What is done; every connection is a step of it.
    pub steps: Vec<Step>,
}

impl Test {
    /// Everything that a client does, in the order of the file.
    pub fn turns(&self) -> impl Iterator<Item = &Turn> {
        self.steps.iter().flat_map(|step| match step {
            Step::Turn(turn) => std::slice::from_ref(turn).iter().chain([].iter().flatten()),
            Step::Parallel(rows) => [].iter().chain(rows.iter().flatten()),
            Step::Wait(_) => [].iter().chain([].iter().flatten()),
        })
    }
}

/// A client of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name in the test; `client` where the test has one client only and gives it no name.
    pub name: Text,
}

/// Something that happens in a test.
#[derive(Clone, Debug)]
pub enum Step {
    /// A client does or meets something.
    Turn(Turn),
    /// Rows of turns, all rows at the same time.
    Parallel(Vec<Vec<Turn>>),
    /// Nothing happens for a while.
    Wait(Spanned<Duration>),
}

/// What a client does or meets.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Where it stands.
    pub span: Span,
    /// Which client, as an index of [`Test::clients`].
    pub client: usize,
    /// What it does; `None` where it only meets something.
    pub action: Option<Action>,
    /// What is to come of it; `None` where it is to go well, as far as the broker's answer tells. Never `None` without an
    /// action.
    pub expect: Option<Spanned<Expectation>>,
    /// How long may be waited for it; `None` for the runner's own limit.
    pub within: Option<Spanned<Duration>>,
}

/// What a client does.
#[derive(Clone, Debug)]
pub enum Action {
    /// It connects.
    Connect(Arc<Connection>),
    /// It publishes a message.
    Publish(Box<Message>),
    /// It subscribes.
    Subscribe(Subscribe),
    /// It unsubscribes from these filters, in one packet.
    Unsubscribe(Vec<Text>),
    /// It subscribes to a filter, the observer publishes to a topic that the filter matches, and what arrives tells
    /// whether the client may read. [`Expectation::Allowed`] or [`Expectation::Denied`] always go with it.
    Read {
        /// The filter.
        filter: Text,
        /// The topic; `None` below `$`, where the broker itself publishes.
        topic: Option<Arc<str>>,
    },
    /// It ends the connection.
    Disconnect(End),
}

/// How a client ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It says so, and its will is forgotten.
    Normal,
    /// It says so, and its will is to be sent; MQTT 5 only.
    WithWill,
    /// It closes the socket without a word.
    Drop,
}

/// How a client connects.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Where; `None` for the first listener that fits.
    pub listener: Option<ListenerChoice>,
    /// The user that it is; `None` for a client without a user name. On a listener that takes names from certificates
    /// this is whose certificate it shows.
    pub user: Option<Text>,
    /// Which password it sends.
    pub password: PasswordChoice,
    /// Which certificate it shows.
    pub certificate: CertificateChoice,
    /// Whom it trusts.
    pub trust: TrustChoice,
    /// The name that it expects in the broker's certificate; `None` for `localhost`.
    pub server_name: Option<Text>,
    /// The only version of TLS that it speaks; `None` for all.
    pub tls_version: Option<Spanned<TlsVersion>>,
    /// Its client id: what the test says, else one that no other client of a run has. Empty to let the broker choose.
    pub client_id: Text,
    /// The version of MQTT.
    pub version: Spanned<MqttVersion>,
    /// Clean session; in MQTT 5 clean start.
    pub clean_start: bool,
    /// Seconds; 0 for none.
    pub keep_alive: u16,
    /// Seconds; MQTT 5 only, as is everything below but the will.
    pub session_expiry: Option<u32>,
    /// Messages that it takes at once.
    pub receive_maximum: Option<u16>,
    /// Bytes of the largest packet that it takes.
    pub maximum_packet_size: Option<u32>,
    /// Topic aliases that the broker may use.
    pub topic_alias_maximum: Option<u16>,
    /// What is sent when the connection breaks.
    pub will: Option<Box<Will>>,
}

/// Where a client connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerChoice {
    /// As the test says it: a listener's name, a port or the path of a socket.
    pub said: Text,
    /// The port or socket.
    pub endpoint: Place,
}

/// What a listener listens on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A TCP port.
    Port(u16),
    /// A unix socket with this path.
    Socket(Arc<str>),
}

impl From<&Endpoint> for Place {
    fn from(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Port { port, .. } => Self::Port(port.value),
            Endpoint::Socket(path) => Self::Socket(path.value.clone()),
        }
    }
}

/// Which password a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordChoice {
    /// The user's own, if the user has one.
    Right,
    /// None.
    None,
    /// This one.
    Text(Spanned<Secret>),
}

/// Which certificate a client shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateChoice {
    /// The user's own where the listener asks for one and the user has one, else none.
    Own,
    /// None.
    None,
    /// Another user's.
    Of(Text),
    /// One from files.
    Files(KeyPair),
    /// The user's name, issued by an authority that nobody knows.
    Stranger,
    /// The user's name, issued by the listener's own authority, and over since yesterday.
    Expired,
}

/// Whom a client trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustChoice {
    /// The authorities of the spec, and those that the suite names.
    Known,
    /// Nobody that issued anything.
    Nobody,
    /// The authorities in a file, relative to the folder of the tests.
    File(Text),
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MqttVersion {
    /// 3.1
    V3_1,
    /// 3.1.1
    V3_1_1,
    /// 5
    #[default]
    V5,
}

/// The message that is sent when a connection breaks.
#[derive(Clone, Debug)]
pub struct Will {
    /// The message.
    pub message: Message,
    /// Seconds until it is sent; MQTT 5 only.
    pub delay: u32,
}

/// A message to be published.
#[derive(Clone, Debug)]
pub struct Message {
    /// The topic; empty where an alias stands for it.
    pub topic: Text,
    /// The payload.
    pub payload: Payload,
    /// Quality of service, from 0 to 2.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// What MQTT 5 adds.
    pub properties: MessageProperties,
}

/// A payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// One that no other message has.
    Unique,
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// The contents of a file, relative to the folder of the tests.
    File(Text),
    /// This many bytes, whatever they are.
    Size(u32),
}

/// What MQTT 5 adds to a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties {
    /// Seconds.
    pub expiry: Option<u32>,
    /// Whether the payload is said to be UTF-8.
    pub is_text: Option<bool>,
    /// What the payload is.
    pub content_type: Option<Text>,
    /// Where an answer is expected.
    pub response_topic: Option<Text>,
    /// What an answer repeats.
    pub correlation_data: Option<Text>,
    /// Names and values, in their order.
    pub user_properties: Vec<(Text, Text)>,
    /// The alias of the topic.
    pub topic_alias: Option<u16>,
}

/// Filters that are subscribed to in one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The filters; never empty.
    pub subscriptions: Vec<Subscription>,
    /// The subscription identifier; MQTT 5 only.
    pub identifier: Option<u32>,
}

/// A filter and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The filter, `$share/GROUP/` included.
    pub filter: Text,
    /// Highest quality of service, from 0 to 2.
    pub qos: u8,
    /// The client's own messages are not sent back to it.
    pub no_local: bool,
    /// The retain flag is kept as it was published.
    pub retain_as_published: bool,
    /// What is sent of retained messages.
    pub retain_handling: RetainHandling,
}

/// What is sent of retained messages when a subscription is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// All.
    #[default]
    Always,
    /// All, unless the subscription was there before.
    New,
    /// None.
    Never,
}

/// What is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The connection is accepted.
    Connected(Connected),
    /// The connection is refused, by the broker or by the client, for one of these reasons; for any where there are none.
    Refused(Vec<Reason>),
    /// The broker ends the connection, for one of these reasons; for any where there are none.
    Disconnected(Vec<Reason>),
    /// A message published arrives at the observer, a subscription is granted, a topic can be read.
    Allowed,
    /// A message published does not arrive, and MQTT 5 says so if the quality of service lets it; a subscription is not
    /// granted; a topic cannot be read. For one of these reasons, where the broker gives one; for any where there are none.
    Denied(Vec<Reason>),
    /// A subscription is granted with these qualities of service, one for each filter.
    Granted(Vec<u8>),
    /// These messages arrive, and no other before the last of them.
    Messages {
        /// The messages; never empty.
        messages: Vec<Expected>,
        /// Whether they may arrive in any order.
        is_any_order: bool,
    },
    /// No message arrives, and none has arrived that no expectation has met.
    Nothing,
}

/// What the answer to a connection says. What is `None` may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connected {
    /// Whether a stored session is taken up.
    pub session_present: Option<Spanned<bool>>,
    /// Whether the broker chose the client id.
    pub is_id_assigned: Option<Spanned<bool>>,
    /// The keepalive that the broker asks for instead, in seconds.
    pub server_keep_alive: Option<Spanned<u16>>,
}

/// A message that is to arrive. What is `None` may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The topic.
    pub topic: Option<Text>,
    /// The payload; never [`Payload::Unique`].
    pub payload: Option<Payload>,
    /// Quality of service.
    pub qos: Option<u8>,
    /// The retain flag.
    pub retain: Option<bool>,
    /// What MQTT 5 adds: an expiry is at most this, and these user properties are among those that come. A topic alias is
    /// not looked at.
    pub properties: MessageProperties,
    /// Subscription identifiers, in any order.
    pub identifiers: Option<Vec<u32>>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(port) => port.fmt(f),
            Self::Socket(path) => path.fmt(f),
        }
    }
}

impl MqttVersion {
    /// Its number.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5",
        }
    }
}
