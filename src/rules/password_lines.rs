//! Lines of password files: what several rules say of them. No text of a hash is shown: it may be a password.

use super::Context;
use crate::catalogue::Quirk;
use crate::model::notes::{Note, NoteKind, PasswordNote};
use crate::report::Diagnostic;

/// What was noticed in password files.
pub(super) fn password_notes<'a>(cx: &Context<'a>) -> Vec<(&'a Note, &'a PasswordNote)> {
    let found = cx.notes.iter().filter_map(|note| match &note.kind {
        NoteKind::Password(kind) => Some((note, kind)),
        _ => None,
    });
    found.collect()
}

/// The finding with what the release does with an entry that it cannot use.
pub(super) fn with_loss(cx: &Context<'_>, finding: Diagnostic) -> Diagnostic {
    finding.note(match cx.release.has(Quirk::BadPasswordLineFatal) {
        true => "the broker does not start with such a line",
        false => "the broker starts without that user, who cannot log in, and says so in its log only",
    })
}
