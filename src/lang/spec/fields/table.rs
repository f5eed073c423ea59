//! Every key, object by object.

use super::patterns::*;
use super::script::{OBSERVER, RELEASES, TESTS};
use super::{Field, Kind, Object};
use Kind::{Boolean, Forms, List, Map, NonEmpty, Number, Text, Word};

const fn field(key: &'static str, kind: Kind, summary: &'static str) -> Field {
    Field::new(key, kind, summary)
}

const fn text(key: &'static str, summary: &'static str) -> Field {
    Field::new(key, Text(&TEXT), summary)
}

const fn name(key: &'static str, summary: &'static str) -> Field {
    Field::new(key, Text(&NAME), summary)
}

const fn path(key: &'static str, summary: &'static str) -> Field {
    Field::new(key, Text(&PATH), summary)
}

const fn duration(key: &'static str, summary: &'static str) -> Field {
    Field::new(key, Text(&DURATION), summary)
}

const fn count(key: &'static str, least: i64, most: i64, summary: &'static str) -> Field {
    Field::new(key, Number(least, most), summary)
}

const fn flag(key: &'static str, summary: &'static str) -> Field {
    Field::new(key, Boolean, summary)
}

const INT: i64 = i32::MAX as i64;

/// The whole file.
pub(in crate::lang::spec) static ROOT: Object = Object::new(
    "deployment",
    "One Mosquitto broker and its clients",
    &[
        field("moskit", Word(&["1"]), "Version of this language").required(),
        name("name", "Name of the deployment"),
        field("mosquitto", RELEASES, "Release, or releases, that the result must load on"),
        field("install", Kind::Object(&INSTALL), "Where the result is installed"),
        field("listeners", Map(&NAME, &Kind::Object(&LISTENER)), "Where the broker listens"),
        field(
            "anonymous",
            ANONYMOUS_FORMS,
            "Clients without a user name, on listeners that say nothing themselves",
        )
        .default("false"),
        field("roles", Map(&NAME, &Kind::Object(&ROLE)), "Rights that several users share"),
        field("users", Map(&NAME, &Kind::Object(&USER)), "Who may log in"),
        field("fleets", Map(&NAME, &Kind::Object(&FLEET)), "Many users, whose names differ in a number"),
        field("all_clients", Kind::Object(&ALL_CLIENTS), "Rights of every client"),
        field("pki", Kind::Object(&PKI), "Certificate authorities and certificates"),
        field("passwords", Kind::Object(&PASSWORDS), "How passwords are hashed"),
        field(
            "persistence",
            Forms(&[Boolean, Kind::Object(&PERSISTENCE)]),
            "Whether sessions and retained messages survive a restart",
        ),
        field("logging", Kind::Object(&LOGGING), "What is logged, and where"),
        field("limits", Kind::Object(&LIMITS), "Limits for the whole broker"),
        field("options", OPTIONS, "Any other option of the release, by its name"),
        field("accept", Map(&RULE, &Text(&REASON)), "Findings that are meant: a rule's name and the reason"),
        field(
            "assertions",
            List(&Kind::Object(&ASSERTION)),
            "What has to hold, whatever the lists above say: proved for all topics and all clients",
        ),
        name("observer", OBSERVER),
        field("tests", TESTS, "Tests of what is compiled, over MQTT"),
    ],
);

const OPTIONS: Kind = Map(&OPTION, &OPTION_VALUES);

/// The value of an option, or its values, one line each.
pub(in crate::lang::spec) static OPTION_VALUES: Kind = Forms(&[Text(&TEXT), NonEmpty(&Text(&TEXT))]);

const ANONYMOUS_FORMS: Kind = Forms(&[Boolean, Kind::Object(&ANONYMOUS)]);

const NAMES: Kind = List(&Text(&NAME));

const ACL: Kind = List(&Kind::Object(&ACL_ENTRY));

const FILTERS: Kind = Forms(&[Text(&FILTER), NonEmpty(&Text(&FILTER))]);

pub(in crate::lang::spec) static INSTALL: Object = Object::new(
    "install",
    "Where the result is installed",
    &[
        path("directory", "Directory of the configuration").default("/etc/mosquitto"),
        path("data", "Directory of the broker's database").default("/var/lib/mosquitto"),
        name("user", "System account that the broker runs as").default("mosquitto"),
    ],
);

pub(in crate::lang::spec) static LISTENER: Object = Object::new(
    "listener",
    "A port or socket that the broker listens on",
    &[
        count("port", 1, 65535, "TCP port"),
        field("bind", Text(&HOST), "Address or host name to listen on; all addresses without it"),
        field("socket", Text(&SOCKET), "Path of a unix socket to listen on, in place of a port"),
        field("protocol", Word(&["mqtt", "websockets"]), "What is spoken").default("mqtt"),
        field("tls", Kind::Object(&TLS), "TLS; without it everything travels in clear text"),
        field(
            "anonymous",
            ANONYMOUS_FORMS,
            "Clients without a user name; what the top level says without it",
        ),
        field(
            "users",
            NAMES,
            "Users, and roles and fleets whose users, may log in here; everyone without it",
        ),
        count("max_connections", -1, INT, "Clients at a time; -1 for no limit"),
        count("max_qos", 0, 2, "Highest quality of service").alias(&["maximum_qos"]),
        field("mount_point", Text(&TOPIC_PREFIX), "Put in front of every topic of this listener's clients"),
        count("max_topic_alias", 0, 65535, "Topic aliases that a client may use"),
        flag("use_username_as_clientid", "Whether the user name takes the place of the client id"),
        field("options", OPTIONS, "Any other option of a listener, by its name"),
    ],
)
.one_of(&["port", "socket"])
.needs(&[("bind", "port")]);

pub(in crate::lang::spec) static TLS: Object = Object::new(
    "tls",
    "TLS of a listener",
    &[
        name("certificate", "Certificate of the broker, by its name in `pki.certificates`").required(),
        field("min_version", Word(&["1.2", "1.3"]), "Oldest version of TLS").default("1.2"),
        text("ciphers", "Ciphers of TLS 1.2, as OpenSSL writes them"),
        text("ciphers_tls1_3", "Ciphers of TLS 1.3, as OpenSSL writes them").alias(&["ciphers_tls1.3"]),
        field("client_certificate", Word(&["required"]), "Clients must show a certificate"),
        name("client_authority", "Who issues the clients' certificates, by its name in `pki.authorities`"),
        field(
            "username_from",
            Word(&["common_name", "subject"]),
            "The user name is taken from the client's certificate",
        ),
        path("crl", "File of revoked client certificates"),
    ],
)
.needs(&[
    ("client_certificate", "client_authority"),
    ("client_authority", "client_certificate"),
    ("username_from", "client_certificate"),
    ("crl", "client_certificate"),
]);

pub(in crate::lang::spec) static ANONYMOUS: Object = Object::new(
    "anonymous",
    "Clients without a user name are let in",
    &[field("acl", ACL, "Their rights").required()],
);

pub(in crate::lang::spec) static ROLE: Object = Object::new(
    "role",
    "Rights that several users share",
    &[field("acl", ACL, "The rights; `%u` stands for the user's name").required()],
);

pub(in crate::lang::spec) static USER: Object = Object::new(
    "user",
    "Somebody who may log in",
    &[
        field("password", Kind::Object(&PASSWORD_SOURCE), "Where the password comes from"),
        field(
            "certificate",
            Forms(&[Word(&["true"]), Kind::Object(&CLIENT_CERTIFICATE)]),
            "A client certificate is issued",
        ),
        field("roles", NAMES, "Roles that the user has"),
        field("acl", ACL, "The user's own rights; `%u` stands for the user's name"),
    ],
);

pub(in crate::lang::spec) static FLEET: Object = Object::new(
    "fleet",
    "Many users, whose names differ in a number",
    &[
        field(
            "name",
            Text(&FLEET_NAME),
            "Their names, with a range of numbers in braces: `sensor-{001..500}`",
        )
        .required(),
        field("password", Kind::Object(&PASSWORD_SOURCE), "Where each password comes from"),
        field(
            "certificate",
            Forms(&[Word(&["true"]), Kind::Object(&CLIENT_CERTIFICATE)]),
            "A client certificate is issued to each",
        ),
        field("roles", NAMES, "Roles that each has"),
        field("acl", ACL, "Rights of each; `%u` stands for its own name"),
    ],
);

/// Some clients, or one of them.
const PARTIES: Kind = Forms(&[Text(&NAME), List(&Text(&NAME))]);

pub(in crate::lang::spec) static ASSERTION: Object = Object::new(
    "assertion",
    "What has to hold for all topics and all clients, or nothing is written",
    &[
        field(
            "only",
            PARTIES,
            "Nobody but these may do it: users, roles, fleets, `anonymous`; `[]` for nobody",
        ),
        field("never", PARTIES, "None of these may do it: users, roles, fleets, `anonymous`"),
        name(
            "isolated",
            "Nobody of this role or fleet reads or writes another's topics: those of entries with `%u`",
        ),
        field("may", Kind::Object(&MAY), "What `only` or `never` is about"),
    ],
)
.one_of(&["only", "never", "isolated"])
.needs(&[("only", "may"), ("never", "may")]);

pub(in crate::lang::spec) static MAY: Object = Object::new(
    "may",
    "What somebody may do with some of these topics",
    &[
        field("read", FILTERS, "Receive messages of any of these topics"),
        field("write", FILTERS, "Publish to any of these topics"),
        field("readwrite", FILTERS, "Either of both"),
    ],
);

pub(in crate::lang::spec) static PASSWORD_SOURCE: Object = Object::new(
    "password",
    "Where a password comes from",
    &[
        name("env", "Environment variable that holds it"),
        path("file", "File that holds it"),
        text("command", "Shell command that prints it"),
        field("hash", Text(&HASH), "Its ready hash"),
        field("generate", Word(&["true"]), "It is made up, and kept in the state folder"),
        field("plain", Text(&PASSWORD), "The password itself, readable by everyone who reads this file"),
    ],
)
.one_of(&["env", "file", "command", "hash", "generate", "plain"]);

pub(in crate::lang::spec) static CLIENT_CERTIFICATE: Object = Object::new(
    "client_certificate",
    "The certificate of a user",
    &[
        name("authority", "Who issues it; needed where several could"),
        duration("valid_for", "How long it is valid").default("1y"),
    ],
);

pub(in crate::lang::spec) static ALL_CLIENTS: Object = Object::new(
    "all_clients",
    "Rights of every client",
    &[field("acl", ACL, "The rights; `%u` stands for the user name, `%c` for the client id").required()],
);

pub(in crate::lang::spec) static ACL_ENTRY: Object = Object::new(
    "acl_entry",
    "A right, or a denial, and the topics it is for",
    &[
        field("read", FILTERS, "Topics that may be received"),
        field("write", FILTERS, "Topics that may be published to"),
        field("readwrite", FILTERS, "Topics that may be received and published to"),
        field("deny", FILTERS, "Topics that may be neither; wins over every grant"),
    ],
)
.one_of(&["read", "write", "readwrite", "deny"]);

pub(in crate::lang::spec) static PKI: Object = Object::new(
    "pki",
    "Certificate authorities and certificates",
    &[
        field("authorities", Map(&NAME, &Kind::Object(&AUTHORITY)), "Who issues certificates"),
        field("certificates", Map(&NAME, &Kind::Object(&CERTIFICATE)), "Certificates of the broker"),
    ],
);

pub(in crate::lang::spec) static AUTHORITY: Object = Object::new(
    "authority",
    "A certificate authority",
    &[
        text("common_name", "Common name of an authority of our own"),
        duration("valid_for", "How long its certificate is valid").default("10y"),
        path("certificate", "File of a brought authority, to trust only"),
    ],
)
.one_of(&["common_name", "certificate"])
.needs(&[("valid_for", "common_name")]);

pub(in crate::lang::spec) static CERTIFICATE: Object = Object::new(
    "certificate",
    "A certificate of the broker",
    &[
        name("authority", "Who issues it, by its name in `pki.authorities`"),
        field("names", NonEmpty(&Text(&HOST)), "Host names and addresses that clients call the broker by"),
        text("common_name", "Common name; the first of the names without it"),
        duration("valid_for", "How long it is valid").default("90d"),
        duration("renew_before", "How long before its end it is renewed; a third of `valid_for` without it"),
        path("chain", "File of a brought certificate and those that lead to its authority"),
        path("key", "File of its private key"),
        flag("copy", "Whether brought files are copied into the result").default("true"),
    ],
)
.one_of(&["authority", "chain"])
.needs(&[
    ("authority", "names"),
    ("names", "authority"),
    ("common_name", "authority"),
    ("valid_for", "authority"),
    ("renew_before", "authority"),
    ("chain", "key"),
    ("key", "chain"),
    ("copy", "chain"),
]);

pub(in crate::lang::spec) static PASSWORDS: Object = Object::new(
    "passwords",
    "How passwords are hashed",
    &[count(
        "iterations",
        1,
        1_000_000,
        "Rounds of PBKDF2; by default 101 where all releases are 2.0, else 1000",
    )],
);

pub(in crate::lang::spec) static PERSISTENCE: Object = Object::new(
    "persistence",
    "What survives a restart is kept in a file",
    &[
        field("file", Text(&NAME), "Name of the database file"),
        count(
            "autosave_interval",
            0,
            INT,
            "Seconds, or changes, between two savings; 0 to save only at the end",
        ),
        flag("autosave_on_changes", "Whether `autosave_interval` counts changes"),
        duration("client_expiration", "How long the session of an absent client is kept"),
    ],
);

pub(in crate::lang::spec) static LOGGING: Object = Object::new(
    "logging",
    "What is logged, and where",
    &[
        field("to", List(&LOG_DESTINATION), "Where to").alias(&["log_dest"]),
        field("types", List(&Word(LOG_TYPES)), "What").alias(&["log_type"]),
        flag("timestamp", "Whether lines begin with the time"),
        text("timestamp_format", "Form of the time, as strftime takes it"),
        flag("connection_messages", "Whether clients that come and go are logged"),
    ],
);

const LOG_TYPES: &[&str] = &[
    "all",
    "debug",
    "error",
    "information",
    "internal",
    "none",
    "notice",
    "subscribe",
    "unsubscribe",
    "warning",
    "websockets",
];

static LOG_DESTINATION: Kind =
    Forms(&[Word(&["stderr", "stdout", "syslog", "topic", "none"]), Kind::Object(&LOG_FILE)]);

pub(in crate::lang::spec) static LOG_FILE: Object =
    Object::new("log_file", "A file to log to", &[path("file", "Path of the file").required()]);

pub(in crate::lang::spec) static LIMITS: Object = Object::new(
    "limits",
    "Limits for the whole broker, by Mosquitto's names",
    &[
        count("global_max_clients", -1, INT, "Sessions, connected or not; -1 for no limit"),
        count("global_max_connections", -1, INT, "Clients at a time; -1 for no limit"),
        count("max_inflight_bytes", 0, INT, "Bytes on their way to a client; 0 for no limit"),
        count("max_inflight_messages", 0, 65535, "Messages on their way to a client; 0 for no limit"),
        count("max_keepalive", 0, 65535, "Longest keepalive in seconds; 0 for no limit"),
        count("max_packet_size", 20, INT, "Largest packet in bytes"),
        count("max_queued_bytes", 0, INT, "Bytes that wait for a client; 0 for no limit"),
        count("max_queued_messages", 0, INT, "Messages that wait for a client; 0 for no limit"),
        count("memory_limit", 0, i64::MAX, "Bytes of memory; 0 for no limit"),
        count("message_size_limit", 0, 268_435_455, "Largest payload in bytes; 0 for no limit"),
        count("packet_buffer_size", 0, 65535, "Bytes read from a client at a time"),
        count(
            "retain_expiry_interval",
            0,
            10_000_000,
            "Minutes until a retained message expires; 0 for never",
        ),
        count("sys_interval", 0, 65535, "Seconds between two messages on `$SYS`; 0 for none"),
        count("websockets_headers_size", 0, 65535, "Bytes of the headers of a WebSocket's opening"),
    ],
);
