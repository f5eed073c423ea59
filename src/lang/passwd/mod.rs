//! Password files, as a release reads them.

use std::collections::HashMap;

use pest::Parser;

use crate::catalogue::{Quirk, Release};
use crate::credentials::PasswordHash;
use crate::lang::lines::{Line, grammar_text, lines, trim};
use crate::model::notes::{Effect, Note, NoteKind, PasswordNote, Phase};
use crate::model::{PasswordEntry, Passwords};
use crate::text::{SourceId, Span};

use grammar::{Grammar, Rule};

#[allow(missing_docs, reason = "the rules are described in the grammar")]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/passwd.pest"]
    pub(super) struct Grammar;
}

/// Names and hashes above this length are refused by every release.
const MAX_FIELD: usize = 65_535;

/// Reads the entries of a password file and notes what a release does with lines that it cannot use.
pub fn read(source: SourceId, bytes: &[u8], release: Release) -> (Passwords, Vec<Note>) {
    let mut reading = Reading {
        source,
        bytes,
        release,
        passwords: Passwords { source, entries: Vec::new() },
        notes: Vec::new(),
        first: HashMap::new(),
    };
    for line in lines(bytes) {
        if let Some(nul) = bytes[line.start..line.content_end].iter().position(|byte| *byte == 0) {
            let at = line.start + nul;
            reading.note(PasswordNote::HiddenByNul, at, at + 1, Effect::None);
            if release.has(Quirk::NulHidesRestOfPasswords) {
                break;
            }
            continue;
        }
        reading.line(line);
    }
    (reading.passwords, reading.notes)
}

struct Reading<'a> {
    source: SourceId,
    bytes: &'a [u8],
    release: Release,
    passwords: Passwords,
    notes: Vec<Note>,
    first: HashMap<Box<[u8]>, usize>,
}

impl Reading<'_> {
    fn note(&mut self, kind: PasswordNote, start: usize, end: usize, effect: Effect) {
        let span = Span::new(self.source, start, end);
        self.notes.push(Note { kind: NoteKind::Password(kind), span, phase: Phase::Security, effect });
    }

    /// What a bad entry does: it stops 2.1, and costs 2.0 the user.
    fn bad_entry(&self) -> Effect {
        if self.release.has(Quirk::BadPasswordLineFatal) { Effect::Fatal } else { Effect::None }
    }

    fn line(&mut self, line: Line) {
        let content = &self.bytes[line.start..line.content_end];
        let text = grammar_text(content);
        let Ok(pairs) = Grammar::parse(Rule::line, &text) else { return };
        let mut name = None;
        let mut hash = None;
        for pair in pairs.flatten() {
            let span = pair.as_span();
            let range = || Some(trim(self.bytes, line.start + span.start(), line.start + span.end()));
            match pair.as_rule() {
                Rule::comment => return,
                Rule::skipped => {
                    let (start, end) = trim(self.bytes, line.start, line.content_end);
                    if start < end {
                        self.note(PasswordNote::NoColon, start, end, Effect::None);
                    }
                    return;
                }
                Rule::name => name = range(),
                Rule::hash => hash = range(),
                Rule::line | Rule::entry | Rule::EOI | Rule::colon | Rule::remains => {}
            }
        }
        self.entry(line, name, hash);
    }

    fn entry(&mut self, line: Line, name: Option<(usize, usize)>, hash: Option<(usize, usize)>) {
        let name_range = name.unwrap_or((line.start, line.start));
        let hash_range = hash.unwrap_or((line.content_end, line.content_end));
        let name: Box<[u8]> = self.bytes[name_range.0..name_range.1].into();
        let bytes = &self.bytes[hash_range.0..hash_range.1];
        let hash = PasswordHash::parse(bytes);
        let problem = match &hash {
            _ if name.is_empty() || bytes.is_empty() => {
                Some((PasswordNote::Empty, (line.start, line.content_end)))
            }
            _ if name.len() > MAX_FIELD || bytes.len() > MAX_FIELD => {
                Some((PasswordNote::TooLong, name_range))
            }
            Err(_) => Some((PasswordNote::BadHash, hash_range)),
            Ok(hash) => self.refusal(hash).map(|problem| (problem, hash_range)),
        };
        if name.starts_with(b"\xef\xbb\xbf") {
            self.note(PasswordNote::ByteOrderMark, line.start, line.start + 3, Effect::None);
        }
        let is_usable = problem.is_none();
        if let Some((kind, (start, end))) = problem {
            self.note(kind, start, end, self.bad_entry());
        }
        let entry = PasswordEntry {
            name: name.clone(),
            name_span: Span::new(self.source, name_range.0, name_range.1),
            hash_span: Span::new(self.source, hash_range.0, hash_range.1),
            hash,
            is_usable,
        };
        if !name.is_empty() {
            self.duplicate(name, &entry);
        }
        self.passwords.entries.push(entry);
    }

    /// Why the release does not take a hash that is well formed.
    fn refusal(&self, hash: &PasswordHash) -> Option<PasswordNote> {
        let lengths = if self.release.has(Quirk::SaltOfTwelveBytesOnly) { &[12][..] } else { &[12, 64] };
        let length = hash.salt_bytes()?;
        (!lengths.contains(&length)).then_some(PasswordNote::SaltLength { length })
    }

    fn duplicate(&mut self, name: Box<[u8]>, entry: &PasswordEntry) {
        let index = self.passwords.entries.len();
        if let Some(earlier) = self.first.insert(name, index) {
            let first = self.passwords.entries[earlier].name_span;
            let kind = PasswordNote::Duplicate { first };
            self.note(kind, entry.name_span.start as usize, entry.name_span.end as usize, self.bad_entry());
        }
    }
}
