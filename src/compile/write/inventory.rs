//! What lies in an output folder: the files of its manifest, and nothing else, or it is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use rustix::fs::{Dir, FileType, Stat};
use sha2::{Digest, Sha256};

use super::calls::{Call, Calls, Folder, failed};
use super::{ForeignReason, WriteError};
use crate::compile::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::compile::pack::{MANIFEST_NAME, PackPath};

/// As many foreign names are listed at most; the others are counted.
const MAX_FOREIGN_NAMES: usize = 100;

/// A folder that is a pack, a part of one, or empty.
pub(super) struct Existing {
    pub(super) folder: Folder,
    /// The bytes of the manifest, if there is one.
    pub(super) manifest_bytes: Option<Vec<u8>>,
    /// What its manifest says; nothing for an empty folder.
    pub(super) manifest: Option<Manifest>,
    /// The files that are there; all of them are in the manifest.
    pub(super) files: BTreeMap<PackPath, Stat>,
    /// The folders that are there, by path, outer before inner.
    pub(super) folders: BTreeMap<String, Stat>,
}

/// What an unfinished pack may look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// An output folder: the manifest is whole.
    Output,
    /// What a stopped run left: the manifest, which is written first and removed last, may be incomplete.
    LeftOver,
}

impl Existing {
    /// Looks through a folder.
    ///
    /// Only folders that the manifest names are entered, so that the wrong folder is refused quickly.
    pub(super) fn look(folder: Folder, expect: Expect) -> Result<Self, WriteError> {
        let manifest_bytes = read_manifest(&folder)?;
        let parsed = manifest_bytes.as_deref().map(Manifest::parse);
        let (manifest, reason) = match parsed {
            Some(Ok(manifest)) => (Some(manifest), ForeignReason::Unlisted),
            Some(Err(error)) => (None, ForeignReason::Manifest(error)),
            None => (None, ForeignReason::NoManifest),
        };
        let is_manifest_ours = manifest.is_some() || (manifest_bytes.is_some() && expect == Expect::LeftOver);
        let mut existing =
            Self { folder, manifest_bytes, manifest, files: BTreeMap::new(), folders: BTreeMap::new() };
        let mut foreign = Foreign::default();
        existing.walk(is_manifest_ours, &mut foreign)?;
        if foreign.names.is_empty() {
            return Ok(existing);
        }
        let names = foreign.names.into_iter().collect();
        Err(WriteError::Foreign { path: existing.folder.path, reason, names, more: foreign.more })
    }

    fn walk(&mut self, is_manifest_ours: bool, foreign: &mut Foreign) -> Result<(), WriteError> {
        let listed = self.manifest.iter().flat_map(|manifest| manifest.files.keys());
        let known_folders: BTreeSet<String> = listed.flat_map(PackPath::folders).map(str::to_owned).collect();
        let mut waiting = vec![String::new()];
        while let Some(at) = waiting.pop() {
            let inner = if at.is_empty() { None } else { Some(self.folder.open_folder(Path::new(&at))?) };
            let folder = inner.as_ref().unwrap_or(&self.folder);
            let entries = Dir::read_from(folder).map_err(|error| failed(Call::Read, &folder.path, error))?;
            for entry in entries {
                let entry = entry.map_err(|error| failed(Call::Read, &folder.path, error))?;
                let name = entry.file_name();
                if name == c"." || name == c".." {
                    continue;
                }
                let shown = name.to_string_lossy();
                let path = if at.is_empty() { shown.to_string() } else { format!("{at}/{shown}") };
                let Ok(name) = name.to_str() else {
                    foreign.add(path);
                    continue;
                };
                let Some(stat) = folder.stat(Path::new(name))? else { continue };
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile if path == MANIFEST_NAME && is_manifest_ours => {}
                    FileType::RegularFile => match self.listed(&path) {
                        Some(path) => drop(self.files.insert(path, stat)),
                        None => foreign.add(path),
                    },
                    FileType::Directory if known_folders.contains(&path) => {
                        waiting.push(path.clone());
                        self.folders.insert(path, stat);
                    }
                    FileType::Directory => foreign.add(path + "/"),
                    _ => foreign.add(path),
                }
            }
        }
        Ok(())
    }

    fn listed(&self, path: &str) -> Option<PackPath> {
        let path = PackPath::new(path).ok()?;
        self.manifest.as_ref()?.files.contains_key(&path).then_some(path)
    }

    /// SHA-256 of a file; `None` if it went away meanwhile.
    pub(super) fn sha256(&self, path: &PackPath) -> Result<Option<[u8; 32]>, WriteError> {
        let Some(mut file) = self.folder.open_file(path.as_ref())? else { return Ok(None) };
        let mut hash = Sha256::new();
        let size = self.files.get(path).map_or(0, |stat| usize::try_from(stat.st_size).unwrap_or(0));
        // Clearing a large buffer takes longer than hashing a small file.
        let mut buffer = zeroize::Zeroizing::new(vec![0; size.clamp(1024, 64 * 1024)]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Some(hash.finalize().into())),
                Ok(read) => hash.update(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(Call::Read, &self.folder.path.join(path), error)),
            }
        }
    }

    /// Removes what was found, the manifest last, so that what a stop leaves is still known for ours, and at
    /// last the folder, which goes by `name` in `parent`.
    pub(super) fn remove(&self, calls: &Calls<'_>, parent: &Folder, name: &Path) -> Result<(), WriteError> {
        for path in self.files.keys() {
            calls.remove_file(&self.folder, path.as_ref())?;
        }
        for path in self.folders.keys().rev() {
            calls.remove_folder(&self.folder, Path::new(path))?;
        }
        if self.manifest_bytes.is_some() {
            calls.remove_file(&self.folder, Path::new(MANIFEST_NAME))?;
        }
        calls.remove_folder(parent, name)
    }
}

/// Names that do not belong: the first ones, so that their list is short and always the same.
#[derive(Default)]
struct Foreign {
    names: BTreeSet<String>,
    more: usize,
}

impl Foreign {
    fn add(&mut self, name: String) {
        self.names.insert(name);
        if self.names.len() > MAX_FOREIGN_NAMES {
            self.names.pop_last();
            self.more += 1;
        }
    }
}

fn read_manifest(folder: &Folder) -> Result<Option<Vec<u8>>, WriteError> {
    let path = folder.path.join(MANIFEST_NAME);
    let Some(file) = folder.open_file(Path::new(MANIFEST_NAME))? else { return Ok(None) };
    let mut bytes = Vec::new();
    // One byte more than is allowed makes the parser say so.
    let read = file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(Call::Read, &path, error))?;
    Ok(Some(bytes))
}
