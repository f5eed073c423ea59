//! Output formats, one file each.

mod concise;
mod full;

pub use concise::concise;
pub(crate) use full::wrapped;
pub use full::{FullStyle, full};

use super::Diagnostic;

/// The releases of a finding, where it does not hold for all that were looked at.
fn releases(finding: &Diagnostic, all: &[String]) -> Option<String> {
    let count = finding.releases.len();
    (0 < count && count < all.len()).then(|| finding.releases.join(", "))
}

/// Whether a character moves, hides or reorders text on a terminal, instead of being shown.
pub(crate) fn is_unshown(character: char) -> bool {
    let reorders = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    character.is_control() || reorders
}

/// Text for a terminal or a log: control characters are shown, not sent. Line ends stay.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            other if is_unshown(other) => shown.extend(other.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

/// Like [`printable`], on one line.
pub fn printable_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_characters_are_shown() {
        assert_eq!(super::printable("a\u{1b}[31m\tb\u{202e}"), "a\\u{1b}[31m\\tb\\u{202e}");
    }
}
