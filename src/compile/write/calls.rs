//! The calls that change the disk, each announced before it happens, so that a test can stop the writer at
//! any of them.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::WriteError;

/// A kind of call that changes the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Makes a folder.
    MakeFolder,
    /// Makes and opens a file.
    Create,
    /// Fills a file.
    Fill,
    /// Sets a mode.
    SetMode,
    /// Sets an owner.
    SetOwner,
    /// Waits until something is on the disk.
    Sync,
    /// Takes a lock.
    Lock,
    /// Lets two folders change places.
    Exchange,
    /// Gives a folder a name that nothing has.
    RenameNew,
    /// Gives a folder another name.
    Rename,
    /// Removes a file or a folder.
    Remove,
    /// Reads, which changes nothing.
    Read,
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::MakeFolder => "make the folder",
            Self::Create => "create",
            Self::Fill => "write",
            Self::SetMode => "set the mode of",
            Self::SetOwner => "set the owner of",
            Self::Sync => "sync",
            Self::Lock => "lock",
            Self::Exchange | Self::RenameNew => "put the new pack at",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Read => "read",
        })
    }
}

/// What is asked before each call: an error takes the place of the call.
pub(super) type Before<'a> = dyn Fn(Call) -> Result<(), Errno> + 'a;

/// The way to the disk for everything that changes it.
pub(super) struct Calls<'a> {
    pub(super) before: &'a Before<'a>,
}

impl Calls<'_> {
    pub(super) fn call<T>(
        &self,
        call: Call,
        path: &Path,
        action: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, WriteError> {
        (self.before)(call).and_then(|()| action()).map_err(|error| failed(call, path, error))
    }

    pub(super) fn make_folder(&self, at: &Folder, name: &Path) -> Result<(), WriteError> {
        self.call(Call::MakeFolder, &at.path.join(name), || fs::mkdirat(at, name, Mode::RWXU))
    }

    /// Makes a file with exactly this mode; until it is complete, and from its first byte, only its owner may
    /// read it.
    pub(super) fn write_file(&self, at: &Folder, name: &Path, file: &NewFile<'_>) -> Result<(), WriteError> {
        let path = at.path.join(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let narrow = Mode::RUSR | Mode::WUSR;
        let made = self.call(Call::Create, &path, || fs::openat(at, name, flags, narrow))?;
        let stat = fs::fstat(&made).map_err(|error| failed(Call::Read, &path, error))?;
        if stat.st_mode & 0o077 != 0 && file.mode & 0o077 == 0 {
            return Err(WriteError::KeepsNoModes { path });
        }
        let mut made = File::from(made);
        self.call(Call::Fill, &path, || made.write_all(file.contents).map_err(|error| errno(&error)))?;
        if let Some((uid, gid)) = file.owner {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            self.call(Call::SetOwner, &path, || fs::fchown(&made, Some(uid), Some(gid)))?;
        }
        self.call(Call::SetMode, &path, || fs::fchmod(&made, Mode::from_raw_mode(file.mode)))?;
        match file.sync {
            FileSync::Now => self.call(Call::Sync, &path, || fs::fsync(&made)),
            FileSync::Later => Ok(()),
        }
    }

    /// Waits until everything on the file system of a folder is on the disk.
    pub(super) fn sync_all(&self, folder: &Folder) -> Result<(), WriteError> {
        self.call(Call::Sync, &folder.path, || fs::syncfs(folder))
    }

    pub(super) fn set_folder_mode(&self, folder: &Folder, mode: u32) -> Result<(), WriteError> {
        self.call(Call::SetMode, &folder.path, || fs::fchmod(folder, Mode::from_raw_mode(mode)))
    }

    /// Waits until the entries of a folder are on the disk, where its file system can do that for folders.
    pub(super) fn sync_folder(&self, folder: &Folder) -> Result<(), WriteError> {
        self.call(Call::Sync, &folder.path, || match fs::fsync(folder) {
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
            other => other,
        })
    }

    /// Lets two names of a folder change places; `false` where the file system cannot.
    pub(super) fn exchange(&self, at: &Folder, one: &Path, other: &Path) -> Result<bool, WriteError> {
        self.rename_with(Call::Exchange, at, one, other, RenameFlags::EXCHANGE)
    }

    /// Gives an entry of a folder a name that nothing has; `false` where the file system cannot promise that.
    pub(super) fn rename_new(&self, at: &Folder, from: &Path, to: &Path) -> Result<bool, WriteError> {
        self.rename_with(Call::RenameNew, at, from, to, RenameFlags::NOREPLACE)
    }

    fn rename_with(
        &self,
        call: Call,
        at: &Folder,
        from: &Path,
        to: &Path,
        flags: RenameFlags,
    ) -> Result<bool, WriteError> {
        match (self.before)(call).and_then(|()| fs::renameat_with(at, from, at, to, flags)) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
            Err(error) => Err(failed(call, &at.path.join(to), error)),
        }
    }

    pub(super) fn rename(&self, at: &Folder, from: &Path, to: &Path) -> Result<(), WriteError> {
        self.call(Call::Rename, &at.path.join(from), || fs::renameat(at, from, at, to))
    }

    pub(super) fn remove_file(&self, at: &Folder, name: &Path) -> Result<(), WriteError> {
        self.call(Call::Remove, &at.path.join(name), || fs::unlinkat(at, name, AtFlags::empty()))
    }

    pub(super) fn remove_folder(&self, at: &Folder, name: &Path) -> Result<(), WriteError> {
        self.call(Call::Remove, &at.path.join(name), || fs::unlinkat(at, name, AtFlags::REMOVEDIR))
    }
}

/// A file that is to be made.
pub(super) struct NewFile<'a> {
    pub(super) contents: &'a [u8],
    pub(super) mode: u32,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) sync: FileSync,
}

/// When a file is brought to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileSync {
    /// By itself, at once.
    Now,
    /// With all others, through [`Calls::sync_all`].
    Later,
}

/// An open folder, and its path for messages.
pub(super) struct Folder {
    pub(super) fd: OwnedFd,
    pub(super) path: PathBuf,
}

impl Folder {
    /// What the file system says of an entry, links not followed; `None` where there is no such entry.
    pub(super) fn stat(&self, name: &Path) -> Result<Option<fs::Stat>, WriteError> {
        match fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(Call::Read, &self.path.join(name), error)),
        }
    }

    /// Opens a folder in this one; a link is refused.
    pub(super) fn open_folder(&self, name: &Path) -> Result<Self, WriteError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(self, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(error) => Err(failed(Call::Read, &path, error)),
        }
    }

    /// Opens a regular file in this folder to read it; `None` where it is none.
    pub(super) fn open_file(&self, name: &Path) -> Result<Option<File>, WriteError> {
        // Without waiting: opening a pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let file = match fs::openat(self, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
            Err(error) => return Err(failed(Call::Read, &path, error)),
        };
        let stat = fs::fstat(&file).map_err(|error| failed(Call::Read, &path, error))?;
        Ok((FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| File::from(file)))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

pub(super) fn failed(call: Call, path: &Path, error: impl Into<io::Error>) -> WriteError {
    WriteError::Io { call, path: path.to_owned(), error: error.into() }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
