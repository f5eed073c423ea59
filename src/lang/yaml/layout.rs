//! The canonical layout of a YAML text: indentation, spaces and empty lines, never a value or a comment.

use granit_parser::{ScalarStyle, Scanner, StrInput, TokenType};

use super::page::Page;
use super::{Key, Kind, Node, Problem, Tree, parse};
use crate::text::{SourceId, Span};

/// Columns of one level.
const STEP: usize = 2;

/// Lays a text out: two columns a level, lists further in than their key, `{ a: b }` and `[ a, b ]`, two spaces in
/// front of a comment, no two empty lines in a row. Values of adjacent keys that are flow maps of one line start in
/// one column. Scalars and comments keep their text.
///
/// # Errors
/// The problems of a text that is no YAML, or none that means something here.
pub fn layout(source: SourceId, bytes: &[u8]) -> Result<Vec<u8>, Vec<Problem>> {
    let tree = parse(source, bytes);
    // Of a key that stands twice, one value is not in the tree, and could change unseen.
    if tree.stopped.is_some() || !tree.problems.is_empty() {
        return Err(tree.problems);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(bytes.to_vec()) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    // What cannot be laid out without a change of meaning stays as it is.
    let laid_out = Layout::new(&text).run().map(String::into_bytes);
    Ok(laid_out.filter(|out| means_the_same(source, bytes, &tree, out)).unwrap_or_else(|| bytes.to_vec()))
}

fn means_the_same(source: SourceId, bytes: &[u8], tree: &Tree, out: &[u8]) -> bool {
    fn comments<'t>(bytes: &'t [u8], tree: &'t Tree) -> impl Iterator<Item = &'t [u8]> {
        let text = |span: &Span| bytes[span.start as usize..span.end as usize].trim_ascii_end();
        tree.comments.iter().map(text)
    }
    let again = parse(source, out);
    let is_same_root = match (&tree.root, &again.root) {
        (Some(before), Some(after)) => is_same(before, after),
        (before, after) => before.is_none() && after.is_none(),
    };
    again.stopped.is_none()
        && again.problems.is_empty()
        && is_same_root
        && comments(bytes, tree).eq(comments(out, &again))
}

/// Whether two values are equal, wherever they stand.
fn is_same(before: &Node, after: &Node) -> bool {
    match (&before.kind, &after.kind) {
        (Kind::Map(before), Kind::Map(after)) => {
            let is_same_entry = |(before, after): (&(Key, Node), &(Key, Node))| {
                before.0.text == after.0.text && is_same(&before.1, &after.1)
            };
            before.len() == after.len() && before.iter().zip(after.iter()).all(is_same_entry)
        }
        (Kind::List(before), Kind::List(after)) => {
            let is_same_item = |(before, after): (&Node, &Node)| is_same(before, after);
            before.len() == after.len() && before.iter().zip(after.iter()).all(is_same_item)
        }
        (before, after) => before == after,
    }
}

/// A block map or list that is open.
#[derive(Clone, Copy)]
struct Level {
    is_list: bool,
    place: Place,
    /// The dashes of a list that stands right below a key, in no level of its own.
    dashes: Option<Place>,
    /// Tells levels apart.
    id: usize,
}

/// A column in the text and what it becomes.
#[derive(Clone, Copy)]
struct Place {
    old: usize,
    new: usize,
}

impl Level {
    /// Where what is in it is measured from.
    fn inner(&self) -> Place {
        self.dashes.unwrap_or(self.place)
    }
}

/// What was written last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Text,
    Alias,
    Opener,
    Dash,
    Mark,
}

/// A comment that has its line to itself.
struct OwnLine<'t> {
    text: &'t str,
    column: usize,
    has_gap: bool,
    /// What was open.
    places: Vec<Place>,
    /// Its column in the result, where it stands in a flow collection.
    in_flow: Option<usize>,
}

struct Layout<'t> {
    text: &'t str,
    /// All before it is written.
    at: usize,
    levels: Vec<Level>,
    next_id: usize,
    /// Open `{` and `[`.
    flow: usize,
    /// Column, in the result, of the line on which the outermost of them stands.
    flow_base: usize,
    /// Line ends since the last thing that was written.
    breaks: usize,
    last: Last,
    /// How many levels were open at the last dash.
    levels_at_dash: usize,
    /// Whether the key of a block map comes next.
    is_key: bool,
    comments: Vec<OwnLine<'t>>,
    /// The header of the block scalar that comes next.
    header: Option<&'t str>,
    page: Page,
}

impl<'t> Layout<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            levels: Vec::new(),
            next_id: 0,
            flow: 0,
            flow_base: 0,
            breaks: 0,
            last: Last::Nothing,
            levels_at_dash: 0,
            is_key: false,
            comments: Vec::new(),
            header: None,
            page: Page::default(),
        }
    }

    /// The result; `None` where something stands between the tokens that this knows nothing of.
    fn run(mut self) -> Option<String> {
        let tokens: Result<Vec<_>, _> = Scanner::new(StrInput::new(self.text)).collect();
        let mut tokens = tokens.ok()?;
        // Some comments come behind the token that they stand in front of.
        tokens.sort_by_key(|token| token.span().byte_range().map(|range| range.start));
        for token in tokens {
            self.token(token.token_type(), token.span().byte_range()?)?;
        }
        self.gap(self.text.len())?;
        self.own_lines(None);
        Some(self.page.finish())
    }

    fn token(&mut self, token: &TokenType<'_>, range: std::ops::Range<usize>) -> Option<()> {
        if let TokenType::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, _) = token {
            return self.block_scalar(range.end);
        }
        self.gap(range.start)?;
        let text = self.text.get(range.clone())?;
        match token {
            TokenType::BlockMappingStart => self.open(false, range.start),
            TokenType::BlockSequenceStart => self.open(true, range.start),
            TokenType::BlockEnd => {
                self.levels.pop();
            }
            TokenType::Key if self.flow == 0 => {
                self.is_key = true;
                self.end_dashes();
                if !text.is_empty() {
                    self.write(text, Last::Mark, range.start);
                }
            }
            TokenType::Value => {
                self.is_key = false;
                if self.flow == 0 {
                    self.end_dashes();
                }
            }
            TokenType::Comment(_) => self.comment(text, range.start),
            TokenType::FlowSequenceStart | TokenType::FlowMappingStart => {
                self.write(text, Last::Opener, range.start);
                if self.flow == 0 {
                    self.flow_base = self.page.indent();
                    self.page.begin_flow(text == "{");
                }
                self.flow += 1;
            }
            TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => {
                self.flow = self.flow.saturating_sub(1);
                self.write(text, Last::Text, range.start);
                if self.flow == 0 {
                    self.page.end_flow();
                }
            }
            TokenType::FlowEntry => self.write(text, Last::Mark, range.start),
            TokenType::Alias(_) => self.write(text, Last::Alias, range.start),
            _ if !text.is_empty() => self.write(text, Last::Text, range.start),
            _ => {}
        }
        self.at = self.at.max(range.end);
        Some(())
    }

    /// Writes the marks between the last token and the next one.
    fn gap(&mut self, end: usize) -> Option<()> {
        while self.at < end {
            let start = self.at;
            let rest = self.text.get(start..)?;
            let character = rest.chars().next()?;
            self.at += character.len_utf8();
            match character {
                '\n' => self.breaks += 1,
                ' ' | '\t' => {}
                '-' => self.dash(start),
                ':' => self.write(":", Last::Mark, start),
                '|' | '>' => {
                    let length = rest.find([' ', '\t', '\n']).unwrap_or(rest.len());
                    self.write(&rest[..length], Last::Text, start);
                    self.header = Some(&rest[..length]);
                    self.at = start + length;
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn open(&mut self, is_list: bool, start: usize) {
        let new = self.levels.last().map_or(0, |level| level.inner().new + STEP);
        let place = Place { old: self.column(start), new };
        self.levels.push(Level { is_list, place, dashes: None, id: self.next_id });
        self.next_id += 1;
    }

    fn dash(&mut self, start: usize) {
        let old = self.column(start);
        if let Some(level) = self.levels.last_mut().filter(|level| !level.is_list) {
            level.dashes = Some(Place { old, new: level.place.new + STEP });
        }
        self.is_key = true;
        self.write("-", Last::Dash, start);
        self.levels_at_dash = self.levels.len();
        self.is_key = false;
    }

    /// What comes next is a key or a value of a map, so that a list right below a key has ended.
    fn end_dashes(&mut self) {
        if let Some(level) = self.levels.last_mut().filter(|level| !level.is_list) {
            level.dashes = None;
        }
    }

    /// The column, in the result, of what begins a line.
    fn indent(&self, text: &str) -> usize {
        if self.flow > 0 || matches!(text, "}" | "]") {
            return self.flow_base + STEP * self.flow;
        }
        let Some(level) = self.levels.last() else { return 0 };
        match text {
            ":" | "?" => level.place.new,
            "-" if self.is_key => level.inner().new,
            _ if self.is_key => level.place.new,
            _ => level.inner().new + STEP,
        }
    }

    /// Writes something; texts of several lines are indented anew.
    fn write(&mut self, text: &str, last: Last, start: usize) {
        // Neither a comma nor the entry of a dash needs a line of its own.
        let is_joined = self.comments.is_empty() && self.last != Last::Nothing && text == ","
            || self.last == Last::Dash && self.is_of_dash(text);
        if (self.breaks > 0 || self.last == Last::Nothing) && !is_joined {
            let place = Place { old: self.column(start), new: self.indent(text) };
            self.own_lines(Some(place));
            let key_of = self.levels.last().filter(|_| self.is_key && text != "-").map(|level| level.id);
            self.page.begin(place.new, self.breaks > 1, key_of);
        } else {
            if let Some(level) = self.levels.last().filter(|_| self.is_key && self.flow == 0) {
                self.page.leave_ragged(level.id);
            }
            self.page.push(if self.is_spaced(text) { " " } else { "" });
        }
        self.breaks = 0;
        self.last = last;
        let mut lines = text.split('\n');
        self.page.push(lines.next().unwrap_or_default());
        let further = if self.flow > 0 {
            self.flow_base + STEP * self.flow
        } else {
            self.levels.last().map_or(STEP, |level| level.inner().new + STEP)
        };
        for line in lines {
            self.page.further(further, line.trim_start_matches([' ', '\t']));
        }
    }

    /// Whether something on a line of its own is what the dash above stands for.
    fn is_of_dash(&self, text: &str) -> bool {
        self.levels.len() > self.levels_at_dash || !self.is_key && !matches!(text, "-" | ":" | "?")
    }

    /// Whether a space stands between what was written last and this.
    fn is_spaced(&self, text: &str) -> bool {
        match text {
            "," => false,
            ":" => matches!(self.last, Last::Alias | Last::Mark | Last::Dash | Last::Opener),
            "}" | "]" => self.last != Last::Opener,
            _ => true,
        }
    }

    fn comment(&mut self, text: &'t str, start: usize) {
        if self.breaks == 0 && self.last != Last::Nothing {
            self.page.push("  ");
            self.last = Last::Mark;
            return self.page.push(text.trim_end());
        }
        let mut places: Vec<_> = self.levels.iter().map(|level| level.place).collect();
        places.extend(self.levels.last().and_then(|level| level.dashes));
        let in_flow = (self.flow > 0).then_some(self.flow_base + STEP * self.flow);
        let (column, has_gap) = (self.column(start), self.breaks > 1);
        self.comments.push(OwnLine { text: text.trim_end(), column, has_gap, places, in_flow });
        self.breaks = 0;
        // Whatever comes next begins a line.
        self.last = Last::Nothing;
    }

    /// Writes the comments that waited for the column of what comes below them.
    fn own_lines(&mut self, below: Option<Place>) {
        for comment in std::mem::take(&mut self.comments) {
            let places = || comment.places.iter().copied().chain(below);
            // The deepest place that is not further in than the comment; of equal ones the one below it.
            let fitting = places().filter(|place| place.old <= comment.column).max_by_key(|place| place.old);
            let nearest = fitting.or_else(|| places().min_by_key(|place| place.old));
            let column = comment.in_flow.or(nearest.map(|place| place.new)).unwrap_or(0);
            self.page.begin(column, comment.has_gap, None);
            self.page.push(comment.text);
        }
    }

    /// Writes a text below `|` or `>`, whose header is not a token.
    fn block_scalar(&mut self, end: usize) -> Option<()> {
        if self.header.is_none() {
            let mark = self.text.get(self.at..end)?.find(['|', '>'])?;
            self.gap(self.at + mark + 1)?;
        }
        let header = self.header.take()?;
        let body = self.text.get(self.at..end)?;
        let (blank, body) = body.split_once('\n').unwrap_or((body, ""));
        if !blank.trim().is_empty() {
            return None;
        }
        // What follows the last line end belongs to what comes next.
        let last = body.rfind('\n').map_or(0, |at| at + 1);
        let is_content = end == self.text.len() && !body[last..].trim().is_empty();
        let body = if is_content { body } else { &body[..last] };
        self.scalar_lines(header, body);
        self.at = end;
        Some(())
    }

    fn scalar_lines(&mut self, header: &str, body: &str) {
        let lines: Vec<&str> = body.lines().collect();
        let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let is_blank = |line: &&str| line.trim_matches(' ').is_empty();
        let digit = header.bytes().find(u8::is_ascii_digit).map(|digit| usize::from(digit - b'0'));
        let place = self.levels.last().map_or(Place { old: 0, new: 0 }, |level| level.inner());
        let (old, new) = match digit {
            Some(digit) => (place.old + digit, place.new + digit),
            None => {
                let first = lines.iter().find(|line| !is_blank(line));
                (first.map_or(usize::MAX, |line| spaces(line)), place.new + STEP)
            }
        };
        let keeps = header.contains('+');
        let kept = match keeps {
            true => lines.len(),
            false => {
                lines.iter().rposition(|line| spaces(line) > old || !is_blank(line)).map_or(0, |at| at + 1)
            }
        };
        for line in &lines[..kept] {
            match line.get(old..).filter(|rest| !rest.is_empty()) {
                Some(rest) => self.page.further(new, rest),
                None => self.page.further(0, ""),
            }
        }
        self.breaks = if keeps { 1 } else { 1 + usize::from(kept < lines.len()) };
    }

    /// The column of a place in the text, in characters.
    fn column(&self, at: usize) -> usize {
        let before = &self.text[..at];
        let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
        line.chars().count()
    }
}
