//! A finished pack in memory: its files, their places, and how names become file names.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The file that describes the others; no file of a pack may take its place.
pub const MANIFEST_NAME: &str = "manifest.json";

/// Escaped names stay below this many bytes, so that endings and prefixes still fit into a file name.
const MAX_ESCAPED_BYTES: usize = 200;

/// How much of an over-long name stays readable in front of its hash.
const READABLE_BYTES: usize = 100;

const MAX_PATH_BYTES: usize = 1024;
const MAX_PART_BYTES: usize = 255;

/// Why files do not make a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// The path cannot stand inside a pack.
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two files have this path.
    Twice(PackPath),
    /// This path is a file, and a folder for another file.
    FileAndFolder(PackPath),
    /// Two files would be installed at this path.
    InstalledTwice(String),
}

impl fmt::Display for PackError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, reason } => write!(out, "`{path}` is no path inside a pack: {reason}"),
            Self::Twice(path) => write!(out, "`{path}` stands in the pack twice"),
            Self::FileAndFolder(path) => write!(out, "`{path}` is a file and a folder of the pack at once"),
            Self::InstalledTwice(path) => write!(out, "two files of the pack are installed at `{path}`"),
        }
    }
}

impl std::error::Error for PackError {}

/// Where a file lies in a pack: relative, separated by `/`, below the folder of the pack for sure.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct PackPath(String);

impl PackPath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`PackError::Path`] for absolute and empty paths, empty parts, `.` and `..`, control characters, parts
    /// and paths that file systems find too long, and for [`MANIFEST_NAME`].
    pub fn new(path: impl Into<String>) -> Result<Self, PackError> {
        let path = path.into();
        let reason = match () {
            () if path.is_empty() => "it is empty",
            () if path.starts_with('/') => "it is absolute",
            () if path.len() > MAX_PATH_BYTES => "it is too long",
            () if path.chars().any(char::is_control) => "it holds a control character",
            () if path.split('/').any(str::is_empty) => "it holds an empty part",
            () if path.split('/').any(|part| part == "." || part == "..") => "it holds `.` or `..`",
            () if path.split('/').any(|part| part.len() > MAX_PART_BYTES) => "a part of it is too long",
            () if path.split('/').next() == Some(MANIFEST_NAME) => "this name is the manifest's",
            () => return Ok(Self(path)),
        };
        Err(PackError::Path { path, reason })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders that it lies in, outermost first; none for a file at the top.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }
}

impl AsRef<Path> for PackPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl TryFrom<String> for PackPath {
    type Error = PackError;

    fn try_from(path: String) -> Result<Self, PackError> {
        Self::new(path)
    }
}

impl fmt::Display for PackPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Who may read a file of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Everybody: mode 0644.
    Public,
    /// Its owner: mode 0600.
    Private,
}

/// A file of a pack.
#[derive(Clone, PartialEq, Eq)]
pub struct PackFile {
    /// Where it lies in the pack.
    pub path: PackPath,
    /// Its bytes, cleared from memory when dropped.
    pub contents: Zeroizing<Vec<u8>>,
    /// Who may read it.
    pub secrecy: Secrecy,
    /// The account that owns it once installed, by name: `mosquitto`, `root`.
    pub owner: String,
    /// Where it is installed; `None` for what the broker does not get (the files of a client).
    pub install_path: Option<String>,
}

impl PackFile {
    /// Permission bits, in the pack and as installed.
    pub fn mode(&self) -> u32 {
        match self.secrecy {
            Secrecy::Public => 0o644,
            Secrecy::Private => 0o600,
        }
    }

    /// Whether only its owner may read it.
    pub fn is_private(&self) -> bool {
        self.secrecy == Secrecy::Private
    }
}

impl fmt::Debug for PackFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The contents may be a key, so that only their size is shown.
        out.debug_struct("PackFile")
            .field("path", &self.path)
            .field("size", &self.contents.len())
            .field("secrecy", &self.secrecy)
            .field("owner", &self.owner)
            .field("install_path", &self.install_path)
            .finish()
    }
}

/// All files of a pack but its manifest, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pack {
    files: Vec<PackFile>,
}

impl Pack {
    /// Sorts the files and checks that they can lie side by side.
    ///
    /// # Errors
    /// Any [`PackError`] but `Path`.
    pub fn new(mut files: Vec<PackFile>) -> Result<Self, PackError> {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(PackError::Twice(pair[0].path.clone()));
        }
        let folders: BTreeSet<&str> = files.iter().flat_map(|file| file.path.folders()).collect();
        if let Some(file) = files.iter().find(|file| folders.contains(file.path.as_str())) {
            return Err(PackError::FileAndFolder(file.path.clone()));
        }
        let mut installed = BTreeSet::new();
        let mut paths = files.iter().filter_map(|file| file.install_path.as_deref());
        if let Some(path) = paths.find(|path| !installed.insert(*path)) {
            return Err(PackError::InstalledTwice(path.to_owned()));
        }
        Ok(Self { files })
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[PackFile] {
        &self.files
    }
}

/// The file name for the name of a user, a listener, a certificate.
///
/// ASCII letters, digits, `_`, and, but at the front, `-` and `.` stay; every other byte becomes `%XX`. An
/// over-long name keeps its beginning and gets its SHA-256. Different names have different file names, none
/// of which starts with a dot, is empty, or holds a separator.
pub fn escape_name(name: &str) -> String {
    if name.is_empty() {
        // A lone `%` is the escape of nothing else.
        return "%".to_owned();
    }
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'-' | b'.' if !escaped.is_empty() => escaped.push(char::from(byte)),
            b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    if escaped.len() >= MAX_ESCAPED_BYTES {
        escaped.truncate(READABLE_BYTES);
        // `%s` starts no escape, so that no short name can look like this.
        escaped.push_str("%sha256-");
        escaped.push_str(&hex(&Sha256::digest(name.as_bytes())));
    }
    escaped
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &str, install_path: Option<&str>) -> PackFile {
        PackFile {
            path: PackPath::new(path).unwrap(),
            contents: Zeroizing::new(b"hunter2".to_vec()),
            secrecy: Secrecy::Private,
            owner: "root".into(),
            install_path: install_path.map(Into::into),
        }
    }

    #[test]
    fn paths_stay_inside_the_pack() {
        for good in ["aclfile", "certs/ca.pem", "clients/%2E%2E/a b.pem", "...", "a/manifest.json", "é"] {
            assert_eq!(PackPath::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        let deep = "a/".repeat(600) + "a";
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            ".",
            "../a",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "a\0",
            "a\nb",
            "manifest.json",
            "manifest.json/a",
            &long,
            &deep,
        ] {
            assert!(PackPath::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_that_cannot_lie_side_by_side_are_refused() {
        let path = |text| PackPath::new(text).unwrap();
        let cases = [
            (vec![file("b", None), file("a", None)], None),
            (vec![file("a", Some("/e")), file("b/a", Some("/e/b"))], None),
            (vec![file("a", None), file("b", None), file("a", None)], Some(PackError::Twice(path("a")))),
            (
                vec![file("a", None), file("a-", None), file("a/b/c", None)],
                Some(PackError::FileAndFolder(path("a"))),
            ),
            (vec![file("a/b", None), file("a/b/c", None)], Some(PackError::FileAndFolder(path("a/b")))),
            (
                vec![file("a", Some("/e")), file("b", Some("/e"))],
                Some(PackError::InstalledTwice("/e".into())),
            ),
        ];
        for (files, error) in cases {
            let made = Pack::new(files.clone());
            assert_eq!(made.as_ref().err(), error.as_ref(), "{files:?}");
            assert!(made.is_err() || made.unwrap().files().is_sorted_by(|a, b| a.path < b.path));
        }
    }

    #[test]
    fn debug_output_shows_no_contents() {
        let shown = format!("{:?}", Pack::new(vec![file("passwd", None)]).unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
        assert!(shown.contains("passwd") && shown.contains("size: 7"), "{shown}");
    }

    #[test]
    fn names_become_file_names() {
        let cases = [
            ("alice", "alice"),
            ("Sensor_01.a-b", "Sensor_01.a-b"),
            ("", "%"),
            (".", "%2E"),
            ("..", "%2E."),
            (".git", "%2Egit"),
            ("-rf", "%2Drf"),
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("é", "%C3%A9"),
            ("a b\n", "a%20b%0A"),
        ];
        for (name, escaped) in cases {
            assert_eq!(escape_name(name), escaped);
        }
        let longest = "a".repeat(MAX_ESCAPED_BYTES - 1);
        assert_eq!(escape_name(&longest), longest);
        let (one, other) = (escape_name(&(longest.clone() + "a")), escape_name(&(longest + "b")));
        assert!(one.starts_with("aaa") && one.contains("%sha256-") && one.len() < MAX_ESCAPED_BYTES, "{one}");
        assert_ne!(one, other);
    }

    /// The inverse of the plain escapes: with it, no two names share one.
    fn unescape(escaped: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = escaped.strip_prefix('%').filter(|rest| rest.is_empty()).unwrap_or(escaped);
        while let Some(first) = rest.chars().next() {
            let taken = if first == '%' { 3 } else { 1 };
            let byte = match first {
                '%' => u8::from_str_radix(rest.get(1..3)?, 16).ok()?,
                _ => first as u8,
            };
            bytes.push(byte);
            rest = rest.get(taken..)?;
        }
        String::from_utf8(bytes).ok()
    }

    proptest! {
        #[test]
        fn escapes_are_injective_and_make_paths(name in "\\PC{0,40}|[-._%/a2E]{0,12}|.{0,300}") {
            let escaped = escape_name(&name);
            prop_assert!(escaped.len() < MAX_ESCAPED_BYTES && !escaped.starts_with(['.', '-']));
            prop_assert!(escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte)));
            prop_assert_eq!(escape_name(&name), escaped.clone());
            if !escaped.contains("%sha256-") {
                prop_assert_eq!(unescape(&escaped), Some(name));
            }
        }
    }
}
