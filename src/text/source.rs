//! Sources, spans and the line index.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Names one text of a [`Sources`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A half-open range of bytes in one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text that the range lies in.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `source`. Offsets beyond 4 GiB are cut to the largest offset;
    /// [`super::MAX_FILE_BYTES`] keeps real files far below.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: clamp(start), end: clamp(end.max(start)) }
    }

    /// Number of bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the range holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The part `start..end` of this range, counted from its beginning and kept inside it.
    pub fn part(self, start: usize, end: usize) -> Self {
        let at = |offset: usize| (self.start as usize + offset).min(self.end as usize);
        Self::new(self.source, at(start), at(end))
    }
}

/// A place as people count it: both numbers start at 1, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line number, from 1.
    pub line: u32,
    /// Column in characters, from 1; each byte that is not UTF-8 counts as one.
    pub column: u32,
}

/// One text with its name and, made when first asked for, its line index.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    bytes: Arc<[u8]>,
    line_starts: OnceLock<Vec<u32>>,
    /// Ranges that are never shown: passwords, hashes.
    secrets: BTreeMap<u32, u32>,
}

impl Source {
    /// A text and the name it is shown under.
    pub fn new(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
            line_starts: OnceLock::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// The name it is shown under, usually its path as the user wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Offsets of the first byte of each line; never empty.
    pub fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let after_newlines = memchr::memchr_iter(b'\n', &self.bytes).map(|at| at as u32 + 1);
            std::iter::once(0).chain(after_newlines).collect()
        })
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: u32) -> Position {
        let offset = offset.min(self.bytes.len() as u32);
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let before = &self.bytes[starts[line - 1] as usize..offset as usize];
        let column = String::from_utf8_lossy(before).chars().count() as u32 + 1;
        Position { line: line as u32, column }
    }

    /// The text with each secret byte replaced by a star, for showing; `None` where there is no secret in it.
    pub fn masked(&self) -> Option<Vec<u8>> {
        (!self.secrets.is_empty()).then(|| {
            let mut shown = self.bytes.to_vec();
            for (start, end) in &self.secrets {
                let range = (*start as usize).min(shown.len())..(*end as usize).min(shown.len());
                shown[range]
                    .iter_mut()
                    .filter(|byte| !matches!(byte, b'\n' | b'\r'))
                    .for_each(|byte| *byte = b'*');
            }
            shown
        })
    }

    /// The bytes of a line, numbered from 1, without its line end.
    pub fn line(&self, number: u32) -> &[u8] {
        let starts = self.line_starts();
        let Some(start) = starts.get(number.saturating_sub(1) as usize) else { return &[] };
        let end = starts.get(number as usize).map_or(self.bytes.len(), |next| *next as usize);
        let line = &self.bytes[*start as usize..end];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// All texts of one run, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its id.
    pub fn add(&mut self, source: Source) -> SourceId {
        let id = SourceId(self.list.len() as u32);
        self.list.push(source);
        id
    }

    /// The text behind an id that this table gave out.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    /// All texts with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.list.iter().enumerate().map(|(index, source)| (SourceId(index as u32), source))
    }

    /// The bytes of a range.
    pub fn slice(&self, span: Span) -> &[u8] {
        let bytes = self.get(span.source).bytes();
        let end = (span.end as usize).min(bytes.len());
        &bytes[(span.start as usize).min(end)..end]
    }

    /// Marks a range as secret: it is never shown.
    pub fn hide(&mut self, span: Span) {
        let end = self.list[span.source.0 as usize].secrets.entry(span.start).or_insert(span.end);
        *end = (*end).max(span.end);
    }

    /// The bytes of a range as text that may be shown: without what is secret.
    pub fn shown(&self, span: Span) -> String {
        let secrets = &self.get(span.source).secrets;
        let before = secrets.range(..=span.start).next_back();
        if before.is_some_and(|(_, end)| span.start < *end) {
            return "***".to_owned();
        }
        match secrets.range(span.start..span.end.max(span.start)).next() {
            Some((start, _)) => self.text(Span { end: *start, ..span }) + "***",
            None => self.text(span),
        }
    }

    /// The bytes of a range as text.
    pub fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(self.slice(span)).into_owned()
    }

    /// Line and column of the beginning of a range.
    pub fn position(&self, span: Span) -> Position {
        self.get(span.source).position(span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", *b"bob:secret\nx"));
        assert_eq!(sources.get(id).masked(), None);
        sources.hide(Span::new(id, 4, 10));
        assert_eq!(sources.get(id).masked().as_deref(), Some(&b"bob:******\nx"[..]));
        let shown =
            [(0, 3), (0, 5), (6, 7), (10, 12)].map(|(start, end)| sources.shown(Span::new(id, start, end)));
        assert_eq!(shown, ["bob", "bob:***", "***", "\nx"]);
    }

    #[test]
    fn positions_count_characters() {
        let source = Source::new("t", "aé b\r\nsecond\n".as_bytes());
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(4), Position { line: 1, column: 4 });
        assert_eq!(source.position(8), Position { line: 2, column: 2 });
        assert_eq!(source.line(1), "aé b".as_bytes());
        assert_eq!(source.line(3), b"");
        assert_eq!(source.line(9), b"");
    }
}
