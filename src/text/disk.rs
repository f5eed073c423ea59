//! The real file system behind [`Files`]: plain, or with paths mapped to where they lie here.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::files::{FileError, FileFacts, FileKind, Files, MAX_FILE_BYTES};

/// The file system of this machine.
///
/// A path of the configuration is first made absolute (relative paths are relative to the directory in which the
/// broker is started), then mapped (`--map`), then put under the root (`--root`).
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// Where the broker is started; relative paths lie below it.
    pub working_directory: PathBuf,
    /// Where `/` of the configuration lies here.
    pub root: Option<PathBuf>,
    /// Where single paths of the configuration lie here: the longest matching prefix counts.
    pub maps: Vec<(PathBuf, PathBuf)>,
}

/// Where a path of the configuration lies here.
struct Place {
    path: PathBuf,
    /// The user said where it is, so that a missing directory is a missing file, not another machine's.
    is_told: bool,
    /// A `--map` says where it is.
    is_mapped: bool,
}

impl Disk {
    /// The file system as it is, with relative paths below `working_directory`.
    pub fn new(working_directory: impl Into<PathBuf>) -> Self {
        Self { working_directory: working_directory.into(), root: None, maps: Vec::new() }
    }

    fn place(&self, path: &Path) -> Place {
        let absolute = if path.is_absolute() { path.to_owned() } else { self.working_directory.join(path) };
        let absolute = without_dots(&absolute);
        let matching = self.maps.iter().filter(|(from, _)| absolute.starts_with(from));
        if let Some((from, to)) = matching.max_by_key(|(from, _)| from.components().count())
            && let Ok(rest) = absolute.strip_prefix(from)
        {
            let path = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
            return Place { path, is_told: true, is_mapped: true };
        }
        match (&self.root, path.is_absolute(), absolute.strip_prefix("/")) {
            (Some(root), true, Ok(rest)) => Place { path: root.join(rest), is_told: true, is_mapped: false },
            _ => Place { path: absolute, is_told: false, is_mapped: false },
        }
    }

    /// Where a path of the configuration lies here.
    pub fn locate(&self, path: &Path) -> PathBuf {
        self.place(path).path
    }
}

/// Resolves `.` and `..` by their text, as far as that is possible.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn error(place: &Place, error: &std::io::Error) -> FileError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            let missing = place.path.ancestors().take_while(|part| !part.exists()).last();
            match missing {
                Some(first) if first != place.path && !place.is_told => {
                    FileError::Unseen { missing: first.to_owned() }
                }
                _ => FileError::Missing,
            }
        }
        ErrorKind::PermissionDenied => FileError::Denied,
        _ => FileError::Other(error.to_string()),
    }
}

/// Opens a regular file, and tells its length.
fn open(place: &Place) -> Result<(fs::File, u64), FileError> {
    let metadata = fs::metadata(&place.path).map_err(|found| error(place, &found))?;
    match kind(metadata.file_type()) {
        FileKind::Regular => {}
        other => return Err(FileError::Kind(other)),
    }
    // Without waiting: some files of /proc are regular by name and deliver like a pipe.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(&place.path);
    Ok((file.map_err(|found| error(place, &found))?, metadata.len()))
}

/// All that can be read, of which so much is expected: that has its place at once, so that a large file is in memory only
/// once.
fn contents(mut file: impl Read, expected: usize) -> std::io::Result<Arc<[u8]>> {
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, expected).collect();
    let mut filled = 0;
    if let Some(place) = Arc::get_mut(&mut bytes) {
        while filled < expected {
            match file.read(&mut place[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    // The file may grow or shrink while it is read, and files of /proc tell no length.
    let mut more = Vec::new();
    file.read_to_end(&mut more)?;
    if filled == expected && more.is_empty() {
        return Ok(bytes);
    }
    Ok([&bytes[..filled], &more].concat().into())
}

fn kind(kind: fs::FileType) -> FileKind {
    match () {
        () if kind.is_file() => FileKind::Regular,
        () if kind.is_dir() => FileKind::Directory,
        () if kind.is_socket() => FileKind::Socket,
        () => {
            debug_assert!(kind.is_fifo() || kind.is_char_device() || kind.is_block_device());
            FileKind::Special
        }
    }
}

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let place = self.place(path);
        let (file, length) = open(&place)?;
        if length > MAX_FILE_BYTES {
            return Err(FileError::TooLarge);
        }
        let read = contents(file.take(MAX_FILE_BYTES + 1), length as usize);
        let bytes = read.map_err(|found| error(&place, &found))?;
        if bytes.len() as u64 > MAX_FILE_BYTES { Err(FileError::TooLarge) } else { Ok(bytes) }
    }

    fn head(&self, path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
        let place = self.place(path);
        let (file, _) = open(&place)?;
        let mut bytes = Vec::new();
        let read = file.take(most).read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|found| error(&place, &found))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError> {
        let place = self.place(directory);
        let metadata = fs::metadata(&place.path).map_err(|found| error(&place, &found))?;
        match kind(metadata.file_type()) {
            FileKind::Directory => {}
            other => return Err(FileError::Kind(other)),
        }
        let entries = fs::read_dir(&place.path).map_err(|found| error(&place, &found))?;
        entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<_, _>>()
            .map_err(|found| error(&place, &found))
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        let place = self.place(path);
        let link = fs::symlink_metadata(&place.path).map_err(|found| error(&place, &found))?;
        let metadata = fs::metadata(&place.path).map_err(|found| error(&place, &found))?;
        // Modes and owners of a mapped path are those of a working copy, not of the installation.
        let installed = |number: u32| (!place.is_mapped).then_some(number);
        Ok(FileFacts {
            kind: kind(metadata.file_type()),
            is_link: link.file_type().is_symlink(),
            mode: installed(metadata.mode() & 0o7777),
            uid: installed(metadata.uid()),
            gid: installed(metadata.gid()),
        })
    }

    fn shown(&self, path: &Path) -> PathBuf {
        let place = self.place(path);
        if !place.is_told {
            return path.to_owned();
        }
        place.path.strip_prefix(&self.working_directory).map_or(place.path.clone(), Path::to_owned)
    }
}
