//! Which listener a misplaced option was meant for.

use crate::catalogue::{OptionId, options};
use crate::model::notes::{Note, NoteKind};
use crate::model::{Deployment, Listener, ListenerKind};
use crate::text::Span;

/// The listener whose line holds a place.
pub(super) fn listener_at(deployment: &Deployment, place: Span) -> Option<&Listener> {
    let holds = |line: Span| {
        line.source == place.source && line.start <= place.start && place.end <= line.end && !line.is_empty()
    };
    deployment.listeners.iter().find(|listener| holds(listener.span))
}

/// The `listener` lines, in the order in which they are read.
pub(super) fn listener_lines(deployment: &Deployment) -> impl Iterator<Item = Span> {
    let lines = deployment.listeners.iter().filter(|listener| listener.kind == ListenerKind::Explicit);
    lines.map(|listener| listener.span)
}

/// Whether the default listener is there because `port` or `bind_address` asks for it.
pub(super) fn is_asked_for(listener: &Listener) -> bool {
    listener.settings.get(options::PORT).is_some() || listener.host.is_some()
}

/// The option of a note that says that a line of a listener has no `listener` line above it in its file.
pub(super) fn unplaced(note: &Note) -> Option<OptionId> {
    match note.kind {
        NoteKind::NeedsListener { option } | NoteKind::ForDefaultListener { option, .. } => Some(option),
        _ => None,
    }
}

/// Whether the option of such a note is parted from its listener by the border of a file: its own file has no
/// `listener` line, and another has one that is read before it.
pub(super) fn is_split_off(deployment: &Deployment, note: &Note) -> bool {
    let is_here = |line: Span| line.source == note.span.source;
    let is_announced = matches!(note.kind, NoteKind::ForDefaultListener { next: Some(_), .. });
    let is_main = note.span.source == deployment.source;
    let mut lines = listener_lines(deployment).peekable();
    lines.peek().is_some() && !lines.any(is_here) && !(is_main && is_announced)
}
