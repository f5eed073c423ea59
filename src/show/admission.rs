//! Who may connect to a listener, and how: what the handshake asks for, then where the user name comes from.

use std::collections::HashSet;

use crate::catalogue::{OptionId, Quirk, Release, options};
use crate::lang::conf;
use crate::model::{Deployment, FileState, Listener, PluginKind, Protocol, Security};

/// What a client must show before it says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing.
    Nothing,
    /// A certificate of an authority that the listener trusts.
    Certificate,
    /// A pre-shared key.
    Key,
    /// One of them.
    CertificateOrKey,
}

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With whatever name and password, or without.
    Anybody,
    /// Without a name.
    Anonymous,
    /// With a name and the password that stands in the password file.
    Password {
        /// How many users it has; `None` where it could not be looked at.
        users: Option<usize>,
    },
    /// The common name of the client's certificate is its user name.
    CommonName,
    /// The subject of the client's certificate is its user name.
    Subject,
    /// The identity of the client's key is its user name.
    KeyIdentity,
}

/// Why nobody may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// The listener does not speak MQTT.
    NotMqtt,
    /// The release finds no address of the listener's host, and starts without the socket.
    NotOpened,
    /// A later listener puts its socket in the place of this one.
    SocketReplaced,
    /// Clients must show a certificate, and no authority is trusted.
    NoAuthority,
    /// The listener asks for keys, and there are none.
    NoKeys,
    /// No version of TLS is left.
    NoTlsVersion,
    /// Names are taken from certificates, and none is asked for.
    CertificateNotAsked,
    /// Names are taken from subjects, which keys have not got.
    KeyWithoutSubject,
    /// Names are taken from keys, and next to its certificate the listener takes none.
    KeyNextToCertificate,
    /// Names are taken from certificates, and neither the listener nor a proxy speaks TLS.
    IdentityWithoutTls,
    /// Passwords are not looked at, and clients without a name are not let in.
    NoLogin,
    /// The password file has no user, and clients without a name are not let in.
    NoUser,
}

impl Nobody {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotMqtt => "not-mqtt",
            Self::NotOpened => "not-opened",
            Self::SocketReplaced => "socket-replaced",
            Self::NoAuthority => "no-authority",
            Self::NoKeys => "no-keys",
            Self::NoTlsVersion => "no-tls-version",
            Self::CertificateNotAsked => "certificate-not-asked",
            Self::KeyWithoutSubject => "key-without-subject",
            Self::KeyNextToCertificate => "key-next-to-certificate",
            Self::IdentityWithoutTls => "identity-without-tls",
            Self::NoLogin => "no-login",
            Self::NoUser => "no-user",
        }
    }

    /// Each of them.
    pub const ALL: [Self; 12] = [
        Self::NotMqtt,
        Self::NotOpened,
        Self::SocketReplaced,
        Self::NoAuthority,
        Self::NoKeys,
        Self::NoTlsVersion,
        Self::CertificateNotAsked,
        Self::KeyWithoutSubject,
        Self::KeyNextToCertificate,
        Self::IdentityWithoutTls,
        Self::NoLogin,
        Self::NoUser,
    ];

    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotMqtt => "it serves HTTP, not MQTT",
            Self::NotOpened => "its host is no address, and the release goes on without the socket",
            Self::SocketReplaced => "a later listener replaces its socket",
            Self::NoAuthority => "certificates are required, and no authority is trusted",
            Self::NoKeys => "`psk_hint` asks for keys, and there is no `psk_file`",
            Self::NoTlsVersion => {
                "`psk_file` switches TLS 1.3 off, the only version that `tls_version` leaves"
            }
            Self::CertificateNotAsked => {
                "names come from certificates, and without `require_certificate` no client is asked for one"
            }
            Self::KeyWithoutSubject => "names come from subjects, which keys have not got",
            Self::KeyNextToCertificate => "names come from keys, and next to its certificate it takes none",
            Self::IdentityWithoutTls => "names come from required certificates, and there is no TLS",
            Self::NoLogin => "no `password_file`, and `allow_anonymous` is false",
            Self::NoUser => "the password file has no usable user, and `allow_anonymous` is false",
        }
    }
}

/// What stands between a client and a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether it speaks TLS with a certificate.
    pub has_certificate: bool,
    /// Whether it speaks TLS with pre-shared keys.
    pub has_keys: bool,
    /// The versions of TLS that clients may choose from, where they are known.
    pub tls_versions: Option<Vec<&'static str>>,
    /// Whether clients need a certificate, its own or the one that a proxy has seen.
    pub requires_certificate: bool,
    /// The version of the PROXY protocol that a proxy in front must speak.
    pub proxy: Option<i64>,
    /// Whether a plugin may decide first.
    pub asks_plugin: bool,
    /// What the handshake asks for.
    pub demand: Demand,
    /// The ways in; empty where only a plugin can let clients in.
    pub ways: Result<Vec<Way>, Nobody>,
}

impl Admission {
    /// Whether it speaks TLS.
    pub fn has_tls(&self) -> bool {
        self.has_certificate || self.has_keys
    }

    /// Whether names come from TLS, so that neither passwords nor `allow_anonymous` count.
    pub fn names_from_tls(&self) -> bool {
        match &self.ways {
            Ok(ways) => {
                ways.iter().any(|way| matches!(way, Way::CommonName | Way::Subject | Way::KeyIdentity))
            }
            Err(why) => !matches!(why, Nobody::NoLogin | Nobody::NoUser),
        }
    }
}

/// Whether plugins may decide who connects to a listener and what clients do there.
fn asks_plugin(deployment: &Deployment, listener: &Listener) -> bool {
    let is_global = deployment.plugins.iter().any(|plugin| plugin.kind == PluginKind::Global);
    is_global || deployment.security_of(listener).has_plugin || !listener.plugins.is_empty()
}

/// The distinct names of a password file that a client can log in with.
fn user_count(security: &Security) -> Option<usize> {
    let entries = &security.passwords.loaded()?.entries;
    let names: HashSet<&[u8]> =
        entries.iter().filter(|entry| entry.is_usable).map(|entry| &*entry.name).collect();
    Some(names.len())
}

/// Who may connect to a listener.
pub fn admission(deployment: &Deployment, listener: &Listener) -> Admission {
    Asked::of(deployment, listener).admission()
}

/// What a listener's options say, as far as the release heeds it.
struct Asked<'a> {
    deployment: &'a Deployment,
    listener: &'a Listener,
    release: Release,
    security: &'a Security,
    has_certificate: bool,
    /// Whether the hint for keys is heeded.
    asks_keys: bool,
    /// Whether clients with keys get as far as the login.
    has_keys: bool,
    has_key_file: bool,
    proxy: Option<i64>,
}

impl<'a> Asked<'a> {
    fn of(deployment: &'a Deployment, listener: &'a Listener) -> Self {
        let release = deployment.release;
        let settings = &listener.settings;
        let security = deployment.security_of(listener);
        let proxy = settings.number(options::ENABLE_PROXY_PROTOCOL).map(|version| version.value);
        let has_certificate = listener.has_certificate();
        let asks_keys = listener.asks_for_keys();
        let has_key_file = security.settings.text(options::PSK_FILE).is_some();
        let beside = has_key_file && !release.has(Quirk::CertificateExcludesPsk);
        Self {
            deployment,
            listener,
            release,
            security,
            has_certificate,
            asks_keys,
            has_keys: asks_keys && (!has_certificate || beside),
            has_key_file,
            proxy: proxy.filter(|version| *version > 0),
        }
    }

    fn is_on(&self, option: OptionId) -> bool {
        self.listener.settings.is_on(option)
    }

    /// Whether the keys of the security block switch TLS 1.3 off.
    fn lacks_tls13(&self) -> bool {
        self.has_key_file && self.release.has(Quirk::PskFileDisablesTls13)
    }

    fn admission(&self) -> Admission {
        let demand = self.demand();
        Admission {
            has_certificate: self.has_certificate,
            has_keys: self.has_keys,
            tls_versions: self.tls_versions(),
            requires_certificate: demand == Demand::Certificate,
            proxy: self.proxy,
            asks_plugin: asks_plugin(self.deployment, self.listener),
            demand,
            ways: self.handshake(demand).and_then(|()| self.names(demand)),
        }
    }

    fn demand(&self) -> Demand {
        let required = self.is_on(options::REQUIRE_CERTIFICATE);
        let is_proxied = self.proxy == Some(2);
        let by_identity = self.is_on(options::USE_IDENTITY_AS_USERNAME);
        match (self.has_certificate, self.has_keys) {
            (false, true) => Demand::Key,
            // What has no name from a key is turned away.
            (true, true) if by_identity || (required && !self.has_authority()) => Demand::Key,
            (true, true) if required => Demand::CertificateOrKey,
            (true, false) if required => Demand::Certificate,
            (false, false) if required && is_proxied => Demand::Certificate,
            _ => Demand::Nothing,
        }
    }

    /// Whether there is an authority whose certificates are taken.
    fn has_authority(&self) -> bool {
        let settings = &self.listener.settings;
        let is_websocket = self.listener.protocol == Protocol::Websockets;
        let ignores_folder = is_websocket && self.release.has(Quirk::WebsocketsIgnoreCapath);
        let has_folder = settings.text(options::CAPATH).is_some() && !ignores_folder;
        // Elsewhere a file that cannot be used stops the start.
        let goes_on = is_websocket && self.release.has(Quirk::WebsocketsSkipTlsOptions);
        let is_failed = goes_on && matches!(self.listener.tls.authorities.state, FileState::Failed);
        let has_file = settings.text(options::CAFILE).is_some() && !is_failed;
        has_folder || has_file
    }

    /// The versions of TLS with certificates; what WebSocket listeners of 2.0 take is their library's business.
    fn tls_versions(&self) -> Option<Vec<&'static str>> {
        let is_library = self.listener.protocol == Protocol::Websockets
            && self.release.has(Quirk::WebsocketsIgnoreTlsVersion);
        if !self.has_certificate || self.has_keys || is_library {
            return None;
        }
        let wanted = self.listener.settings.text(options::TLS_VERSION).map(|text| text.value);
        let mut versions = match wanted {
            None | Some("tlsv1.2") => vec!["1.2", "1.3"],
            Some("tlsv1.1") => vec!["1.1", "1.2", "1.3"],
            Some("tlsv1.3") => vec!["1.3"],
            Some(_) => return None,
        };
        versions.retain(|version| *version != "1.3" || !self.lacks_tls13());
        Some(versions)
    }

    /// Whether any client gets through the handshake.
    fn handshake(&self, demand: Demand) -> Result<(), Nobody> {
        let settings = &self.listener.settings;
        let is_websocket = self.listener.protocol == Protocol::Websockets;
        let only_13 = settings.text(options::TLS_VERSION).is_some_and(|version| version.value == "tlsv1.3");
        let heeds_version = !(is_websocket && self.release.has(Quirk::WebsocketsIgnoreTlsVersion));
        match demand {
            _ if self.listener.protocol == Protocol::HttpApi => Err(Nobody::NotMqtt),
            _ if conf::is_opened(self.listener, self.release) == Some(false) => Err(Nobody::NotOpened),
            Demand::Key if !self.has_key_file => Err(Nobody::NoKeys),
            Demand::Certificate if self.has_certificate && !self.has_authority() => Err(Nobody::NoAuthority),
            _ if (self.has_certificate || self.has_keys)
                && only_13
                && heeds_version
                && self.lacks_tls13() =>
            {
                Err(Nobody::NoTlsVersion)
            }
            _ => Ok(()),
        }
    }

    /// Where the user name of a client comes from.
    fn names(&self, demand: Demand) -> Result<Vec<Way>, Nobody> {
        let by_identity = self.is_on(options::USE_IDENTITY_AS_USERNAME);
        let by_subject = self.is_on(options::USE_SUBJECT_AS_USERNAME);
        match (self.has_certificate, self.asks_keys) {
            (_, true) if by_subject && !by_identity => Err(Nobody::KeyWithoutSubject),
            (_, true) if by_identity && self.has_keys => Ok(vec![Way::KeyIdentity]),
            (_, true) if by_identity => Err(Nobody::KeyNextToCertificate),
            (true, false) if (by_identity || by_subject) && demand == Demand::Nothing => {
                Err(Nobody::CertificateNotAsked)
            }
            (true, false) if by_identity => Ok(vec![Way::CommonName]),
            (true, false) if by_subject => Ok(vec![Way::Subject]),
            (false, false) if self.listener.refuses_without_tls(self.release) => {
                Err(Nobody::IdentityWithoutTls)
            }
            _ => self.login(),
        }
    }

    fn login(&self) -> Result<Vec<Way>, Nobody> {
        let is_anonymous = self.deployment.anonymous(self.listener).0;
        if !self.security.passwords.is_named() {
            return if is_anonymous { Ok(vec![Way::Anybody]) } else { Err(Nobody::NoLogin) };
        }
        let users = user_count(self.security);
        let password = (users != Some(0)).then_some(Way::Password { users });
        let ways: Vec<Way> = is_anonymous.then_some(Way::Anonymous).into_iter().chain(password).collect();
        if ways.is_empty() { Err(Nobody::NoUser) } else { Ok(ways) }
    }
}
