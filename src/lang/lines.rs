//! What the line-based formats share: cutting a text into lines, and texts for the grammars.

use std::borrow::Cow;

use memchr::memchr;

use crate::catalogue::{Quirk, Release};

/// The lines of a text as byte ranges: the content without its line end, and the end of the whole line.
///
/// Lines end with LF; every CR and LF at the end is cut off, as the broker does.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let content =
            rest[..length].iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        let line = Line { start, content_end: start + content, end: start + length };
        start += length;
        Some(line)
    })
}

/// One line of a text, as offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte that is not part of the line end.
    pub(crate) content_end: usize,
    /// One past the line end.
    pub(crate) end: usize,
}

/// What a release does with NUL bytes in a file of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NulHabits {
    /// A NUL byte ends the reading of the file, and not only of its line.
    pub(crate) hides_rest: bool,
    /// So it does at the front of a line, which otherwise counts as empty.
    pub(crate) leading_hides_rest: bool,
    /// What stands before it is read where the file has no newline at its end; otherwise where its line has none.
    pub(crate) unterminated_file_counts: bool,
}

impl NulHabits {
    /// The habits of a release with a file of passwords or keys.
    pub(crate) fn of_secrets(release: Release) -> Self {
        Self { hides_rest: release.has(Quirk::NulHidesRestOfPasswords), ..Self::of(release) }
    }

    /// The habits of a release with any other file.
    pub(crate) fn of(release: Release) -> Self {
        Self {
            hides_rest: true,
            leading_hides_rest: release.has(Quirk::LeadingNulHidesRest),
            unterminated_file_counts: release.has(Quirk::NulLineReadInUnterminatedFile),
        }
    }
}

/// A line as a release sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The line; with a NUL byte, as much as is read of it, which may be nothing.
    pub(crate) line: Line,
    /// Where a NUL byte hides the rest of the line or file.
    pub(crate) nul: Option<usize>,
}

/// The lines of a text that a release gets to see.
pub(crate) fn seen(bytes: &[u8], habits: NulHabits) -> impl Iterator<Item = Seen> + '_ {
    let mut is_over = false;
    lines(bytes).filter(|line| line.content_end > line.start).map_while(move |line| {
        if is_over {
            return None;
        }
        let Some(nul) = memchr(0, &bytes[line.start..line.content_end]) else {
            return Some(Seen { line, nul: None });
        };
        let at = line.start + nul;
        is_over = if nul == 0 { habits.leading_hides_rest && habits.hides_rest } else { habits.hides_rest };
        let end = if habits.unterminated_file_counts { bytes } else { &bytes[..line.end] };
        let is_read = !end.ends_with(b"\n");
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let read = bytes[line.start..at].iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
        let content_end = if is_read { line.start + read } else { line.start };
        let hides = nul > 0 || is_over;
        Some(Seen { line: Line { content_end, ..line }, nul: hides.then_some(at) })
    })
}

/// Shows the lines of a text that a release gets to see, one after the other.
pub(crate) fn each_seen(bytes: &[u8], habits: NulHabits, mut show: impl FnMut(Seen)) {
    if memchr(0, bytes).is_some() {
        return seen(bytes, habits).for_each(show);
    }
    for line in lines(bytes) {
        if line.content_end > line.start {
            show(Seen { line, nul: None });
        }
    }
}

/// The line as text for a grammar, with the same offsets: where it is not UTF-8, each byte beyond ASCII is
/// replaced by a stand-in of one byte.
pub(crate) fn grammar_text(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            line.iter().map(|byte| if byte.is_ascii() { *byte as char } else { '\u{1a}' }).collect(),
        ),
    }
}

/// The range without the white space (as C's `isspace` has it) at both ends.
pub(crate) fn trim(bytes: &[u8], start: usize, end: usize) -> (usize, usize) {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let slice = &bytes[start..end];
    let Some(first) = slice.iter().position(|byte| !is_space(byte)) else { return (start, start) };
    let last = slice.iter().rposition(|byte| !is_space(byte)).unwrap_or(first);
    (start + first, start + last + 1)
}

/// A text that is laid out line by line.
#[derive(Default)]
pub(crate) struct Page {
    out: Vec<u8>,
    /// Comments that belong to the line below them.
    comments: Vec<Vec<u8>>,
    /// Whether an empty line stands before what comes next.
    gap: bool,
}

impl Page {
    /// Any number of empty lines.
    pub(crate) fn blank(&mut self) {
        self.flush();
        self.gap = true;
    }

    /// A comment.
    pub(crate) fn comment(&mut self, text: &[u8]) {
        self.comments.push(text.to_vec());
    }

    /// A line.
    pub(crate) fn line(&mut self, text: &[u8]) {
        self.flush();
        self.write(text);
    }

    /// The first line of a block, which an empty line sets apart, with the comments right above it.
    pub(crate) fn heading(&mut self, text: &[u8]) {
        self.gap = true;
        self.line(text);
    }

    /// The text.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.out
    }

    fn flush(&mut self) {
        for comment in std::mem::take(&mut self.comments) {
            self.write(&comment);
        }
    }

    fn write(&mut self, text: &[u8]) {
        if std::mem::take(&mut self.gap) && !self.out.is_empty() {
            self.out.push(b'\n');
        }
        self.out.extend_from_slice(text);
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends() {
        let cut = |text: &[u8]| {
            lines(text).map(|line| (line.start, line.content_end, line.end)).collect::<Vec<_>>()
        };
        assert_eq!(cut(b""), vec![]);
        assert_eq!(cut(b"a\r\n\nb"), vec![(0, 1, 3), (3, 3, 4), (4, 5, 5)]);
        assert_eq!(cut(b"\r\r\n"), vec![(0, 0, 3)]);
        assert_eq!(cut(b"\ra\n"), vec![(0, 2, 3)]);
    }

    #[test]
    fn what_a_nul_byte_hides() {
        let shape = |text: &[u8], habits| {
            let lines = seen(text, habits).map(|seen| text[seen.line.start..seen.line.content_end].to_vec());
            lines.map(|line| String::from_utf8(line).unwrap()).collect::<Vec<_>>()
        };
        let [oldest, old, new] =
            [Release::new(2, 0, 11), Release::new(2, 0, 21), Release::new(2, 1, 2)].map(NulHabits::of);
        assert_eq!(shape(b"a\nb\0c\nd\n", old), ["a", ""]);
        assert_eq!(shape(b"a\nb\0c\nd", old), ["a", "b"]);
        assert_eq!(shape(b"a\nb\0c\nd", new), ["a", ""]);
        assert_eq!(shape(b"b\0c", new), ["b"]);
        assert_eq!(shape(b"\0c\nd\n", oldest), [""]);
        assert_eq!(shape(b"\0c\nd\n", old), ["", "d"]);
        assert_eq!(shape(b"b\0c\nd\n", NulHabits::of_secrets(Release::new(2, 1, 2))), ["", "d"]);
    }

    #[test]
    fn stand_ins_keep_offsets() {
        assert_eq!(grammar_text(b"a\xffb").len(), 3);
        assert_eq!(grammar_text("aé".as_bytes()), "aé");
    }

    #[test]
    fn trims_as_c_does() {
        assert_eq!(trim(b" \ta b\x0b ", 0, 7), (2, 5));
        assert_eq!(trim(b"  ", 0, 2), (0, 0));
    }
}
