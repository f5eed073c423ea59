//! Listeners, as far as rights hang on them, and their names.

use std::sync::Arc;

use super::login::Login;
use crate::catalogue::{OptionId, Release, options};
use crate::lint::Drafted;
use crate::model::acl::Acl;
use crate::model::{Deployment, FileState, Listener, Protocol, Security, Settings};
use crate::report::nearest;
use crate::show::{self, View};

/// What decides on the rights of a listener's clients, besides plugins.
#[derive(Clone, Debug)]
pub enum Rights {
    /// No ACL file: everything is allowed.
    Everything,
    /// An ACL file.
    File {
        /// The value of `acl_file`, or the path of a file that was named alone.
        name: String,
        /// Its rules.
        acl: Arc<Acl>,
    },
    /// An ACL file with which the broker does not start.
    NotLoaded {
        /// The value of `acl_file`.
        name: String,
    },
    /// An ACL file that does not lie here.
    NotSeen {
        /// The value of `acl_file`.
        name: String,
    },
}

impl Rights {
    fn of(security: &Security, name: String) -> Self {
        match &security.acl {
            FileState::Unnamed => Self::Everything,
            FileState::Loaded(acl) => Self::File { name, acl: acl.clone() },
            FileState::Failed => Self::NotLoaded { name },
            FileState::Unknown => Self::NotSeen { name },
        }
    }

    /// The rules, where there is a file that can be looked at.
    pub fn acl(&self) -> Option<&Acl> {
        match self {
            Self::File { acl, .. } => Some(acl),
            _ => None,
        }
    }

    /// The same, to be kept.
    pub(super) fn shared(&self) -> Option<Arc<Acl>> {
        match self {
            Self::File { acl, .. } => Some(acl.clone()),
            _ => None,
        }
    }

    /// The name of the ACL file.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Everything => None,
            Self::File { name, .. } | Self::NotLoaded { name } | Self::NotSeen { name } => Some(name),
        }
    }
}

/// A listener; or an ACL file alone, which may be that of any.
pub struct Door {
    /// The name that tells it from the others; `None` for an ACL file alone.
    pub key: Option<String>,
    /// Other names of it.
    names: Vec<String>,
    /// What its clients may do.
    pub rights: Rights,
    /// Whether a plugin may decide first.
    pub asks_plugin: bool,
    /// Put in front of every topic.
    pub mount_point: String,
    /// Whether the user name takes the place of the client id.
    pub id_is_user: bool,
    /// What client ids must begin with.
    pub clientid_prefix: Option<String>,
    /// What client ids begin with that the broker makes.
    pub auto_id_prefix: String,
    /// Whether clients may leave their id to the broker.
    pub takes_empty_id: bool,
    /// Whether MQTT is spoken on it.
    pub speaks_mqtt: bool,
    /// Who may connect; `None` for an ACL file alone.
    pub(super) login: Option<Login>,
}

impl Door {
    /// An ACL file alone.
    pub(super) fn alone(deployment: &Deployment, name: &str) -> Self {
        Self {
            key: None,
            names: Vec::new(),
            rights: Rights::of(&deployment.security, name.to_owned()),
            asks_plugin: false,
            mount_point: String::new(),
            id_is_user: false,
            clientid_prefix: None,
            auto_id_prefix: "auto-".to_owned(),
            takes_empty_id: true,
            speaks_mqtt: true,
            login: None,
        }
    }

    /// The listeners of a deployment; `view` is what is shown of it.
    pub(super) fn all(deployment: &Deployment, view: View, drafted: Option<&Drafted>) -> Vec<Self> {
        let ports: Vec<u16> = deployment.listeners.iter().map(|listener| listener.port).collect();
        let doors = deployment.listeners.iter().zip(view.listeners);
        doors.map(|(listener, shown)| Self::of(deployment, listener, shown, &ports, drafted)).collect()
    }

    fn of(
        deployment: &Deployment,
        listener: &Listener,
        shown: show::Door,
        ports: &[u16],
        drafted: Option<&Drafted>,
    ) -> Self {
        let release = deployment.release;
        let security = deployment.security_of(listener);
        let text = |settings: &Settings, option: OptionId| {
            settings.text(option).map(|text| text.value.to_owned()).or_else(|| default_of(option, release))
        };
        let is_on = |settings: &Settings, option: OptionId| match settings.flag(option) {
            Some(flag) => flag.value,
            None => default_of(option, release).is_some_and(|word| word == "true"),
        };
        let own_prefix = listener.settings.text(options::LISTENER_AUTO_ID_PREFIX);
        let acl_file = security.settings.text(options::ACL_FILE).map(|text| text.value.to_owned());
        let spec_name = drafted.and_then(|drafted| spec_name(drafted, listener));
        let title = show::title(&shown);
        let title = title.strip_prefix("listener ").unwrap_or(&title).to_owned();
        let (key, mut names) = keys(listener, ports);
        names.extend([format!("listener {title}"), key.clone(), title]);
        Self {
            key: Some(spec_name.unwrap_or(key)),
            names,
            rights: Rights::of(security, acl_file.unwrap_or_default()),
            asks_plugin: shown.admission.asks_plugin,
            mount_point: listener
                .settings
                .text(options::MOUNT_POINT)
                .map_or("", |text| text.value)
                .to_owned(),
            id_is_user: is_on(&listener.settings, options::USE_USERNAME_AS_CLIENTID),
            clientid_prefix: deployment
                .global
                .text(options::CLIENTID_PREFIXES)
                .map(|text| text.value.to_owned()),
            auto_id_prefix: own_prefix
                .map(|text| text.value.to_owned())
                .or_else(|| text(&security.settings, options::AUTO_ID_PREFIX))
                .unwrap_or_default(),
            takes_empty_id: is_on(&security.settings, options::ALLOW_ZERO_LENGTH_CLIENTID),
            speaks_mqtt: listener.protocol != Protocol::HttpApi,
            login: Some(Login::of(deployment, listener, shown)),
        }
    }

    /// How it is called in a sentence.
    pub fn title(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| format!("listener {key}"))
    }

    /// Whether it has the address of a listener of another input.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.names.last() == other.names.last()
    }

    /// Whether it has a name of a listener of another input.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_of = |door: &Self, other: &Self| door.key.as_ref().is_some_and(|key| other.is_called(key));
        self.key == other.key || is_of(self, other) || is_of(other, self)
    }

    fn is_called(&self, name: &str) -> bool {
        self.key.as_deref() == Some(name) || self.names.iter().any(|own| own == name)
    }
}

fn default_of(option: OptionId, release: Release) -> Option<String> {
    option.entry().default.at(release).filter(|_| option.is_known(release)).map(str::to_owned)
}

/// The shortest name of a listener that no other one has, and its other names.
fn keys(listener: &Listener, ports: &[u16]) -> (String, Vec<String>) {
    if let Some(socket) = &listener.socket {
        return (socket.value.to_string(), Vec::new());
    }
    let port = listener.port.to_string();
    let host = listener.host.as_ref().map_or("*", |host| &*host.value);
    let long = format!("{port}@{host}");
    let names = vec![port.clone(), long.clone(), format!("{host}:{port}")];
    let is_alone = ports.iter().filter(|other| **other == listener.port).count() == 1;
    (if is_alone { port } else { long }, names)
}

/// The name that a spec gives the listener.
fn spec_name(drafted: &Drafted, listener: &Listener) -> Option<String> {
    use crate::lang::spec::Endpoint;
    let origin = drafted.origin(listener.span)?;
    let is_its = |other: &&crate::lang::spec::Listener| match &other.endpoint {
        Endpoint::Port { port, .. } => port.span == origin,
        Endpoint::Socket(path) => path.span == origin,
    };
    drafted.spec.listeners.iter().find(is_its).map(|found| found.name.value.to_string())
}

/// A listener that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoListener {
    /// The names of those that are.
    pub known: Vec<String>,
    /// What was meant, perhaps.
    pub nearest: Option<String>,
}

impl NoListener {
    /// That there is none of that name, in words.
    pub fn words(&self, name: &str) -> String {
        let meant = self.nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
        match known.as_slice() {
            [] => format!("there is no listener `{name}`: only an ACL file was given"),
            _ => format!("there is no listener `{name}`, only {}{meant}", known.join(", ")),
        }
    }
}

/// The listeners that a name stands for: all without one.
///
/// # Errors
/// That none is called so.
pub fn chosen<'d>(doors: &'d [Door], name: Option<&str>) -> Result<Vec<&'d Door>, NoListener> {
    let Some(name) = name else {
        let mqtt: Vec<&Door> = doors.iter().filter(|door| door.speaks_mqtt).collect();
        return Ok(if mqtt.is_empty() { doors.iter().collect() } else { mqtt });
    };
    let found: Vec<&Door> = doors.iter().filter(|door| door.is_called(name)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let known: Vec<String> = doors.iter().filter_map(|door| door.key.clone()).collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(NoListener { known, nearest })
}
