//! Text of generated files, line by line, with the place in the spec that each line comes from.

use crate::text::Span;

/// Lines and where they come from.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: String,
    origins: Vec<Option<Span>>,
}

impl Lines {
    /// Adds a line. Control characters, which would end it early or hide what follows, become spaces; values that must
    /// not change are checked before they come here.
    pub(super) fn push(&mut self, line: &str, origin: Option<Span>) {
        self.text.extend(line.chars().map(|character| if character.is_control() { ' ' } else { character }));
        self.text.push('\n');
        self.origins.push(origin);
    }

    /// Adds an empty line.
    pub(super) fn gap(&mut self) {
        self.push("", None);
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the line of a number (from 1) comes from.
    pub fn origin(&self, line: u32) -> Option<Span> {
        self.origins.get((line as usize).checked_sub(1)?).copied().flatten()
    }
}
