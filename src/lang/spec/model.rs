//! What a spec says, with the place of each value.

use std::fmt;
use std::sync::Arc;

use super::assertions::Assertion;
use super::script::Suite;
use crate::catalogue::Target;
use crate::model::acl::Access;
use crate::text::Span;

/// A value and its place; the place of a default is that of the map that could have said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A text and its place.
pub type Text = Spanned<Arc<str>>;

/// Seconds.
pub type Seconds = u64;

/// One broker and its clients.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The whole file.
    pub span: Span,
    /// The deployment's name.
    pub name: Option<Text>,
    /// The releases that the result must load on; never empty.
    pub mosquitto: Vec<Spanned<Target>>,
    /// Where the result is installed.
    pub install: Install,
    /// Where the broker listens, in the order of the file.
    pub listeners: Vec<Listener>,
    /// Clients without a user name, on listeners that say nothing themselves; `None` keeps them out.
    pub anonymous: Option<Anonymous>,
    /// Rights that several users share.
    pub roles: Vec<Role>,
    /// Who may log in.
    pub users: Vec<User>,
    /// Groups of users; each of their users is one of [`Spec::users`].
    pub fleets: Vec<Fleet>,
    /// Rights of every client.
    pub all_clients: Vec<AclEntry>,
    /// Certificate authorities and certificates.
    pub pki: Pki,
    /// How passwords are hashed.
    pub passwords: Passwords,
    /// What survives a restart; `None` where nothing is said, which means nothing does.
    pub persistence: Option<Persistence>,
    /// What is logged; `None` where nothing is said.
    pub logging: Option<Logging>,
    /// Limits for the whole broker.
    pub limits: Vec<Limit>,
    /// Other options of the whole broker.
    pub options: Vec<OptionLine>,
    /// Findings that are meant.
    pub accept: Vec<Accepted>,
    /// What has to hold, whatever the rights say.
    pub assertions: Vec<Assertion>,
    /// Tests of the result.
    pub tests: Suite,
}

impl Spec {
    /// Where passwords and hashes stand in the file.
    pub fn secrets(&self) -> impl Iterator<Item = Span> + '_ {
        let passwords = self.users.iter().filter_map(|user| user.password.as_ref());
        let is_secret =
            |password: &&Spanned<Password>| matches!(password.value, Password::Plain(_) | Password::Hash(_));
        passwords.filter(is_secret).map(|password| password.span).chain(self.tests.secrets())
    }
}

/// Where the result is installed.
#[derive(Clone, Debug)]
pub struct Install {
    /// Directory of the configuration.
    pub directory: Text,
    /// Directory of the database.
    pub data: Text,
    /// System account of the broker.
    pub user: Text,
}

/// A port or socket that the broker listens on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub name: Text,
    /// Its map.
    pub span: Span,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What is spoken.
    pub protocol: Spanned<Protocol>,
    /// TLS, if any.
    pub tls: Option<Tls>,
    /// Clients without a user name; `None` to do as [`Spec::anonymous`] says.
    pub anonymous: Option<Anonymous>,
    /// Who may log in here; `None` for everyone.
    pub users: Option<Vec<Spanned<Member>>>,
    /// Clients at a time; -1 for no limit.
    pub max_connections: Option<Spanned<i64>>,
    /// Highest quality of service, from 0 to 2.
    pub max_qos: Option<Spanned<i64>>,
    /// Put in front of every topic of this listener's clients.
    pub mount_point: Option<Text>,
    /// Topic aliases that a client may use, up to 65,535.
    pub max_topic_alias: Option<Spanned<i64>>,
    /// Whether the user name takes the place of the client id.
    pub use_username_as_clientid: Option<Spanned<bool>>,
    /// Other options of the listener.
    pub options: Vec<OptionLine>,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// On a TCP port.
    Port {
        /// The port, never 0.
        port: Spanned<u16>,
        /// The address or host name; `None` for all addresses.
        bind: Option<Text>,
    },
    /// On a unix socket with this path.
    Socket(Text),
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT.
    Mqtt,
    /// MQTT over WebSockets.
    WebSockets,
}

/// TLS of a listener.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Its map.
    pub span: Span,
    /// The broker's certificate, one of [`Pki::certificates`].
    pub certificate: Text,
    /// Oldest version.
    pub min_version: Spanned<TlsVersion>,
    /// Ciphers of TLS 1.2.
    pub ciphers: Option<Text>,
    /// Ciphers of TLS 1.3.
    pub ciphers_tls1_3: Option<Text>,
    /// What is asked of clients; `None` where they need no certificate.
    pub client: Option<ClientTls>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2.
    V1_2,
    /// 1.3.
    V1_3,
}

/// Clients must show a certificate.
#[derive(Clone, Debug)]
pub struct ClientTls {
    /// Who issues it, one of [`Pki::authorities`].
    pub authority: Text,
    /// What of it becomes the user name; `None` where the client sends its user name.
    pub username_from: Option<Spanned<UsernameFrom>>,
    /// File of revoked certificates.
    pub crl: Option<Text>,
}

/// What of a certificate becomes the user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameFrom {
    /// The common name.
    CommonName,
    /// The whole subject.
    Subject,
}

/// Whether clients without a user name are let in, and what they may do.
#[derive(Clone, Debug)]
pub struct Anonymous {
    /// Its value.
    pub span: Span,
    /// Whether they are let in.
    pub allowed: bool,
    /// Their rights.
    pub acl: Vec<AclEntry>,
}

/// Somebody that a listener lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// The user of this name.
    User(Arc<str>),
    /// Everyone who has the role of this name.
    Role(Arc<str>),
    /// Everyone of the fleet of this name.
    Fleet(Arc<str>),
}

impl Member {
    /// Whether a user is meant.
    pub fn is(&self, user: &User) -> bool {
        match self {
            Self::User(name) => *name == user.name.value,
            Self::Role(name) => user.roles.iter().any(|role| role.value == *name),
            Self::Fleet(name) => user.fleet.as_ref() == Some(name),
        }
    }

    /// The name.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::User(name) | Self::Role(name) | Self::Fleet(name) => name,
        }
    }
}

/// Many users, whose names differ in a number.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Its name.
    pub name: Text,
    /// How many users it has; never 0.
    pub size: usize,
}

/// Rights that several users share.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: Text,
    /// The rights.
    pub acl: Vec<AclEntry>,
}

/// Somebody who may log in.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: Text,
    /// The map that describes the user, or the fleet.
    pub span: Span,
    /// The fleet that the user is of, by its name.
    pub fleet: Option<Arc<str>>,
    /// Where the password comes from.
    pub password: Option<Spanned<Password>>,
    /// The certificate that is issued.
    pub certificate: Option<ClientCertificate>,
    /// The roles that the user has, each one of [`Spec::roles`].
    pub roles: Vec<Text>,
    /// The user's own rights.
    pub acl: Vec<AclEntry>,
}

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// An environment variable.
    Env(Arc<str>),
    /// A file.
    File(Arc<str>),
    /// What a shell command prints.
    Command(Arc<str>),
    /// A ready hash.
    Hash(Secret),
    /// It is made up.
    Generate,
    /// The password itself.
    Plain(Secret),
}

/// A text that debug output does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Hides a text.
    pub fn new(text: Arc<str>) -> Self {
        Self(text)
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The certificate of a user.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// Its value.
    pub span: Span,
    /// Who issues it: one of the own authorities, found where the user names none.
    pub authority: Text,
    /// How long it is valid.
    pub valid_for: Spanned<Seconds>,
}

/// A right, or a denial, for one filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// What is given or taken, and the place of the word.
    pub access: Spanned<Access>,
    /// The topics.
    pub filter: Text,
}

/// Certificate authorities and certificates.
#[derive(Clone, Debug, Default)]
pub struct Pki {
    /// Who issues certificates.
    pub authorities: Vec<Authority>,
    /// Certificates of the broker.
    pub certificates: Vec<Certificate>,
}

/// A certificate authority.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its name.
    pub name: Text,
    /// Its map.
    pub span: Span,
    /// Where it comes from.
    pub origin: AuthorityOrigin,
}

/// Where an authority comes from.
#[derive(Clone, Debug)]
pub enum AuthorityOrigin {
    /// It is made, and kept in the state folder.
    Own {
        /// Its common name.
        common_name: Text,
        /// How long its certificate is valid.
        valid_for: Spanned<Seconds>,
    },
    /// Its certificate is brought; it issues nothing.
    Brought {
        /// File of the certificate.
        certificate: Text,
    },
}

/// A certificate of the broker.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its name.
    pub name: Text,
    /// Its map.
    pub span: Span,
    /// Where it comes from.
    pub origin: CertificateOrigin,
}

/// Where a certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateOrigin {
    /// It is issued.
    Issued {
        /// Who issues it: one of the own authorities.
        authority: Text,
        /// Host names and addresses; never empty.
        names: Vec<Text>,
        /// Common name; the first of the names where `None`.
        common_name: Option<Text>,
        /// How long it is valid.
        valid_for: Spanned<Seconds>,
        /// How long before its end it is renewed; less than `valid_for`, a third of it where nothing is said.
        renew_before: Spanned<Seconds>,
    },
    /// It is brought.
    Brought {
        /// File of the certificate and those that lead to its authority.
        chain: Text,
        /// File of the private key.
        key: Text,
        /// Whether the files are copied into the result.
        copy: Spanned<bool>,
    },
}

/// How passwords are hashed.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Rounds of PBKDF2; `None` for those that the releases' own tool takes.
    pub iterations: Option<Spanned<u32>>,
}

/// What survives a restart.
#[derive(Clone, Debug)]
pub struct Persistence {
    /// Whether anything does.
    pub enabled: Spanned<bool>,
    /// Name of the database file.
    pub file: Option<Text>,
    /// Seconds, or changes, between two savings.
    pub autosave_interval: Option<Spanned<i64>>,
    /// Whether the interval counts changes.
    pub autosave_on_changes: Option<Spanned<bool>>,
    /// How long the session of an absent client is kept.
    pub client_expiration: Option<Spanned<Seconds>>,
}

/// What is logged, and where.
#[derive(Clone, Debug)]
pub struct Logging {
    /// Where to; `None` where nothing is said.
    pub to: Option<Vec<Spanned<LogDestination>>>,
    /// Mosquitto's words for what is logged; `None` where nothing is said.
    pub types: Option<Vec<Text>>,
    /// Whether lines begin with the time.
    pub timestamp: Option<Spanned<bool>>,
    /// Form of the time.
    pub timestamp_format: Option<Text>,
    /// Whether clients that come and go are logged.
    pub connection_messages: Option<Spanned<bool>>,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// The system's log.
    Syslog,
    /// Topics below `$SYS/broker/log`.
    Topic,
    /// Nowhere.
    None,
    /// A file with this path.
    File(Arc<str>),
}

/// A number for one of Mosquitto's own options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The option's name.
    pub name: Spanned<&'static str>,
    /// The number.
    pub value: Spanned<i64>,
}

/// An option and its values, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionLine {
    /// The option's name.
    pub name: Text,
    /// The values; never empty.
    pub values: Vec<Text>,
}

/// A finding that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The rule.
    pub rule: Text,
    /// Why it is meant.
    pub reason: Text,
}
