//! The lines of a file of pre-shared keys, without loss.

use crate::lang::lines::lines;
use crate::lang::secrets::{SecretLine, secret_line};
use crate::text::{SourceId, Span};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Nothing, or white space.
    Blank,
    /// `#` in the first column.
    Comment,
    /// A line without a colon; its text.
    Skipped(Span),
    /// A line with a colon. Each field is trimmed, and may be empty.
    Entry {
        /// The first field, where there is one.
        identity: Option<Span>,
        /// The second field, where there is one.
        key: Option<Span>,
    },
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct KeyLine {
    /// The whole line with its end.
    pub span: Span,
    /// What it is, NUL bytes taken for ordinary ones.
    pub kind: LineKind,
}

/// The lines of one file. Their spans, one after the other, are the whole text.
#[derive(Clone, Debug)]
pub struct KeyTree {
    /// The text.
    pub source: SourceId,
    /// The lines, in order.
    pub lines: Vec<KeyLine>,
}

impl KeyTree {
    /// What may be a key: second fields, and lines without a colon.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = Span> + '_ {
        self.lines.iter().filter_map(|line| match line.kind {
            LineKind::Skipped(span) => Some(span),
            LineKind::Entry { key, .. } => key,
            LineKind::Blank | LineKind::Comment => None,
        })
    }
}

/// Reads the lines of a text. Never fails.
pub fn parse(source: SourceId, bytes: &[u8]) -> KeyTree {
    let parsed = lines(bytes).map(|line| KeyLine {
        span: Span::new(source, line.start, line.end),
        kind: line_kind(source, line.start, &bytes[line.start..line.content_end]),
    });
    KeyTree { source, lines: parsed.collect() }
}

/// The text of a tree, byte for byte.
pub fn print(tree: &KeyTree, bytes: &[u8]) -> Vec<u8> {
    let spans = tree.lines.iter().map(|line| line.span);
    spans.flat_map(|span| &bytes[span.start as usize..span.end as usize]).copied().collect()
}

/// What the content of a line, without its end, is.
pub(super) fn line_kind(source: SourceId, start: usize, content: &[u8]) -> LineKind {
    match secret_line(source, start, content) {
        SecretLine::Blank => LineKind::Blank,
        SecretLine::Comment => LineKind::Comment,
        SecretLine::Skipped(span) => LineKind::Skipped(span),
        SecretLine::Entry { name, secret } => LineKind::Entry { identity: name, key: secret },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, Sources};

    fn shape(text: &[u8]) -> Vec<String> {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("keys", text));
        let tree = parse(id, text);
        assert_eq!(print(&tree, text), text, "the lines are the whole text");
        let field = |span: Option<Span>| span.map_or("-".to_owned(), |span| sources.text(span).to_string());
        let show = |line: &KeyLine| match line.kind {
            LineKind::Blank => "blank".to_owned(),
            LineKind::Comment => "comment".to_owned(),
            LineKind::Skipped(span) => format!("skipped {}", sources.text(span)),
            LineKind::Entry { identity, key } => format!("{}|{}", field(identity), field(key)),
        };
        tree.lines.iter().map(show).collect()
    }

    #[test]
    fn lines_of_every_kind() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"a:01\r\n# x\n\n  \n", &["a|01", "comment", "blank", "blank"]),
            (b" # x:1\nx y", &["# x|1", "skipped x y"]),
            (b"::a::b:c:\n:\na:", &["a|b", "-|-", "a|-"]),
            (b" a b : 0 1 \n : 2", &["a b|0 1", "|2"]),
            (b"\xff:\x00\n", &["\u{fffd}|\0"]),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(text), *expected, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
