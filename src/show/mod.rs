//! The effective configuration: what each option comes to and where that comes from, and who may connect where.

mod admission;
mod idle;
mod json;
mod lost;
mod rows;
pub(crate) mod schema;
mod table;
mod text;

use std::path::Path;
use std::sync::Arc;

pub use admission::{Admission, Demand, Nobody, Way, admission};
pub use json::json;
pub use lost::{Lost, place};
pub use rows::{Origin, Row, Shown, default as default_row};
pub use schema::schema;
pub(crate) use table::table;
pub use text::{rights, text, title, value, who};

use crate::catalogue::{OptionId, Quirk, Release, options};
use crate::lang::conf::ConfTree;
use crate::lang::{Reader, conf};
use crate::lint::{self, Input, Kind, Packed, ReleaseVerdict};
use crate::model::notes::{self, Note, NoteKind};
use crate::model::{
    Bridge, Deployment, FileState, Listener, ListenerKind, Lowered, Plugin, PluginKind, Protocol, Setting,
    Settings, Sourced,
};
use crate::text::{SourceId, Sources};

use rows::Block;

/// A configuration as some releases read it.
pub struct Effective {
    /// The name of the input.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Every text that was read.
    pub sources: Sources,
    /// The main file.
    pub main: SourceId,
    /// One view a release, oldest first.
    pub views: Vec<View>,
    /// Files that are named and could not be looked at, and the first part of the path that does not exist here.
    pub not_checked: Vec<(String, String)>,
}

/// A configuration as one release reads it.
pub struct View {
    /// Whether the release starts with it, and if not, why.
    pub verdict: ReleaseVerdict,
    /// The sockets that are opened.
    pub listeners: Vec<Door>,
    /// Options with one value for the broker.
    pub global: Vec<Row>,
    /// The beginning that client ids must have.
    pub clientid_prefix: Option<String>,
    /// Connections to other brokers.
    pub bridges: Vec<Remote>,
    /// Loaded plugins.
    pub plugins: Vec<Loaded>,
    /// Lines of which nothing comes.
    pub lost: Vec<Lost>,
}

/// A listener.
pub struct Door {
    /// How it came to be.
    pub kind: ListenerKind,
    /// Its port, for a TCP socket.
    pub port: Option<u16>,
    /// The host that it is bound to.
    pub host: Option<String>,
    /// The path of its unix socket.
    pub socket: Option<String>,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The line that made it; the release itself for local-only mode.
    pub origin: Origin,
    /// Who may connect.
    pub admission: Admission,
    /// The value of `password_file` that holds for it.
    pub password_file: Option<String>,
    /// The values of the options that tell whose certificates and which keys are taken.
    pub trusted: Vec<String>,
    /// What clients may do there.
    pub rights: Rights,
    /// What else the release does with it that its lines do not say.
    pub remarks: Vec<String>,
    /// Its options.
    pub rows: Vec<Row>,
}

/// What the clients of a listener may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    Everything,
    /// What an ACL file says.
    File {
        /// The value of `acl_file`.
        file: String,
        /// How many rules it has; `None` where it could not be looked at.
        rules: Option<usize>,
    },
}

/// A bridge.
pub struct Remote {
    /// Its name.
    pub name: String,
    /// Its `connection` line.
    pub origin: Origin,
    /// Where it connects to: hosts and ports.
    pub addresses: Vec<(String, u16)>,
    /// Whether it speaks TLS.
    pub has_tls: bool,
    /// Its options.
    pub rows: Vec<Row>,
}

/// A plugin.
pub struct Loaded {
    /// How it is declared.
    pub kind: PluginKind,
    /// Its library.
    pub path: String,
    /// The line that declares it.
    pub origin: Origin,
    /// Its options.
    pub rows: Vec<Row>,
}

/// Reads a configuration or pack as releases do. With `is_all` every option that a release knows is shown with its
/// default.
///
/// # Errors
/// Why nothing can be shown, in words.
pub fn show(input: Input<'_>, is_all: bool) -> Result<Effective, String> {
    let (name, kind, now) = (input.name.to_owned(), input.kind, input.environment.now);
    let started_by = input.environment.started_by.clone();
    let (lowered, trees, sources) = read(input)?;
    let Some(main) = lowered.first().map(|lowered| lowered.deployment.source) else {
        return Err(format!("`{name}` names no release that is known"));
    };
    let views =
        lint::verdicts(&lowered, &sources, now).into_iter().zip(&lowered).map(|(verdict, lowered)| {
            let viewer = Viewer { lowered, sources: &sources, is_all, started_by: &started_by };
            viewer.view(verdict, &trees)
        });
    let views = views.collect();
    Ok(Effective { name, kind, main, views, not_checked: lint::not_checked(&lowered), sources })
}

/// What one release makes of a configuration, without words for the verdict and without lines that come to nothing.
pub fn view(lowered: &Lowered, sources: &Sources, started_by: &str) -> View {
    let notes::Verdict { release, loads, .. } = notes::verdict(lowered.deployment.release, &lowered.notes);
    let viewer = Viewer { lowered, sources, is_all: false, started_by };
    viewer.view(ReleaseVerdict { release, loads, reason: None }, &[])
}

/// What the releases make of an input, the files with its lines, and all texts.
type Read = (Vec<Lowered>, Vec<Arc<ConfTree>>, Sources);

fn read(input: Input<'_>) -> Result<Read, String> {
    let finish = |mut reader: Reader<'_>, tree: &ConfTree, releases: &[Release]| {
        let lowered = releases.iter().map(|release| conf::lower(&mut reader, tree, *release)).collect();
        (lowered, reader.confs(), reader.sources)
    };
    match input.kind {
        Kind::Conf => {
            let releases = input.targets();
            let (mut reader, _) = Reader::of(input.name, input.bytes, input.files, input.environment);
            let tree = reader.conf(Path::new(input.name));
            let tree = tree.map_err(|_| format!("`{}` cannot be read", input.name))?;
            Ok(finish(reader, &tree, &releases))
        }
        Kind::Pack => {
            let packed = Packed::read(&input)?;
            let mut reader = Reader::new(&packed.installed, input.environment);
            let tree = packed.main(&mut reader, Path::new(input.name).parent().unwrap_or(Path::new("")))?;
            Ok(finish(reader, &tree, &packed.releases))
        }
        Kind::Spec => Err(format!("`{}` is a spec: compile it and show the pack", input.name)),
        Kind::Acl | Kind::Passwd => {
            let kind = input.kind.as_str();
            Err(format!("`{}` is no configuration (it looks like `--kind {kind}`)", input.name))
        }
    }
}

/// Looks at what one release makes of an input.
struct Viewer<'a> {
    lowered: &'a Lowered,
    sources: &'a Sources,
    is_all: bool,
    started_by: &'a str,
}

impl<'a> Viewer<'a> {
    fn deployment(&self) -> &'a Deployment {
        &self.lowered.deployment
    }

    fn view(&self, verdict: ReleaseVerdict, trees: &[Arc<ConfTree>]) -> View {
        let deployment = self.deployment();
        let admissions: Vec<Admission> =
            deployment.listeners.iter().map(|listener| self.admission(listener)).collect();
        let doors: Vec<(&Listener, &Admission)> = deployment.listeners.iter().zip(&admissions).collect();
        View {
            verdict,
            listeners: doors.iter().map(|(listener, admission)| self.door(listener, admission)).collect(),
            global: self.global(&doors),
            clientid_prefix: deployment
                .global
                .text(options::CLIENTID_PREFIXES)
                .map(|prefix| prefix.value.to_owned()),
            bridges: deployment.bridges.iter().map(|bridge| self.bridge(bridge)).collect(),
            plugins: deployment.plugins.iter().map(|plugin| self.plugin(plugin)).collect(),
            lost: lost::lost(self.lowered, trees, self.sources),
        }
    }

    fn notes(&self) -> impl Iterator<Item = &'a Note> {
        self.lowered.notes.iter()
    }

    /// Who may connect, as far as other listeners let them.
    fn admission(&self, listener: &Listener) -> Admission {
        let mut admission = admission(self.deployment(), listener);
        let is_replaced = self
            .notes()
            .any(|note| matches!(note.kind, NoteKind::SocketInUse { first } if first == listener.span));
        if is_replaced && !self.opens_random_port(listener) {
            admission.ways = Err(Nobody::SocketReplaced);
        }
        admission
    }

    fn opens_random_port(&self, listener: &Listener) -> bool {
        listener.socket.is_some()
            && listener.protocol == Protocol::Websockets
            && self.deployment().release.has(Quirk::WebsocketsOnUnixSocketOpenPort)
    }

    fn rows(&self, settings: &[&Settings], block: Block) -> Vec<Row> {
        let wanted = |option: OptionId| self.is_all || rows::is_telling(option);
        rows::rows(settings, block, self.deployment().release, self.sources, wanted)
    }

    /// Says of the rows of a block which ones come to nothing.
    fn judge(&self, rows: &mut [Row], lines: &Settings, why: impl Fn(&Setting) -> Option<String>) {
        for line in lines.iter() {
            let of_line = |row: &&mut Row| row.origin == Origin::Line(line.name_span);
            if let Some(row) = rows.iter_mut().find(of_line) {
                row.idle = row.idle.take().or_else(|| why(line));
            }
        }
    }

    fn global(&self, doors: &[(&Listener, &Admission)]) -> Vec<Row> {
        let deployment = self.deployment();
        let is_per_listener = deployment.is_per_listener();
        let shared = if is_per_listener { Settings::default() } else { deployment.security.settings.clone() };
        let mut rows = self.rows(&[&deployment.global, &shared], Block::Global { is_per_listener });
        self.judge(&mut rows, &deployment.global, |line| idle::of_global(deployment, line, self.started_by));
        self.judge(&mut rows, &shared, |line| idle::of_security(deployment, doors, line));
        for row in &mut rows {
            if let (options::PER_LISTENER_SETTINGS, Some(setting)) =
                (row.option, deployment.per_listener_settings)
            {
                row.value = Shown::Flag(setting.value);
                row.origin = Origin::Line(setting.span);
            }
        }
        if !is_per_listener {
            default_anonymous(&mut rows, deployment, doors.iter().map(|(listener, _)| *listener));
        }
        rows
    }

    fn door(&self, listener: &Listener, admission: &Admission) -> Door {
        let deployment = self.deployment();
        let security = deployment.security_of(listener);
        let is_per_listener = deployment.is_per_listener();
        let own = listener.security.as_ref().map(|security| security.settings.clone()).unwrap_or_default();
        let mut rows = self.rows(&[&listener.settings, &own], Block::Listener { is_per_listener });
        let alone = [(listener, admission)];
        self.judge(&mut rows, &listener.settings, |line| {
            idle::of_listener(deployment, listener, admission, line)
        });
        self.judge(&mut rows, &own, |line| idle::of_security(deployment, &alone, line));
        if is_per_listener {
            default_anonymous(&mut rows, deployment, std::iter::once(listener));
        }
        if let Some(host) = listener.host.as_ref().filter(|_| listener.kind == ListenerKind::Default) {
            rows.push(rows::bound(Sourced { value: &*host.value, span: host.span }));
            rows.sort_by_key(|row| row.option);
        }
        let text = |option| listener.settings.text(option).map(|text| text.value.to_owned());
        let secure = |option| security.settings.text(option).map(|text| text.value.to_owned());
        let acl = secure(options::ACL_FILE);
        let demand = admission.demand;
        let keys =
            secure(options::PSK_FILE).filter(|_| matches!(demand, Demand::Key | Demand::CertificateOrKey));
        let is_trusting = matches!(demand, Demand::Certificate | Demand::CertificateOrKey);
        let authorities = [options::CAFILE, options::CAPATH].into_iter().filter_map(text);
        Door {
            kind: listener.kind,
            port: listener.socket.is_none().then_some(listener.port),
            host: listener.host.as_ref().map(|host| host.value.to_string()),
            socket: listener.socket.as_ref().map(|socket| socket.value.to_string()),
            protocol: listener.protocol,
            origin: match listener.kind {
                ListenerKind::LocalOnly => Origin::Default,
                _ => Origin::Line(listener.span),
            },
            admission: admission.clone(),
            password_file: secure(options::PASSWORD_FILE),
            trusted: authorities.filter(|_| is_trusting).chain(keys).collect(),
            rights: match (acl, &security.acl) {
                (None, _) => Rights::Everything,
                (Some(file), FileState::Loaded(acl)) => Rights::File { file, rules: Some(acl.rules.len()) },
                (Some(file), _) => Rights::File { file, rules: None },
            },
            remarks: self.remarks(listener),
            rows,
        }
    }

    fn remarks(&self, listener: &Listener) -> Vec<String> {
        let release = self.deployment().release;
        let is_four =
            listener.host.as_ref().is_some_and(|host| host.value.parse::<std::net::Ipv4Addr>().is_ok());
        let is_websocket = listener.protocol == Protocol::Websockets;
        let mut remarks = Vec::new();
        if listener.kind == ListenerKind::LocalOnly {
            remarks.push("no `listener` line: only this machine can connect".to_owned());
        }
        if self.opens_random_port(listener) {
            let text = "this release opens a random TCP port on every interface in place of the socket";
            remarks.push(text.to_owned());
        }
        if is_websocket && is_four && release.has(Quirk::WebsocketsIgnoreIpv4Host) {
            let text = "this release does not heed the address: the port is open on every interface";
            remarks.push(text.to_owned());
        }
        remarks
    }

    fn bridge(&self, bridge: &Bridge) -> Remote {
        let mut rows = self.rows(&[&bridge.settings], Block::Bridge);
        self.judge(&mut rows, &bridge.settings, |line| {
            let dropped = self.notes().find_map(|note| match note.kind {
                NoteKind::BridgeTopicDropped { first } if is_within(note, line) => Some(first),
                _ => None,
            });
            let dropped =
                dropped.map(|first| format!("dropped: it resembles {}", place(self.sources, first)));
            dropped.or_else(|| idle::of_bridge(bridge, line))
        });
        Remote {
            name: bridge.name.value.to_string(),
            origin: Origin::Line(bridge.name.span),
            addresses: bridge
                .addresses
                .iter()
                .map(|address| (address.host.value.to_string(), address.port))
                .collect(),
            has_tls: idle::has_tls(bridge),
            rows,
        }
    }

    fn plugin(&self, plugin: &Plugin) -> Loaded {
        Loaded {
            kind: plugin.kind.clone(),
            path: plugin.path.as_ref().map(|path| path.value.to_string()).unwrap_or_default(),
            origin: Origin::Line(plugin.span),
            rows: self.rows(&[&plugin.settings], Block::Plugin),
        }
    }
}

fn is_within(note: &Note, line: &Setting) -> bool {
    let value = line.value.span;
    note.span.source == value.source && value.start <= note.span.start && note.span.end <= value.end
}

/// Puts the default of `allow_anonymous` in, which hangs on the listeners of its block.
fn default_anonymous<'a>(
    rows: &mut [Row],
    deployment: &Deployment,
    mut listeners: impl Iterator<Item = &'a Listener>,
) {
    let is_let_in = listeners.any(|listener| {
        let is_own = listener.settings.get(options::LISTENER_ALLOW_ANONYMOUS).is_some();
        !is_own && deployment.anonymous(listener).0
    });
    let row = rows.iter_mut().find(|row| row.option == options::ALLOW_ANONYMOUS);
    if let Some(row) = row.filter(|row| row.origin == Origin::Default) {
        row.value = Shown::Flag(is_let_in);
    }
}
