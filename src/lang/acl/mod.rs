//! ACL files. The releases read them alike, save for NUL bytes; what the rules mean is decided in [`crate::access`].

mod layout;

use pest::Parser;

use crate::access;
use crate::catalogue::Release;
use crate::lang::lines::{Line, NulHabits, Seen, grammar_text, seen, trim};
use crate::model::acl::{Access, Acl, AclUser, Subject};
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
pub fn read(source: SourceId, bytes: &[u8], release: Release) -> (Acl, Vec<Note>) {
    let mut reading = Reading {
        source,
        bytes,
        acl: Acl::new(source, bytes.into()),
        notes: Vec::new(),
        subject: Subject::Anonymous,
        user_line: None,
        users: std::collections::HashMap::new(),
    };
    for Seen { line, nul } in seen(bytes, NulHabits::of(release)) {
        if let Some(at) = nul {
            reading.note(AclNote::HiddenByNul, at, at + 1, Effect::None);
        }
        reading.line(line);
    }
    (reading.acl, reading.notes)
}

struct Reading<'a> {
    source: SourceId,
    bytes: &'a [u8],
    acl: Acl,
    notes: Vec<Note>,
    subject: Subject,
    user_line: Option<Span>,
    users: std::collections::HashMap<Box<[u8]>, u32>,
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
        let text = grammar_text(content);
        let Ok(pairs) = Grammar::parse(Rule::line, &text) else {
            return self.note(AclNote::UnknownKeyword, line.start, end, Effect::Fatal);
        };
        let mut parts = Parts::default();
        for pair in pairs.flatten() {
            let span = pair.as_span();
            let place = (line.start + span.start(), line.start + span.end());
            let range = Some(place);
            match pair.as_rule() {
                Rule::comment | Rule::blank => return,
                Rule::unknown => {
                    return self.note(AclNote::UnknownKeyword, place.0, place.1, Effect::Fatal);
                }
                Rule::user => parts.is_user = true,
                Rule::name => parts.name = range,
                Rule::keyword => {
                    parts.keyword = range;
                    parts.is_pattern = pair.as_str() == "pattern";
                }
                Rule::word => parts.word = range,
                Rule::rest => parts.rest = range,
                Rule::line | Rule::rule | Rule::EOI => {}
            }
        }
        if parts.is_user { self.user(line.start, end, &parts) } else { self.rule(line.start, end, &parts) }
    }

    fn user(&mut self, start: usize, end: usize, parts: &Parts) {
        let name =
            parts.name.map(|(start, end)| trim(self.bytes, start, end)).filter(|(start, end)| start < end);
        let Some((name_start, name_end)) = name else {
            return self.note(AclNote::Empty, start, end, Effect::Fatal);
        };
        let span = Span::new(self.source, name_start, name_end);
        let name: Box<[u8]> = self.bytes[name_start..name_end].into();
        let next = self.acl.users.len() as u32;
        let index = *self.users.entry(name.clone()).or_insert(next);
        if index == next {
            self.acl.users.push(AclUser { name, span });
        }
        let first = self.acl.users[index as usize].span;
        if first != span && self.subject != Subject::User(index) {
            self.note(AclNote::UserAgain { first }, name_start, name_end, Effect::None);
        }
        self.subject = Subject::User(index);
        self.user_line = Some(Span::new(self.source, start, end));
    }

    fn rule(&mut self, start: usize, end: usize, parts: &Parts) {
        let Some(word) = parts.word else { return self.note(AclNote::Empty, start, end, Effect::Fatal) };
        let access = |range: (usize, usize)| match &self.bytes[range.0..range.1] {
            b"read" => Some(Access::Read),
            b"write" => Some(Access::Write),
            b"readwrite" => Some(Access::ReadWrite),
            b"deny" => Some(Access::Deny),
            _ => None,
        };
        let (access, filter) = match parts.rest {
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
        self.filter(parts, access, filter);
    }

    fn filter(&mut self, parts: &Parts, access: Access, (start, end): (usize, usize)) {
        let filter = &self.bytes[start..end];
        if access::check(filter).is_err() {
            return self.note(AclNote::InvalidFilter, start, end, Effect::Fatal);
        }
        let words = [&b"read "[..], b"write ", b"readwrite ", b"deny "];
        if parts.rest.is_some()
            && let Some(second) = words.into_iter().find(|second| filter.starts_with(second))
        {
            self.note(AclNote::DoubleAccess, start, start + second.len() - 1, Effect::None);
        }
        let placeholder = filter.windows(2).position(|pair| pair == b"%u" || pair == b"%c");
        let is_partial =
            |level: &[u8]| level.len() > 2 && level.windows(2).any(|pair| pair == b"%u" || pair == b"%c");
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
        if parts.is_pattern
            && let (Some(user), Some(keyword)) = (self.user_line, parts.keyword)
        {
            self.note(AclNote::PatternUnderUser { user }, keyword.0, end, Effect::None);
        }
        let subject = if parts.is_pattern { Subject::Everyone } else { self.subject };
        self.acl.push(subject, access, start, end);
    }
}

/// The parts of a line, as offsets in the file.
#[derive(Default)]
struct Parts {
    is_user: bool,
    is_pattern: bool,
    name: Option<(usize, usize)>,
    keyword: Option<(usize, usize)>,
    word: Option<(usize, usize)>,
    rest: Option<(usize, usize)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, Sources};

    fn shape(text: &str, release: Release) -> (Vec<String>, Vec<String>) {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", text.as_bytes()));
        let (acl, notes) = read(id, text.as_bytes(), release);
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
}
