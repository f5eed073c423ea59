//! Findings with the text that they are about, for people.

use std::collections::HashMap;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::{is_unshown, printable, printable_line, releases};
use crate::report::{Diagnostic, Label, Severity};
use crate::text::{Source, SourceId, Sources};

/// Lines longer than this are shown in part.
const LONGEST_LINE: usize = 240;

/// The number of context lines that the renderer asks for where it draws lines. Only the lines themselves are given;
/// without context it asks for the position of a label.
const SNIPPET: usize = 1;

/// How the report looks.
#[derive(Clone, Copy, Debug)]
pub struct FullStyle {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours are wanted.
    pub is_coloured: bool,
}

/// Renders findings with the lines that they are about. `all` names the releases that were looked at.
pub fn full(findings: &[Diagnostic], sources: &Sources, all: &[String], style: FullStyle) -> String {
    let theme = GraphicalTheme {
        characters: ThemeCharacters {
            error: "error:".into(),
            warning: "warning:".into(),
            advice: "note:".into(),
            ..ThemeCharacters::unicode()
        },
        styles: if style.is_coloured { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width.max(40))
        .with_links(false)
        .with_context_lines(SNIPPET)
        .with_break_words(false)
        .without_syntax_highlighting();
    let mut texts = HashMap::new();
    let mut out = String::new();
    for finding in findings {
        let shown: Vec<&Label> = std::iter::once(&finding.primary).chain(&finding.related).collect();
        for label in &shown {
            let id = label.span.source;
            texts.entry(id).or_insert_with(|| Text::new(sources.get(id)));
        }
        let report = Report::new(finding, &texts);
        // Writing to a string does not fail, and a report that cannot be drawn still has its first line.
        if handler.render_report(&mut out, &report).is_err() {
            out.push_str(&super::concise(std::slice::from_ref(finding), sources, all));
        }
        let notes = finding.notes.iter().map(|note| ("why", note.clone()));
        let help = finding.help.iter().map(|help| ("mend", help.clone()));
        let only = releases(finding, all).map(|only| ("only", only));
        for (word, text) in notes.chain(help).chain(only) {
            out.push_str(&paragraph(word, &printable(&text), style.width));
        }
        out.push('\n');
    }
    out
}

/// A remark below the text: a word in front, lines of at most `width` columns, indented alike.
fn paragraph(word: &str, text: &str, width: usize) -> String {
    let head = format!("  {word}: ");
    wrapped(&head, head.len(), text, width)
}

/// A text behind `head` in lines of at most `width` columns, those after the first one indented.
pub(crate) fn wrapped(head: &str, indent: usize, text: &str, width: usize) -> String {
    let mut out = head.to_owned();
    let begin = head.chars().count();
    let mut column = begin;
    let mut is_first = true;
    for piece in text.split_whitespace() {
        let length = piece.chars().count();
        let at_begin = if is_first { column == begin } else { column == indent };
        if !at_begin && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
            is_first = false;
        } else if !at_begin {
            out.push(' ');
            column += 1;
        }
        out.push_str(piece);
        column += length;
    }
    out.push('\n');
    out
}

/// A text whose bytes can all be shown, offset for offset.
struct Text<'a> {
    source: &'a Source,
    name: String,
    shown: Option<Vec<u8>>,
}

impl<'a> Text<'a> {
    fn new(source: &'a Source) -> Self {
        let masked = source.masked();
        let bytes = masked.as_deref().unwrap_or(source.bytes());
        let is_plain = |character: char| !is_unshown(character) || matches!(character, '\n' | '\t');
        let is_simple = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
        // Without a way out in between, this is quick even for a large file.
        let all_simple =
            || bytes.chunks(4096).all(|part| part.iter().fold(true, |all, byte| all & is_simple(byte)));
        let can_be_shown =
            all_simple() || std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_plain));
        let name = printable_line(source.name());
        let shown = if can_be_shown { masked } else { Some(stand_ins(bytes)) };
        Self { source, name, shown }
    }

    fn bytes(&self) -> &[u8] {
        self.shown.as_deref().unwrap_or(self.source.bytes())
    }
}

/// The text with `?` for each byte that is not shown: of control characters, of what reorders text, and what is not UTF-8.
/// The carriage return of a line end becomes a blank.
fn stand_ins(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' if characters.peek() == Some(&'\n') => shown.push(b' '),
                '\n' | '\t' => shown.push(character as u8),
                _ if is_unshown(character) => shown.resize(shown.len() + character.len_utf8(), b'?'),
                _ => shown.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        shown.resize(shown.len() + chunk.invalid().len(), b'?');
    }
    shown
}

impl SourceCode for Text<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let bytes = self.bytes();
        let starts = self.source.line_starts();
        let line_of = |offset: usize| starts.partition_point(|start| *start as usize <= offset).max(1) - 1;
        let end_of = |line: usize| starts.get(line + 1).map_or(bytes.len(), |start| *start as usize);
        if span.offset() + span.len() > bytes.len() {
            return Err(MietteError::OutOfBounds);
        }
        let first = line_of(span.offset());
        if before == 0 {
            let position = self.source.position(u32::try_from(span.offset()).unwrap_or(u32::MAX));
            let (line, column) = (position.line as usize - 1, position.column as usize - 1);
            let data = &bytes[span.offset()..span.offset() + span.len()];
            let name = self.name.clone();
            return Ok(Box::new(MietteSpanContents::new_named(name, data, *span, line, column, 1)));
        }
        let last = line_of(span.offset() + span.len().saturating_sub(1));
        let (mut start, mut end, mut column) = (starts[first] as usize, end_of(last), 0);
        if end - start > LONGEST_LINE * (last - first + 1) {
            let boundary = |mut at: usize| {
                while at > start && at < bytes.len() && bytes[at] & 0xc0 == 0x80 {
                    at -= 1;
                }
                at
            };
            let from = boundary(span.offset().saturating_sub(LONGEST_LINE / 4).max(start));
            let to =
                boundary((from + LONGEST_LINE).max(span.offset() + span.len().min(LONGEST_LINE)).min(end));
            column = from - start;
            (start, end) = (from, to.max(from));
        }
        // The line's own end would be drawn as an empty line of its own.
        let cut = bytes[start..end].strip_suffix(b"\n").map_or(end, |rest| start + rest.len());
        let contents = MietteSpanContents::new_named(
            self.name.clone(),
            &bytes[start..cut],
            (start, cut - start).into(),
            first,
            column,
            last - first + 1,
        );
        Ok(Box::new(contents))
    }
}

/// A finding as the renderer wants it: labels of the first file, and one more report for each other file.
#[derive(Debug)]
struct Report<'a> {
    message: String,
    severity: miette::Severity,
    text: &'a Text<'a>,
    labels: Vec<LabeledSpan>,
    others: Vec<Report<'a>>,
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl<'a> Report<'a> {
    fn new(finding: &Diagnostic, texts: &'a HashMap<SourceId, Text<'a>>) -> Self {
        let home = finding.primary.span.source;
        let is_here = |label: &&Label| label.span.source == home;
        let mut labels = vec![labelled(&finding.primary, texts, true)];
        labels.extend(finding.related.iter().filter(is_here).map(|label| labelled(label, texts, false)));
        let elsewhere = finding.related.iter().filter(|label| !is_here(label));
        let others = elsewhere.map(|label| Report {
            message: printable(&label.text),
            severity: miette::Severity::Advice,
            text: &texts[&label.span.source],
            labels: vec![labelled(&Label::new(label.span, ""), texts, true)],
            others: Vec::new(),
        });
        Self {
            message: format!("{} [{}]", printable(&finding.message), finding.rule),
            severity: match finding.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
                Severity::Note => miette::Severity::Advice,
            },
            text: &texts[&home],
            labels,
            others: others.collect(),
        }
    }
}

fn labelled(label: &Label, texts: &HashMap<SourceId, Text<'_>>, is_primary: bool) -> LabeledSpan {
    let bytes = texts[&label.span.source].bytes();
    let (start, end) = (label.span.start as usize, label.span.end as usize);
    // One line is marked, and not beyond what is shown of a long one.
    let line = bytes[start..end].iter().position(|byte| *byte == b'\n').unwrap_or(end - start);
    let length = line.min(LONGEST_LINE / 2);
    let text = (!label.text.is_empty()).then(|| printable(&label.text));
    match is_primary {
        true => LabeledSpan::new_primary_with_span(text, (start, length)),
        false => LabeledSpan::new_with_span(text, (start, length)),
    }
}

impl std::fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn miette::Diagnostic> + 'b>> {
        let others = self.others.iter().map(|other| other as &dyn miette::Diagnostic);
        (!self.others.is_empty())
            .then(|| Box::new(others) as Box<dyn Iterator<Item = &dyn miette::Diagnostic>>)
    }
}
