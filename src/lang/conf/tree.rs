//! The lines of a `mosquitto.conf`, without loss.

use pest::Parser;

use crate::lang::lines::{grammar_text, lines};
use crate::text::{SourceId, Span};

use grammar::{Grammar, Rule};

#[allow(missing_docs, reason = "the rules are described in the grammar")]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/mosquitto_conf.pest"]
    pub(super) struct Grammar;
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Nothing, or spaces.
    Blank,
    /// `#` in the first column.
    Comment,
    /// A name and the raw rest of the line, which may be empty.
    Directive {
        /// The option's name as it is spelled.
        name: Span,
        /// The rest, from the first byte that is no space to the end of the line.
        value: Span,
    },
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct ConfLine {
    /// The whole line with its end.
    pub span: Span,
    /// What it is.
    pub kind: LineKind,
    /// Offset in the file of the first NUL byte of the line, where there is one.
    pub nul: Option<u32>,
}

/// The lines of one file. Their spans, one after the other, are the whole text.
#[derive(Clone, Debug)]
pub struct ConfTree {
    /// The text.
    pub source: SourceId,
    /// The lines, in order.
    pub lines: Vec<ConfLine>,
}

/// Reads the lines of a text. Never fails: whatever is not a comment or blank is a directive.
pub fn parse(source: SourceId, bytes: &[u8]) -> ConfTree {
    let parsed = lines(bytes).map(|line| {
        let content = &bytes[line.start..line.content_end];
        ConfLine {
            span: Span::new(source, line.start, line.end),
            kind: line_kind(source, line.start, content),
            nul: content.iter().position(|byte| *byte == 0).map(|at| (line.start + at) as u32),
        }
    });
    ConfTree { source, lines: parsed.collect() }
}

/// What the content of a line, without its end, is.
pub(super) fn line_kind(source: SourceId, start: usize, content: &[u8]) -> LineKind {
    // A carriage return in the first column makes the broker skip the line like a comment.
    if content.first() == Some(&b'\r') {
        return LineKind::Comment;
    }
    if content.is_ascii() { plain_line(source, start, content) } else { by_grammar(source, start, content) }
}

/// What the grammar makes of a line, for lines of ASCII, which nearly all are; a test holds the two equal.
fn plain_line(source: SourceId, start: usize, content: &[u8]) -> LineKind {
    if content.first() == Some(&b'#') {
        return LineKind::Comment;
    }
    let skip = |from: usize| {
        content[from..].iter().position(|byte| *byte != b' ').map_or(content.len(), |at| from + at)
    };
    let name = skip(0);
    if name == content.len() {
        return LineKind::Blank;
    }
    let length = content[name..].iter().position(|byte| *byte == b' ').unwrap_or(content.len() - name);
    let value = skip(name + length);
    LineKind::Directive {
        name: Span::new(source, start + name, start + name + length),
        value: Span::new(source, start + value, start + content.len()),
    }
}

fn by_grammar(source: SourceId, start: usize, content: &[u8]) -> LineKind {
    let text = grammar_text(content);
    let Ok(pairs) = Grammar::parse(Rule::line, &text) else { return LineKind::Blank };
    let mut name = None;
    let mut value = None;
    for pair in pairs.flatten() {
        let range = pair.as_span();
        let span = Span::new(source, start + range.start(), start + range.end());
        match pair.as_rule() {
            Rule::comment => return LineKind::Comment,
            Rule::name => name = Some(span),
            Rule::value => value = Some(span),
            Rule::line | Rule::directive | Rule::blank | Rule::EOI => {}
        }
    }
    let end = start + content.len();
    match name {
        Some(name) => LineKind::Directive { name, value: value.unwrap_or(Span::new(source, end, end)) },
        None => LineKind::Blank,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, Sources};

    fn shape(text: &[u8]) -> Vec<String> {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", text));
        let tree = parse(id, text);
        let whole: Vec<u8> = tree.lines.iter().flat_map(|line| sources.slice(line.span).to_vec()).collect();
        assert_eq!(whole, text, "the lines are the whole text");
        let show = |line: &ConfLine| match line.kind {
            LineKind::Blank => "blank".to_owned(),
            LineKind::Comment => "comment".to_owned(),
            LineKind::Directive { name, value } => format!("{}|{}", sources.text(name), sources.text(value)),
        };
        tree.lines.iter().map(show).collect()
    }

    #[test]
    fn plain_lines_are_read_as_the_grammar_does() {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", *b""));
        let characters = b" #a\t\r\0\x0b=\"~";
        // Every line of up to five of these characters.
        for length in 0..=5_u32 {
            for number in 0..(characters.len() as u32).pow(length) {
                let digit = |at: u32| number / (characters.len() as u32).pow(at) % characters.len() as u32;
                let line: Vec<u8> = (0..length).map(|at| characters[digit(at) as usize]).collect();
                let (plain, grammar) = (plain_line(id, 7, &line), by_grammar(id, 7, &line));
                assert_eq!(plain, grammar, "{:?}", String::from_utf8_lossy(&line));
            }
        }
    }

    #[test]
    fn lines_of_every_kind() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"listener 1883\n", &["listener|1883"]),
            (b"  listener   1883 ::1  \r\n", &["listener|1883 ::1  "]),
            (b"# x\n\n   \n  # y\n", &["comment", "blank", "blank", "#|y"]),
            (b"\tuser x\nuser\tx", &["\tuser|x", "user\tx|"]),
            (b"\rx 1\nuser", &["comment", "user|"]),
            (b"user \xff\xfe b\n\xef\xbb\xbfuser x", &["user|\u{fffd}\u{fffd} b", "\u{feff}user|x"]),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(text), *expected, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
