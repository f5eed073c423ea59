//! What could be done about a finding. Whether it keeps the meaning is proven afterwards.

use super::reading::{Reading, Side};
use super::{Item, ItemKind};
use crate::catalogue::{Kind, OptionId, Release, options};
use crate::model::notes::{Effect, NoteKind, PasswordNote};
use crate::model::{Deployment, Listener, ListenerKind, Lowered, Setting, Settings, Value};
use crate::text::Span;

/// An edit that may do away with a finding.
#[derive(Clone, Debug)]
pub(super) enum Remedy {
    /// Puts a number in the place of the first word of the line's value.
    Number(i64),
    /// Takes the blanks around the value away.
    Trim,
    /// Writes exactly one `$` in front of a hash.
    Dollar(Span),
    /// Writes the option by another name.
    Rename(OptionId),
    /// Makes comments of lines.
    Silence(Vec<Span>),
    /// Makes a comment of the line, and writes its value as another option below each of the `listener` lines.
    Spread {
        /// The other option.
        option: OptionId,
        /// The `listener` lines.
        below: Vec<Span>,
    },
    /// Writes the default listener as a `listener` line: its port and host, the line that it shall stand above, and the
    /// lines that it makes superfluous.
    Explicit {
        /// What the line says.
        line: String,
        /// What it stands above.
        above: Span,
        /// `port` and `bind_address`.
        replaced: Vec<Span>,
    },
}

/// Options that nobody writes who wants clear text.
const TLS: [OptionId; 9] = [
    options::CAFILE,
    options::CAPATH,
    options::CERTFILE,
    options::CRLFILE,
    options::KEYFILE,
    options::PSK_FILE,
    options::PSK_HINT,
    options::REQUIRE_CERTIFICATE,
    options::TLS_VERSION,
];

/// Attaches to each finding what could be done about it.
pub(super) fn propose(reading: &Reading, items: &mut [Item]) {
    let [from, to] = reading.sides.as_slice() else { return };
    let explicit = explicit(reading, from);
    let has_gaps = has_gaps(&to.lowered);
    for item in items.iter_mut().filter(|item| item.kind != ItemKind::Note) {
        let more = remedies(reading, from, to, item, explicit.as_ref());
        item.remedies.extend(more);
        if has_gaps {
            let unread = [from, to].map(|side| side.lowered.deployment.release);
            item.remedies.retain(|remedy| is_local(remedy, item.option, unread));
        }
    }
}

/// Whether included files were not looked at, in which anything may stand.
pub(super) fn has_gaps(lowered: &Lowered) -> bool {
    let is_include =
        |kind: &NoteKind| matches!(kind, NoteKind::NotChecked { option: options::INCLUDE_DIR, .. });
    lowered.notes.iter().any(|note| is_include(&note.kind))
}

/// Whether a remedy keeps the meaning whatever else is configured.
fn is_local(remedy: &Remedy, option: Option<OptionId>, releases: [Release; 2]) -> bool {
    let is_unread = |option: OptionId| {
        let entry = option.entry();
        let is_unread = |release| entry.unread.is_some_and(|unread| unread <= release);
        entry.kind == Kind::Ignored || releases.into_iter().all(is_unread)
    };
    match remedy {
        Remedy::Number(_) | Remedy::Trim | Remedy::Dollar(_) => true,
        Remedy::Silence(_) => option.is_some_and(is_unread),
        Remedy::Rename(_) | Remedy::Spread { .. } | Remedy::Explicit { .. } => false,
    }
}

fn remedies(
    reading: &Reading,
    from: &Side,
    to: &Side,
    item: &Item,
    explicit: Option<&Remedy>,
) -> Vec<Remedy> {
    let Some(span) = item.span else { return Vec::new() };
    let mut list = Vec::new();
    let Some(line) = reading.line(span) else { return of_passwords(from, to, span) };
    let option = OptionId::named(&reading.sources.text(line.name));
    let is_default = matches!(option, Some(options::PORT | options::BIND_ADDRESS));
    let (old, new) = (&from.lowered.deployment, &to.lowered.deployment);
    list.extend(number(old, line.name).map(Remedy::Number));
    let is_path = option.is_some_and(|option| matches!(option.entry().kind, Kind::Plugin | Kind::PluginLoad));
    list.extend(is_path.then_some(Remedy::Trim));
    if new.is_per_listener() && options::LISTENER_ALLOW_ANONYMOUS.is_known(new.release) {
        list.extend(match option {
            Some(options::ALLOW_ANONYMOUS) => Some(Remedy::Rename(options::LISTENER_ALLOW_ANONYMOUS)),
            Some(options::AUTO_ID_PREFIX) => Some(Remedy::Rename(options::LISTENER_AUTO_ID_PREFIX)),
            _ => None,
        });
    }
    let is_explicit = |listener: &Listener| listener.kind == ListenerKind::Explicit;
    if option == Some(options::AUTO_ID_PREFIX)
        && !new.is_per_listener()
        && options::LISTENER_AUTO_ID_PREFIX.is_known(new.release)
        && new.listeners.iter().all(is_explicit)
    {
        let below = new.listeners.iter().map(|listener| listener.span).collect();
        list.push(Remedy::Spread { option: options::LISTENER_AUTO_ID_PREFIX, below });
    }
    // A listener that only the new release opens goes away with all the lines that open it.
    let appeared = new.listeners.iter().find(|listener| {
        listener.kind == ListenerKind::Default && item.key.starts_with("appeared") && listener.span == span
    });
    match appeared {
        Some(listener) => list.push(Remedy::Silence(lines(listener))),
        None => list.extend(explicit.cloned()),
    }
    let is_about_file = to.lowered.notes.iter().any(|note| {
        note.span == span && note.effect == Effect::Fatal && matches!(note.kind, NoteKind::File { .. })
    });
    let is_tls = option.is_some_and(|option| TLS.contains(&option));
    // A line that takes effect from now on may well be meant, a file may come, and whoever wrote of TLS wanted some.
    if !is_default && !is_about_file && !is_tls && item.kind != ItemKind::Changed {
        list.push(Remedy::Silence(vec![line.name]));
    }
    // Where the last of two lines counts, it is the first one that may go.
    let duplicate = to.lowered.notes.iter().find_map(|note| match note.kind {
        NoteKind::Duplicate { first, .. } if note.span == span && note.effect == Effect::Fatal => Some(first),
        _ => None,
    });
    list.extend(duplicate.map(|first| Remedy::Silence(vec![first])));
    list
}

/// Lines of password files: those of users who cannot log in anyway, and the first ones of several for a user.
fn of_passwords(from: &Side, to: &Side, span: Span) -> Vec<Remedy> {
    let mut list = vec![Remedy::Silence(vec![span])];
    let earlier = to.lowered.notes.iter().find_map(|note| match note.kind {
        NoteKind::Password(PasswordNote::Duplicate { first }) if note.span == span => {
            Some(Remedy::Silence(vec![first]))
        }
        NoteKind::Password(PasswordNote::LeadingDollars { .. }) if note.span == span => {
            Some(Remedy::Dollar(span))
        }
        _ => None,
    });
    let is_password = to
        .lowered
        .notes
        .iter()
        .chain(&from.lowered.notes)
        .any(|note| matches!(note.kind, NoteKind::Password(_)) && note.span == span);
    list.splice(0..0, earlier);
    if is_password { list } else { Vec::new() }
}

/// Every block of options of a deployment.
fn blocks(deployment: &Deployment) -> impl Iterator<Item = &Settings> {
    let listeners = deployment.listeners.iter().flat_map(|listener| {
        std::iter::once(&listener.settings).chain(listener.security.as_ref().map(|own| &own.settings))
    });
    let bridges = deployment.bridges.iter().map(|bridge| &bridge.settings);
    [&deployment.global, &deployment.security.settings].into_iter().chain(listeners).chain(bridges)
}

/// The number that a release takes the value of a line for.
pub(super) fn number(deployment: &Deployment, name: Span) -> Option<i64> {
    let is_it = |line: &&Setting| line.name_span == name;
    let of_line =
        blocks(deployment).flat_map(Settings::iter).find(is_it).and_then(|line| match line.value.value {
            Value::Int(number) if matches!(line.option.entry().kind, Kind::Int | Kind::Port) => Some(number),
            _ => None,
        });
    let is_listener = |listener: &&Listener| {
        listener.kind == ListenerKind::Explicit
            && listener.span.source == name.source
            && listener.span.start == name.start
    };
    let port = || deployment.listeners.iter().find(is_listener).map(|listener| i64::from(listener.port));
    of_line.or_else(port)
}

/// The lines that belong to a listener.
fn lines(listener: &Listener) -> Vec<Span> {
    let own = listener.security.iter().flat_map(|security| security.settings.iter());
    listener.settings.iter().chain(own).map(|line| line.name_span).collect()
}

/// The default listener of the old release as a `listener` line, where all of its lines are in one file.
fn explicit(reading: &Reading, from: &Side) -> Option<Remedy> {
    let deployment = &from.lowered.deployment;
    let default = deployment.listeners.iter().find(|listener| listener.kind == ListenerKind::Default)?;
    let host = default.host.as_ref();
    let addresses: Vec<Span> = host.map(|host| host.span).into_iter().chain([default.span]).collect();
    let mut own = lines(default);
    own.extend(&addresses);
    own.retain(|span| !span.is_empty());
    let source = own.first()?.source;
    if own.iter().any(|span| span.source != source) {
        return None;
    }
    // What comes before the first `listener` line of the file stays there.
    let explicit = deployment.listeners.iter().filter(|listener| listener.kind == ListenerKind::Explicit);
    let starts = explicit.map(|listener| listener.span).filter(|span| span.source == source);
    let above = own.iter().copied().chain(starts).min()?;
    let is_replaced = |span: &Span| {
        let name = reading.line(*span).map(|line| reading.sources.text(line.name));
        matches!(name.as_deref(), Some("port" | "bind_address"))
    };
    let replaced = own.iter().copied().filter(is_replaced).collect();
    let line = match host {
        Some(host) => format!("listener {} {}", default.port, host.value),
        None => format!("listener {}", default.port),
    };
    Some(Remedy::Explicit { line, above, replaced })
}
