//! The keys of tests.

use super::patterns::*;
use super::{Field, Kind, Object};
use crate::lang::spec::script::WORDS;
use Kind::{Forms, List, Map, NonEmpty, Number, Text, Word};

const fn field(key: &'static str, kind: Kind, summary: &'static str) -> Field {
    Field::new(key, kind, summary)
}

const QOS: Kind = Forms(&[Number(0, 2), Text(&VARIABLE)]);

const FLAG: Kind = Forms(&[Kind::Boolean, Text(&VARIABLE)]);

/// Seconds as MQTT counts them.
const SECONDS: Kind = Forms(&[Number(0, u32::MAX as i64), Text(&DURATION)]);

const TOPICS: Kind = Forms(&[Text(&TOPIC), NonEmpty(&Text(&TOPIC))]);

const FILTERS: Kind = Forms(&[Text(&FILTER), NonEmpty(&Text(&FILTER))]);

pub(super) const RELEASES: Kind = Forms(&[Text(&RELEASE), NonEmpty(&Text(&RELEASE))]);

const PATHS: Kind = Forms(&[Text(&PATH), NonEmpty(&Text(&PATH))]);

/// The list of tests of a spec or test file.
pub(in crate::lang::spec) const TESTS: Kind = List(&Kind::Object(&TEST));

pub(in crate::lang::spec) const OBSERVER: &str =
    "User who may read and write everything, and so tells what arrives; found where nobody is named";

/// A file of tests.
pub(in crate::lang::spec) static TEST_FILE: Object = Object::new(
    "test_file",
    "Tests of a Mosquitto broker over MQTT",
    &[
        field("moskit", Word(&["1"]), "Version of this language").required(),
        field("spec", Text(&PATH), "The spec that listeners, users and certificates are taken from"),
        field(
            "users",
            Map(&NAME, &Kind::Object(&LOGIN)),
            "How users log in, where no spec made the configuration",
        ),
        field("trust", PATHS, "Files of authorities that clients trust, beside those of the spec"),
        field("observer", Text(&NAME), OBSERVER),
        field("tests", TESTS, "The tests").required(),
    ],
);

pub(in crate::lang::spec) static LOGIN: Object = Object::new(
    "login",
    "How a user logs in",
    &[
        field("password", Kind::Object(&LOGIN_PASSWORD), "Where the password comes from"),
        field("certificate", Text(&PATH), "File of the certificate"),
        field("key", Text(&PATH), "File of its private key"),
    ],
)
.needs(&[("certificate", "key"), ("key", "certificate")]);

pub(in crate::lang::spec) static LOGIN_PASSWORD: Object = Object::new(
    "login_password",
    "Where a password comes from",
    &[
        field("env", Text(&NAME), "Environment variable that holds it"),
        field("file", Text(&PATH), "File that holds it"),
        field("command", Text(&TEXT), "Shell command that prints it"),
        field("plain", Text(&PASSWORD), "The password itself, readable by everyone who reads this file"),
    ],
)
.one_of(&["env", "file", "command", "plain"]);

/// A test, or several that are written as one.
pub(in crate::lang::spec) static TEST: Object = Object::new(
    "test",
    "A test: what a client does, or several do, and what is to come of it",
    &[
        field("name", Text(&TEXT), "What is tested; needed but for `rights`"),
        field(
            "each",
            Map(&VARIABLE_NAME, &VARIABLE_VALUES),
            "The test is made for each of these values, written `${name}`; `listener`, `version` and `user` hold for clients \
             that do not say their own",
        ),
        field("alone", Kind::Boolean, "Whether it needs a broker that no other test has used")
            .default("false"),
        field(
            "mosquitto",
            RELEASES,
            "Release, or releases, that it is for; it is skipped on others, and runs on all without it",
        ),
        field("as", AS, "The client of a test with one client: a user, `anonymous`, or how it connects"),
        field(
            "rights",
            Kind::Object(&RIGHTS),
            "Topics that the client may read and write, or not; a test for each",
        ),
        field("publish", PUBLISH, "It publishes a message"),
        field("subscribe", SUBSCRIBE, "It subscribes"),
        field(
            "read",
            Text(&FILTER),
            "It subscribes, somebody else publishes, and what comes tells what it may read",
        ),
        field("expect", EXPECT, "What is to come of it"),
        field("within", Text(&DURATION), "How long that may take"),
        field(
            "clients",
            Map(&NAME, &CLIENT),
            "The clients of a test with several: a user, `anonymous`, or how it connects",
        ),
        field("steps", NonEmpty(&Kind::Object(&STEP)), "What the clients do, one after the other"),
    ],
);

/// The values of a variable.
pub(in crate::lang::spec) static VARIABLE_VALUES: Kind = NonEmpty(&Text(&VARIABLE_VALUE));

static CLIENT: Kind = AS;

const AS: Kind = Forms(&[Text(&NAME), Kind::Object(&CONNECTION)]);

const CONNECT: Kind = Forms(&[Word(&["true"]), Kind::Object(&CONNECTION)]);

pub(in crate::lang::spec) static CONNECTION: Object = Object::new(
    "connection",
    "How a client connects",
    &[
        field(
            "listener",
            Text(&NAME),
            "The listener's name in the spec, or its port or socket; the first without it",
        ),
        field("user", Text(&NAME), "The user, or `anonymous`"),
        field("password", PASSWORD_CHOICE, "`right`, `none`, or another text").default("right"),
        field(
            "certificate",
            CERTIFICATE_CHOICE,
            "The certificate; the user's own where the listener asks for one",
        ),
        field("trust", Text(&PATH), "File of the authorities that it trusts, or `nobody`"),
        field("server_name", Text(&HOST), "The name that it looks for in the broker's certificate")
            .default("localhost"),
        field(
            "tls_version",
            Forms(&[Word(&["1.2", "1.3"]), Text(&VARIABLE)]),
            "The only version of TLS that it speaks",
        ),
        field(
            "client_id",
            Text(&ANY),
            "Its client id; empty to let the broker choose, and one of its own without it",
        ),
        field("version", VERSION, "Version of MQTT; 5 without it"),
        field("clean_start", FLAG, "Whether what an earlier session left is forgotten")
            .default("true")
            .alias(&["clean_session"]),
        field("keepalive", Number(0, 65535), "Seconds; 0 for none").default("60"),
        field("session_expiry", SECONDS, "How long the session is kept once the connection ends"),
        field("receive_maximum", Number(1, 65535), "Messages that it takes at once"),
        field("maximum_packet_size", Number(1, u32::MAX as i64), "Bytes of the largest packet that it takes"),
        field("topic_alias_maximum", Number(0, 65535), "Topic aliases that the broker may use"),
        field("will", Kind::Object(&WILL), "Message that is sent when the connection breaks"),
    ],
);

const VERSION: Kind = Forms(&[Word(&MQTT_VERSIONS), Text(&VARIABLE)]);

/// The versions of MQTT.
pub(in crate::lang::spec) static MQTT_VERSIONS: [&str; 3] = ["3.1", "3.1.1", "5"];

const PASSWORD_CHOICE: Kind = Forms(&[Text(&SECRET), Kind::Object(&PLAIN)]);

pub(in crate::lang::spec) static PLAIN: Object = Object::new(
    "plain_password",
    "A password that would be taken for a word",
    &[field("plain", Text(&SECRET), "The password").required()],
);

const CERTIFICATE_CHOICE: Kind =
    Forms(&[Word(&["own", "none", "stranger", "expired"]), Text(&VARIABLE), Kind::Object(&CERTIFICATE_OF)]);

pub(in crate::lang::spec) static CERTIFICATE_OF: Object = Object::new(
    "certificate_of",
    "Another certificate than the user's own",
    &[
        field("of", Text(&NAME), "The user whose certificate it is"),
        field("certificate", Text(&PATH), "File of the certificate"),
        field("key", Text(&PATH), "File of its private key"),
    ],
)
.one_of(&["of", "certificate"])
.needs(&[("certificate", "key"), ("key", "certificate")]);

pub(in crate::lang::spec) static WILL: Object = Object::new(
    "will",
    "A message that is sent when the connection breaks",
    &[
        field("topic", Text(&TOPIC), "Its topic").required(),
        field("delay", SECONDS, "How long until it is sent").default("0"),
        field("payload", PAYLOAD, "Its payload; one that no other message has without it"),
        field("qos", QOS, "Quality of service").default("0"),
        field("retain", FLAG, "Whether it is retained").default("false"),
        field("expiry", SECONDS, "When it expires"),
        field("payload_format", Word(&["text", "bytes"]), "What the payload is said to be"),
        field("content_type", Text(&ANY), "What the payload is"),
        field("response_topic", Text(&TOPIC), "Where an answer is expected"),
        field("correlation_data", Text(&ANY), "What an answer repeats"),
        field("user_properties", USER_PROPERTIES, "Names and values"),
    ],
);

const PUBLISH: Kind = Forms(&[Text(&TOPIC), Kind::Object(&MESSAGE)]);

pub(in crate::lang::spec) static MESSAGE: Object = Object::new(
    "message",
    "A message that is published",
    &[
        field("topic", Text(&ANY), "Its topic; empty where an alias stands for it").required(),
        field("payload", PAYLOAD, "Its payload; one that no other message has without it"),
        field("qos", QOS, "Quality of service; 1 without it, so that the broker answers"),
        field("retain", FLAG, "Whether it is retained").default("false"),
        field("expiry", SECONDS, "When it expires"),
        field("payload_format", Word(&["text", "bytes"]), "What the payload is said to be"),
        field("content_type", Text(&ANY), "What the payload is"),
        field("response_topic", Text(&TOPIC), "Where an answer is expected"),
        field("correlation_data", Text(&ANY), "What an answer repeats"),
        field("user_properties", USER_PROPERTIES, "Names and values"),
        field("topic_alias", Number(1, 65535), "The alias of the topic"),
    ],
);

const USER_PROPERTIES: Kind = Map(&ANY, &PROPERTY_VALUES);

/// The value of a user property, or its values.
pub(in crate::lang::spec) static PROPERTY_VALUES: Kind = Forms(&[Text(&ANY), NonEmpty(&Text(&ANY))]);

const PAYLOAD: Kind = Forms(&[Text(&ANY), Kind::Object(&PAYLOAD_OF)]);

pub(in crate::lang::spec) static PAYLOAD_OF: Object = Object::new(
    "payload",
    "A payload that is not a text",
    &[
        field("file", Text(&PATH), "File that holds it"),
        field("hex", Text(&HEX), "Its bytes, two digits each"),
        field("size", Number(0, 268_435_455), "Its length in bytes, whatever they are"),
    ],
)
.one_of(&["file", "hex", "size"]);

const SUBSCRIBE: Kind = Forms(&[
    Text(&TOPIC),
    NonEmpty(&Forms(&[Text(&TOPIC), Kind::Object(&SUBSCRIPTION)])),
    Kind::Object(&SUBSCRIPTION),
]);

pub(in crate::lang::spec) static SUBSCRIPTION: Object = Object::new(
    "subscription",
    "A filter that is subscribed to, and its options",
    &[
        field("filter", Text(&TOPIC), "The filter; `$share/GROUP/…` to share it").required(),
        field("qos", QOS, "Highest quality of service").default("2"),
        field("no_local", FLAG, "Whether the client's own messages are not sent back").default("false"),
        field("retain_as_published", FLAG, "Whether the retain flag is kept as it was published")
            .default("false"),
        field("retain_handling", Word(&["always", "new", "never"]), "When retained messages are sent")
            .default("always"),
        field("identifier", Number(1, 268_435_455), "Number that comes with its messages"),
    ],
);

pub(in crate::lang::spec) static RIGHTS: Object = Object::new(
    "rights",
    "What the client may do; each topic is tried, and some topic in place of a filter with wildcards",
    &[
        field(
            "topics",
            FILTERS,
            "Topics of which everything that is not allowed below is tried to be denied",
        ),
        field("read", FILTERS, "Topics that it may receive"),
        field("write", FILTERS, "Topics that it may publish to"),
        field("readwrite", FILTERS, "Topics that it may receive and publish to"),
        field("not_read", FILTERS, "Topics that it may not receive"),
        field("not_write", FILTERS, "Topics that it may not publish to"),
    ],
);

pub(in crate::lang::spec) static STEP: Object = Object::new(
    "step",
    "Something that a client does, and what is to come of it; or steps at the same time; or a pause",
    &[
        field("client", Text(&NAME), "The client, by its name in `clients`; needed where there are several"),
        field(
            "connect",
            CONNECT,
            "It connects, so or with these changes; otherwise it does before the first step",
        ),
        field("publish", PUBLISH, "It publishes a message"),
        field("subscribe", SUBSCRIBE, "It subscribes"),
        field("unsubscribe", TOPICS, "It unsubscribes"),
        field(
            "read",
            Text(&FILTER),
            "It subscribes, somebody else publishes, and what comes tells what it may read",
        ),
        field("disconnect", Word(&["normal", "with_will", "drop"]), "It ends the connection"),
        field("expect", EXPECT, "What is to come of it"),
        field("within", Text(&DURATION), "How long that may take"),
        field(
            "parallel",
            NonEmpty(&Forms(&[Kind::Object(&STEP), NonEmpty(&Kind::Object(&STEP))])),
            "Steps, or rows of steps, at the same time",
        ),
        field("wait", Text(&DURATION), "Nothing is done for so long"),
    ],
);

const EXPECT: Kind = Forms(&[Word(&EXPECTATIONS), Kind::Object(&EXPECTATION)]);

/// What can be expected in a word.
pub(in crate::lang::spec) static EXPECTATIONS: [&str; 7] =
    ["connected", "refused", "disconnected", "allowed", "delivered", "denied", "nothing"];

pub(in crate::lang::spec) static EXPECTATION: Object = Object::new(
    "expectation",
    "What is to come",
    &[
        field("connected", Kind::Object(&CONNECTED), "The connection is accepted, and the answer says this"),
        field("refused", REASONS, "The connection is refused for this reason, or one of these"),
        field("disconnected", REASONS, "The broker ends the connection for this reason, or one of these"),
        field("denied", REASONS, "The broker does not allow it for this reason, or one of these"),
        field(
            "granted",
            GRANTED,
            "The subscription is granted with this quality of service; a list for several filters",
        ),
        field("message", EXPECTED_FORMS, "This message arrives"),
        field(
            "messages",
            NonEmpty(&Forms(&[Text(&ANY), Kind::Object(&EXPECTED)])),
            "These messages arrive, in this order",
        ),
        field("any_order", Kind::Boolean, "Whether `messages` may arrive in any order").default("false"),
    ],
)
.one_of(&["connected", "refused", "disconnected", "denied", "granted", "message", "messages"])
.needs(&[("any_order", "messages")]);

const REASONS: Kind = Forms(&[Word(&WORDS), NonEmpty(&Word(&WORDS))]);

const GRANTED: Kind = Forms(&[Number(0, 2), NonEmpty(&Number(0, 2))]);

pub(in crate::lang::spec) static CONNECTED: Object = Object::new(
    "connected",
    "What the answer to a connection says",
    &[
        field("session_present", Kind::Boolean, "Whether a stored session is taken up"),
        field("id_assigned", Kind::Boolean, "Whether the broker chose the client id"),
        field("keepalive", Number(0, 65535), "Seconds that the broker wants in place of the client's"),
    ],
);

const EXPECTED_FORMS: Kind = Forms(&[Text(&ANY), Kind::Object(&EXPECTED)]);

pub(in crate::lang::spec) static EXPECTED: Object = Object::new(
    "expected_message",
    "A message that is to arrive; what is not said may be anything",
    &[
        field("topic", Text(&TOPIC), "Its topic"),
        field("payload", PAYLOAD, "Its payload"),
        field("qos", QOS, "Quality of service"),
        field("retain", FLAG, "Its retain flag"),
        field("expiry", SECONDS, "It expires then or earlier"),
        field("payload_format", Word(&["text", "bytes"]), "What the payload is said to be"),
        field("content_type", Text(&ANY), "What the payload is"),
        field("response_topic", Text(&TOPIC), "Where an answer is expected"),
        field("correlation_data", Text(&ANY), "What an answer repeats"),
        field("user_properties", USER_PROPERTIES, "Names and values that are among those of the message"),
        field("identifier", IDENTIFIERS, "The identifier of the subscription, or those of all that match"),
    ],
);

const IDENTIFIERS: Kind = Forms(&[Number(1, 268_435_455), NonEmpty(&Number(1, 268_435_455))]);
