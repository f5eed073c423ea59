//! What is known of the listeners of a configuration before anybody connects.

use std::sync::Arc;

use super::client::TlsVersions;
use super::engine::Ground;
use super::script::{CertificateChoice, Connection, MqttVersion, Place, TrustChoice};
use crate::access::{self, Action, Client};
use crate::broker::wire::Version;
use crate::catalogue::{Quirk, options};
use crate::lang::spec::TlsVersion;
use crate::model::{Listener, Protocol};

/// A listener, as clients see it.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Its index among the listeners of the deployment.
    pub(super) index: usize,
    /// Where the configuration has it.
    pub(super) place: Place,
    /// Whether MQTT is spoken on it, over whatever.
    pub(super) speaks_mqtt: bool,
    pub(super) has_tls: bool,
    pub(super) is_websocket: bool,
    /// Whether clients must show a certificate.
    pub(super) wants_certificate: bool,
    /// Whether the user name is taken from the certificate, and whether it is the whole subject.
    pub(super) name_from: Option<NameFrom>,
    /// Put in front of every topic.
    pub(super) mount_point: String,
    /// Highest quality of service of a message.
    pub(super) max_qos: u8,
    /// The newest version that it takes.
    pub(super) version: Version,
    /// Whether the user name takes the place of the client id.
    pub(super) id_is_user: bool,
}

/// What of a certificate is the user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameFrom {
    CommonName,
    Subject,
}

impl Door {
    pub(super) fn of(index: usize, listener: &Listener) -> Self {
        let settings = &listener.settings;
        let place = match &listener.socket {
            Some(path) => Place::Socket(Arc::from(&*path.value)),
            None => Place::Port(listener.port),
        };
        // The first of the two counts where both are on.
        let name_from = match () {
            () if !listener.names_from_certificate() => None,
            () if settings.is_on(options::USE_IDENTITY_AS_USERNAME) => Some(NameFrom::CommonName),
            () => Some(NameFrom::Subject),
        };
        let max_qos = settings.number(options::MAX_QOS).and_then(|qos| u8::try_from(qos.value).ok());
        let versions = settings.text(options::ACCEPT_PROTOCOL_VERSIONS).map(|text| text.value);
        let takes = |digit| versions.is_none_or(|versions| versions.contains(digit));
        let version = match () {
            () if takes('5') => Version::V5,
            () if takes('4') => Version::V311,
            () => Version::V31,
        };
        Self {
            index,
            place,
            speaks_mqtt: listener.protocol != Protocol::HttpApi,
            has_tls: listener.has_certificate(),
            is_websocket: listener.protocol == Protocol::Websockets,
            wants_certificate: listener.has_certificate() && settings.is_on(options::REQUIRE_CERTIFICATE),
            name_from,
            mount_point: settings.text(options::MOUNT_POINT).map_or("", |text| text.value).to_owned(),
            max_qos: max_qos.unwrap_or(2),
            version,
            id_is_user: settings.is_on(options::USE_USERNAME_AS_CLIENTID),
        }
    }

    /// A topic of the broker as clients of this listener name it; `None` where they cannot.
    pub(super) fn local<'t>(&self, topic: &'t str) -> Option<&'t str> {
        topic.strip_prefix(self.mount_point.as_str()).filter(|topic| !topic.is_empty())
    }

    /// A topic of this listener's clients as the broker names it.
    pub(super) fn global(&self, topic: &str) -> String {
        format!("{}{topic}", self.mount_point)
    }

    /// Whether a client that connects so would choose this listener.
    pub(super) fn fits(&self, connection: &Connection) -> bool {
        let needs_user = self.name_from.is_some() && connection.user.is_none();
        let has_own_words = !matches!(connection.certificate, CertificateChoice::Own);
        self.speaks_mqtt && (self.has_tls || !wants_tls(connection)) && (!needs_user || has_own_words)
    }
}

/// Whether a connection makes sense over TLS only.
pub(super) fn wants_tls(connection: &Connection) -> bool {
    let has_certificate = !matches!(connection.certificate, CertificateChoice::Own | CertificateChoice::None);
    has_certificate
        || connection.trust != TrustChoice::Known
        || connection.server_name.is_some()
        || connection.tls_version.is_some()
}

/// Somebody who is connected, as the broker knows them.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The index of the listener.
    pub(super) door: usize,
    pub(super) user: Option<Vec<u8>>,
    pub(super) client_id: Vec<u8>,
    pub(super) version: Version,
}

/// What an access rule says, and where.
pub(super) fn decide(ground: &Ground, who: &Who, action: Action, topic: &str) -> access::Decision {
    let listener = &ground.deployment.listeners[who.door];
    let acl = ground.deployment.security_of(listener).acl.loaded();
    let client = Client { user: who.user.as_deref(), client_id: &who.client_id };
    access::decide(ground.release, acl.map(|acl| &**acl), client, action, topic.as_bytes())
}

/// Whether a message that came on `topic` is one of the topic that clients of the listener call `local`.
pub(super) fn is_topic(ground: &Ground, door: &Door, topic: &str, local: &str) -> bool {
    topic == local || ground.release.has(Quirk::MountPointKeptOnDelivery) && topic == door.global(local)
}

pub(super) fn wire_version(version: MqttVersion) -> Version {
    match version {
        MqttVersion::V3_1 => Version::V31,
        MqttVersion::V3_1_1 => Version::V311,
        MqttVersion::V5 => Version::V5,
    }
}

pub(super) fn tls_versions(connection: &Connection) -> TlsVersions {
    match connection.tls_version.as_ref().map(|version| version.value) {
        None => TlsVersions::Both,
        Some(TlsVersion::V1_2) => TlsVersions::V12,
        Some(TlsVersion::V1_3) => TlsVersions::V13,
    }
}
