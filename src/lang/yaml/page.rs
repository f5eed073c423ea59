//! The lines of a text that is laid out.

use std::collections::{HashMap, HashSet};

/// Lines that were written, and the one that is being written.
#[derive(Default)]
pub(super) struct Page {
    lines: Vec<Line>,
    /// Maps with a key that does not begin its line.
    ragged: HashSet<usize>,
}

#[derive(Default)]
struct Line {
    /// Whether an empty line stands above it.
    has_gap: bool,
    indent: usize,
    text: String,
    /// The map whose key begins the line.
    key_of: Option<usize>,
    /// Where the flow map begins that is the value of that key and ends on the same line.
    value: Option<usize>,
    /// The same, as long as it is open.
    open: Option<usize>,
    /// Whether the line above is all that this one has to do with.
    is_further: bool,
}

impl Page {
    /// Begins a line; `key_of` is the map whose key begins it.
    pub(super) fn begin(&mut self, indent: usize, has_gap: bool, key_of: Option<usize>) {
        let has_gap = has_gap && !self.lines.is_empty();
        self.lines.push(Line { indent, has_gap, key_of, ..Line::default() });
    }

    /// A further line of a text that began above.
    pub(super) fn further(&mut self, indent: usize, text: &str) {
        self.lines.push(Line { indent, text: text.to_owned(), is_further: true, ..Line::default() });
    }

    /// Tells that a key of a map does not begin its line, so that its values are in no column.
    pub(super) fn leave_ragged(&mut self, map: usize) {
        self.ragged.insert(map);
    }

    /// Goes on with the line.
    pub(super) fn push(&mut self, text: &str) {
        match self.lines.last_mut() {
            Some(line) => line.text += text,
            None => self.lines.push(Line { text: text.to_owned(), ..Line::default() }),
        }
    }

    /// The column of the line that is being written.
    pub(super) fn indent(&self) -> usize {
        self.lines.iter().rfind(|line| !line.is_further).map_or(0, |line| line.indent)
    }

    /// The last character that was written opened the outermost flow collection.
    pub(super) fn begin_flow(&mut self, is_map: bool) {
        if let Some(line) = self.lines.last_mut() {
            let at = line.text.len() - 1;
            // A key, its colon and one space stand in front of it.
            let is_value = line.key_of.is_some() && line.text[..at].ends_with(": ") && line.value.is_none();
            line.open = (is_map && is_value).then_some(at);
        }
    }

    /// The last character that was written closed the outermost flow collection.
    pub(super) fn end_flow(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.value = line.open.take();
        }
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        self.align();
        let mut out = String::new();
        for line in &self.lines {
            if line.has_gap {
                out.push('\n');
            }
            if !line.text.is_empty() {
                out.extend(std::iter::repeat_n(' ', line.indent));
                out += &line.text;
            }
            out.push('\n');
        }
        out
    }

    /// Makes the values of each map that has nothing but flow maps of one line start in one column.
    fn align(&mut self) {
        let mut widest: HashMap<usize, Option<usize>> = HashMap::new();
        for line in &self.lines {
            let Some(map) = line.key_of else { continue };
            let column = line.value.map(|at| line.text[..at].chars().count());
            let known = widest.entry(map).or_insert(Some(0));
            *known = known.zip(column).map(|(one, other)| one.max(other));
        }
        for line in &mut self.lines {
            let map = line.key_of.filter(|map| !self.ragged.contains(map));
            let column = map.and_then(|map| *widest.get(&map)?);
            if let (Some(at), Some(column)) = (line.value, column) {
                let spaces = column - line.text[..at].chars().count();
                line.text.insert_str(at, &" ".repeat(spaces));
            }
        }
    }
}
