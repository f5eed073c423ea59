//! Output formats, one file each.

mod concise;
mod full;

pub use concise::concise;
pub use full::{FullStyle, full};

use super::Diagnostic;

/// The releases of a finding, where it does not hold for all that were looked at.
fn releases(finding: &Diagnostic, all: &[String]) -> Option<String> {
    let count = finding.releases.len();
    (0 < count && count < all.len()).then(|| finding.releases.join(", "))
}

/// Text for a terminal or a log: control characters are shown, not sent.
pub fn printable(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' => "\n".to_owned(),
        '\t' => "\\t".to_owned(),
        other if other.is_control() => other.escape_default().to_string(),
        // These reorder or hide text on a terminal.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
            text_escape(character)
        }
        other => other.to_string(),
    };
    text.chars().map(shown).collect()
}

fn text_escape(character: char) -> String {
    format!("\\u{{{:x}}}", u32::from(character))
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_characters_are_shown() {
        assert_eq!(super::printable("a\u{1b}[31m\tb\u{202e}"), "a\\u{1b}[31m\\tb\\u{202e}");
    }
}
