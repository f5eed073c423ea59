//! What the broker does with files of its own once it has changed its user: the pid file, the stored database. And
//! what it needs for itself: memory.

use std::path::{Path, PathBuf};

use super::files::{self, Loader, Named};
use crate::catalogue::{Quirk, options};
use crate::model::Sourced;
use crate::model::notes::{Effect, FileProblem, NoteKind, Phase};
use crate::text::{
    FileError, FileFacts, FileKind, Readability, SourceId, readable_by, writable_by, written_by,
};

/// The bytes that a stored database begins with.
const DATABASE_MARK: [u8; 15] = *b"\0\xb5\0mosquitto db";

/// Where the version of a stored database stands, behind the mark and a checksum.
const DATABASE_VERSION: std::ops::Range<usize> = 19..23;

/// The versions of the stored database that every observed release reads.
const READ_VERSIONS: std::ops::RangeInclusive<u32> = 3..=6;

/// Folders that are made anew at each start of a machine, so that what lies there says little of the next one.
const VOLATILE: [&str; 2] = ["/run", "/var/run"];

/// Every observed release needs more bytes than this for itself.
const LEAST_MEMORY: i64 = 5_000;

/// Every observed release starts with so many bytes, and some more for each byte of its configuration.
const ENOUGH_MEMORY: i64 = 2_000_000;

/// Bytes of memory for a byte of the configuration: far more than was seen.
const MEMORY_PER_BYTE: i64 = 64;

impl Loader<'_, '_, '_> {
    /// Looks at what the broker opens for itself.
    pub(super) fn own_files(&mut self) {
        self.memory();
        let global = &self.lowering.deployment.global;
        if let Some(named) = Named::of(options::PID_FILE, global.text(options::PID_FILE)) {
            self.pid_file(&named);
        }
        if self.lowering.deployment.global.flag(options::PERSISTENCE).is_some_and(|flag| flag.value) {
            self.database();
        }
    }

    fn memory(&mut self) {
        let limit = self.lowering.deployment.global.number(options::MEMORY_LIMIT);
        let Some(Sourced { value, span }) = limit.filter(|limit| limit.value > 0) else { return };
        let texts = self.lowering.reader.sources.iter().map(|(_, source)| source.bytes().len() as i64);
        let enough = ENOUGH_MEMORY + MEMORY_PER_BYTE * texts.sum::<i64>();
        let effect = match value {
            ..=LEAST_MEMORY => Effect::Fatal,
            value if value < enough => Effect::Unknown,
            _ => return,
        };
        self.lowering.note(NoteKind::MemoryTooLittle, span, Phase::User, effect);
    }

    /// The pid file is written, over what may be there.
    fn pid_file(&mut self, named: &Named) {
        let problem = match files::facts(self.lowering, named, Phase::User) {
            None => return,
            Some(Ok(found)) => self.overwriting(named, found),
            Some(Err(FileError::Missing)) => self.creating(&named.path),
            Some(Err(error)) => Some(FileProblem::Open(error)),
        };
        let Some(problem) = problem else { return };
        let is_volatile = VOLATILE.iter().any(|folder| named.path.starts_with(folder));
        let is_open = is_volatile || files::is_left_out(self.lowering.reader, &named.path, &problem);
        let kind = NoteKind::File { option: named.option, path: named.path.clone(), problem };
        let effect = if is_open { Effect::Unknown } else { Effect::Fatal };
        self.lowering.note(kind, named.span, Phase::User, effect);
    }

    /// Why a file that is there cannot be written.
    fn overwriting(&self, named: &Named, found: FileFacts) -> Option<FileProblem> {
        match found.kind {
            FileKind::Directory | FileKind::Socket => {
                return Some(FileProblem::Open(FileError::Kind(found.kind)));
            }
            FileKind::Special if self.lowering.release.has(Quirk::IrregularFileRefused) => {
                return Some(FileProblem::Open(FileError::Kind(found.kind)));
            }
            FileKind::Special => return None,
            FileKind::Regular => {}
        }
        let account = self.account.as_ref()?;
        unwritable(&account.name, written_by(self.lowering.reader.files(), &named.path, account))
    }

    /// Why a file cannot be made.
    pub(super) fn creating(&self, path: &Path) -> Option<FileProblem> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let files = self.lowering.reader.files();
        match (files.facts(parent), &self.account) {
            (Err(error @ (FileError::Missing | FileError::Kind(_))), _) => Some(FileProblem::Open(error)),
            (Ok(found), _) if found.kind != FileKind::Directory => {
                Some(FileProblem::Open(FileError::Kind(found.kind)))
            }
            (Ok(_), Some(account)) => unwritable(&account.name, writable_by(files, parent, account)),
            _ => None,
        }
    }

    /// The stored database is read, where it is there and can be opened.
    fn database(&mut self) {
        let global = &self.lowering.deployment.global;
        let name = global.text(options::PERSISTENCE_FILE);
        let folder = global.text(options::PERSISTENCE_LOCATION);
        let place = name.or(folder).map(|text| text.span);
        let place = place.or_else(|| global.get(options::PERSISTENCE).map(|setting| setting.value.span));
        let Some(span) = place else { return };
        let file = name.map_or("mosquitto.db", |name| name.value);
        let path = folder.map_or_else(|| PathBuf::from(file), |folder| Path::new(folder.value).join(file));
        let files = self.lowering.reader.files();
        let Ok(found) = files.facts(&path) else { return };
        let skips_links = self.lowering.release.has(Quirk::SymlinkedSecretFileRefused);
        if found.kind != FileKind::Regular || (found.is_link && skips_links) {
            return;
        }
        let is_closed = |account| matches!(readable_by(files, &path, account), Readability::No { .. });
        if self.account.as_ref().is_some_and(is_closed) {
            return;
        }
        let Ok(head) = files.head(&path, DATABASE_VERSION.end as u64) else { return };
        if head.is_empty() || is_database(&head) {
            return;
        }
        let named = Named { option: options::PERSISTENCE_FILE, path, span, effect: Effect::Fatal };
        files::problem(self.lowering, &named, FileProblem::NotDatabase, Phase::User);
    }

    /// A device that holds nothing, read where the release reads devices.
    pub(super) fn null_device(&mut self, path: &Path, phase: Phase) -> Option<SourceId> {
        let is_refused = phase == Phase::Security && self.lowering.release.has(Quirk::IrregularFileRefused);
        if path != Path::new("/dev/null") || is_refused {
            return None;
        }
        let source = crate::text::Source::new("/dev/null", Vec::new());
        Some(self.lowering.reader.sources.add(source))
    }
}

fn unwritable(account: &str, answer: Readability) -> Option<FileProblem> {
    match answer {
        Readability::No { blocker, mode } => {
            Some(FileProblem::Unwritable { account: account.to_owned(), blocker, mode })
        }
        _ => None,
    }
}

/// Whether the beginning of a file is that of a stored database.
fn is_database(head: &[u8]) -> bool {
    let version = head.get(DATABASE_VERSION).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    head.starts_with(&DATABASE_MARK) && version.is_some_and(|version| READ_VERSIONS.contains(&version))
}
