//! Lines of password files: what several rules say of them. No text of a hash is shown: it may be a password.

use super::Context;
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

/// The finding with what becomes of an entry that no release can use.
pub(super) fn with_loss(finding: Diagnostic) -> Diagnostic {
    finding.note("2.0 drops the user, who cannot log in, with a line in the log; 2.1 does not start")
}
