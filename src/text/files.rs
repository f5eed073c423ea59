//! How files are reached: a trait, so that disk, memory and mapped paths look the same.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Larger files are refused: offsets are 32 bits wide and memory is bounded.
pub const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What a path leads to, symbolic links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A socket, which nobody can open as a file.
    Socket,
    /// A device or pipe.
    Special,
}

/// A snapshot of what the file system says of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// What the path leads to.
    pub kind: FileKind,
    /// Whether the last component of the path is itself a symbolic link.
    pub is_link: bool,
    /// Permission bits (`0o777` and the special ones), where known.
    pub mode: Option<u32>,
    /// Numeric owner, where known.
    pub uid: Option<u32>,
    /// Numeric group, where known.
    pub gid: Option<u32>,
}

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// Its directory is there and the file is not.
    Missing,
    /// Not even its directory is there: the path belongs to another machine, so nothing is known.
    Unseen {
        /// The first part of the path that does not exist here.
        missing: PathBuf,
    },
    /// It will be made before the configuration is used; there is nothing to look at yet.
    Planned,
    /// This process may not look at it.
    Denied,
    /// It is not a regular file (or, for a listing, not a directory).
    Kind(FileKind),
    /// It is larger than [`MAX_FILE_BYTES`].
    TooLarge,
    /// Any other failure, in the words of the operating system.
    Other(String),
}

/// Why a file cannot be read, in words.
impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing | Self::Unseen { .. } | Self::Planned => out.write_str("it does not exist"),
            Self::Denied => out.write_str("permission denied"),
            Self::Kind(FileKind::Directory) => out.write_str("it is a folder"),
            Self::Kind(_) => out.write_str("it is not a regular file"),
            Self::TooLarge => write!(out, "it is larger than {} MiB", MAX_FILE_BYTES >> 20),
            Self::Other(reason) => out.write_str(reason),
        }
    }
}

/// An account of the system that runs the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Numeric user.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups, the primary one included.
    pub groups: Vec<u32>,
}

/// Read access to the files that a configuration names, under the paths that it names them by.
pub trait Files {
    /// The contents of a regular file.
    ///
    /// # Errors
    /// Any [`FileError`].
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError>;

    /// The first bytes of a regular file, at most so many.
    ///
    /// # Errors
    /// Any [`FileError`].
    fn head(&self, path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
        let bytes = self.read(path)?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(bytes[..bytes.len().min(most)].to_vec())
    }

    /// The names in a directory, in no particular order.
    ///
    /// # Errors
    /// Any [`FileError`].
    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError>;

    /// What the file system says of a path.
    ///
    /// # Errors
    /// Any [`FileError`] but `Kind` and `TooLarge`.
    fn facts(&self, path: &Path) -> Result<FileFacts, FileError>;

    /// Whether a path leads to where not all needs to lie that the broker finds on its own machine: a working copy has no
    /// secrets and nothing that is made at the start. What is missing may be there all the same.
    fn is_partial(&self, _path: &Path) -> bool {
        false
    }

    /// The path that a file is shown under: where it lies here.
    fn shown(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    /// An account by name, or `None` where it does not exist or accounts are unknown.
    fn account(&self, name: &str) -> Option<Account> {
        let passwd = self.read(Path::new("/etc/passwd")).ok()?;
        let group = self.read(Path::new("/etc/group")).unwrap_or_default();
        account_in(&String::from_utf8_lossy(&passwd), &String::from_utf8_lossy(&group), name)
    }

    /// Whether the accounts of the system can be told at all.
    fn knows_accounts(&self) -> bool {
        self.read(Path::new("/etc/passwd")).is_ok()
    }
}

/// Finds an account in the texts of `/etc/passwd` and `/etc/group`.
fn account_in(passwd: &str, group: &str, name: &str) -> Option<Account> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields.first() == Some(&name) && fields.len() >= 4)?;
    let (uid, gid) = (found[2].parse().ok()?, found[3].parse().ok()?);
    let mut groups = vec![gid];
    for line in group.lines() {
        let fields: Vec<_> = line.split(':').collect();
        if fields.len() >= 4
            && fields[3].split(',').any(|member| member == name)
            && let Ok(id) = fields[2].parse()
        {
            groups.push(id);
        }
    }
    Some(Account { name: name.to_owned(), uid, gid, groups })
}

/// Whether an account can get at a file, as far as modes and owners tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readability {
    /// It can.
    Yes,
    /// It cannot; the path is the file, or the directory on the way, that stops it.
    No {
        /// What stops it.
        blocker: PathBuf,
        /// Permission bits of the blocker.
        mode: u32,
    },
    /// Modes or owners are not known.
    Unknown,
}

/// Judges owner, group and mode of a file and of each directory above it.
pub fn readable_by(files: &dyn Files, path: &Path, account: &Account) -> Readability {
    permits(files, path, account, 0o4)
}

/// Whether an account can put files into a directory, as far as modes and owners tell.
pub fn writable_by(files: &dyn Files, directory: &Path, account: &Account) -> Readability {
    permits(files, directory, account, 0o3)
}

/// Whether an account can write a file that is there, as far as modes and owners tell.
pub fn written_by(files: &dyn Files, path: &Path, account: &Account) -> Readability {
    permits(files, path, account, 0o2)
}

/// Whether all the `wanted` bits (as for others) are there for an account, and the way to the path is open.
fn permits(files: &dyn Files, path: &Path, account: &Account, wanted: u32) -> Readability {
    let mut unknown = false;
    let directories = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    let steps = directories.map(|part| (part, 0o1)).chain(std::iter::once((path, wanted)));
    let mut steps: Vec<_> = steps.collect();
    // From the root downwards, so that the first obstacle on the way is the one named.
    steps.sort_by_key(|(part, _)| part.as_os_str().len());
    for (part, wanted) in steps {
        match files.facts(part) {
            Ok(FileFacts { mode: Some(mode), uid: Some(uid), gid: Some(gid), .. }) => {
                let shift = match () {
                    () if uid == account.uid => 6,
                    () if account.groups.contains(&gid) => 3,
                    () => 0,
                };
                if account.uid != 0 && (mode >> shift) & wanted != wanted {
                    return Readability::No { blocker: part.to_owned(), mode: mode & 0o7777 };
                }
            }
            _ => unknown = true,
        }
    }
    if unknown { Readability::Unknown } else { Readability::Yes }
}

/// Files held in memory, with directories implied by their paths.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, (Arc<[u8]>, Option<FileFacts>)>,
}

impl Memory {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) {
        self.files.insert(path.into(), (bytes.into(), None));
    }

    /// Adds or replaces a file of which mode and owner are told, too.
    pub fn insert_with(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>, facts: FileFacts) {
        self.files.insert(path.into(), (bytes.into(), Some(facts)));
    }

    fn missing(&self, path: &Path) -> FileError {
        let is_directory = |part: &Path| self.files.keys().any(|file| file.starts_with(part));
        let first = path.ancestors().take_while(|part| !is_directory(part)).last();
        match first {
            Some(first) if first != path => FileError::Unseen { missing: first.to_owned() },
            _ => FileError::Missing,
        }
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        match self.facts(path)?.kind {
            FileKind::Regular => Ok(self.files[path].0.clone()),
            other => Err(FileError::Kind(other)),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError> {
        let below = self.files.keys().filter_map(|file| file.strip_prefix(directory).ok());
        let mut names: Vec<_> =
            below.filter_map(|rest| Some(rest.components().next()?.as_os_str().to_owned())).collect();
        names.dedup();
        if names.is_empty() { Err(self.missing(directory)) } else { Ok(names) }
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        let plain = |kind| FileFacts { kind, is_link: false, mode: None, uid: None, gid: None };
        match self.files.get(path) {
            Some((_, facts)) => Ok(facts.unwrap_or(plain(FileKind::Regular))),
            None if self.files.keys().any(|file| file.starts_with(path)) => Ok(plain(FileKind::Directory)),
            None => Err(self.missing(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_tells_missing_from_unseen() {
        let mut files = Memory::new();
        files.insert("/etc/mosquitto/passwd", *b"x");
        assert_eq!(files.read(Path::new("/etc/mosquitto/acl")), Err(FileError::Missing));
        let unseen = files.read(Path::new("/srv/mq/acl"));
        assert_eq!(unseen, Err(FileError::Unseen { missing: "/srv".into() }));
        assert_eq!(files.list(Path::new("/etc")), Ok(vec!["mosquitto".into()]));
        assert_eq!(files.read(Path::new("/etc")), Err(FileError::Kind(FileKind::Directory)));
    }

    #[test]
    fn accounts_come_with_all_their_groups() {
        let found = account_in("root:x:0:0::/:/bin/sh\nmq:x:7:8::/:/x\n", "tls:x:30:a,mq\n", "mq");
        assert_eq!(found, Some(Account { name: "mq".into(), uid: 7, gid: 8, groups: vec![8, 30] }));
        assert_eq!(account_in("", "", "mq"), None);
    }

    #[test]
    fn readable_walks_down_from_the_root() {
        let facts = |mode, uid| FileFacts {
            kind: FileKind::Regular,
            is_link: false,
            mode: Some(mode),
            uid: Some(uid),
            gid: Some(0),
        };
        let mq = Account { name: "mq".into(), uid: 7, gid: 7, groups: vec![7] };
        let mut files = Memory::new();
        files.insert_with("/", *b"", facts(0o755, 0));
        files.insert_with("/k", *b"", facts(0o600, 0));
        let no = Readability::No { blocker: "/k".into(), mode: 0o600 };
        assert_eq!(readable_by(&files, Path::new("/k"), &mq), no);
        files.insert_with("/k", *b"", facts(0o600, 7));
        assert_eq!(readable_by(&files, Path::new("/k"), &mq), Readability::Yes);
        assert_eq!(readable_by(&files, Path::new("/none"), &mq), Readability::Unknown);
    }
}
