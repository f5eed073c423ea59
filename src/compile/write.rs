//! Puts a finished pack on the disk: as a whole or not at all.
//!
//! The new pack is built in a sibling of the output folder, brought to the disk, and exchanged with the old
//! one in one step. A stop at any moment leaves the old pack or the new one, whole, and the next run removes
//! the rest. Where the file system cannot exchange two folders, the old pack is first renamed to
//! `.NAME.moskit-old`: for the moment between two renames there is no output folder, and if the run is
//! stopped just there, the next one puts the old pack back.

mod calls;
mod inventory;
mod replace;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;

pub use calls::Call;
use calls::{Calls, Folder};
use inventory::Existing;
pub(super) use replace::lock;
use replace::{FOLDER_MODE, Place, remove_parents};

use super::manifest::{About, Manifest, ManifestError};
use super::pack::{MANIFEST_NAME, Pack, PackFile};

/// How a pack is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// User and group for the owners of files, by the name that stands in the pack; files of all other
    /// owners, and all folders, belong to whoever writes. Only root may give files away.
    pub owners: BTreeMap<String, (u32, u32)>,
}

/// What writing did, or would do. Paths are those of the pack, sorted; folders end in `/`, the pack itself is
/// `./`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The folder held the same pack already: nothing was written.
    pub unchanged: bool,
    /// Files that were not there.
    pub added: Vec<String>,
    /// Files and folders of which bytes, mode or owner differed.
    pub changed: Vec<String>,
    /// Files that the new pack does not have.
    pub removed: Vec<String>,
    /// Files that somebody had edited since the old pack was written; the edit is lost where they stand in
    /// `changed` or `removed`, too.
    pub hand_edited: Vec<String>,
    /// The new pack is in place, and this sibling could not be removed.
    pub left_over: Option<LeftOver>,
}

/// A folder that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// The folder.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// Why the files in an output folder are not those of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignReason {
    /// There is no manifest.
    NoManifest,
    /// The manifest cannot be used.
    Manifest(ManifestError),
    /// There is a manifest that does not list them.
    Unlisted,
}

/// Why a pack was not written.
#[derive(Debug)]
pub enum WriteError {
    /// The operating system refused a call.
    Io {
        /// The call.
        call: Call,
        /// What it was about.
        path: PathBuf,
        /// Its reason.
        error: io::Error,
    },
    /// The output is something else than a folder.
    NotAFolder {
        /// The output.
        path: PathBuf,
    },
    /// The output has no name that a sibling could be named after, like `/`.
    NoName {
        /// The output.
        path: PathBuf,
    },
    /// The output folder holds what is not part of a pack.
    Foreign {
        /// The folder.
        path: PathBuf,
        /// How that is known.
        reason: ForeignReason,
        /// The first of the names, sorted; folders end in `/`.
        names: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// A sibling that the writer needs has a foreign owner or holds what the writer did not make.
    InTheWay {
        /// The sibling.
        path: PathBuf,
    },
    /// Another run writes this folder.
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The output folder cannot be moved, and so not be exchanged.
    Immovable {
        /// The folder.
        path: PathBuf,
    },
    /// The file system lets everybody read a private file.
    KeepsNoModes {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { call, path, error } => write!(out, "could not {call} `{}`: {error}", path.display()),
            Self::NotAFolder { path } => {
                write!(out, "`{}` is not a folder, so no pack can be written there", path.display())
            }
            Self::NoName { path } => {
                write!(out, "`{}` cannot be replaced as a whole; name a folder below it", path.display())
            }
            Self::Foreign { path, reason, names, more } => {
                let why = match reason {
                    ForeignReason::NoManifest => format!("it has no `{MANIFEST_NAME}`"),
                    ForeignReason::Manifest(error) => error.to_string(),
                    ForeignReason::Unlisted => format!("its `{MANIFEST_NAME}` does not list them"),
                };
                let listed: Vec<_> = names.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
                let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
                write!(
                    out,
                    "`{}` holds files that are not part of a pack ({why}), and writing would remove \
                     them: {}{more}; move them away or choose another folder",
                    path.display(),
                    listed.join(", "),
                )
            }
            Self::InTheWay { path } => write!(
                out,
                "`{}` is needed to write the pack, and what is there was not left by an earlier \
                 run; move it away",
                path.display()
            ),
            Self::Busy { path } => {
                write!(out, "another run is writing `{}`; wait for its end and run again", path.display())
            }
            Self::Immovable { path } => write!(
                out,
                "`{}` cannot be replaced in one step, because it is a mount point or belongs to the \
                 image of a container; name a folder that does not exist yet, in it or beside it",
                path.display()
            ),
            Self::KeepsNoModes { path } => write!(
                out,
                "the file system lets others read `{}`, which is private; choose a folder on one \
                 that keeps modes",
                path.display()
            ),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Writes a pack into a folder, which is made if need be, together with the folders above.
///
/// A folder that holds an older pack is replaced as a whole; one that holds anything else is refused. Where
/// the pack is there already, with its modes and owners, nothing is written.
///
/// # Errors
/// Any [`WriteError`]; the folder then is as it was, unless the error is that the exchange could not be
/// synced.
pub fn write_pack(
    dir: &Path,
    pack: &Pack,
    about: &About,
    options: &WriteOptions,
) -> Result<Written, WriteError> {
    write_with(dir, &Wanted::new(pack, about, options), &Calls { before: &|_| Ok(()) })
}

/// What [`write_pack`] would do. Nothing is written.
///
/// # Errors
/// [`WriteError::Foreign`] and all others that show without writing.
pub fn compare_pack(
    dir: &Path,
    pack: &Pack,
    about: &About,
    options: &WriteOptions,
) -> Result<Written, WriteError> {
    let place = Place::of(dir)?;
    let existing = match place.open_parent()? {
        Some(parent) => place.look(&parent)?,
        None => None,
    };
    Wanted::new(pack, about, options).compare(existing.as_ref())
}

fn write_with(dir: &Path, wanted: &Wanted<'_>, calls: &Calls<'_>) -> Result<Written, WriteError> {
    let place = Place::of(dir)?;
    if let Some(parent) = place.open_parent()? {
        match place.look(&parent).and_then(|existing| wanted.compare(existing.as_ref())) {
            Ok(written) if written.unchanged && !place.has_siblings(&parent)? => return Ok(written),
            // Refused before anything is touched.
            Err(error @ WriteError::Foreign { .. }) => return Err(error),
            // Another run may have been replacing the folder while it was looked through.
            Ok(_) | Err(_) => {}
        }
    }
    let made = place.make_parents(calls)?;
    let result = write_locked(&place, wanted, calls);
    if result.is_err() {
        remove_parents(calls, &made);
    }
    result
}

fn write_locked(place: &Place, wanted: &Wanted<'_>, calls: &Calls<'_>) -> Result<Written, WriteError> {
    let parent = place.parent()?;
    let lock = place.lock(calls, &parent)?;
    let result = replace(place, &parent, wanted, calls);
    place.unlock(calls, &parent, lock);
    result
}

fn replace(
    place: &Place,
    parent: &Folder,
    wanted: &Wanted<'_>,
    calls: &Calls<'_>,
) -> Result<Written, WriteError> {
    place.recover(calls, parent)?;
    let existing = place.look(parent)?;
    let mut written = wanted.compare(existing.as_ref())?;
    if written.unchanged {
        return Ok(written);
    }
    let has_old = existing.is_some();
    let put = place.build(calls, parent, wanted).and_then(|()| place.put(calls, parent, has_old));
    if let Err(error) = put {
        place.discard(calls, parent);
        return Err(error);
    }
    calls.sync_folder(parent)?;
    written.left_over = place.clear(calls, parent);
    Ok(written)
}

/// The pack as it shall lie on the disk.
struct Wanted<'a> {
    pack: &'a Pack,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    /// All folders of the pack, outer before inner.
    folders: BTreeSet<&'a str>,
    options: &'a WriteOptions,
}

impl<'a> Wanted<'a> {
    fn new(pack: &'a Pack, about: &About, options: &'a WriteOptions) -> Self {
        let manifest = Manifest::of(pack, about);
        let manifest_bytes = manifest.to_bytes();
        let folders = pack.files().iter().flat_map(|file| file.path.folders()).collect();
        Self { pack, manifest, manifest_bytes, folders, options }
    }

    fn owner_of(&self, file: &PackFile) -> Option<(u32, u32)> {
        self.options.owners.get(&file.owner).copied()
    }

    fn compare(&self, existing: Option<&Existing>) -> Result<Written, WriteError> {
        let mut written = Written::default();
        match existing {
            Some(existing) => self.compare_with(existing, &mut written)?,
            None => {
                written.added = self.pack.files().iter().map(|file| file.path.to_string()).collect();
                written.added.push(MANIFEST_NAME.to_owned());
            }
        }
        for paths in
            [&mut written.added, &mut written.changed, &mut written.removed, &mut written.hand_edited]
        {
            paths.sort();
        }
        written.unchanged =
            written.added.is_empty() && written.changed.is_empty() && written.removed.is_empty();
        Ok(written)
    }

    fn compare_with(&self, existing: &Existing, written: &mut Written) -> Result<(), WriteError> {
        let mut found = BTreeMap::new();
        for path in existing.files.keys() {
            // A file that went away meanwhile counts as one that was not there.
            let Some(sha256) = existing.sha256(path)? else { continue };
            found.insert(path, sha256);
            let listed = existing.manifest.as_ref().and_then(|manifest| manifest.files.get(path));
            if listed.is_some_and(|listed| listed.sha256 != sha256) {
                written.hand_edited.push(path.to_string());
            }
            if !self.manifest.files.contains_key(path) {
                written.removed.push(path.to_string());
            }
        }
        for file in self.pack.files() {
            match (found.get(&file.path), existing.files.get(&file.path), self.manifest.files.get(&file.path))
            {
                (Some(sha256), Some(stat), Some(wanted)) => {
                    let has_owner =
                        self.owner_of(file).is_none_or(|owner| owner == (stat.st_uid, stat.st_gid));
                    if *sha256 != wanted.sha256 || mode(stat) != file.mode() || !has_owner {
                        written.changed.push(file.path.to_string());
                    }
                }
                _ => written.added.push(file.path.to_string()),
            }
        }
        let has_mode = |path: &Path, mode_wanted| {
            existing.folder.stat(path).map(|stat| stat.is_some_and(|stat| mode(&stat) == mode_wanted))
        };
        match &existing.manifest_bytes {
            Some(bytes) if *bytes == self.manifest_bytes && has_mode(Path::new(MANIFEST_NAME), 0o644)? => {}
            Some(_) => written.changed.push(MANIFEST_NAME.to_owned()),
            None => written.added.push(MANIFEST_NAME.to_owned()),
        }
        for (path, stat) in &existing.folders {
            if mode(stat) != FOLDER_MODE {
                written.changed.push(format!("{path}/"));
            }
        }
        if !has_mode(Path::new("."), FOLDER_MODE)? {
            written.changed.push("./".to_owned());
        }
        Ok(())
    }
}

fn mode(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}
