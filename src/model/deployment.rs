//! The broker with its listeners, bridges and plugins, as one release reads them.

use std::sync::Arc;

use super::acl::Acl;
use super::bridges::Bridge;
use super::keys::PresharedKeys;
use super::notes::Note;
use super::passwords::Passwords;
use super::settings::{Settings, Sourced};
use crate::catalogue::{Quirk, Release, options};
use crate::credentials::{CertificateFacts, KeyFacts, RevocationListFacts};
use crate::text::{SourceId, Span};

/// A configuration as one release reads it, and what was noticed on the way.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// What the release makes of it.
    pub deployment: Deployment,
    /// What was noticed, in the order in which the broker would meet it.
    pub notes: Vec<Note>,
}

/// A broker.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The release that reads the configuration.
    pub release: Release,
    /// The main file.
    pub source: SourceId,
    /// Options with one value for the broker.
    pub global: Settings,
    /// The security options that hold for every listener without a block of its own.
    pub security: Security,
    /// `per_listener_settings`, where it is written.
    pub per_listener_settings: Option<Sourced<bool>>,
    /// The sockets that are opened, in the order of opening.
    pub listeners: Vec<Listener>,
    /// Connections to other brokers.
    pub bridges: Vec<Bridge>,
    /// Loaded plugins.
    pub plugins: Vec<Plugin>,
}

/// A block of security options and the files that they name.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// The options.
    pub settings: Settings,
    /// The `password_file`.
    pub passwords: FileState<Arc<Passwords>>,
    /// The `acl_file`.
    pub acl: FileState<Arc<Acl>>,
    /// The `psk_file`.
    pub keys: FileState<Arc<PresharedKeys>>,
    /// Whether a plugin stands in the block.
    pub has_plugin: bool,
}

/// What is known of a file that an option names.
#[derive(Clone, Debug, Default)]
pub enum FileState<T> {
    /// No option names one.
    #[default]
    Unnamed,
    /// It will be made before the broker starts, or lies where nobody can look from here.
    Unknown,
    /// It is named and cannot be used; a note says why.
    Failed,
    /// Its contents.
    Loaded(T),
}

impl<T> FileState<T> {
    /// Whether an option names a file, whatever became of it.
    pub fn is_named(&self) -> bool {
        !matches!(self, Self::Unnamed)
    }

    /// The contents, where they are known.
    pub fn loaded(&self) -> Option<&T> {
        match self {
            Self::Loaded(contents) => Some(contents),
            _ => None,
        }
    }
}

/// How a listener came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// A `listener` line.
    Explicit,
    /// The default listener: `port`, `bind_address`, or an option above the first `listener` line.
    Default,
    /// No listener is configured: the loopback addresses only.
    LocalOnly,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT.
    Mqtt,
    /// MQTT over WebSockets.
    Websockets,
    /// HTTP, for the broker's own interface.
    HttpApi,
}

/// A socket that clients connect to.
#[derive(Clone, Debug)]
pub struct Listener {
    /// How it came to be.
    pub kind: ListenerKind,
    /// The line that made it; for local-only mode the beginning of the main file.
    pub span: Span,
    /// TCP port; 0 asks the system for any free one, or stands for a unix socket.
    pub port: u16,
    /// The host name or address that it is bound to; all interfaces without one.
    pub host: Option<Sourced<Box<str>>>,
    /// The path of a unix socket.
    pub socket: Option<Sourced<Box<str>>>,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Its options.
    pub settings: Settings,
    /// Its own security options, where `per_listener_settings` is on.
    pub security: Option<Security>,
    /// The plugins that it names in `plugin_use`, as indices of [`Deployment::plugins`].
    pub plugins: Vec<usize>,
    /// The files of its TLS options.
    pub tls: Tls,
}

/// A file of a TLS option.
#[derive(Clone, Debug)]
pub struct TlsFile<T> {
    /// The value that names it, or `None`.
    pub span: Option<Span>,
    /// What is known of it.
    pub state: FileState<T>,
}

impl<T> Default for TlsFile<T> {
    fn default() -> Self {
        Self { span: None, state: FileState::Unnamed }
    }
}

/// What the TLS options of a listener name.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// `certfile`: the server's certificate, then its chain.
    pub certificate: TlsFile<Arc<[CertificateFacts]>>,
    /// `keyfile`.
    pub key: TlsFile<Arc<KeyFacts>>,
    /// `cafile`: the authorities whose client certificates are accepted.
    pub authorities: TlsFile<Arc<[CertificateFacts]>>,
    /// `crlfile`.
    pub revocations: TlsFile<Arc<[RevocationListFacts]>>,
    /// Whether the release does not heed the listener's `psk_hint`.
    pub ignores_psk_hint: bool,
}

/// How a plugin is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// `plugin`: it serves the security block that it stands in.
    Own,
    /// `global_plugin`: it serves every listener.
    Global,
    /// `plugin_load`: it serves the listeners that name it in `plugin_use`.
    Named(Sourced<Box<str>>),
}

/// A plugin.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Where it is declared.
    pub span: Span,
    /// How it is declared.
    pub kind: PluginKind,
    /// Its library, as the broker would open it; `None` where the path is missing.
    pub path: Option<Sourced<Box<str>>>,
    /// Its `plugin_opt_` lines.
    pub settings: Settings,
}

impl Listener {
    /// Whether it speaks TLS with certificates: a `certfile` and, in releases that do not refuse a lone one,
    /// a `keyfile`.
    pub fn has_certificate(&self) -> bool {
        self.settings.text(options::CERTFILE).is_some() && self.settings.text(options::KEYFILE).is_some()
    }

    /// Whether it asks clients for pre-shared keys.
    pub fn asks_for_keys(&self) -> bool {
        self.settings.text(options::PSK_HINT).is_some() && !self.tls.ignores_psk_hint
    }

    /// Whether it speaks TLS at all, with certificates or pre-shared keys.
    pub fn has_tls(&self) -> bool {
        self.has_certificate() || self.asks_for_keys()
    }

    /// Whether every client is refused because it has no certificate and, without TLS, cannot have one, unless a proxy
    /// vouches for it.
    pub fn refuses_without_tls(&self, release: Release) -> bool {
        let is_proxied = || {
            let proxy = self.settings.number(options::ENABLE_PROXY_PROTOCOL);
            proxy.is_some_and(|version| version.value == 2)
        };
        release.has(Quirk::UnproxiedIdentityRefused)
            && !self.has_tls()
            && self.settings.is_on(options::REQUIRE_CERTIFICATE)
            && self.settings.is_on(options::USE_IDENTITY_AS_USERNAME)
            && !is_proxied()
    }

    /// Whether the user name of a client is taken from its certificate.
    pub fn names_from_certificate(&self) -> bool {
        let wanted = [options::USE_IDENTITY_AS_USERNAME, options::USE_SUBJECT_AS_USERNAME];
        self.has_tls() && wanted.into_iter().any(|option| self.settings.is_on(option))
    }

    /// Whether only this machine can reach it: a unix socket, or bound to a loopback address.
    pub fn is_local(&self) -> bool {
        let loopback = |host: &str| {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        self.socket.is_some()
            || self.kind == ListenerKind::LocalOnly
            || self.host.as_ref().is_some_and(|host| loopback(&host.value))
            || self.settings.text(options::BIND_INTERFACE).is_some_and(|name| name.value == "lo")
    }

    /// How it is called in messages: its port and address, or its socket.
    pub fn title(&self) -> String {
        match (&self.socket, &self.host) {
            (Some(socket), _) => format!("listener on `{}`", socket.value),
            (None, Some(host)) => format!("listener {} on `{}`", self.port, host.value),
            (None, None) => format!("listener {}", self.port),
        }
    }
}

impl Deployment {
    /// Whether each listener has security options of its own.
    pub fn is_per_listener(&self) -> bool {
        self.per_listener_settings.is_some_and(|setting| setting.value)
    }

    /// The security options that hold for a listener.
    pub fn security_of<'a>(&'a self, listener: &'a Listener) -> &'a Security {
        listener.security.as_ref().unwrap_or(&self.security)
    }

    /// Whether clients without a user name are admitted, and the line that says so where one does.
    pub fn anonymous(&self, listener: &Listener) -> (bool, Option<Span>) {
        if let Some(own) = listener.settings.flag(options::LISTENER_ALLOW_ANONYMOUS) {
            return (own.value, Some(own.span));
        }
        let written = self.security_of(listener).settings.flag(options::ALLOW_ANONYMOUS);
        let kind = if self.is_local_only_default(listener) { ListenerKind::LocalOnly } else { listener.kind };
        let is_forgotten =
            || self.is_per_listener() && self.release.has(Quirk::DefaultListenerAdmitsAnonymous);
        match (kind, written) {
            (ListenerKind::LocalOnly, written) => {
                let is_heard = !self.release.has(Quirk::LocalOnlyIgnoresDeniedAnonymous);
                let denied = written.filter(|flag| !flag.value && is_heard);
                (denied.is_none(), written.map(|flag| flag.span))
            }
            (_, Some(flag)) => (flag.value, Some(flag.span)),
            (ListenerKind::Default, None) => (is_forgotten(), None),
            (ListenerKind::Explicit, None) => (false, None),
        }
    }

    /// Whether it is a default listener that a release opens in place of local-only mode, whose rules it keeps.
    pub fn is_local_only_default(&self, listener: &Listener) -> bool {
        self.release.has(Quirk::DefaultListenerOpenedLocally)
            && self.listeners.len() == 1
            && listener.kind == ListenerKind::Default
            && listener.settings.get(options::PORT).is_none()
            && listener.host.is_none()
    }
}
