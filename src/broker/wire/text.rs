//! Texts as packets hold them.

use std::fmt;

use bytes::Bytes;

use crate::access::is_legal;

use super::defect::TextFault;

/// A UTF-8 text of at most 65,535 bytes, without NUL; a slice of the packet that it came with.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Bytes);

/// The longest text that fits the two bytes of its length.
pub(crate) const MAX_TEXT_BYTES: usize = 65_535;

impl Text {
    /// A text of these bytes; `None` where they are not UTF-8, hold a NUL, or are too many.
    pub fn new(bytes: Bytes) -> Option<Self> {
        let text = std::str::from_utf8(&bytes).ok()?;
        let is_text = bytes.len() <= MAX_TEXT_BYTES && !text.contains('\0');
        is_text.then_some(Self(bytes))
    }

    /// A text as a packet may hold it: beyond what [`Text::new`] asks for, every known release also wants it to have
    /// no control characters and no non-characters.
    pub(super) fn read(bytes: Bytes) -> Result<Self, TextFault> {
        if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(Self(bytes));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| TextFault::NotUtf8)?;
        match text.chars().find(|character| !is_legal(*character)) {
            None => Ok(Self(bytes)),
            Some('\0') => Err(TextFault::Nul),
            Some(character) if character.is_control() => Err(TextFault::Control),
            Some(_) => Err(TextFault::NonCharacter),
        }
    }

    /// A text that is known at compile time.
    pub const fn fixed(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// As a string.
    pub fn as_str(&self) -> &str {
        // Checked when it was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text with bytes of its own, so that no packet is kept in memory for it.
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), out)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), out)
    }
}
