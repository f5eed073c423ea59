//! The keys of a file of pre-shared keys.

use crate::text::{SourceId, Span};

/// One line of a file of pre-shared keys that gives an identity a key.
#[derive(Clone, Debug)]
pub struct PresharedKey {
    /// The identity, as bytes, trimmed.
    pub identity: Box<[u8]>,
    /// Where the identity stands.
    pub identity_span: Span,
    /// Where the key stands; the digits themselves are secret and stay in the text.
    pub key_span: Span,
}

/// The identities of a file of pre-shared keys that a release knows.
#[derive(Clone, Debug)]
pub struct PresharedKeys {
    /// The text that they were read from.
    pub source: SourceId,
    /// One entry for each identity, in the order of the file.
    pub entries: Vec<PresharedKey>,
}
