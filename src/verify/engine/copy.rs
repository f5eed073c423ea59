//! A private copy of a configuration: the same in all that clients can tell, and apart from everything else on the
//! machine.
//!
//! Listeners move to ports of loopback and to sockets in the folder of the copy, files that are read are copied,
//! files that are written stay in the folder, the log goes to stderr, bridges lead nowhere. Everything is done by
//! replacing single values of lines; whatever else stands in the files, wrong or odd, stays as it is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalogue::{Kind, OptionId, PathUse, Quirk, options};
use crate::lang::Reader;
use crate::lang::conf::LineKind;
use crate::model::{Deployment, Listener, ListenerKind, Protocol};
use crate::text::{FileKind, Span};

/// The folder of files that all copies of a run have in common, beside the folder of each.
pub(super) const COMMON: &str = "common";

/// Where a bridge is sent: nobody listens on this port of loopback.
const NOWHERE: &str = "127.0.0.1:1";

/// A configuration file of the copy, but for the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// The port of the listener with this index.
    Port(usize),
}

impl Piece {
    /// Its last byte, where it has one that is known.
    fn last(&self) -> Option<u8> {
        match self {
            Self::Text(text) => text.last().copied(),
            Self::Port(_) => Some(b'0'),
        }
    }
}

/// Where a listener of the copy can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A port of this address of loopback.
    Port { is_v6: bool },
    /// A socket with this name in the folder of the copy.
    Socket(String),
    /// Not at all.
    None,
}

/// Everything of a copy but its ports and its folder.
#[derive(Debug)]
pub(super) struct Draft {
    confs: Vec<(String, Vec<Piece>)>,
    /// Files that copies share, by their names in the shared folder.
    pub(super) shared: Vec<(String, Arc<[u8]>)>,
    /// Files that each copy has for itself, by their paths in its folder.
    pub(super) own: Vec<(String, Arc<[u8]>)>,
    /// Folders that each copy has.
    pub(super) folders: Vec<String>,
    /// By the index of the listener.
    pub(super) doors: Vec<Door>,
    /// The listener of local-only mode, whose port is an argument of the program.
    pub(super) local_only: Option<usize>,
}

impl Draft {
    /// The configuration files of a copy with these ports, by their paths in its folder.
    pub(super) fn confs(&self, ports: &[u16]) -> Vec<(&str, Vec<u8>)> {
        let text = |pieces: &[Piece]| {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Port(index) => ports.get(*index).copied().unwrap_or_default().to_string().into_bytes(),
            };
            pieces.iter().flat_map(piece).collect()
        };
        self.confs.iter().map(|(path, pieces)| (path.as_str(), text(pieces))).collect()
    }
}

/// Drafts copies of the configuration at `main`, which was lowered to `deployment` with the same reader. For
/// `is_root` the broker keeps the rights that it is started with, since its folder is closed to others.
///
/// # Errors
/// Why the main file cannot be read.
pub(super) fn draft(
    reader: &mut Reader<'_>,
    main: &Path,
    deployment: &Deployment,
    is_root: bool,
) -> Result<Draft, String> {
    let mut copying = Copying {
        reader,
        deployment,
        is_root,
        has_user: false,
        draft: Draft {
            confs: Vec::new(),
            shared: Vec::new(),
            own: Vec::new(),
            folders: vec!["data".to_owned(), "http".to_owned()],
            doors: deployment
                .listeners
                .iter()
                .enumerate()
                .map(|(index, own)| door(deployment, index, own))
                .collect(),
            local_only: deployment.listeners.iter().position(|own| own.kind == ListenerKind::LocalOnly),
        },
    };
    let pieces = copying.file(main, false)?;
    let (head, tail) = copying.own_lines(&pieces);
    let all = head.into_iter().chain(pieces).chain(tail).collect();
    copying.draft.confs.push(("mosquitto.conf".to_owned(), all));
    Ok(copying.draft)
}

fn door(deployment: &Deployment, index: usize, listener: &Listener) -> Door {
    let is_websocket = listener.protocol == Protocol::Websockets;
    let release = deployment.release;
    match &listener.socket {
        Some(_) if is_websocket && release.has(Quirk::WebsocketsOnUnixSocketOpenPort) => Door::None,
        Some(_) => Door::Socket(format!("s{index}")),
        None => Door::Port { is_v6: is_v6(listener) },
    }
}

fn is_v6(listener: &Listener) -> bool {
    listener.settings.text(options::SOCKET_DOMAIN).is_some_and(|domain| domain.value == "ipv6")
}

fn loopback(listener: &Listener) -> &'static str {
    if is_v6(listener) { "::1" } else { "127.0.0.1" }
}

struct Copying<'c, 'r, 'f> {
    reader: &'c mut Reader<'f>,
    deployment: &'r Deployment,
    is_root: bool,
    has_user: bool,
    draft: Draft,
}

/// What becomes of a line.
enum Edit {
    /// Nothing.
    Keep,
    /// It goes.
    Drop,
    /// All behind the option's name is replaced.
    Value(Vec<Piece>),
}

fn value(text: impl Into<Vec<u8>>) -> Edit {
    Edit::Value(vec![Piece::Text(text.into())])
}

impl Copying<'_, '_, '_> {
    /// The lines of a file, edited.
    fn file(&mut self, path: &Path, is_included: bool) -> Result<Vec<Piece>, String> {
        let tree =
            self.reader.conf(path).map_err(|error| format!("cannot read `{}`: {error:?}", path.display()))?;
        let mut pieces = Vec::new();
        for line in &tree.lines {
            let edit = match line.kind {
                // A NUL may hide the rest of the file, which must not come to light.
                _ if line.nul.is_some() => (line.span, Edit::Keep),
                LineKind::Directive { name, value } => (name, self.edit(name, value, is_included)),
                LineKind::Blank | LineKind::Comment => (line.span, Edit::Keep),
            };
            match edit {
                (_, Edit::Keep) => pieces.push(Piece::Text(self.reader.sources.slice(line.span).to_vec())),
                // The lines below keep their numbers.
                (_, Edit::Drop) => pieces.push(Piece::Text(b"\n".to_vec())),
                (name, Edit::Value(new)) => {
                    pieces.push(Piece::Text(self.reader.sources.slice(name).to_vec()));
                    pieces.push(Piece::Text(b" ".to_vec()));
                    pieces.extend(new);
                    pieces.push(Piece::Text(b"\n".to_vec()));
                }
            }
        }
        Ok(pieces)
    }

    fn edit(&mut self, name: Span, raw: Span, is_included: bool) -> Edit {
        let Some(option) = OptionId::named(&self.reader.sources.text(name)) else { return Edit::Keep };
        if !option.is_known(self.deployment.release) {
            return Edit::Keep;
        }
        let entry = option.entry();
        match (entry.kind, entry.path) {
            (Kind::Listener, _) => self.listener(name, raw),
            (Kind::Port, _) => self.default_port(),
            (Kind::Include, _) => self.include(name, raw, is_included),
            (Kind::LogDestination, _) => self.log_destination(raw),
            (Kind::Addresses, _) => value(NOWHERE),
            (Kind::PluginOption, _) => self.plugin_file(raw),
            (Kind::Path, Some(PathUse::Read | PathUse::ReadOnConnect)) => self.file_to_read(raw),
            (Kind::Directory, Some(PathUse::Folder)) if option == options::HTTP_DIR => value("http"),
            (Kind::Directory, Some(PathUse::Folder)) => self.folder_to_read(raw),
            _ => self.edit_by_name(option),
        }
    }

    fn edit_by_name(&mut self, option: OptionId) -> Edit {
        match option {
            options::BIND_ADDRESS => match self.default_listener() {
                Some((_, listener)) => value(loopback(listener)),
                None => value("127.0.0.1"),
            },
            options::BIND_INTERFACE => value("lo"),
            options::USER if self.is_root => {
                self.has_user = true;
                value("root")
            }
            options::PID_FILE => value("mosquitto.pid"),
            options::PERSISTENCE_LOCATION => value("data"),
            options::PERSISTENCE_FILE => value("mosquitto.db"),
            // No proxy stands in front of the copy.
            options::ENABLE_PROXY_PROTOCOL
            | options::PROXY_PROTOCOL_V2_REQUIRE_TLS
            | options::BRIDGE_BIND_ADDRESS => Edit::Drop,
            _ => Edit::Keep,
        }
    }

    /// The default listener and its index.
    fn default_listener(&self) -> Option<(usize, &Listener)> {
        let mut listeners = self.deployment.listeners.iter().enumerate();
        listeners.find(|(_, listener)| listener.kind == ListenerKind::Default)
    }

    fn listener(&mut self, name: Span, raw: Span) -> Edit {
        let is_it = |listener: &Listener| {
            let span = listener.span;
            listener.kind == ListenerKind::Explicit
                && span.source == name.source
                && span.start == name.start
                && span.end == raw.end
        };
        let Some(index) = self.deployment.listeners.iter().position(is_it) else { return Edit::Keep };
        let listener = &self.deployment.listeners[index];
        match &self.draft.doors[index] {
            Door::Socket(file) => value(format!("0 {file}")),
            Door::None => value(format!("0 s{index}")),
            Door::Port { .. } => {
                let host = match &listener.host {
                    // With a name, this release opens a socket that nobody reaches; so it does here.
                    Some(host) if self.keeps_host(listener, &host.value) => &*host.value,
                    _ => loopback(listener),
                };
                Edit::Value(vec![Piece::Port(index), Piece::Text(format!(" {host}").into_bytes())])
            }
        }
    }

    fn keeps_host(&self, listener: &Listener, host: &str) -> bool {
        listener.protocol == Protocol::Websockets
            && self.deployment.release.has(Quirk::WebsocketsHostUnchecked)
            && host.parse::<std::net::IpAddr>().is_err()
    }

    fn default_port(&self) -> Edit {
        match self.default_listener() {
            Some((index, _)) => Edit::Value(vec![Piece::Port(index)]),
            None => Edit::Keep,
        }
    }

    fn include(&mut self, name: Span, raw: Span, is_included: bool) -> Edit {
        if is_included {
            // Skipped by the releases that do not refuse it.
            return Edit::Keep;
        }
        // Exactly one blank separates; more belong to the path.
        let start = (name.end as usize + 1).min(raw.end as usize);
        let bytes = self.reader.sources.slice(Span::new(name.source, start, raw.end as usize)).to_vec();
        let folder = PathBuf::from(OsStr::from_bytes(&bytes));
        let Ok(mut names) = self.reader.files().list(&folder) else { return Edit::Keep };
        names.retain(|name| name.len() > 5 && name.as_bytes().ends_with(b".conf"));
        names.sort();
        let copy = format!("include{}", self.draft.folders.len());
        self.draft.folders.push(copy.clone());
        for name in names {
            // What cannot be read, or be named, the broker cannot read either, and says so.
            let (Ok(pieces), Some(file)) = (self.file(&folder.join(&name), true), name.to_str()) else {
                return Edit::Keep;
            };
            self.draft.confs.push((format!("{copy}/{file}"), pieces));
        }
        value(copy)
    }

    /// Clients may read the log.
    fn log_destination(&self, raw: Span) -> Edit {
        let is_topic = self.reader.sources.slice(raw).split(|byte| *byte == b' ').next() == Some(b"topic");
        if is_topic { Edit::Keep } else { Edit::Drop }
    }

    /// The path that a value is, as the broker would open it.
    fn path(&self, raw: Span) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(self.reader.sources.slice(raw).trim_ascii()))
    }

    /// A file that the broker reads. What cannot be read stays as it is, so that the broker says so.
    fn file_to_read(&mut self, raw: Span) -> Edit {
        let path = self.path(raw);
        let Ok(bytes) = self.reader.files().read(&path) else { return Edit::Keep };
        value(format!("../{COMMON}/{}", self.share(&path, bytes)))
    }

    fn share(&mut self, path: &Path, bytes: Arc<[u8]>) -> String {
        let known = self.draft.shared.iter().find(|(_, known)| *known == bytes);
        if let Some((name, _)) = known {
            return name.clone();
        }
        let own = path.file_name().and_then(OsStr::to_str).unwrap_or("file");
        let name = format!("{}-{}", self.draft.shared.len(), own.replace(' ', "_"));
        self.draft.shared.push((name.clone(), bytes));
        name
    }

    fn folder_to_read(&mut self, raw: Span) -> Edit {
        let folder = self.path(raw);
        let Ok(names) = self.reader.files().list(&folder) else { return Edit::Keep };
        let copy = format!("folder{}", self.draft.folders.len());
        self.draft.folders.push(copy.clone());
        for name in names {
            if let (Ok(bytes), Some(file)) = (self.reader.files().read(&folder.join(&name)), name.to_str()) {
                self.draft.own.push((format!("{copy}/{file}"), bytes));
            }
        }
        value(copy)
    }

    /// A plugin may write to the file that an option names, so that each copy has its own.
    fn plugin_file(&mut self, raw: Span) -> Edit {
        let path = self.path(raw);
        let files = self.reader.files();
        let is_file =
            path.is_absolute() && files.facts(&path).is_ok_and(|facts| facts.kind == FileKind::Regular);
        match files.read(&path) {
            Ok(bytes) if is_file => {
                let name = format!("plugin{}", self.draft.own.len());
                self.draft.own.push((name.clone(), bytes));
                value(name)
            }
            _ => Edit::Keep,
        }
    }

    /// Lines of the copy's own above the first one, and below the last one: as many as can be, so that the broker
    /// counts lines as the original has them.
    fn own_lines(&self, main: &[Piece]) -> (Vec<Piece>, Vec<Piece>) {
        let text = |text: String| Piece::Text(text.into_bytes());
        let user = if self.is_root && !self.has_user { "user root\n" } else { "" };
        let own = format!("log_dest stderr\n{user}");
        let is_ended = main.iter().rev().find_map(Piece::last).is_none_or(|last| last == b'\n');
        let end = if is_ended { "" } else { "\n" };
        // A NUL ends the reading of the file.
        let is_cut = main.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(&0)));
        let (mut head, mut tail) = match is_cut {
            true => (vec![text(own)], Vec::new()),
            false => (Vec::new(), vec![text(format!("{end}{own}"))]),
        };
        let Some((index, listener)) = self.default_listener() else { return (head, tail) };
        let has_port = listener.settings.get(options::PORT).is_some();
        if !has_port {
            head.extend([text("port ".to_owned()), Piece::Port(index), text("\n".to_owned())]);
        }
        if listener.host.is_none() {
            head.push(text(format!("bind_address {}\n", loopback(listener))));
        }
        let has_local_rules = self.deployment.listeners.len() == 1
            && !has_port
            && listener.host.is_none()
            && self.deployment.release.has(Quirk::DefaultListenerOpenedLocally);
        if has_local_rules {
            // With a port it no longer has the rules of local-only mode, by which it lets everybody in.
            tail.push(text("allow_anonymous true\n".to_owned()));
        }
        (head, tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Release;
    use crate::lang::{Environment, conf};
    use crate::text::Memory;

    /// The copy of a configuration, its files one after the other, with ports from 7000 on.
    fn copy(text: &str, release: Release, is_root: bool) -> (String, Draft) {
        let mut files = Memory::new();
        files.insert("/etc/mosquitto.conf", text.as_bytes());
        files.insert("/etc/acl", *b"topic a\n");
        files.insert("/etc/same", *b"topic a\n");
        files.insert("/etc/d/b.conf", *b"listener 2000\ninclude_dir /etc\nmount_point m/");
        files.insert("/etc/d/no.txt", *b"");
        files.insert("/etc/ca/one.pem", *b"one");
        let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".to_owned() });
        let main = Path::new("/etc/mosquitto.conf");
        let tree = reader.conf(main).unwrap();
        let deployment = conf::lower(&mut reader, &tree, release).deployment;
        let draft = draft(&mut reader, main, &deployment, is_root).unwrap();
        let ports: Vec<u16> = (7000..).take(draft.doors.len()).collect();
        let shown = draft.confs(&ports).into_iter().map(|(name, bytes)| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            format!("<{name}>\n{}", text.replace("log_dest stderr\n", "OWN\n"))
        });
        (shown.collect::<Vec<_>>().join("\n"), draft)
    }

    #[test]
    fn only_what_has_to_move_moves() {
        let (old, new) = (Release::new(2, 0, 21), Release::new(2, 1, 2));
        let cases = [
            ("# x\r\n  max_qos\t1\n\nbad \0 line", old, "OWN\n# x\r\n  max_qos\t1\n\nbad \0 line"),
            ("  listener  1883   example.org  # x\r\nmax_qos 1", new, "listener 7000 127.0.0.1\nmax_qos 1"),
            ("listener 0 /run/s\nlistener 1 ::1\n", new, "listener 0 s0\nlistener 7001 127.0.0.1\n"),
            ("listener 1\nsocket_domain ipv6\n", new, "listener 7000 ::1\nsocket_domain ipv6\n"),
            (
                "listener 9001 localhost\nprotocol websockets\n",
                old,
                "listener 7000 localhost\nprotocol websockets\n",
            ),
            ("port 1899\nbind_address 10.0.0.1\n", new, "port 7000\nbind_address 127.0.0.1\n"),
            (
                "max_qos 1\nlistener 1884\n",
                old,
                "port 7001\nbind_address 127.0.0.1\nmax_qos 1\nlistener 7000 127.0.0.1\n",
            ),
            (
                "max_qos 1",
                Release::new(2, 0, 11),
                "port 7000\nbind_address 127.0.0.1\nmax_qos 1\nOWN\nallow_anonymous true\n",
            ),
            ("max_qos 1", old, "max_qos 1"),
            (
                "acl_file /etc/acl\npassword_file /etc/none\ncafile /etc/same\ncapath /etc/ca\n",
                old,
                "acl_file ../common/0-acl\npassword_file /etc/none\ncafile ../common/0-acl\ncapath folder2\n",
            ),
            (
                "log_dest none\nlog_dest topic\nlog_dest file /var/log/x\npid_file /run/x\npersistence_file /x/y\n",
                new,
                "\nlog_dest topic\n\npid_file mosquitto.pid\npersistence_file mosquitto.db\n",
            ),
            (
                "connection c\naddress example.org example.com:8\ntopic #\n",
                new,
                "connection c\naddress 127.0.0.1:1\ntopic #\n",
            ),
        ];
        for (text, release, expected) in cases {
            let own = match (expected.contains("OWN"), expected.ends_with('\n')) {
                (true, _) => "",
                (false, true) => "OWN\n",
                (false, false) => "\nOWN\n",
            };
            let expected = format!("<mosquitto.conf>\n{expected}{own}");
            assert_eq!(copy(text, release, false).0, expected, "{text}");
        }
    }

    #[test]
    fn included_files_are_copied_beside() {
        let (text, draft) = copy("include_dir /etc/d\nuser x\n", Release::new(2, 0, 21), true);
        let expected = "<include2/b.conf>\nlistener 7000 127.0.0.1\ninclude_dir /etc\nmount_point m/\n\
            <mosquitto.conf>\ninclude_dir include2\nuser root\nOWN\n";
        assert_eq!(text, expected);
        assert_eq!(draft.folders, ["data", "http", "include2"]);
        assert_eq!(copy("", Release::newest(), true).0, "<mosquitto.conf>\nOWN\nuser root\n");
    }

    #[test]
    fn a_local_listener_has_its_port_from_the_command_line() {
        let (_, draft) = copy("allow_anonymous false\n", Release::newest(), false);
        assert_eq!(draft.local_only, Some(0));
        assert_eq!(draft.doors, [Door::Port { is_v6: false }]);
    }
}
