//! ACL files. The releases read them alike, save for NUL bytes; what the rules mean is decided in [`crate::access`].

mod layout;

use std::sync::Arc;

use pest::Parser;

use crate::access;
use crate::catalogue::Release;
use crate::lang::lines::{Line, NulHabits, Seen, each_seen, grammar_text, trim};
use crate::model::acl::{Access, Acl, Kinds, Subject};
use crate::model::notes::{AclNote, Effect, Note, NoteKind, Phase};
use crate::text::{SourceId, Span};

pub use layout::layout;

use grammar::{Grammar, Rule};

#[allow(missing_docs, reason = "the rules are described in the grammar")]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/aclfile.pest"]
    pub(super) struct Grammar;
}

/// Reads the rules of an ACL file as a release does, and notes what is wrong or odd. Lines that the broker refuses
/// give no rule.
///
/// The text is shared, not copied.
pub fn read(source: SourceId, bytes: &Arc<[u8]>, release: Release) -> (Acl, Vec<Note>) {
    let mut reading = Reading {
        source,
        bytes,
        acl: Acl::new(source, bytes.clone()),
        notes: Vec::new(),
        subject: Subject::Anonymous,
        user_line: None,
    };
    each_seen(bytes, NulHabits::of(release), |Seen { line, nul }| {
        if let Some(at) = nul {
            reading.note(AclNote::HiddenByNul, at, at + 1, Effect::None);
        }
        reading.line(line);
    });
    (reading.acl, reading.notes)
}

struct Reading<'a> {
    source: SourceId,
    bytes: &'a [u8],
    acl: Acl,
    notes: Vec<Note>,
    subject: Subject,
    user_line: Option<Span>,
}

impl Reading<'_> {
    fn note(&mut self, kind: AclNote, start: usize, end: usize, effect: Effect) {
        let span = Span::new(self.source, start, end);
        self.notes.push(Note { kind: NoteKind::Acl(kind), span, phase: Phase::Security, effect });
    }

    fn line(&mut self, line: Line) {
        // The broker cuts white space off the end only, so a leading tab stays.
        let (_, end) = trim(self.bytes, line.start, line.content_end);
        let content = &self.bytes[line.start..end.max(line.start)];
        // Two calls, so that the first one need not put its content together.
        match plain(content) {
            Some(content) => self.content(line.start, end, content),
            None => self.content(line.start, end, by_grammar(content)),
        }
    }

    #[inline(always)]
    fn content(&mut self, start: usize, end: usize, content: Content) {
        match content {
            Content::Nothing => {}
            Content::Unknown => self.note(AclNote::UnknownKeyword, start, end, Effect::Fatal),
            Content::User { name } => self.user(start, end, name),
            Content::Rule(parts) => self.rule(start, end, &parts),
        }
    }

    fn user(&mut self, start: usize, end: usize, name: Option<Range>) {
        let name = name
            .map(|name| trim(self.bytes, start + name.0, start + name.1))
            .filter(|(start, end)| start < end);
        let Some((name_start, name_end)) = name else {
            return self.note(AclNote::Empty, start, end, Effect::Fatal);
        };
        let span = Span::new(self.source, name_start, name_end);
        let index = self.acl.add_user(&self.bytes[name_start..name_end], span);
        let first = self.acl.users[index as usize].span;
        if first != span && self.subject != Subject::User(index) {
            self.note(AclNote::UserAgain { first }, name_start, name_end, Effect::None);
        }
        self.subject = Subject::User(index);
        self.user_line = Some(Span::new(self.source, start, end));
    }

    fn rule(&mut self, start: usize, end: usize, parts: &Parts) {
        let at = |range: Range| (start + range.0, start + range.1);
        let Some(word) = parts.word.map(at) else {
            return self.note(AclNote::Empty, start, end, Effect::Fatal);
        };
        let access = |range: (usize, usize)| match &self.bytes[range.0..range.1] {
            b"read" => Some(Access::Read),
            b"write" => Some(Access::Write),
            b"readwrite" => Some(Access::ReadWrite),
            b"deny" => Some(Access::Deny),
            _ => None,
        };
        let (access, filter) = match parts.rest.map(at) {
            Some(rest) => match access(word) {
                Some(access) => (access, trim(self.bytes, rest.0, rest.1)),
                None => return self.note(AclNote::UnknownAccess, word.0, word.1, Effect::Fatal),
            },
            None => {
                let is_tabbed = self.bytes[word.0..word.1].iter().position(|byte| *byte == b'\t');
                if let Some(tab) = is_tabbed.filter(|tab| access((word.0, word.0 + tab)).is_some()) {
                    self.note(AclNote::TabInFilter, word.0 + tab, word.0 + tab + 1, Effect::None);
                } else if access(word).is_some() {
                    self.note(AclNote::KeywordAsTopic, word.0, word.1, Effect::None);
                }
                (Access::ReadWrite, trim(self.bytes, word.0, word.1))
            }
        };
        self.filter(parts, start + parts.keyword_start, access, filter);
    }

    fn filter(&mut self, parts: &Parts, keyword: usize, access: Access, (start, end): Range) {
        let filter = &self.bytes[start..end];
        let kinds = Kinds::of(filter);
        if !access::is_filter_of(kinds, filter) && access::check(filter).is_err() {
            return self.note(AclNote::InvalidFilter, start, end, Effect::Fatal);
        }
        let words = [&b"read "[..], b"write ", b"readwrite ", b"deny "];
        if kinds.has_blank()
            && parts.rest.is_some()
            && let Some(second) = words.into_iter().find(|second| filter.starts_with(second))
        {
            self.note(AclNote::DoubleAccess, start, start + second.len() - 1, Effect::None);
        }
        if parts.is_pattern || kinds.has_percent() {
            self.placeholders(parts, filter, start, end);
        }
        if parts.is_pattern
            && let Some(user) = self.user_line
        {
            self.note(AclNote::PatternUnderUser { user }, keyword, end, Effect::None);
        }
        let subject = if parts.is_pattern { Subject::Everyone } else { self.subject };
        self.acl.push_of(kinds.of_filter(), subject, access, start, end);
    }

    fn placeholders(&mut self, parts: &Parts, filter: &[u8], start: usize, end: usize) {
        let is_placeholder = |pair: &[u8]| pair == b"%u" || pair == b"%c";
        let placeholder = filter.windows(2).position(is_placeholder);
        let is_partial = |level: &[u8]| level.len() > 2 && level.windows(2).any(is_placeholder);
        match (parts.is_pattern, placeholder) {
            (true, None) => self.note(AclNote::PatternWithoutPlaceholder, start, end, Effect::None),
            (true, Some(_)) if filter.split(|byte| *byte == b'/').any(is_partial) => {
                self.note(AclNote::PartialPlaceholder, start, end, Effect::None);
            }
            (false, Some(at)) => {
                self.note(AclNote::PlaceholderInTopic, start + at, start + at + 2, Effect::None);
            }
            _ => {}
        }
    }
}

/// Two offsets.
type Range = (usize, usize);

/// What a line says, with offsets from its beginning.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// It is empty or a comment.
    Nothing,
    /// It begins with no keyword.
    Unknown,
    User {
        name: Option<Range>,
    },
    Rule(Parts),
}

/// The parts of a `topic` or `pattern` line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    is_pattern: bool,
    keyword_start: usize,
    word: Option<Range>,
    rest: Option<Range>,
}

/// What the grammar makes of a line.
fn by_grammar(content: &[u8]) -> Content {
    let text = grammar_text(content);
    let Ok(pairs) = Grammar::parse(Rule::line, &text) else { return Content::Unknown };
    let (mut parts, mut name, mut is_user) = (Parts::default(), None, false);
    for pair in pairs.flatten() {
        let range = Some((pair.as_span().start(), pair.as_span().end()));
        match pair.as_rule() {
            Rule::comment | Rule::blank => return Content::Nothing,
            Rule::unknown => return Content::Unknown,
            Rule::user => is_user = true,
            Rule::name => name = range,
            Rule::keyword => {
                parts.keyword_start = pair.as_span().start();
                parts.is_pattern = pair.as_str() == "pattern";
            }
            Rule::word => parts.word = range,
            Rule::rest => parts.rest = range,
            Rule::line | Rule::rule | Rule::EOI => {}
        }
    }
    if is_user { Content::User { name } } else { Content::Rule(parts) }
}

/// The same for the lines that nearly all lines are, without the grammar: `user`, `topic` or `pattern` in front, with words
/// behind. The line has no white space at its end.
#[inline(always)]
fn plain(content: &[u8]) -> Option<Content> {
    if matches!(content.first(), None | Some(b'#')) {
        return Some(Content::Nothing);
    }
    let end = content.len();
    if content.starts_with(b"user ") {
        return Some(Content::User { name: Some((5, end)) });
    }
    let is_pattern = content.starts_with(b"pattern ");
    if !is_pattern && !content.starts_with(b"topic ") {
        return None;
    }
    let behind_blanks = |at: usize| at + content[at..].iter().take_while(|byte| **byte == b' ').count();
    let start = behind_blanks(if is_pattern { 8 } else { 6 });
    let word_length = content[start..].iter().position(|byte| *byte == b' ');
    let word = (start, word_length.map_or(end, |length| start + length));
    let rest = (word.1 < end).then(|| (behind_blanks(word.1), end));
    Some(Content::Rule(Parts { is_pattern, keyword_start: 0, word: Some(word), rest }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{Source, Sources};

    fn shape(text: &str, release: Release) -> (Vec<String>, Vec<String>) {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", text.as_bytes()));
        let (acl, notes) = read(id, &text.as_bytes().into(), release);
        let rules = acl.rules.iter().map(|rule| {
            let subject = match rule.subject {
                Subject::Anonymous => "-".into(),
                Subject::Everyone => "*".into(),
                Subject::User(index) => String::from_utf8_lossy(&acl.users[index as usize].name).into_owned(),
            };
            format!("{subject} {:?} {}", rule.access, String::from_utf8_lossy(acl.filter(rule)))
        });
        let notes = notes.iter().map(|note| match &note.kind {
            NoteKind::Acl(kind) => {
                let name = format!("{kind:?}");
                let name = name.split(' ').next().unwrap_or_default().to_owned();
                format!(
                    "{}: {name} {:?}{}",
                    sources.position(note.span).line,
                    sources.text(note.span),
                    if note.effect == Effect::Fatal { " fatal" } else { "" }
                )
            }
            other => format!("{other:?}"),
        });
        (rules.collect(), notes.collect())
    }

    #[test]
    fn rules_and_notes() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("topic read a/#\nuser bob\ntopic a b", &["- Read a/#"], &["3: UnknownAccess \"a\" fatal"]),
            (
                "topic a\n user  bob smith \n  topic   deny   x y \r\n",
                &["- ReadWrite a", "bob smith Deny x y"],
                &[],
            ),
            ("topic read\n", &["- ReadWrite read"], &["1: KeywordAsTopic \"read\""]),
            ("topic read\ta\n", &["- ReadWrite read\ta"], &["1: TabInFilter \"\\t\""]),
            (
                "topic\tread a\n\ttopic a\n",
                &[],
                &["1: UnknownKeyword \"topic\\tread a\" fatal", "2: UnknownKeyword \"\\ttopic a\" fatal"],
            ),
            (
                "user\ntopic\npattern \n",
                &[],
                &["1: Empty \"user\" fatal", "2: Empty \"topic\" fatal", "3: Empty \"pattern\" fatal"],
            ),
            ("  # x\n#y\n   \n", &[], &["1: UnknownKeyword \"  # x\" fatal"]),
            ("topic read a # c\n", &[], &["1: InvalidFilter \"a # c\" fatal"]),
            ("topic read write a\n", &["- Read write a"], &["1: DoubleAccess \"write\""]),
            (
                "user a # c\npattern read p/%c\n",
                &["* Read p/%c"],
                &["2: PatternUnderUser \"pattern read p/%c\""],
            ),
            (
                "pattern read x\npattern a%u\ntopic %u\n",
                &["* Read x", "* ReadWrite a%u", "- ReadWrite %u"],
                &[
                    "1: PatternWithoutPlaceholder \"x\"",
                    "2: PartialPlaceholder \"a%u\"",
                    "3: PlaceholderInTopic \"%u\"",
                ],
            ),
            (
                "user a\ntopic x\nuser a\nuser b\nuser a\ntopic y",
                &["a ReadWrite x", "a ReadWrite y"],
                &["5: UserAgain \"a\""],
            ),
            (
                "users x\nTopic a\n",
                &[],
                &["1: UnknownKeyword \"users x\" fatal", "2: UnknownKeyword \"Topic a\" fatal"],
            ),
            ("topic a\0b\ntopic c", &[], &["1: HiddenByNul \"\\0\""]),
        ];
        for (text, rules, notes) in cases {
            let (found_rules, found_notes) = shape(text, Release::newest());
            assert_eq!(found_rules, *rules, "{text:?}");
            assert_eq!(found_notes, *notes, "{text:?}");
        }
    }

    /// Seen on the real brokers of both releases.
    #[test]
    fn a_nul_at_the_front_of_a_line() {
        let rules = |release| shape("topic a\n\0b\ntopic c", release).0;
        assert_eq!(rules(Release::new(2, 0, 11)), ["- ReadWrite a"]);
        assert_eq!(rules(Release::new(2, 0, 21)), ["- ReadWrite a", "- ReadWrite c"]);
    }

    /// Lines of the words and bytes of the grammar, as they come to it.
    #[test]
    fn plain_lines_are_read_as_by_the_grammar() {
        let parts: Vec<&[u8]> = vec![
            b"user",
            b"topic",
            b"pattern",
            b" ",
            b"  ",
            b"read",
            b"deny",
            b"a/+/#",
            b"%u",
            b"#",
            b"\t",
            b"\r",
            b"x",
            b"\x0b",
            b"\xff",
            "\u{e9}".as_bytes(),
            b"\0",
            b"users",
            b"topics",
            b"",
        ];
        let front = prop::sample::select(vec![&b""[..], b"user ", b"topic ", b"pattern ", b"topic read "]);
        let line = (front, prop::collection::vec(prop::sample::select(parts), 0..8));
        let config = ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() };
        let plain_ones = std::cell::Cell::new(0);
        let outcome = proptest::test_runner::TestRunner::new(config).run(&line, |(front, parts)| {
            let line = [front, &parts.concat()].concat();
            let (_, end) = trim(&line, 0, line.len());
            if let Some(found) = plain(&line[..end]) {
                plain_ones.set(plain_ones.get() + 1);
                prop_assert_eq!(found, by_grammar(&line[..end]), "{:?}", line);
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
        assert!(plain_ones.get() > 10_000, "{} plain lines", plain_ones.get());
    }
}
