//! What a reload makes of the files: what is in force then hangs on them and on what was in force before.

use std::path::Path;
use std::sync::Arc;

use super::{Here, findings_of, first_security, judge_from_here, status_of, tree};
use crate::catalogue::{OptionId, Quirk, Release, options};
use crate::lang::{Environment, Reader, conf};
use crate::model::notes::{Effect, FileProblem, Note, NoteKind, Phase};
use crate::model::{Deployment, FileState, Listener, ListenerKind, Lowered, Security, Settings};
use crate::report::render::concise;

/// Options of a listener that keep their value where a reload finds no line of them.
const KEPT: [OptionId; 9] = [
    options::CAFILE,
    options::CAPATH,
    options::CERTFILE,
    options::KEYFILE,
    options::CRLFILE,
    options::CIPHERS,
    options::CIPHERS_TLS1_3,
    options::ENABLE_PROXY_PROTOCOL,
    options::PROXY_PROTOCOL_V2_REQUIRE_TLS,
];

/// Options of a listener that only a restart changes.
const FIXED: [OptionId; 8] = [
    options::BIND_INTERFACE,
    options::HTTP_DIR,
    options::PSK_HINT,
    options::SOCKET_DOMAIN,
    options::TLS_ENGINE,
    options::TLS_ENGINE_KPASS_SHA1,
    options::TLS_KEYFORM,
    options::TLS_VERSION,
];

/// What holds after a reload.
pub struct Reloaded {
    /// What to serve now; its listeners are those that are open.
    pub deployment: Arc<Deployment>,
    /// Whether the lines of the configuration count; otherwise only the files that they name were read.
    pub has_lines: bool,
    /// What was wrong, for the log.
    pub complaints: Vec<String>,
    /// What is not enforced any more because something was wrong: to be said loudly.
    pub holes: Vec<String>,
}

/// Why a release ends on a reload.
pub struct Ended {
    /// With which status.
    pub status: u8,
    /// What was wrong, for the log.
    pub complaints: Vec<String>,
}

/// Reads the files of a running broker once more.
///
/// # Errors
/// [`Ended`] where the release does not survive what it finds.
pub fn reload(here: &Here<'_>, running: &Deployment, environment: Environment) -> Result<Reloaded, Ended> {
    let now = environment.now;
    let mut reader = Reader::new(here, environment);
    let mut complaints = Vec::new();
    let lines = lines(&mut reader, here, running, now);
    let has_lines = lines.is_ok();
    let wanted = match lines {
        Ok(fresh) => merged(running, fresh),
        Err(reasons) => {
            complaints.extend(reasons);
            running.clone()
        }
    };
    let Lowered { mut deployment, mut notes } = conf::read_security(&mut reader, wanted);
    notes.iter_mut().for_each(judge_from_here);
    notes.retain(|note| note.effect == Effect::Fatal);
    complaints.extend(notes.iter().map(|note| complaint(note, &reader)));
    let mut holes = Vec::new();
    if let Some(first) = first_security(&notes) {
        if !running.release.has(Quirk::ReloadFailsOpen) {
            return Err(Ended { status: status_of(first, running.release), complaints });
        }
        holes = open_up(&mut deployment, &notes, &mut reader);
    }
    Ok(Reloaded { deployment: Arc::new(deployment), has_lines, complaints, holes })
}

/// What the configuration says now, or why it counts for nothing.
fn lines(
    reader: &mut Reader<'_>,
    here: &Here<'_>,
    running: &Deployment,
    now: i64,
) -> Result<Deployment, Vec<String>> {
    let kept = "the configuration counts as it was before; its password and ACL files are read again";
    let tree = tree(reader, here).map_err(|reason| vec![reason, kept.to_owned()])?;
    let mut lowered = conf::lower(reader, &tree, running.release);
    lowered.notes.iter_mut().for_each(judge_from_here);
    let is_of_lines = |note: &Note| note.phase <= Phase::Check;
    if lowered.notes.iter().any(|note| note.effect == Effect::Fatal && is_of_lines(note)) {
        let findings = findings_of(&lowered, &reader.sources, now, is_of_lines);
        let text = concise(&findings, &reader.sources, &[]);
        return Err(text.lines().map(str::to_owned).chain([kept.to_owned()]).collect());
    }
    let is_new = |listener: &&Listener| {
        listener.kind == ListenerKind::Explicit
            && !running.listeners.iter().any(|known| is_same(known, listener))
    };
    if let Some(added) = lowered.deployment.listeners.iter().find(is_new) {
        let title = added.title();
        return Err(vec![format!("{title} is new: only a restart opens listeners"), kept.to_owned()]);
    }
    Ok(lowered.deployment)
}

fn is_same(one: &Listener, other: &Listener) -> bool {
    let is_local = |listener: &Listener| listener.kind == ListenerKind::LocalOnly;
    let place = |listener: &Listener| {
        let place = listener.socket.as_ref().or(listener.host.as_ref());
        place.map(|place| place.value.clone())
    };
    (is_local(one) && is_local(other)) || (one.port == other.port && place(one) == place(other))
}

/// What a running broker takes over of lines that it read again.
fn merged(running: &Deployment, fresh: Deployment) -> Deployment {
    let release = running.release;
    let (was, is) = (running.is_per_listener(), fresh.is_per_listener());
    let mut security = fresh.security.clone();
    if is && !was {
        // The lines go to the listeners, where nobody looks for them.
        security = Security::default();
    }
    let is_local_only = running.listeners.iter().any(|listener| listener.kind == ListenerKind::LocalOnly);
    if is_local_only && release.has(Quirk::LocalOnlyAnonymityFixed) {
        let is_anonymity = |option| option == options::ALLOW_ANONYMOUS;
        security.settings = with_kept(&security.settings, &running.security.settings, is_anonymity);
    }
    let listeners = running.listeners.iter().map(|old| {
        let found = fresh.listeners.iter().find(|listener| is_same(old, listener));
        let mut listener = match found {
            Some(found) if !release.has(Quirk::ReloadResetsListenerLimits) => listener_again(old, found),
            _ => old.clone(),
        };
        listener.security = match (was, found) {
            (false, _) => None,
            (true, None) => old.security.clone(),
            (true, Some(found)) => Some(security_again(old, found, release)),
        };
        // A reload takes the default listener for one like any other.
        if was && listener.kind == ListenerKind::Default && !running.is_local_only_default(old) {
            listener.kind = ListenerKind::Explicit;
        }
        listener
    });
    Deployment {
        listeners: listeners.collect(),
        per_listener_settings: running.per_listener_settings,
        security,
        bridges: running.bridges.clone(),
        plugins: running.plugins.clone(),
        ..fresh
    }
}

/// The security options of a listener that has its own and was read again.
fn security_again(old: &Listener, fresh: &Listener, release: Release) -> Security {
    let mut security = fresh.security.clone().unwrap_or_default();
    let was = old.security.iter().filter(|_| release.has(Quirk::ListenerSecurityKept));
    for was in was {
        for option in [options::PASSWORD_FILE, options::ACL_FILE, options::PSK_FILE] {
            if security.settings.get(option).is_none() {
                security.settings = with_kept(&security.settings, &was.settings, |kept| kept == option);
            }
        }
    }
    security
}

/// A listener whose options were read again.
fn listener_again(old: &Listener, fresh: &Listener) -> Listener {
    let mut settings = with_kept(&fresh.settings, &old.settings, |option| FIXED.contains(&option));
    for option in KEPT {
        if !old.has_tls() || settings.get(option).is_none() {
            settings = with_kept(&settings, &old.settings, |kept| kept == option);
        }
    }
    Listener { settings, ..old.clone() }
}

/// Settings in which some options are as they were.
fn with_kept(fresh: &Settings, old: &Settings, is_kept: impl Fn(OptionId) -> bool) -> Settings {
    let mut settings = fresh.only(|setting| !is_kept(setting.option));
    old.iter().filter(|setting| is_kept(setting.option)).for_each(|setting| settings.push(setting.clone()));
    settings
}

/// Takes away what a release does not enforce any more once a security file failed: password files are read first,
/// and the first failure ends the reading.
fn open_up(deployment: &mut Deployment, notes: &[Note], reader: &mut Reader<'_>) -> Vec<String> {
    let release = deployment.release;
    let mut holes = Vec::new();
    let mut has_failed = false;
    let Deployment { security, listeners, per_listener_settings, .. } = deployment;
    let is_per_listener = per_listener_settings.is_some_and(|setting| setting.value);
    let mut blocks: Vec<&mut Security> = if is_per_listener {
        listeners.iter_mut().filter_map(|listener| listener.security.as_mut()).collect()
    } else {
        vec![security]
    };
    for option in [options::PASSWORD_FILE, options::ACL_FILE] {
        for block in &mut blocks {
            let Some(path) = block.settings.text(option).map(|path| path.value.to_owned()) else { continue };
            has_failed |= notes.iter().any(|note| is_about(note, option, Path::new(&path), reader));
            if !has_failed {
                continue;
            }
            holes.push(if option == options::PASSWORD_FILE {
                block.passwords = FileState::Unnamed;
                format!(
                    "`{path}` counts for nothing any more: `allow_anonymous` alone says whether clients are let in, \
                     whatever their names and passwords, as in Mosquitto {release}"
                )
            } else {
                block.acl = FileState::Unnamed;
                format!(
                    "`{path}` counts for nothing any more: whoever is connected may publish and read everything, \
                     as in Mosquitto {release}"
                )
            });
        }
    }
    holes
}

/// Whether a note is about the file of an option, or a line of it.
fn is_about(note: &Note, option: OptionId, path: &Path, reader: &mut Reader<'_>) -> bool {
    match &note.kind {
        NoteKind::File { option: named, path: at, .. } => *named == option && at == path,
        NoteKind::Acl(_) => option == options::ACL_FILE && reader.text(path) == Ok(note.span.source),
        NoteKind::Password(_) => {
            option == options::PASSWORD_FILE && reader.text(path) == Ok(note.span.source)
        }
        _ => false,
    }
}

/// What is wrong with a security file, in a line.
fn complaint(note: &Note, reader: &Reader<'_>) -> String {
    if let NoteKind::File { option, path, problem } = &note.kind {
        let reason = match problem {
            FileProblem::Open(error) => error.to_string(),
            FileProblem::Unreadable { account, .. } => format!("`{account}` may not read it"),
            FileProblem::Link => "it is a symbolic link".to_owned(),
            _ => "it cannot be used".to_owned(),
        };
        return format!("`{} {}`: {reason}", option.name(), reader.files().shown(path).display());
    }
    let source = reader.sources.get(note.span.source);
    let line = source.position(note.span.start).line;
    format!("{}:{line}: the line is not valid", source.name())
}
