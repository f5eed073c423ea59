//! Cases as files in memory, as a broker that runs in their folder would find them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use moskit::text::{Account, FileError, FileFacts, FileKind, Files};

use super::case::{Case, Entry, Item, Owner};
use super::pool;

/// The number of the account `mosquitto`.
const MOSQUITTO: u32 = 7;

/// Links that lead to links are followed so often.
const MOST_LINKS: usize = 8;

/// The files of a case.
pub(super) struct View<'a> {
    entries: BTreeMap<PathBuf, &'a Entry>,
}

/// What a path leads to.
enum Found<'a> {
    Entry(&'a Entry),
    /// A folder that no entry describes.
    Folder,
    Device,
}

impl<'a> View<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        let entries = case.files.iter().map(|entry| (PathBuf::from(&entry.path), entry));
        Self { entries: entries.collect() }
    }

    fn has(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || self.entries.keys().any(|known| known.starts_with(path))
    }

    /// The path without links in front of its last part; with `last`, without one there, too.
    fn resolved(&self, path: &Path, last: bool) -> Result<PathBuf, FileError> {
        let mut plain = PathBuf::new();
        let parts: Vec<_> = path.components().filter(|part| *part != Component::CurDir).collect();
        for (index, part) in parts.iter().enumerate() {
            match part {
                Component::ParentDir => _ = plain.pop(),
                part => plain.push(part),
            }
            let mut links = 0;
            while let Some(Item::Link(target)) = self.entries.get(&plain).map(|entry| &entry.item) {
                if index + 1 == parts.len() && !last {
                    break;
                }
                plain.pop();
                for part in Path::new(target).components() {
                    match part {
                        Component::ParentDir => _ = plain.pop(),
                        part => plain.push(part),
                    }
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(FileError::Missing);
                }
            }
            if !self.has(&plain) && !plain.is_absolute() {
                let is_last = index + 1 == parts.len();
                let is_below_file = plain.parent().is_some_and(|parent| self.entries.contains_key(parent));
                let is_folder = plain.parent().and_then(|parent| self.entries.get(parent));
                let is_folder = is_folder.is_some_and(|entry| entry.item == Item::Folder);
                return Err(match is_last || (is_below_file && !is_folder) {
                    true => FileError::Missing,
                    false => FileError::Unseen { missing: plain },
                });
            }
        }
        Ok(plain)
    }

    fn find(&self, path: &Path) -> Result<Found<'a>, FileError> {
        let plain = self.resolved(path, true)?;
        match plain.to_str() {
            Some("/dev/null") => return Ok(Found::Device),
            Some("/" | "/etc" | "/dev" | "/tmp") => return Ok(Found::Folder),
            _ if plain.is_absolute() => {
                let first: PathBuf = plain.components().take(2).collect();
                return Err(FileError::Unseen { missing: first });
            }
            _ => {}
        }
        match self.entries.get(&plain) {
            Some(entry) => Ok(Found::Entry(entry)),
            None if self.has(&plain) => Ok(Found::Folder),
            None => Err(FileError::Missing),
        }
    }

    fn kind(found: &Found<'_>) -> FileKind {
        match found {
            Found::Folder => FileKind::Directory,
            Found::Device => FileKind::Special,
            Found::Entry(entry) => match entry.item {
                Item::Folder => FileKind::Directory,
                Item::Socket => FileKind::Socket,
                Item::Text(_) | Item::Pool(_) | Item::Link(_) => FileKind::Regular,
            },
        }
    }
}

impl Files for View<'_> {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        match self.find(path)? {
            Found::Entry(Entry { item: Item::Text(text), .. }) => Ok(text.as_slice().into()),
            Found::Entry(Entry { item: Item::Pool(name), .. }) => Ok(pool::bytes(name).into()),
            other => Err(FileError::Kind(Self::kind(&other))),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError> {
        let found = self.find(directory)?;
        let kind = Self::kind(&found);
        if kind != FileKind::Directory {
            return Err(FileError::Kind(kind));
        }
        let plain = self.resolved(directory, true)?;
        let below = self.entries.keys().filter_map(|path| path.strip_prefix(&plain).ok());
        let names = below.filter_map(|rest| Some(rest.components().next()?.as_os_str().to_owned()));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        let found = self.find(path)?;
        let unresolved = self.resolved(path, false)?;
        let is_link = self.entries.get(&unresolved).is_some_and(|entry| matches!(entry.item, Item::Link(_)));
        let (mode, owner) = match &found {
            Found::Entry(entry) => (entry.mode, entry.owner),
            Found::Device => (0o666, Owner::Root),
            // The folder of the case is open to all.
            Found::Folder if unresolved.as_os_str().is_empty() => (0o777, Owner::Root),
            Found::Folder => (0o755, Owner::Root),
        };
        let number = Some(if owner == Owner::Mosquitto { MOSQUITTO } else { 0 });
        Ok(FileFacts { kind: Self::kind(&found), is_link, mode: Some(mode), uid: number, gid: number })
    }

    fn account(&self, name: &str) -> Option<Account> {
        let number = match name {
            "root" => 0,
            "mosquitto" => MOSQUITTO,
            "nobody" => 65_534,
            _ => return None,
        };
        Some(Account { name: name.to_owned(), uid: number, gid: number, groups: vec![number] })
    }

    fn knows_accounts(&self) -> bool {
        true
    }
}
