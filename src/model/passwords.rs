//! The entries of a password file.

use crate::credentials::{HashError, PasswordHash};
use crate::text::{SourceId, Span};

/// One line of a password file that has a colon.
#[derive(Clone, Debug)]
pub struct PasswordEntry {
    /// The user name, as bytes, trimmed.
    pub name: Box<[u8]>,
    /// Where the name stands; empty, at the line's beginning, where there is none.
    pub name_span: Span,
    /// Where the hash stands; empty, behind the name, where there is none.
    pub hash_span: Span,
    /// The hash, or why it is none.
    pub hash: Result<PasswordHash, HashError>,
    /// Whether the release of this model lets the user log in with it.
    pub is_usable: bool,
}

/// The users of a password file.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// The text that they were read from.
    pub source: SourceId,
    /// The lines with a colon, in the order of the file.
    pub entries: Vec<PasswordEntry>,
}

impl Passwords {
    /// Whether the file has an entry of that name that can be used to log in.
    pub fn has_user(&self, name: &[u8]) -> bool {
        self.entries.iter().any(|entry| entry.is_usable && &*entry.name == name)
    }
}
