//! The broker, its listeners, and how a client comes to one.

use std::path::Path;

use moskit::broker::wire::Version;
use moskit::credentials::{Authority, Issued, OperatingSystem, PasswordHash};

use crate::exchanges::engines::{Address, Engine, Running};
use crate::fixtures::{self, now};

/// The user of all that is let in.
pub(super) const USER: &str = "al";
pub(super) const PASSWORD: &str = "right";

/// Bytes of the large payload.
pub(super) const LARGE: usize = 1_000_000;

/// A listener, and what it asks of clients.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) name: &'static str,
    /// Its first line in the configuration, with `@` for a port.
    listener: &'static str,
    pub(super) is_websocket: bool,
    pub(super) has_tls: bool,
    /// Whether clients have to show a certificate.
    pub(super) is_mutual: bool,
    /// Whether the certificate is the login, in place of a password.
    pub(super) is_identity: bool,
}

const PLAIN: Transport = Transport {
    name: "tcp v4",
    listener: "listener @",
    is_websocket: false,
    has_tls: false,
    is_mutual: false,
    is_identity: false,
};
const TLS: Transport = Transport { name: "tls", has_tls: true, ..PLAIN };
const MUTUAL: Transport = Transport { name: "mutual tls", is_mutual: true, ..TLS };

/// Each way to a broker.
pub(super) const TRANSPORTS: [Transport; 10] = [
    PLAIN,
    Transport { name: "tcp v6", listener: "listener @ ::1", ..PLAIN },
    TLS,
    MUTUAL,
    Transport { name: "tls as user", is_identity: true, ..MUTUAL },
    Transport { name: "ws", is_websocket: true, ..PLAIN },
    Transport { name: "wss", is_websocket: true, ..TLS },
    Transport { name: "mutual wss", is_websocket: true, ..MUTUAL },
    Transport { name: "wss as user", is_websocket: true, is_identity: true, ..MUTUAL },
    Transport { name: "unix", listener: "listener 0 socket", ..PLAIN },
];

pub(super) const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

pub(super) fn version_name(version: Version) -> &'static str {
    match version {
        Version::V31 => "3.1",
        Version::V311 => "3.1.1",
        Version::V5 => "5",
    }
}

/// How a client comes to a listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approach<'a> {
    pub(super) folder: &'a Path,
    pub(super) address: &'a Address,
    pub(super) transport: &'static Transport,
    pub(super) version: Version,
    pub(super) login: Option<(&'static str, &'static str)>,
    /// The file of the authority that it trusts.
    pub(super) trusts: &'static str,
    /// The certificate that it shows: a file name without its ending.
    pub(super) shows: Option<&'static str>,
}

/// The running broker.
pub(super) struct Ground {
    broker: Running,
}

impl Ground {
    pub(super) fn start() -> Self {
        let broker = Engine::Moskit("2.1").start(&files()).unwrap();
        assert_eq!(broker.listeners().len(), TRANSPORTS.len());
        let large: String = (0..LARGE).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
        std::fs::write(broker.folder().join("large"), large).unwrap();
        Self { broker }
    }

    /// One that is let in.
    pub(super) fn approach(&self, transport: &'static Transport, version: Version) -> Approach<'_> {
        let place = TRANSPORTS.iter().position(|other| other.name == transport.name).unwrap();
        Approach {
            folder: self.broker.folder(),
            address: &self.broker.listeners()[place],
            transport,
            version,
            login: (!transport.is_identity).then_some((USER, PASSWORD)),
            trusts: "ca.crt",
            shows: transport.is_mutual.then_some("client"),
        }
    }

    pub(super) fn log(&self) -> String {
        self.broker.log()
    }
}

/// The configuration, its passwords and rights, and the certificates of everybody.
fn files() -> Vec<(String, String)> {
    let mut conf = String::from("allow_anonymous false\npassword_file passwords\nacl_file acl\n");
    for (transport, port) in TRANSPORTS.iter().zip(1883..) {
        conf += &transport.listener.replace('@', &port.to_string());
        conf += "\n";
        for (is_so, lines) in [
            (transport.is_websocket, "protocol websockets\n"),
            (transport.has_tls, "certfile server.crt\nkeyfile server.key\n"),
            (transport.is_mutual, "cafile clients.crt\ncrlfile clients.crl\nrequire_certificate true\n"),
            (transport.is_identity, "use_identity_as_username true\n"),
        ] {
            conf += if is_so { lines } else { "" };
        }
    }
    let hash = PasswordHash::make(PASSWORD.as_bytes(), *b"twelve bytes", 101);
    let mut files = vec![
        ("mosquitto.conf".to_owned(), conf),
        ("passwords".to_owned(), format!("{USER}:{hash}\n")),
        ("acl".to_owned(), format!("user {USER}\ntopic readwrite table/#\ntopic readwrite refused/#\n")),
    ];
    certificates(&mut files);
    files
}

/// `ca.crt` and `strangers.crt`, the authorities that clients may trust; `clients.crt` and its revocation
/// list, which the broker trusts; a certificate of the broker, and certificates of `al`: a good one, one that is
/// expired, one that is revoked, and one of a stranger.
fn certificates(files: &mut Vec<(String, String)>) {
    let (now, source, day) = (now(), &OperatingSystem, 86_400);
    let authority = |name| Authority::make(name, now, day, source).unwrap();
    let (ca, clients, strangers) = (authority("CA"), authority("Clients"), authority("Strangers"));
    let began = clients.facts().not_before;
    let server = ca.issue_server(&["127.0.0.1".to_owned()], "broker", now, day, source).unwrap();
    let issue = |by: &Authority, from, seconds| by.issue_client(USER, from, seconds, source).unwrap();
    let gone = issue(&clients, now, day);
    files.extend([
        ("ca.crt".to_owned(), ca.certificate().to_owned()),
        ("clients.crt".to_owned(), clients.certificate().to_owned()),
        ("strangers.crt".to_owned(), strangers.certificate().to_owned()),
        ("clients.crl".to_owned(), fixtures::revocation_list(&clients, &gone, now)),
    ]);
    let mut pair = |name: &str, issued: Issued| {
        let key = String::from_utf8(issued.key.expose().to_vec()).unwrap();
        files.extend([(format!("{name}.crt"), issued.certificate), (format!("{name}.key"), key)]);
    };
    pair("server", server);
    pair("client", issue(&clients, now, day));
    pair("expired", issue(&clients, began, 1));
    pair("revoked", gone);
    pair("stranger", issue(&strangers, now, day));
}
