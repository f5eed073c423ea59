//! Files of pre-shared keys: [`parse`] keeps every byte, [`lower`] does what a release does with them.

mod tree;

use std::collections::HashMap;

use crate::catalogue::{Quirk, Release};
use crate::lang::lines::{NulHabits, Seen, seen};
use crate::lang::secrets::MAX_FIELD;
use crate::model::notes::{Effect, KeyNote, Note, NoteKind, Phase};
use crate::model::{PresharedKey, PresharedKeys};
use crate::text::{SourceId, Span};

pub use tree::{KeyLine, KeyTree, LineKind, parse, print};

/// The identities that a release knows of a file, and what it makes of lines that it cannot use.
pub fn lower(tree: &KeyTree, bytes: &[u8], release: Release) -> (PresharedKeys, Vec<Note>) {
    let keys = PresharedKeys { source: tree.source, entries: Vec::new() };
    let mut lowering =
        Lowering { source: tree.source, bytes, release, keys, notes: Vec::new(), known: HashMap::new() };
    for Seen { line, nul } in seen(bytes, NulHabits::of_secrets(release)) {
        match nul {
            Some(at) => {
                lowering.note(KeyNote::HiddenByNul, Span::new(tree.source, at, at + 1), Effect::None);
                let content = &bytes[line.start..line.content_end];
                lowering.line(tree::line_kind(tree.source, line.start, content));
            }
            None => {
                let kind = tree.lines.binary_search_by_key(&(line.start as u32), |line| line.span.start);
                if let Ok(index) = kind {
                    lowering.line(tree.lines[index].kind);
                }
            }
        }
    }
    (lowering.keys, lowering.notes)
}

struct Lowering<'a> {
    source: SourceId,
    bytes: &'a [u8],
    release: Release,
    keys: PresharedKeys,
    notes: Vec<Note>,
    /// The entry of each identity.
    known: HashMap<Box<[u8]>, usize>,
}

impl Lowering<'_> {
    fn note(&mut self, kind: KeyNote, span: Span, effect: Effect) {
        self.notes.push(Note { kind: NoteKind::Key(kind), span, phase: Phase::Security, effect });
    }

    fn line(&mut self, kind: LineKind) {
        match kind {
            LineKind::Comment | LineKind::Blank => {}
            LineKind::Skipped(span) => self.note(KeyNote::NoColon, span, Effect::None),
            LineKind::Entry { identity, key } => self.entry(identity, key),
        }
    }

    fn text(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    fn entry(&mut self, identity: Option<Span>, key: Option<Span>) {
        let start = Span::new(self.source, 0, 0);
        let Some(identity_span) = identity else {
            return self.note(KeyNote::NoIdentity, key.unwrap_or(start), Effect::None);
        };
        let Some(key_span) = key else { return self.note(KeyNote::NoKey, identity_span, Effect::None) };
        let identity: Box<[u8]> = self.text(identity_span).into();
        if identity.len() > MAX_FIELD || key_span.len() > MAX_FIELD {
            return self.note(KeyNote::TooLong, identity_span, Effect::None);
        }
        if identity.is_empty() {
            self.note(KeyNote::NoIdentity, key_span, Effect::None);
            if !self.release.has(Quirk::EmptyPskIdentityKept) {
                return;
            }
        }
        let first = self.known.get(&identity).copied();
        let first_counts = self.release.has(Quirk::FirstPskIdentityWins);
        if let Some(index) = first {
            let first = self.keys.entries[index].identity_span;
            self.note(KeyNote::Duplicate { first }, identity_span, Effect::None);
            if first_counts {
                return;
            }
        }
        let is_hex = self.text(key_span).iter().all(u8::is_ascii_hexdigit);
        if !is_hex {
            self.note(KeyNote::NotHex, key_span, Effect::Fatal);
        } else if key_span.is_empty() && !identity.is_empty() {
            self.note(KeyNote::NoKey, identity_span, Effect::None);
        }
        let entry = PresharedKey { identity: identity.clone(), identity_span, key_span };
        match first {
            Some(index) => self.keys.entries[index] = entry,
            None => {
                self.known.insert(identity, self.keys.entries.len());
                self.keys.entries.push(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Per release whether a file loads, and the identities that it then has.
    fn outcome(text: &[u8]) -> [(bool, Vec<String>); 3] {
        let mut sources = crate::text::Sources::default();
        let source = sources.add(crate::text::Source::new("keys", text));
        let tree = parse(source, text);
        [Release::new(2, 0, 11), Release::new(2, 0, 21), Release::new(2, 1, 2)].map(|release| {
            let (keys, notes) = lower(&tree, text, release);
            let loads = notes.iter().all(|note| note.effect != Effect::Fatal);
            let name = |entry: &PresharedKey| String::from_utf8_lossy(&entry.identity).into_owned();
            (loads, keys.entries.iter().map(name).collect())
        })
    }

    /// Seen on real brokers.
    #[test]
    fn what_each_release_does_with_a_file() {
        let cases: [(&[u8], [bool; 3]); 19] = [
            (b"i:0a", [true; 3]),
            (b"i:zz", [false; 3]),
            (b":zz", [true; 3]),
            (b":i::zz", [false; 3]),
            (b"i:\ni: \ni\n", [true; 3]),
            (b" :zz", [false, false, true]),
            (b"i:0a 1b", [false; 3]),
            (b"i:\t0a\t:zz\r\n", [true; 3]),
            (b"#i:zz\n", [true; 3]),
            (b" #i:zz\n", [false; 3]),
            (b"i:zz\ni:0a\n", [false; 3]),
            (b"i:0a\ni:zz\n", [false, false, true]),
            (b"i:zz\0\n", [true; 3]),
            (b"i:zz\0", [false; 3]),
            (b"i:0a\0zz\nb:zz\n", [true, true, false]),
            (b"i:0a\n\0\nb:zz\n", [true, false, false]),
            (b"i:0a\0\nb:zz", [true, true, false]),
            (b"i:\xc3\xa9\n", [false; 3]),
            (b"\xff\xfe:0a\n", [true; 3]),
        ];
        for (text, expected) in cases {
            let loads = outcome(text).map(|(loads, _)| loads);
            assert_eq!(loads, expected, "{:?}", String::from_utf8_lossy(text));
        }
        let long = [&b"n".repeat(65_536)[..], b":zz\n"].concat();
        assert!(outcome(&long).iter().all(|(loads, _)| *loads));
    }

    #[test]
    fn identities() {
        let found = outcome(b"a:01\n b c : 2 \na:03\nx\n:y:4\nz:\n");
        assert_eq!(found[0].1, ["a", "b c", "y"]);
        assert_eq!(found[2].1, ["a", "b c", "y"]);
    }
}
