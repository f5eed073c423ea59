//! The private state folder: passwords that were generated, hashes and certificates that were issued.
//!
//! It lies beside the spec, belongs to whoever compiles, and never becomes a part of a pack. Each entry is
//! replaced as a whole or not at all.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::write::lock;
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::pack::escape_name;

/// Larger entries are refused: a certificate with its chain and key has some kilobytes.
pub const MAX_STATE_BYTES: u64 = 1024 * 1024;

/// Held by the run that uses the folder; it stays there, so that a network file system can lock it, too.
const LOCK_NAME: &str = ".lock";

const IGNORE_NAME: &str = ".gitignore";

/// What an entry of the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateKind {
    /// The generated password of a user: `passwords/NAME`.
    Password,
    /// The hash that was last written for a user: `hashes/NAME`.
    Hash,
    /// The certificate and key of an authority, in one file so that they change together:
    /// `authorities/NAME.pem`.
    Authority,
    /// The certificate and key of a server: `certificates/NAME.pem`.
    Certificate,
    /// The certificate and key of a client: `clients/NAME.pem`.
    Client,
}

impl StateKind {
    fn folder(self) -> &'static str {
        match self {
            Self::Password => "passwords",
            Self::Hash => "hashes",
            Self::Authority => "authorities",
            Self::Certificate => "certificates",
            Self::Client => "clients",
        }
    }

    fn file_name(self, name: &str) -> String {
        let ending = match self {
            Self::Password | Self::Hash => "",
            Self::Authority | Self::Certificate | Self::Client => ".pem",
        };
        escape_name(name) + ending
    }
}

/// Why the state could not be read or written.
#[derive(Debug)]
pub enum StateError {
    /// The operating system refused.
    Io {
        /// What was tried: `read`, `write`.
        attempt: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Its reason.
        error: io::Error,
    },
    /// A file is where the state folder should be.
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// An entry is no regular file.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Others than its owner may enter the folder.
    TooOpen {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The folder belongs to somebody else.
    ForeignOwner {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who runs this.
        own: u32,
    },
    /// An entry is larger than [`MAX_STATE_BYTES`].
    TooLarge {
        /// The entry.
        path: PathBuf,
    },
    /// Another run uses the folder.
    Busy {
        /// The folder.
        path: PathBuf,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { attempt, path, error } => {
                write!(out, "could not {attempt} `{}`: {error}", path.display())
            }
            Self::NotAFolder { path } => {
                write!(out, "`{}` is not a folder, so no state can be kept there", path.display())
            }
            Self::NotAFile { path } => {
                write!(
                    out,
                    "`{}` is not a regular file, and was not written by moskit; remove it",
                    path.display()
                )
            }
            Self::TooOpen { path, mode } => write!(
                out,
                "the state folder `{0}` has mode {mode:04o}, so others can get at its keys and passwords; \
                 run `chmod 700 {0}`",
                path.display()
            ),
            Self::ForeignOwner { path, owner, own } => write!(
                out,
                "the state folder `{}` belongs to user {owner}, who could change its keys, and this \
                 is user {own}; run as its owner, or give it away with `chown -R`",
                path.display()
            ),
            Self::TooLarge { path } => {
                write!(
                    out,
                    "`{}` is larger than {MAX_STATE_BYTES} bytes, so moskit did not write it",
                    path.display()
                )
            }
            Self::Busy { path } => write!(
                out,
                "another run uses the state folder `{}`; wait for its end and run again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// What is remembered from run to run, by kind and name.
pub trait StateStore {
    /// An entry; `None` where there is none.
    ///
    /// # Errors
    /// Any [`StateError`].
    fn read(&self, kind: StateKind, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError>;

    /// Makes or replaces an entry, as a whole or not at all.
    ///
    /// # Errors
    /// Any [`StateError`].
    fn write(&self, kind: StateKind, name: &str, bytes: &[u8]) -> Result<(), StateError>;
}

type Entries = BTreeMap<(StateKind, String), Zeroizing<Vec<u8>>>;

/// A state that forgets: on its own, or in front of another that is read and never written.
#[derive(Default)]
pub struct MemoryState<'a> {
    below: Option<&'a dyn StateStore>,
    written: RefCell<Entries>,
}

impl<'a> MemoryState<'a> {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// A state that starts with the entries of another, for a run that shall leave no trace.
    pub fn over(below: &'a dyn StateStore) -> Self {
        Self { below: Some(below), written: RefCell::default() }
    }
}

impl StateStore for MemoryState<'_> {
    fn read(&self, kind: StateKind, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        match (self.written.borrow().get(&(kind, name.to_owned())), self.below) {
            (Some(bytes), _) => Ok(Some(bytes.clone())),
            (None, Some(below)) => below.read(kind, name),
            (None, None) => Ok(None),
        }
    }

    fn write(&self, kind: StateKind, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        self.written.borrow_mut().insert((kind, name.to_owned()), Zeroizing::new(bytes.to_vec()));
        Ok(())
    }
}

/// The state folder on the disk.
///
/// It is made when first written, with mode 0700. While this value lives, other runs are kept out.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    lock: RefCell<Option<File>>,
}

impl State {
    /// Opens a state folder, or plans one where there is none yet. Nothing is written.
    ///
    /// # Errors
    /// [`StateError::NotAFolder`], [`StateError::ForeignOwner`], [`StateError::TooOpen`],
    /// [`StateError::Busy`], [`StateError::Io`].
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let state = Self { path: path.to_owned(), lock: RefCell::default() };
        if state.check()? {
            // Without a lock file, or a right to it, nothing can be written yet that others could not read.
            state.take_lock(OpenOptions::new().read(true).write(true))?;
        }
        Ok(state)
    }

    /// Where the folder is, or will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder is there, and fit for secrets.
    fn check(&self) -> Result<bool, StateError> {
        let path = || self.path.clone();
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &self.path, error)),
        };
        let own = rustix::process::geteuid().as_raw();
        match (metadata.uid(), metadata.mode() & 0o7777) {
            _ if !metadata.is_dir() => Err(StateError::NotAFolder { path: path() }),
            (owner, _) if owner != own => Err(StateError::ForeignOwner { path: path(), owner, own }),
            (_, mode) if mode & 0o077 != 0 => Err(StateError::TooOpen { path: path(), mode }),
            _ => Ok(true),
        }
    }

    fn take_lock(&self, options: &mut OpenOptions) -> Result<(), StateError> {
        let path = self.path.join(LOCK_NAME);
        let file = match options.custom_flags(flags(OFlags::NOFOLLOW)).open(&path) {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(failed("lock", &path, error)),
        };
        match lock(&file) {
            Ok(()) => {
                self.lock.replace(Some(file));
                Ok(())
            }
            Err(Errno::WOULDBLOCK) => Err(StateError::Busy { path: self.path.clone() }),
            Err(error) => Err(failed("lock", &path, error.into())),
        }
    }

    /// Makes the folder if need be, locked and hidden from version control before anything else is in it.
    fn prepare(&self) -> Result<(), StateError> {
        if self.lock.borrow().is_some() {
            return Ok(());
        }
        if !self.check()? {
            make_private_folder(&self.path)?;
        }
        self.take_lock(OpenOptions::new().read(true).write(true).create(true).mode(0o600))?;
        let ignore = self.path.join(IGNORE_NAME);
        if fs::symlink_metadata(&ignore).is_err() {
            replace_file(&self.path, IGNORE_NAME, b"*\n")?;
        }
        Ok(())
    }
}

impl StateStore for State {
    fn read(&self, kind: StateKind, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        let path = self.path.join(kind.folder()).join(kind.file_name(name));
        // Without waiting: opening a pipe would wait for its other end.
        let file = match OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path, error)),
        };
        let metadata = file.metadata().map_err(|error| failed("read", &path, error))?;
        if !metadata.is_file() {
            return Err(StateError::NotAFile { path });
        }
        if metadata.len() > MAX_STATE_BYTES {
            return Err(StateError::TooLarge { path });
        }
        // Room for all of it at once: growing would leave copies in memory that nobody clears.
        let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
        let read = file.take(MAX_STATE_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| failed("read", &path, error))?;
        Ok(Some(bytes))
    }

    fn write(&self, kind: StateKind, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let folder = self.path.join(kind.folder());
        if bytes.len() as u64 > MAX_STATE_BYTES {
            return Err(StateError::TooLarge { path: folder.join(kind.file_name(name)) });
        }
        self.prepare()?;
        make_private_folder(&folder)?;
        replace_file(&folder, &kind.file_name(name), bytes)
    }
}

/// Makes a folder of mode 0700, whatever the mask is; one that is there stays as it is.
fn make_private_folder(path: &Path) -> Result<(), StateError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    let made = made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)));
    made.map_err(|error| failed("make the folder", path, error))
}

/// Writes a file of mode 0600 in one step. The lock is held, so the name beside it is ours alone.
fn replace_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StateError> {
    let path = folder.join(name);
    // Escaped names start with no dot, so this one is no entry's.
    let aside = folder.join(format!(".new-{name}"));
    let result = fill(&aside, bytes).and_then(|()| fs::rename(&aside, &path));
    if result.is_err() {
        let _ = fs::remove_file(&aside);
    }
    let result = result.and_then(|()| File::open(folder)).and_then(|folder| match folder.sync_all() {
        // Some file systems cannot sync folders.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        other => other,
    });
    result.map_err(|error| failed("write", &path, error))
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        // A stopped run left it.
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn flags(flags: OFlags) -> i32 {
    // The bits are those of the operating system's `int`.
    flags.bits().cast_signed()
}

fn failed(attempt: &'static str, path: &Path, error: io::Error) -> StateError {
    StateError::Io { attempt, path: path.to_owned(), error }
}
