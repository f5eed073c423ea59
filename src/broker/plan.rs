//! What the options of a deployment come to for a running broker: every number and switch, defaults filled in.

use std::sync::Arc;

use super::wire::{QoS, Version};
use crate::access::Compiled;
use crate::catalogue::{OptionId, Release, options};
use crate::credentials::PasswordHash;
use crate::model::acl::Acl;
use crate::model::{Deployment, Listener, Protocol, Security, Settings, Value};

/// Settings for the whole broker. Limits of 0 in the configuration are no limit: `None`.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_inflight_messages: u16,
    pub(super) max_inflight_bytes: Option<usize>,
    pub(super) max_queued_messages: Option<usize>,
    pub(super) max_queued_bytes: Option<usize>,
    pub(super) max_packet_size: Option<u32>,
    pub(super) message_size_limit: Option<usize>,
    /// Seconds; `None` where any keepalive will do.
    pub(super) max_keepalive: Option<u16>,
    pub(super) global_max_connections: Option<usize>,
    pub(super) global_max_clients: Option<usize>,
    pub(super) queue_qos0_messages: bool,
    pub(super) upgrade_outgoing_qos: bool,
    pub(super) retain_available: bool,
    pub(super) allow_duplicate_messages: bool,
    pub(super) check_retain_source: bool,
    pub(super) connection_messages: bool,
    pub(super) clientid_prefix: Option<Box<str>>,
    /// Seconds that the session of an absent client is kept at most.
    pub(super) persistent_client_expiration: Option<u32>,
    /// Seconds between two rounds of `$SYS`.
    pub(super) sys_interval: Option<u32>,
}

/// Where a client's user name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameSource {
    /// The CONNECT packet.
    Packet,
    /// The common name of its certificate.
    CommonName,
    /// The subject of its certificate.
    Subject,
}

/// Settings of one listener.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) port: u16,
    pub(super) max_connections: Option<usize>,
    pub(super) max_qos: QoS,
    /// Topic aliases that clients may use.
    pub(super) max_topic_alias: u16,
    /// Topic aliases that the broker uses towards a client at most.
    pub(super) max_topic_alias_broker: u16,
    pub(super) mount_point: Option<Box<str>>,
    pub(super) use_username_as_clientid: bool,
    pub(super) name_source: NameSource,
    pub(super) versions: Vec<Version>,
    pub(super) guard: Guard,
}

/// What the security options of a listener come to.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) allow_anonymous: bool,
    pub(super) allow_zero_length_clientid: bool,
    pub(super) auto_id_prefix: Box<str>,
    /// The users; `None` where no password file is in force.
    pub(super) passwords: Option<Arc<Users>>,
    /// The rights; `None` where no ACL file is in force.
    pub(super) acl: Option<Arc<Compiled>>,
}

/// The users of a password file by name.
#[derive(Debug)]
pub(super) struct Users(std::collections::HashMap<Box<[u8]>, PasswordHash>);

impl Users {
    fn of(file: &crate::model::Passwords) -> Self {
        let usable = file.entries.iter().filter(|entry| entry.is_usable);
        // A later line counts, where the release takes two.
        Self(usable.filter_map(|entry| Some((entry.name.clone(), entry.hash.clone().ok()?))).collect())
    }

    /// The password hash of a user.
    pub(super) fn hash(&self, name: &[u8]) -> Option<&PasswordHash> {
        self.0.get(name)
    }
}

/// A block of options with the defaults of a release behind it.
struct Block<'a> {
    settings: &'a Settings,
    release: Release,
}

impl Block<'_> {
    fn default_of(&self, option: OptionId) -> Option<&'static str> {
        let entry = option.entry();
        entry.default.at(self.release).filter(|_| option.is_known(self.release))
    }

    fn number(&self, option: OptionId) -> Option<i64> {
        let written = self.settings.number(option).map(|number| number.value);
        written.or_else(|| self.default_of(option)?.parse().ok())
    }

    /// A number of which 0 and anything below is no limit.
    fn limit(&self, option: OptionId) -> Option<usize> {
        self.number(option).filter(|number| *number > 0).and_then(|number| usize::try_from(number).ok())
    }

    fn flag(&self, option: OptionId) -> bool {
        let written = self.settings.flag(option).map(|flag| flag.value);
        written.unwrap_or_else(|| self.default_of(option) == Some("true"))
    }

    fn text(&self, option: OptionId) -> Option<Box<str>> {
        self.settings.text(option).map(|text| text.value.into())
    }
}

impl Limits {
    pub(super) fn of(deployment: &Deployment) -> Self {
        let block = Block { settings: &deployment.global, release: deployment.release };
        Self {
            max_inflight_messages: small(block.number(options::MAX_INFLIGHT_MESSAGES)),
            max_inflight_bytes: block.limit(options::MAX_INFLIGHT_BYTES),
            max_queued_messages: block.limit(options::MAX_QUEUED_MESSAGES),
            max_queued_bytes: block.limit(options::MAX_QUEUED_BYTES),
            max_packet_size: block
                .limit(options::MAX_PACKET_SIZE)
                .map(|size| u32::try_from(size).unwrap_or(u32::MAX)),
            message_size_limit: block.limit(options::MESSAGE_SIZE_LIMIT),
            max_keepalive: Some(small(block.number(options::MAX_KEEPALIVE))).filter(|most| *most > 0),
            global_max_connections: block.limit(options::GLOBAL_MAX_CONNECTIONS),
            global_max_clients: block.limit(options::GLOBAL_MAX_CLIENTS),
            queue_qos0_messages: block.flag(options::QUEUE_QOS0_MESSAGES),
            upgrade_outgoing_qos: block.flag(options::UPGRADE_OUTGOING_QOS),
            retain_available: block.flag(options::RETAIN_AVAILABLE),
            allow_duplicate_messages: block.flag(options::ALLOW_DUPLICATE_MESSAGES),
            check_retain_source: block.flag(options::CHECK_RETAIN_SOURCE),
            connection_messages: block.flag(options::CONNECTION_MESSAGES),
            clientid_prefix: block.text(options::CLIENTID_PREFIXES),
            persistent_client_expiration: expiration(&deployment.global),
            sys_interval: block
                .limit(options::SYS_INTERVAL)
                .map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
        }
    }
}

fn small(number: Option<i64>) -> u16 {
    number.map_or(0, |number| u16::try_from(number.max(0)).unwrap_or(u16::MAX))
}

/// `persistent_client_expiration` in seconds.
fn expiration(settings: &Settings) -> Option<u32> {
    let seconds = settings.number(options::PERSISTENT_CLIENT_EXPIRATION)?.value;
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

impl Door {
    pub(super) fn of(deployment: &Deployment, listener: &Listener, rights: &mut Rights) -> Self {
        let release = deployment.release;
        let block = Block { settings: &listener.settings, release };
        let ignores_connections = listener.protocol == Protocol::Websockets
            && release.has(crate::catalogue::Quirk::WebsocketsIgnoreMaxConnections);
        let is_on = |option| listener.has_tls() && block.flag(option);
        let most = block.number(options::MAX_QOS).and_then(|number| u8::try_from(number).ok());
        Self {
            port: listener.port,
            max_connections: block.limit(options::MAX_CONNECTIONS).filter(|_| !ignores_connections),
            max_qos: most.and_then(QoS::from_number).unwrap_or(QoS::ExactlyOnce),
            max_topic_alias: small(block.number(options::MAX_TOPIC_ALIAS)),
            max_topic_alias_broker: small(block.number(options::MAX_TOPIC_ALIAS_BROKER)),
            mount_point: block.text(options::MOUNT_POINT),
            use_username_as_clientid: block.flag(options::USE_USERNAME_AS_CLIENTID),
            name_source: if is_on(options::USE_IDENTITY_AS_USERNAME) {
                NameSource::CommonName
            } else if is_on(options::USE_SUBJECT_AS_USERNAME) {
                NameSource::Subject
            } else {
                NameSource::Packet
            },
            versions: versions(&listener.settings),
            guard: Guard::of(deployment, listener, rights),
        }
    }
}

/// `accept_protocol_versions`: digits between blanks or commas; everything without it.
fn versions(settings: &Settings) -> Vec<Version> {
    let all = [('3', Version::V31), ('4', Version::V311), ('5', Version::V5)];
    let written = settings.all(options::ACCEPT_PROTOCOL_VERSIONS).last().map(|setting| &setting.value.value);
    let Some(Value::Text(text)) = written else { return all.map(|(_, version)| version).to_vec() };
    all.into_iter().filter(|(digit, _)| text.contains(*digit)).map(|(_, version)| version).collect()
}

impl Guard {
    pub(super) fn of(deployment: &Deployment, listener: &Listener, rights: &mut Rights) -> Self {
        let security: &Security = deployment.security_of(listener);
        let block = Block { settings: &security.settings, release: deployment.release };
        let own = Block { settings: &listener.settings, release: deployment.release };
        let prefix = own.text(options::LISTENER_AUTO_ID_PREFIX).or(block.text(options::AUTO_ID_PREFIX));
        let default = || block.default_of(options::AUTO_ID_PREFIX).unwrap_or_default().into();
        Self {
            allow_anonymous: deployment.anonymous(listener).0,
            allow_zero_length_clientid: block.flag(options::ALLOW_ZERO_LENGTH_CLIENTID),
            auto_id_prefix: prefix.unwrap_or_else(default),
            passwords: security.passwords.loaded().map(|file| Arc::new(Users::of(file))),
            acl: security.acl.loaded().map(|acl| rights.of(acl, deployment.release)),
        }
    }
}

/// The ACL files of a deployment, each made ready once, however many listeners it is for.
#[derive(Default)]
pub(super) struct Rights(Vec<Arc<Compiled>>);

impl Rights {
    fn of(&mut self, acl: &Arc<Acl>, release: Release) -> Arc<Compiled> {
        let known = self.0.iter().find(|known| Arc::ptr_eq(known.acl(), acl));
        known.cloned().unwrap_or_else(|| {
            let made = Arc::new(Compiled::new(acl.clone(), release));
            self.0.push(made.clone());
            made
        })
    }
}
