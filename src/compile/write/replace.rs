//! The replacement itself: lock, recover, build aside, put in place, clear away.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::calls::{Call, Calls, FileSync, Folder, NewFile, failed};
use super::inventory::{Existing, Expect};
use super::{LeftOver, Wanted, WriteError};
use crate::compile::pack::MANIFEST_NAME;

/// The mode of each folder of a pack: its public files are for everybody.
pub(super) const FOLDER_MODE: u32 = 0o755;

/// A pack of more files is synced together with all else that its file system has to write: each sync of a
/// single file takes some milliseconds, which fleets of thousands of clients would feel.
const MAX_SINGLE_SYNCS: usize = 50;

/// How often a lock file that vanishes under our hands is made anew.
const LOCK_ATTEMPTS: usize = 16;

/// An output folder, and the siblings that a run needs.
pub(super) struct Place {
    /// The folder that it lies in, without links where it exists.
    parent: PathBuf,
    name: PathBuf,
    /// `.NAME.moskit-new`: the new pack before, the old one after the exchange.
    new: PathBuf,
    /// `.NAME.moskit-old`: the old pack, where the file system cannot exchange.
    old: PathBuf,
    /// `.NAME.moskit-lock`: held by the run that writes.
    lock: PathBuf,
}

impl Place {
    /// Finds where a folder lies; a link to a folder stands for that folder.
    pub(super) fn of(path: &Path) -> Result<Self, WriteError> {
        let unreadable = |path: &Path, error| failed(Call::Read, path, error);
        let found = match fs::symlink_metadata(path) {
            Ok(_) => {
                let real = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
                if !fs::metadata(&real).map_err(|error| unreadable(&real, error))?.is_dir() {
                    return Err(WriteError::NotAFolder { path: path.to_owned() });
                }
                real
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                let Some(name) = path.file_name() else {
                    return Err(WriteError::NoName { path: path.to_owned() });
                };
                fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned()).join(name)
            }
            Err(error) => return Err(unreadable(path, error)),
        };
        let (Some(parent), Some(name)) = (found.parent(), found.file_name()) else {
            return Err(WriteError::NoName { path: path.to_owned() });
        };
        let sibling = |ending: &str| {
            let mut sibling = OsString::from(".");
            sibling.push(name);
            sibling.push(ending);
            PathBuf::from(sibling)
        };
        Ok(Self {
            parent: parent.to_owned(),
            name: PathBuf::from(name),
            new: sibling(".moskit-new"),
            old: sibling(".moskit-old"),
            lock: sibling(".moskit-lock"),
        })
    }

    /// Opens the folder above; `None` where it does not exist.
    pub(super) fn open_parent(&self) -> Result<Option<Folder>, WriteError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(&self.parent, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Folder { fd, path: self.parent.clone() })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(Call::Read, &self.parent, error)),
        }
    }

    /// Opens the folder above, which must exist.
    pub(super) fn parent(&self) -> Result<Folder, WriteError> {
        self.open_parent()?.ok_or_else(|| failed(Call::Read, &self.parent, Errno::NOENT))
    }

    /// Whether a run is under way, or one was stopped.
    pub(super) fn has_siblings(&self, parent: &Folder) -> Result<bool, WriteError> {
        for sibling in [&self.lock, &self.new, &self.old] {
            if parent.stat(sibling)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks through the output folder; `None` where it does not exist.
    pub(super) fn look(&self, parent: &Folder) -> Result<Option<Existing>, WriteError> {
        if parent.stat(&self.name)?.is_none() {
            return Ok(None);
        }
        Existing::look(parent.open_folder(&self.name)?, Expect::Output).map(Some)
    }

    /// Makes the folder above, and those above that; returns the new ones, outermost first.
    pub(super) fn make_parents(&self, calls: &Calls<'_>) -> Result<Vec<PathBuf>, WriteError> {
        let above = self.parent.ancestors().filter(|path| !path.as_os_str().is_empty());
        let mut missing: Vec<_> = above.take_while(|path| !path.exists()).map(Path::to_owned).collect();
        missing.reverse();
        let mut made = Vec::new();
        for path in missing {
            let mode = Mode::RWXU | Mode::RWXG | Mode::RWXO;
            let result = calls.call(Call::MakeFolder, &path, || match rustix::fs::mkdir(&path, mode) {
                Ok(()) => Ok(true),
                // Another run makes the same folders.
                Err(Errno::EXIST) => Ok(false),
                Err(error) => Err(error),
            });
            match result {
                Ok(true) => made.push(path),
                Ok(false) => {}
                Err(error) => {
                    remove_parents(calls, &made);
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    /// Takes the lock of the output folder, or says that another run has it.
    pub(super) fn lock(&self, calls: &Calls<'_>, parent: &Folder) -> Result<Lock, WriteError> {
        let path = parent.path.join(&self.lock);
        let busy = || WriteError::Busy { path: parent.path.join(&self.name) };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for _ in 0..LOCK_ATTEMPTS {
            let owner_only = Mode::RUSR | Mode::WUSR;
            let file = calls.call(Call::Create, &path, || openat(parent, &self.lock, flags, owner_only))?;
            let stat = fstat(&file).map_err(|error| failed(Call::Read, &path, error))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_size != 0 {
                return Err(WriteError::InTheWay { path });
            }
            let locked = calls.call(Call::Lock, &path, || match lock(&file) {
                Ok(()) => Ok(true),
                Err(Errno::WOULDBLOCK) => Ok(false),
                Err(error) => Err(error),
            });
            if locked.is_err() {
                // Where locks do not work, nobody holds this one.
                let _ = calls.remove_file(parent, &self.lock);
            }
            let locked = locked?;
            if !locked {
                return Err(busy());
            }
            // The run that held it may have removed the file after we had opened it.
            let now = parent.stat(&self.lock)?;
            if now.is_some_and(|now| (now.st_dev, now.st_ino) == (stat.st_dev, stat.st_ino)) {
                return Ok(Lock { _file: file });
            }
        }
        Err(busy())
    }

    /// Removes the lock file and gives the lock up. A lock file that stays does no harm: it is empty and not
    /// locked.
    pub(super) fn unlock(&self, calls: &Calls<'_>, parent: &Folder, lock: Lock) {
        let _ = calls.remove_file(parent, &self.lock);
        drop(lock);
    }

    /// Undoes what a stopped run left.
    ///
    /// The output folder is missing only while the old pack lies aside, complete; it is put back. All else
    /// that lies aside is not in use and is removed.
    pub(super) fn recover(&self, calls: &Calls<'_>, parent: &Folder) -> Result<(), WriteError> {
        if let Some(old) = self.left_over(parent, &self.old)? {
            if parent.stat(&self.name)?.is_none() {
                calls.rename(parent, &self.old, &self.name)?;
                calls.sync_folder(parent)?;
            } else {
                old.remove(calls, parent, &self.old)?;
            }
        }
        match self.left_over(parent, &self.new)? {
            Some(new) => new.remove(calls, parent, &self.new),
            None => Ok(()),
        }
    }

    /// Looks through a sibling, which must be one that a run made: nothing but files of its manifest is in
    /// it.
    fn left_over(&self, parent: &Folder, name: &Path) -> Result<Option<Existing>, WriteError> {
        let Some(stat) = parent.stat(name)? else { return Ok(None) };
        let path = parent.path.join(name);
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(WriteError::InTheWay { path });
        }
        match Existing::look(parent.open_folder(name)?, Expect::LeftOver) {
            Ok(existing) => Ok(Some(existing)),
            Err(WriteError::Foreign { .. }) => Err(WriteError::InTheWay { path }),
            Err(error) => Err(error),
        }
    }

    /// Builds the new pack aside, complete and on the disk.
    pub(super) fn build(
        &self,
        calls: &Calls<'_>,
        parent: &Folder,
        wanted: &Wanted<'_>,
    ) -> Result<(), WriteError> {
        calls.make_folder(parent, &self.new)?;
        let new = parent.open_folder(&self.new)?;
        let stat = fstat(&new).map_err(|error| failed(Call::Read, &new.path, error))?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            // Somebody else may write to the folder above and put another folder there.
            return Err(WriteError::InTheWay { path: new.path });
        }
        let manifest =
            NewFile { contents: &wanted.manifest_bytes, mode: 0o644, owner: None, sync: FileSync::Now };
        calls.write_file(&new, Path::new(MANIFEST_NAME), &manifest)?;
        // From here on, whatever is left is known by its manifest.
        calls.sync_folder(&new)?;
        for folder in &wanted.folders {
            calls.make_folder(&new, Path::new(folder))?;
        }
        let is_large = wanted.pack.files().len() > MAX_SINGLE_SYNCS;
        let sync = if is_large { FileSync::Later } else { FileSync::Now };
        for file in wanted.pack.files() {
            let (contents, owner) = (file.contents.as_slice(), wanted.owner_of(file));
            let new_file = NewFile { contents, mode: file.mode(), owner, sync };
            calls.write_file(&new, file.path.as_ref(), &new_file)?;
        }
        for folder in wanted.folders.iter().rev() {
            let folder = new.open_folder(Path::new(folder))?;
            calls.set_folder_mode(&folder, FOLDER_MODE)?;
            if !is_large {
                calls.sync_folder(&folder)?;
            }
        }
        calls.set_folder_mode(&new, FOLDER_MODE)?;
        if is_large { calls.sync_all(&new) } else { calls.sync_folder(&new) }
    }

    /// Puts the new pack in place of the old one, or where nothing is.
    pub(super) fn put(&self, calls: &Calls<'_>, parent: &Folder, has_old: bool) -> Result<(), WriteError> {
        if !has_old {
            // Without the promise that nothing is there, a folder that appears at this moment stops the
            // rename, too, unless it is empty.
            return match calls.rename_new(parent, &self.new, &self.name)? {
                true => Ok(()),
                false => calls.rename(parent, &self.new, &self.name),
            };
        }
        if calls.exchange(parent, &self.new, &self.name).map_err(|error| self.or_immovable(parent, error))? {
            return Ok(());
        }
        calls.rename(parent, &self.name, &self.old).map_err(|error| self.or_immovable(parent, error))?;
        let renamed = calls.rename(parent, &self.new, &self.name);
        if renamed.is_err() {
            let _ = calls.rename(parent, &self.old, &self.name);
        }
        renamed
    }

    fn or_immovable(&self, parent: &Folder, error: WriteError) -> WriteError {
        match error {
            WriteError::Io { error, .. }
                if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices) =>
            {
                WriteError::Immovable { path: parent.path.join(&self.name) }
            }
            other => other,
        }
    }

    /// Removes the old pack from where it lies now. The new one is in place: a failure is told, not raised.
    pub(super) fn clear(&self, calls: &Calls<'_>, parent: &Folder) -> Option<LeftOver> {
        [&self.new, &self.old].into_iter().find_map(|name| {
            let removed = self.left_over(parent, name).and_then(|found| match found {
                Some(existing) => existing.remove(calls, parent, name),
                None => Ok(()),
            });
            let reason = removed.err()?.to_string();
            Some(LeftOver { path: parent.path.join(name), reason })
        })
    }

    /// Removes a new pack that will not be put in place; what cannot be removed is left to the next run.
    pub(super) fn discard(&self, calls: &Calls<'_>, parent: &Folder) {
        if let Ok(Some(new)) = self.left_over(parent, &self.new) {
            let _ = new.remove(calls, parent, &self.new);
        }
    }
}

/// Removes folders that were made for a pack that did not come; those in use meanwhile stay.
pub(super) fn remove_parents(calls: &Calls<'_>, made: &[PathBuf]) {
    for path in made.iter().rev() {
        let _ = calls.call(Call::Remove, path, || rustix::fs::rmdir(path));
    }
}

/// The lock of an output folder, held until it is dropped.
pub(super) struct Lock {
    _file: OwnedFd,
}

/// How often, and how long apart, a lock that another holds is tried again.
const LOCK_WAITS: (u32, std::time::Duration) = (25, std::time::Duration::from_millis(20));

/// Takes a lock. A process that is just being started holds the locks of its parent until it has become another
/// program, so a lock that is taken is tried again for half a second.
pub(in crate::compile) fn lock(file: &impl std::os::fd::AsFd) -> Result<(), Errno> {
    let mut locked = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
    for _ in 0..LOCK_WAITS.0 {
        if locked != Err(Errno::WOULDBLOCK) {
            break;
        }
        std::thread::sleep(LOCK_WAITS.1);
        locked = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
    }
    locked
}
