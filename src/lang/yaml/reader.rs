//! Turns the parser's events into a tree.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, StructureStyle, Tag};

use super::{Cause, Key, Kind, MAX_ALIASED, MAX_DEPTH, MAX_NODES, Node, Problem, Style, Tree, messages};
use crate::text::{SourceId, Span};

/// Reading begins again after each value that lacks quotes, as long as no more than this is read in all.
const MAX_REREAD_BYTES: usize = 16 * 1024 * 1024;

/// Stands in for a character that cannot begin a plain text.
const PLACEHOLDER: &str = "x";

/// Reads a text.
pub(super) fn read(source: SourceId, bytes: &[u8]) -> Tree {
    let stop = |at: usize, length: usize, message: &str, help: &str| Tree {
        problems: vec![Problem {
            span: Span::new(source, at, at + length),
            cause: Cause::Syntax,
            message: message.to_owned(),
            help: Some(help.to_owned()),
            related: None,
        }],
        stopped: Some(u32::try_from(at).unwrap_or(u32::MAX)),
        ..Tree::default()
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") => {
            return stop(0, 2, "the text is UTF-16", "save it as UTF-8");
        }
        Err(error) => {
            return stop(error.valid_up_to(), 1, "this byte is not UTF-8", "save the text as UTF-8");
        }
    };
    let is_forbidden = |byte: &u8| (*byte < b' ' && !b"\t\n\r".contains(byte)) || *byte == 0x7f;
    if let Some(at) = bytes.iter().position(is_forbidden) {
        let message = format!("a control character ({:#04x}) cannot stand in YAML", bytes[at]);
        return stop(at, 1, &message, "remove it, or write it as an escape in double quotes");
    }
    read_text(source, text)
}

/// Reads a text, and reads it again after each value that begins with a character that needs quotes.
fn read_text(source: SourceId, text: &str) -> Tree {
    let mut patched = Cow::Borrowed(text);
    let mut unquoted = Vec::new();
    let mut left = MAX_REREAD_BYTES;
    loop {
        let mut reader = Reader::new(source, text, unquoted);
        let error = reader.run(&patched);
        unquoted = std::mem::take(&mut reader.unquoted);
        match error {
            Some((at, ErrorKind::UnexpectedCharacter { character })) if "%@`".contains(character) => {
                unquoted.push(at);
                left = left.saturating_sub(text.len());
                if left > 0 {
                    patched.to_mut().replace_range(at..=at, PLACEHOLDER);
                    continue;
                }
                reader.stopped = Some(at);
            }
            Some((at, ErrorKind::RecursionLimitExceeded)) => reader.too_deep(at..at + 1),
            Some((at, kind)) => {
                let (message, help) = messages::explain(&kind);
                let width = text[at..].chars().next().map_or(0, char::len_utf8);
                reader.problem(Cause::Syntax, at..at + width, message, help);
                reader.stopped = Some(at);
            }
            None => {}
        }
        for at in &unquoted {
            let value = &text[*at..];
            let end = value.find([' ', ',', ']', '}', '\n', '\r']).unwrap_or(value.len());
            let message = format!("a value cannot begin with `{}` unless it is quoted", &value[..1]);
            let help = "put the whole value in quotes";
            reader.problem(Cause::Unquoted, *at..*at + end, message, Some(help));
        }
        return reader.finish();
    }
}

/// A value, and what a walk over it costs.
#[derive(Clone)]
struct Built {
    node: Node,
    /// Values in it, itself included.
    size: usize,
    /// Levels of lists and maps.
    height: usize,
}

/// A map or list that is still open.
struct Frame {
    start: usize,
    anchor: usize,
    is_flow: bool,
    size: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, merges: Vec<(Span, Node)>, key: PendingKey },
}

/// The key of the entry whose value comes next.
enum PendingKey {
    None,
    Key(Key),
    Merge(Span),
    /// Of no use; its value is dropped.
    Bad,
}

struct Reader<'t> {
    source: SourceId,
    text: &'t str,
    /// Where the text that the parser sees has a placeholder.
    unquoted: Vec<usize>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    problems: Vec<Problem>,
    comments: Vec<Span>,
    root: Option<Node>,
    size: usize,
    /// Values reached through aliases, each use counted.
    aliased: usize,
    documents: usize,
    stopped: Option<usize>,
}

impl<'t> Reader<'t> {
    fn new(source: SourceId, text: &'t str, unquoted: Vec<usize>) -> Self {
        Self {
            source,
            text,
            unquoted,
            frames: Vec::new(),
            anchors: HashMap::new(),
            problems: Vec::new(),
            comments: Vec::new(),
            root: None,
            size: 0,
            aliased: 0,
            documents: 0,
            stopped: None,
        }
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.source, range.start, range.end)
    }

    fn problem(
        &mut self,
        cause: Cause,
        range: std::ops::Range<usize>,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        let (span, message, help) = (self.span(range), message.into(), help.map(str::to_owned));
        self.problems.push(Problem { span, cause, message, help, related: None });
    }

    /// Takes every event of the text; gives the error at which the parser stopped.
    fn run(&mut self, text: &str) -> Option<(usize, ErrorKind)> {
        let options: Options = granit_parser::options! {
            emit_unresolved_aliases: true,
            max_buffered_comment_events: usize::MAX,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut end = 0;
        for event in Parser::new_from_str_with_options(text, options) {
            match event {
                Ok((event, span)) => {
                    let range = span.byte_range().unwrap_or(end..end);
                    end = range.end;
                    self.take(event, range);
                }
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(end).min(text.len());
                    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                    return Some((at, error.kind().clone()));
                }
            }
            if self.stopped.is_some() {
                return None;
            }
        }
        None
    }

    fn take(&mut self, event: Event<'_>, range: std::ops::Range<usize>) {
        match event {
            Event::Comment(..) => self.comments.push(self.span(range)),
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.stopped = Some(range.start);
                    let message = "a second document begins here; only one is read";
                    self.problem(Cause::Syntax, range, message, Some("keep one document per file"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = self.check_tag(tag.as_deref(), &range);
                let node = self.scalar(text, style, is_text, range);
                self.push(Built { node, size: 1, height: 0 }, anchor);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &range);
                self.open(Content::List(Vec::new()), style, anchor, range);
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &range);
                let (entries, merges) = (Vec::new(), Vec::new());
                self.open(Content::Map { entries, merges, key: PendingKey::None }, style, anchor, range);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(Some(range.end)),
            Event::Alias(anchor) => self.alias(anchor, range),
            Event::UnresolvedAlias(_) => {
                // The name is not repeated: a password that begins with `*` looks like an alias.
                let message = "nothing is anchored by this name above";
                let help = "put a text that begins with `*` in quotes";
                self.problem(Cause::Syntax, range.clone(), message, Some(help));
                self.push_null(range);
            }
            _ => {}
        }
    }

    /// Whether the tag says that the value is a text; complains of tags that mean nothing here.
    fn check_tag(&mut self, tag: Option<&Tag>, range: &std::ops::Range<usize>) -> bool {
        let Some(tag) = tag else { return false };
        let is_core = tag.handle() == "tag:yaml.org,2002:";
        match tag.suffix() {
            "str" if is_core => true,
            "int" | "float" | "bool" | "null" | "map" | "seq" if is_core => false,
            "!" if tag.handle().is_empty() => true,
            _ => {
                let message = "this tag has no meaning here";
                let help = "remove it, or put a text that begins with `!` in quotes";
                self.problem(Cause::Syntax, range.clone(), message, Some(help));
                false
            }
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        is_text: bool,
        range: std::ops::Range<usize>,
    ) -> Node {
        let mut range = range;
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let written = self.text.get(range.clone()).unwrap_or_default().trim_end();
                range.end = range.start + written.len();
                Style::Block
            }
        };
        // The parser puts an empty value before the `:` of its key.
        if range.is_empty()
            && self.awaits_value()
            && self.text.get(range.start..).is_some_and(|rest| rest.starts_with(':'))
        {
            range = range.start + 1..range.end + 1;
        }
        let span = self.span(range.clone());
        if style == Style::Plain && !is_text && (range.is_empty() || text == "~") {
            return Node { span, definition: None, kind: Kind::Null };
        }
        let text: Arc<str> = match self.unquoted.contains(&range.start) {
            true => {
                let written = self.text.get(range.start..=range.start).unwrap_or_default();
                // A value of several lines or with an escape may have lost the stand-in on the way.
                format!("{written}{}", text.get(PLACEHOLDER.len()..).unwrap_or_default()).into()
            }
            false => text.into(),
        };
        Node { span, definition: None, kind: Kind::Scalar { text, style } }
    }

    /// Whether the next value belongs to a key.
    fn awaits_value(&self) -> bool {
        let content = self.frames.last().map(|frame| &frame.content);
        content.is_some_and(|content| match content {
            Content::Map { key, .. } => !matches!(key, PendingKey::None),
            Content::List(_) => false,
        })
    }

    fn open(
        &mut self,
        content: Content,
        style: StructureStyle,
        anchor: usize,
        range: std::ops::Range<usize>,
    ) {
        if self.frames.len() >= MAX_DEPTH {
            self.too_deep(range);
            return;
        }
        let is_flow = style == StructureStyle::Flow;
        self.frames.push(Frame { start: range.start, anchor, is_flow, size: 1, height: 1, content });
    }

    fn too_deep(&mut self, range: std::ops::Range<usize>) {
        self.stopped = Some(range.start);
        let message = format!("lists and maps are nested deeper than {MAX_DEPTH} levels");
        self.problem(Cause::Limit, range, message, Some("check the brackets"));
    }

    fn alias(&mut self, anchor: usize, range: std::ops::Range<usize>) {
        let Some(target) = self.anchors.get(&anchor).cloned() else {
            let message = "an alias stands inside the value that it stands for";
            self.problem(Cause::Syntax, range.clone(), message, Some("write the value out"));
            self.push_null(range);
            return;
        };
        if self.frames.len() + target.height > MAX_DEPTH {
            self.too_deep(range);
            return;
        }
        self.aliased = self.aliased.saturating_add(target.size);
        if self.aliased > MAX_ALIASED {
            self.stopped = Some(range.start);
            let message =
                format!("written out, the aliases up to here stand for more than {MAX_ALIASED} values");
            self.problem(Cause::Limit, range, message, Some("repeat less by aliases of aliases"));
            return;
        }
        let definition = target.node.definition.or(Some(target.node.span));
        let node = Node { span: self.span(range), definition, kind: target.node.kind };
        self.push(Built { node, ..target }, 0);
    }

    fn push_null(&mut self, range: std::ops::Range<usize>) {
        let node = Node { span: self.span(range), definition: None, kind: Kind::Null };
        self.push(Built { node, size: 1, height: 0 }, 0);
    }

    /// Puts a finished value where it belongs.
    fn push(&mut self, built: Built, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        let is_new = built.height == 0 || built.node.definition.is_some();
        self.size = self.size.saturating_add(if is_new { built.size } else { 1 });
        let range = built.node.span.start as usize..built.node.span.end as usize;
        if self.size > MAX_NODES && self.stopped.is_none() {
            self.stopped = Some(range.start);
            let message = format!("the text has more than {MAX_NODES} values");
            self.problem(Cause::Limit, range.clone(), message, Some("split it into several files"));
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(built.node);
            return;
        };
        frame.size = frame.size.saturating_add(built.size);
        frame.height = frame.height.max(built.height + 1);
        let Built { node, .. } = built;
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, merges, key } => match std::mem::replace(key, PendingKey::None) {
                PendingKey::Key(key) => entries.push((key, node)),
                PendingKey::Merge(span) => merges.push((span, node)),
                PendingKey::Bad => {}
                PendingKey::None => {
                    *key = pending(&node);
                    if matches!(key, PendingKey::Bad) && self.stopped.is_none() {
                        let message = "a key must be a text, not a list or a map";
                        let help = "put a key that begins with `[` or `{` in quotes";
                        self.problem(Cause::Syntax, range, message, Some(help));
                    }
                }
            },
        }
    }

    /// Finishes the innermost open map or list; `end` is where its end was read.
    fn close(&mut self, end: Option<usize>) {
        let Some(frame) = self.frames.pop() else { return };
        let last = match &frame.content {
            Content::List(items) => items.last(),
            Content::Map { entries, .. } => entries.last().map(|(_, node)| node),
        };
        let end = match end {
            Some(end) if frame.is_flow => end,
            _ => last.map_or(frame.start, |node| node.span.end as usize),
        };
        let span = self.span(frame.start..end);
        let kind = match frame.content {
            Content::List(items) => Kind::List(items.into()),
            Content::Map { entries, merges, .. } => Kind::Map(self.entries(entries, merges).into()),
        };
        let node = Node { span, definition: None, kind };
        self.push(Built { node, size: frame.size, height: frame.height }, frame.anchor);
    }

    /// Drops keys that are there twice and adds what merge keys bring.
    fn entries(&mut self, entries: Vec<(Key, Node)>, merges: Vec<(Span, Node)>) -> Vec<(Key, Node)> {
        let mut seen: HashMap<Arc<str>, Span> = HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            match seen.get(&key.text) {
                Some(first) => self.duplicate(&key.text, key.span, *first),
                None => {
                    seen.insert(key.text.clone(), key.span);
                    kept.push((key, node));
                }
            }
        }
        if let Some(((first, _), more)) = merges.split_first() {
            for (span, _) in more {
                self.duplicate("<<", *span, *first);
            }
        }
        if let Some((span, node)) = merges.into_iter().next() {
            let mut seen: HashSet<Arc<str>> = seen.into_keys().collect();
            for source in merged(&node) {
                match source.map() {
                    Some(entries) => {
                        let new = entries.iter().filter(|(key, _)| seen.insert(key.text.clone()));
                        kept.extend(new.cloned());
                    }
                    None => {
                        let message = "`<<` takes a map, or a list of maps";
                        let range = span.start as usize..span.end as usize;
                        self.problem(
                            Cause::Syntax,
                            range,
                            message,
                            Some("name an anchored map: `<<: *name`"),
                        );
                    }
                }
            }
        }
        kept
    }

    fn duplicate(&mut self, key: &str, span: Span, first: Span) {
        self.problems.push(Problem {
            span,
            cause: Cause::DuplicateKey,
            message: format!("the key `{}` is here a second time", key.escape_debug()),
            help: Some("keep one of the two".to_owned()),
            related: Some((first, "the first one")),
        });
    }

    fn finish(mut self) -> Tree {
        while !self.frames.is_empty() {
            self.close(None);
        }
        let is_bounded = self.problems.iter().all(|problem| problem.cause != Cause::Limit);
        let stopped = self.stopped.map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        self.problems.sort_by_key(|problem| problem.span);
        Tree {
            root: self.root.filter(|_| is_bounded),
            problems: self.problems,
            comments: self.comments,
            stopped,
        }
    }
}

/// What a value is as a key.
fn pending(node: &Node) -> PendingKey {
    let text = match &node.kind {
        Kind::Scalar { text, style: Style::Plain } if &**text == "<<" => return PendingKey::Merge(node.span),
        Kind::Scalar { text, .. } => text.clone(),
        Kind::Null if node.span.is_empty() => "".into(),
        Kind::Null => "~".into(),
        Kind::Map(_) | Kind::List(_) => return PendingKey::Bad,
    };
    PendingKey::Key(Key { text, span: node.span })
}

/// The values that a merge key names.
fn merged(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
