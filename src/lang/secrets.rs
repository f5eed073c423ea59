//! What password files and files of pre-shared keys share: lines of names and secrets.

use pest::Parser;

use super::lines::{grammar_text, trim};
use crate::text::{SourceId, Span};

use grammar::{Grammar, Rule};

#[allow(missing_docs, reason = "the rules are described in the grammar")]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/secrets.pest"]
    pub(super) struct Grammar;
}

/// Longer fields are no use in any release.
pub(super) const MAX_FIELD: usize = 65_535;

/// What a line is.
pub(super) enum SecretLine {
    /// Nothing, or white space.
    Blank,
    /// `#` in the first column.
    Comment,
    /// A line without a colon; its text.
    Skipped(Span),
    /// A line with a colon. Each field is trimmed, and may be empty.
    Entry {
        /// The first field, where there is one.
        name: Option<Span>,
        /// The second field, where there is one.
        secret: Option<Span>,
    },
}

/// What the content of a line, without its end, is; it begins at `start`.
pub(super) fn secret_line(source: SourceId, start: usize, content: &[u8]) -> SecretLine {
    let text = grammar_text(content);
    let Ok(pairs) = Grammar::parse(Rule::line, &text) else { return SecretLine::Blank };
    let (mut name, mut secret) = (None, None);
    for pair in pairs.flatten() {
        let range = pair.as_span();
        let (from, to) = trim(content, range.start(), range.end());
        let span = Span::new(source, start + from, start + to);
        match pair.as_rule() {
            Rule::comment => return SecretLine::Comment,
            Rule::skipped if span.is_empty() => return SecretLine::Blank,
            Rule::skipped => return SecretLine::Skipped(span),
            Rule::name => name = Some(span),
            Rule::secret => secret = Some(span),
            Rule::line | Rule::entry | Rule::EOI | Rule::colon | Rule::remains => {}
        }
    }
    SecretLine::Entry { name, secret }
}
