//! What password files and files of pre-shared keys share: lines of names and secrets.

use memchr::memchr;
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
    let span = |(from, to): Range| {
        let (from, to) = trim(content, from, to);
        Span::new(source, start + from, start + to)
    };
    match plain(content).unwrap_or_else(|| by_grammar(content)) {
        Content::Nothing => SecretLine::Blank,
        Content::Comment => SecretLine::Comment,
        Content::Skipped(range) => {
            let span = span(range);
            if span.is_empty() { SecretLine::Blank } else { SecretLine::Skipped(span) }
        }
        Content::Entry { name, secret } => {
            SecretLine::Entry { name: name.map(span), secret: secret.map(span) }
        }
    }
}

/// Two offsets.
type Range = (usize, usize);

/// What a line is, with offsets from its beginning.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    Comment,
    /// It has no colon.
    Skipped(Range),
    Entry {
        name: Option<Range>,
        secret: Option<Range>,
    },
}

/// What the grammar makes of a line.
fn by_grammar(content: &[u8]) -> Content {
    let text = grammar_text(content);
    let Ok(pairs) = Grammar::parse(Rule::line, &text) else { return Content::Nothing };
    let (mut name, mut secret) = (None, None);
    for pair in pairs.flatten() {
        let range = (pair.as_span().start(), pair.as_span().end());
        match pair.as_rule() {
            Rule::comment => return Content::Comment,
            Rule::skipped => return Content::Skipped(range),
            Rule::name => name = Some(range),
            Rule::secret => secret = Some(range),
            Rule::line | Rule::entry | Rule::EOI | Rule::colon | Rule::remains => {}
        }
    }
    Content::Entry { name, secret }
}

/// The same for the lines that nearly all lines are, a name, a colon and a secret, without the grammar.
fn plain(content: &[u8]) -> Option<Content> {
    let colon = memchr(b':', content).filter(|at| *at > 0 && content[0] != b'#')?;
    let start = colon + 1;
    let end = memchr(b':', &content[start..]).map_or(content.len(), |length| start + length);
    (start < end).then_some(Content::Entry { name: Some((0, colon)), secret: Some((start, end)) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_lines_are_read_as_by_the_grammar() {
        let parts: Vec<&[u8]> =
            vec![b"a", b":", b":", b"$7$", b"#", b" ", b"\t", b"\r", b"\xff", "\u{e9}".as_bytes(), b"\0"];
        let line = prop::collection::vec(prop::sample::select(parts), 0..10);
        let config = ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() };
        let plain_ones = std::cell::Cell::new(0);
        let outcome = proptest::test_runner::TestRunner::new(config).run(&line, |parts| {
            let line = parts.concat();
            if let Some(found) = plain(&line) {
                plain_ones.set(plain_ones.get() + 1);
                prop_assert_eq!(found, by_grammar(&line), "{:?}", line);
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
        assert!(plain_ones.get() > 3_000, "{} plain lines", plain_ones.get());
    }
}
