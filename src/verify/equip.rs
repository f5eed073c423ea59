//! What a client takes along: certificates, trust, the words of its CONNECT.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::client::{Identity, ServerName, TlsSide, TlsVersions, name_of};
use super::engine::Ground;
use super::job::{Job, SuiteFile};
use super::script::{CertificateChoice, Connection, PasswordChoice, TrustChoice};
use super::stage::{Door, NameFrom, tls_versions, wire_version};
use crate::broker::wire::{Connect, Properties, Property, Text, Will};
use crate::credentials::{Authority, KeySource, read_certificates};

/// How long made-up authorities last: longer than any run.
const DAY: i64 = 86_400;

/// What makes one TLS client the same as another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    suite: usize,
    door: usize,
    trust: String,
    identity: String,
    name: String,
    versions: TlsVersions,
}

/// Equipment of all clients of a run on one release; each piece is made once.
pub(super) struct Equipment<'a> {
    job: &'a Job<'a>,
    sides: Mutex<HashMap<Key, Result<Equipped, String>>>,
    /// An authority that nobody knows.
    stranger: Mutex<Option<Authority>>,
}

/// A client's TLS, and who its certificate says that it is.
#[derive(Clone)]
pub(super) struct Equipped {
    pub(super) side: TlsSide,
    /// The common name and the whole subject of its certificate, where it has one.
    names: Option<(Option<String>, String)>,
}

impl Equipped {
    /// The user name that a listener takes from the certificate.
    pub(super) fn user(&self, from: NameFrom) -> Option<Vec<u8>> {
        let (common_name, subject) = self.names.as_ref()?;
        match from {
            NameFrom::CommonName => common_name.clone().map(String::into_bytes),
            NameFrom::Subject => Some(subject.clone().into_bytes()),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

impl<'a> Equipment<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        Self { job, sides: Mutex::default(), stranger: Mutex::default() }
    }

    /// TLS as a connection of a test wants it.
    ///
    /// # Errors
    /// What cannot be had, in words.
    pub(super) fn tls(
        &self,
        ground: &Ground,
        suite: usize,
        door: Option<&Door>,
        connection: &Connection,
    ) -> Result<Equipped, String> {
        let user = connection.user.as_ref().map(|user| &*user.value);
        let name = connection.server_name.as_ref().map(|name| &*name.value).unwrap_or_default();
        let key = Key {
            suite,
            door: door.map_or(usize::MAX, |door| door.index),
            trust: match &connection.trust {
                TrustChoice::Known => "known".to_owned(),
                TrustChoice::Nobody => "nobody".to_owned(),
                TrustChoice::File(path) => format!("file {}", path.value),
            },
            identity: match &connection.certificate {
                CertificateChoice::Files(pair) => {
                    format!("files {} {}", pair.certificate.value, pair.key.value)
                }
                CertificateChoice::Of(user) => format!("of {}", user.value),
                CertificateChoice::None => "none".to_owned(),
                CertificateChoice::Own => format!("own {user:?}"),
                CertificateChoice::Stranger => format!("stranger {user:?}"),
                CertificateChoice::Expired => format!("expired {user:?}"),
            },
            name: name.to_owned(),
            versions: tls_versions(connection),
        };
        self.made(key, |key| {
            let trusted = self.trusted(suite, &connection.trust)?;
            let identity = self.identity(suite, door, connection)?;
            let name = match key.name.as_str() {
                "" => own_name(ground, door),
                name => ServerName::try_from(name.to_owned())
                    .map_err(|_| format!("`{name}` can be no name in a certificate"))?,
            };
            equip(&trusted, identity.as_ref(), name, key.versions)
        })
    }

    /// TLS of a user who only helps.
    ///
    /// # Errors
    /// What cannot be had, in words.
    pub(super) fn helper(
        &self,
        ground: &Ground,
        suite: usize,
        door: &Door,
        user: Option<&str>,
    ) -> Result<Equipped, String> {
        let key = Key {
            suite,
            door: door.index,
            trust: "known".to_owned(),
            identity: format!("own {user:?}"),
            name: String::new(),
            versions: TlsVersions::Both,
        };
        self.made(key, |key| {
            let trusted = self.trusted(suite, &TrustChoice::Known)?;
            let identity = if door.wants_certificate { self.of_user(user.unwrap_or_default()) } else { None };
            equip(&trusted, identity.as_ref(), own_name(ground, Some(door)), key.versions)
        })
    }

    fn made(
        &self,
        key: Key,
        make: impl FnOnce(&Key) -> Result<Equipped, String>,
    ) -> Result<Equipped, String> {
        let mut sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sides.get(&key) {
            return known.clone();
        }
        let made = make(&key);
        sides.insert(key, made.clone());
        made
    }

    fn suite(&self, suite: usize) -> Result<&'a SuiteFile, String> {
        self.job.suites.get(suite).ok_or_else(|| "there is no such file of tests".to_owned())
    }

    /// A file that a suite names.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn file(&self, suite: usize, path: &str) -> Result<Vec<u8>, String> {
        let path = self.suite(suite)?.folder.join(path);
        let read = self.job.local.read(&path);
        read.map(|bytes| bytes.to_vec()).map_err(|_| format!("`{}` cannot be read", shown(&path)))
    }

    fn trusted(&self, suite: usize, choice: &TrustChoice) -> Result<Vec<u8>, String> {
        match choice {
            TrustChoice::File(path) => self.file(suite, &path.value),
            TrustChoice::Nobody => self.stranger(|nobody| nobody.certificate().as_bytes().to_vec()),
            TrustChoice::Known => {
                let mut all: Vec<u8> = self.job.credentials.trust.iter().flatten().copied().collect();
                for path in &self.suite(suite)?.suite.trust {
                    all.extend(self.file(suite, &path.value)?);
                }
                if all.is_empty() {
                    return Err(
                        "nobody says which authorities clients trust; name their files in `trust`".to_owned()
                    );
                }
                Ok(all)
            }
        }
    }

    fn of_user(&self, user: &str) -> Option<Identity> {
        let known = self.job.credentials.users.get(user)?;
        Some(Identity { chain: known.certificate.clone()?, key: known.key.clone()? })
    }

    fn identity(
        &self,
        suite: usize,
        door: Option<&Door>,
        connection: &Connection,
    ) -> Result<Option<Identity>, String> {
        let user = connection.user.as_ref().map_or("stranger", |user| &*user.value);
        match &connection.certificate {
            CertificateChoice::None => Ok(None),
            CertificateChoice::Own => {
                let is_asked = door.is_some_and(|door| door.wants_certificate);
                Ok(if is_asked { self.of_user(user) } else { None })
            }
            CertificateChoice::Of(other) => match self.of_user(&other.value) {
                Some(identity) => Ok(Some(identity)),
                None => Err(format!("no certificate of `{}` is known", other.value)),
            },
            CertificateChoice::Files(pair) => {
                let chain = self.file(suite, &pair.certificate.value)?;
                let key = crate::credentials::Secret::new(self.file(suite, &pair.key.value)?);
                Ok(Some(Identity { chain, key }))
            }
            CertificateChoice::Stranger => {
                let now = self.job.now;
                let issued = self.stranger(|nobody| issue(nobody, user, now, DAY, self.keys()))?;
                issued.map(Some)
            }
            CertificateChoice::Expired => {
                let authority =
                    door.and_then(|door| self.job.credentials.client_authorities.get(&door.place));
                let authority = authority.and_then(|name| self.job.credentials.authorities.get(name));
                let authority = authority
                    .ok_or("the key of the authority that issues the clients' certificates is not known")?;
                issue(authority, user, authority.facts().not_before, 1, self.keys()).map(Some)
            }
        }
    }

    fn keys(&self) -> &dyn KeySource {
        self.job.keys.as_ref()
    }

    fn stranger<T>(&self, with: impl FnOnce(&Authority) -> T) -> Result<T, String> {
        let mut kept = self.stranger.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            let made = Authority::make("nobody", self.job.now, DAY, self.keys());
            *kept = Some(made.map_err(|error| error.to_string())?);
        }
        kept.as_ref().map(with).ok_or_else(String::new)
    }

    /// CONNECT as a test wants it.
    ///
    /// # Errors
    /// What does not fit into the packet, or cannot be had.
    pub(super) fn connect(&self, connection: &Connection, will: Option<Will>) -> Result<Connect, String> {
        let user = connection.user.as_ref().map(|user| &*user.value);
        let password = match &connection.password {
            PasswordChoice::None => None,
            PasswordChoice::Text(text) => Some(text.value.expose().as_bytes().to_vec()),
            PasswordChoice::Right => {
                let known = user.and_then(|user| self.job.credentials.users.get(user));
                known.and_then(|known| Some(known.password.as_ref()?.expose().to_vec()))
            }
        };
        let mut properties = Properties::NONE;
        let told = [
            connection.session_expiry.map(Property::SessionExpiryInterval),
            connection.receive_maximum.map(Property::ReceiveMaximum),
            connection.maximum_packet_size.map(Property::MaximumPacketSize),
            connection.topic_alias_maximum.map(Property::TopicAliasMaximum),
        ];
        told.into_iter().flatten().for_each(|property| properties.push(property));
        Ok(Connect {
            version: wire_version(connection.version.value),
            is_bridge: false,
            clean_start: connection.clean_start,
            keep_alive: connection.keep_alive,
            properties,
            client_id: packet_text(&connection.client_id.value)?,
            will,
            user_name: user.map(packet_text).transpose()?,
            password: password.map(Bytes::from),
        })
    }
}

/// Equips a client.
fn equip(
    trusted: &[u8],
    identity: Option<&Identity>,
    name: ServerName<'static>,
    versions: TlsVersions,
) -> Result<Equipped, String> {
    let side = TlsSide::new(trusted, identity, name, versions).map_err(|error| error.to_string())?;
    let own = identity.and_then(|identity| read_certificates(&identity.chain).ok()?.into_iter().next());
    Ok(Equipped { side, names: own.map(|own| (own.common_name, own.subject)) })
}

fn own_name(ground: &Ground, door: Option<&Door>) -> ServerName<'static> {
    let listener = door.and_then(|door| ground.deployment.listeners.get(door.index));
    let chain = listener.and_then(|listener| listener.tls.certificate.state.loaded());
    name_of(chain.and_then(|chain| chain.first()))
}

fn issue(
    authority: &Authority,
    name: &str,
    from: i64,
    seconds: i64,
    keys: &dyn KeySource,
) -> Result<Identity, String> {
    let issued = authority.issue_client(name, from, seconds, keys).map_err(|error| error.to_string())?;
    Ok(Identity { chain: issued.chain.into_bytes(), key: issued.key })
}

/// A text for a packet.
///
/// # Errors
/// What keeps it out.
pub(super) fn packet_text(text: &str) -> Result<Text, String> {
    Text::new(Bytes::copy_from_slice(text.as_bytes()))
        .ok_or_else(|| "a text is longer than 65535 bytes, or holds a NUL".to_owned())
}
