//! A pack as it will be once installed: its files under their install paths, with modes and owners of the manifest.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{About, Manifest};
use super::pack::Pack;
use crate::text::{Account, FileError, FileFacts, FileKind, Files};

/// The number that stands for root, as everywhere.
const ROOT: u32 = 0;
/// Numbers of the other owners begin here; which they are does not matter.
const FIRST_OWNER: u32 = 1;

/// Contents, where they can be looked at, and facts of a file.
type Entry = (Option<Arc<[u8]>>, FileFacts);

/// Files of a pack under their install paths, in front of the files of this machine.
pub struct Installed<'a> {
    files: BTreeMap<PathBuf, Entry>,
    /// Where the files of a pack lie here, by their install paths.
    shown: BTreeMap<PathBuf, PathBuf>,
    owners: Vec<String>,
    below: &'a dyn Files,
}

impl<'a> Installed<'a> {
    /// No files yet, in front of those of this machine.
    pub fn over(below: &'a dyn Files) -> Self {
        Self { files: BTreeMap::new(), shown: BTreeMap::new(), owners: Vec::new(), below }
    }

    /// The files of a pack in memory.
    pub fn of_pack(pack: &Pack, about: &About, below: &'a dyn Files) -> Self {
        let manifest = Manifest::of(pack, about);
        let contents = |path: &str| pack.files().iter().find(|file| file.path.as_str() == path);
        let read = |path: &str| contents(path).map(|file| file.contents.as_slice().into());
        Self::of_manifest(&manifest, Path::new(""), read, below)
    }

    /// The files of a pack by its manifest; the pack lies in `folder`, and `read` gives the contents of a path in it.
    pub fn of_manifest(
        manifest: &Manifest,
        folder: &Path,
        read: impl Fn(&str) -> Option<Arc<[u8]>>,
        below: &'a dyn Files,
    ) -> Self {
        let mut installed = Self::over(below);
        for (path, (inside, file)) in manifest.installed() {
            if let Some(contents) = read(inside.as_str()) {
                installed.add(path, Some(contents), file.mode, &file.owner);
                installed.shown.insert(path.into(), folder.join(inside));
            }
        }
        installed
    }

    /// Adds a file; without contents it is one that will be there and cannot be looked at yet.
    pub fn add(&mut self, path: impl Into<PathBuf>, contents: Option<Arc<[u8]>>, mode: u32, owner: &str) {
        let number = self.number(owner);
        let facts = FileFacts {
            kind: FileKind::Regular,
            is_link: false,
            mode: Some(mode),
            uid: Some(number),
            gid: Some(number),
        };
        self.files.insert(path.into(), (contents, facts));
    }

    fn number(&mut self, owner: &str) -> u32 {
        if owner == "root" {
            return ROOT;
        }
        let known = self.owners.iter().position(|known| known == owner).unwrap_or_else(|| {
            self.owners.push(owner.to_owned());
            self.owners.len() - 1
        });
        FIRST_OWNER + known as u32
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.starts_with(path))
    }
}

impl Files for Installed<'_> {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        match self.files.get(path) {
            Some((Some(contents), _)) => Ok(contents.clone()),
            Some((None, _)) => Err(FileError::Planned),
            // In a folder of the pack nothing else will be.
            None if path.parent().is_some_and(|folder| self.is_folder(folder)) => Err(FileError::Missing),
            None => self.below.read(path),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError> {
        let below = self.files.keys().filter_map(|file| file.strip_prefix(directory).ok());
        let mut names: Vec<_> =
            below.filter_map(|rest| Some(rest.components().next()?.as_os_str().to_owned())).collect();
        names.dedup();
        if names.is_empty() { self.below.list(directory) } else { Ok(names) }
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        match self.files.get(path) {
            Some((_, facts)) => Ok(*facts),
            // The folders above belong to the installation; everybody may pass.
            None if self.is_folder(path) => Ok(FileFacts {
                kind: FileKind::Directory,
                is_link: false,
                mode: Some(0o755),
                uid: Some(ROOT),
                gid: Some(ROOT),
            }),
            None => self.below.facts(path),
        }
    }

    fn is_partial(&self, path: &Path) -> bool {
        !path.parent().is_some_and(|folder| self.is_folder(folder)) && self.below.is_partial(path)
    }

    fn shown(&self, path: &Path) -> PathBuf {
        self.shown.get(path).map_or_else(|| self.below.shown(path), Clone::clone)
    }

    fn account(&self, name: &str) -> Option<Account> {
        if name == "root" {
            return Some(Account { name: name.to_owned(), uid: ROOT, gid: ROOT, groups: vec![ROOT] });
        }
        let known = self.owners.iter().position(|known| known == name)?;
        let number = FIRST_OWNER + known as u32;
        Some(Account { name: name.to_owned(), uid: number, gid: number, groups: vec![number] })
    }

    fn knows_accounts(&self) -> bool {
        true
    }
}
