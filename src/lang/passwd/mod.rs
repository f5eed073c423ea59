//! Password files, as a release reads them.

use crate::catalogue::{Quirk, Release};
use crate::credentials::{Encoding, PasswordHash, Scheme};
use crate::lang::lines::{Line, NulHabits, Seen, each_seen};
use crate::lang::secrets::{MAX_FIELD, SecretLine, secret_line};
use crate::model::notes::{Effect, Note, NoteKind, PasswordNote, Phase};
use crate::model::{PasswordEntry, Passwords};
use crate::text::{Index, SourceId, Span};

/// Reads the entries of a password file and notes what a release does with lines that it cannot use.
pub fn read(source: SourceId, bytes: &[u8], release: Release) -> (Passwords, Vec<Note>) {
    let mut reading = Reading {
        source,
        bytes,
        release,
        passwords: Passwords { source, entries: Vec::new() },
        notes: Vec::new(),
        names: Index::default(),
        earlier: Vec::new(),
    };
    each_seen(bytes, NulHabits::of_secrets(release), |Seen { line, nul }| {
        if let Some(at) = nul {
            reading.note(PasswordNote::HiddenByNul, at, at + 1, Effect::None);
        }
        reading.line(line);
    });
    (reading.passwords, reading.notes)
}

struct Reading<'a> {
    source: SourceId,
    bytes: &'a [u8],
    release: Release,
    passwords: Passwords,
    notes: Vec<Note>,
    /// Places in `earlier` by name.
    names: Index,
    /// The first entry of each name, and where the name stands last.
    earlier: Vec<(u32, Span)>,
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
        let range = |span: Span| (span.start as usize, span.end as usize);
        match secret_line(self.source, line.start, content) {
            SecretLine::Blank | SecretLine::Comment => {}
            SecretLine::Skipped(span) => {
                let (start, end) = range(span);
                self.note(PasswordNote::NoColon, start, end, Effect::None);
            }
            SecretLine::Entry { name, secret } => self.entry(line, name.map(range), secret.map(range)),
        }
    }

    fn entry(&mut self, line: Line, name: Option<(usize, usize)>, hash: Option<(usize, usize)>) {
        // Colons alone are no field at all; the newline behind them would be one.
        let is_nothing = name.is_none() && hash.is_none() && line.content_end == line.end;
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
            Err(error) => Some((PasswordNote::BadHash(*error), hash_range)),
            Ok(hash) => self.refusal(hash).map(|problem| (problem, hash_range)),
        };
        if name.starts_with(b"\xef\xbb\xbf") {
            self.note(PasswordNote::ByteOrderMark, line.start, line.start + 3, Effect::None);
        }
        let name_span = Span::new(self.source, name_range.0, name_range.1);
        if !name.is_empty() {
            self.duplicate(&name, name_span);
        }
        // Who might be able to log in counts as able.
        let is_usable = matches!(problem, None | Some((PasswordNote::LooseEncoding { .. }, _)));
        if let Some((kind, (start, end))) = problem {
            let effect = match kind {
                PasswordNote::Empty if is_nothing => Effect::None,
                // The builds differ, and their release does not tell which OpenSSL they use.
                PasswordNote::LooseEncoding { .. } if self.bad_entry() == Effect::Fatal => Effect::Unknown,
                _ => self.bad_entry(),
            };
            self.note(kind, start, end, effect);
        }
        let entry = PasswordEntry {
            name,
            name_span,
            hash_span: Span::new(self.source, hash_range.0, hash_range.1),
            hash,
            is_usable,
        };
        self.passwords.entries.push(entry);
    }

    /// Why the release does not take a hash that is well formed, or why that cannot be told.
    fn refusal(&self, hash: &PasswordHash) -> Option<PasswordNote> {
        if let Scheme::Argon2id { .. } = hash.scheme {
            return Some(PasswordNote::Argon2id);
        }
        if hash.leading_dollars != 1 && !self.release.has(Quirk::HashDollarOptional) {
            return Some(PasswordNote::LeadingDollars { count: hash.leading_dollars });
        }
        let lengths = if self.release.has(Quirk::SaltOfTwelveBytesOnly) { &[12][..] } else { &[12, 64] };
        let length = hash.salt_bytes()?;
        if !lengths.contains(&length) {
            return Some(PasswordNote::SaltLength { length });
        }
        let loose = [hash.salt_encoding, hash.hash_encoding];
        let encoding = loose.into_iter().find(|encoding| *encoding != Encoding::Standard)?;
        Some(PasswordNote::LooseEncoding { encoding })
    }

    fn duplicate(&mut self, name: &[u8], span: Span) {
        let hash = self.names.hash(0, name);
        let is_it =
            |place: &u32| *self.passwords.entries[self.earlier[*place as usize].0 as usize].name == *name;
        let Some(place) = self.names.find(hash).find(is_it) else {
            self.names.add(hash, self.earlier.len() as u32);
            return self.earlier.push((self.passwords.entries.len() as u32, span));
        };
        let first = std::mem::replace(&mut self.earlier[place as usize].1, span);
        let is_fatal = self.release.has(Quirk::DuplicatePasswordUserFatal);
        let effect = if is_fatal { Effect::Fatal } else { Effect::None };
        let kind = PasswordNote::Duplicate { first };
        self.note(kind, span.start as usize, span.end as usize, effect);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, Sources};

    const SALT: &str = "rb1W5LuhgzH7Guhw";
    const HASH: &str =
        "g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==";

    /// The gravest effect of a file on 2.0.21 and 2.1.2, and whether `a` can log in.
    fn outcome(text: &str) -> [(Effect, bool); 2] {
        let mut sources = Sources::default();
        let source = sources.add(Source::new("passwd", text.as_bytes()));
        [Release::new(2, 0, 21), Release::new(2, 1, 2)].map(|release| {
            let (passwords, notes) = read(source, text.as_bytes(), release);
            let effects = [Effect::Fatal, Effect::Unknown, Effect::None];
            let met = |effect: &Effect| notes.iter().any(|note| note.effect == *effect);
            (effects.into_iter().find(met).unwrap_or(Effect::None), passwords.has_user(b"a"))
        })
    }

    #[test]
    fn what_each_release_does_with_a_line() {
        use Effect::{Fatal, None, Unknown};
        let argon2 = "$argon2id$v=19$m=47104,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";
        let cases = [
            (format!("a:$7$101${SALT}${HASH}\n"), [(None, true), (None, true)]),
            (format!("a:$6${SALT}${HASH}$\n"), [(None, true), (None, true)]),
            (format!("a:7$101${SALT}${HASH}\n"), [(None, true), (Fatal, false)]),
            (format!("a:$$7$101${SALT}${HASH}\n"), [(None, true), (Fatal, false)]),
            (format!("a:$7$101${HASH}${HASH}\n"), [(None, false), (None, true)]),
            (format!("a:$7$101${SALT}${HASH}x\n"), [(None, true), (Unknown, true)]),
            (format!("a:{argon2}\n"), [(None, false), (Fatal, false)]),
            ("a:secret\n".to_owned(), [(None, false), (Fatal, false)]),
            ("a:\n".to_owned(), [(None, false), (Fatal, false)]),
            (":\n".to_owned(), [(None, false), (Fatal, false)]),
            (":".to_owned(), [(None, false), (None, false)]),
            ("a\n".to_owned(), [(None, false), (None, false)]),
            (format!("a:$6${SALT}${HASH}\na:x\n"), [(None, true), (Fatal, true)]),
        ];
        for (text, expected) in cases {
            assert_eq!(outcome(&text), expected, "{text}");
        }
    }
}
