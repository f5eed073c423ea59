//! `manifest.json`: what a pack holds, and where, with which mode and owner, each file is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::pack::{Pack, PackFile, PackPath, hex};

/// Larger manifests are refused; a pack of 100,000 clients stays below.
pub const MAX_MANIFEST_BYTES: u64 = 256 * 1024 * 1024;

/// The version of the format that is written, and the only one that is read.
const FORMAT: u64 = 1;

/// How much of a foreign text an error repeats.
const SHOWN_CHARS: usize = 200;

/// What a pack was made from and for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The `name` of the spec.
    pub spec: String,
    /// The releases that the pack was made for, in the order of the spec.
    pub targets: Vec<String>,
    /// The folder that install paths lie in, where one was given.
    pub install_prefix: Option<String>,
}

/// What made a pack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `moskit`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A file of a pack as the manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its bytes, counted.
    pub size: u64,
    /// Permission bits, in the pack and as installed.
    pub mode: u32,
    /// The account that owns it once installed.
    pub owner: String,
    /// Where it is installed; `None` for what the broker does not get.
    pub install_path: Option<String>,
}

/// The description of a pack. It holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What made the pack.
    pub tool: Tool,
    /// What it was made from and for.
    pub about: About,
    /// Its files but the manifest itself.
    pub files: BTreeMap<PackPath, ManifestFile>,
}

/// Why a text is no manifest that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// It is larger than [`MAX_MANIFEST_BYTES`].
    TooLarge,
    /// It does not say that it describes a pack of moskit: other programs have files of this name, too.
    NotOurs,
    /// It has a version that this moskit does not know.
    Version(String),
    /// It is damaged.
    Broken(String),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(out, "the manifest is larger than {MAX_MANIFEST_BYTES} bytes"),
            Self::NotOurs => write!(out, "the manifest is not one of moskit: it has no `moskit_pack`"),
            Self::Version(found) => write!(
                out,
                "the manifest has version `{found}`, and this moskit knows only `{FORMAT}`; \
                 use the moskit that made it"
            ),
            Self::Broken(reason) => write!(out, "the manifest is damaged: {reason}"),
        }
    }
}

impl std::error::Error for ManifestError {}

#[derive(serde::Deserialize)]
struct Probe {
    moskit_pack: Option<Value>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "moskit_pack")]
    _format: u64,
    tool: Tool,
    spec: String,
    targets: Vec<String>,
    install_prefix: Option<String>,
    files: Vec<Entry>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: PackPath,
    sha256: String,
    size: u64,
    mode: String,
    owner: String,
    install_path: Option<String>,
}

impl Manifest {
    /// The manifest of a pack that this version of moskit made.
    pub fn of(pack: &Pack, about: &About) -> Self {
        let describe = |file: &PackFile| ManifestFile {
            sha256: Sha256::digest(file.contents.as_slice()).into(),
            size: file.contents.len() as u64,
            mode: file.mode(),
            owner: file.owner.clone(),
            install_path: file.install_path.clone(),
        };
        let tool =
            Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let files = pack.files().iter().map(|file| (file.path.clone(), describe(file))).collect();
        Self { tool, about: about.clone(), files }
    }

    /// Its text: the same for the same manifest, with files sorted by path.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entry = |(path, file): (&PackPath, &ManifestFile)| {
            let mut entry = json!({
                "path": path.as_str(),
                "sha256": hex(&file.sha256),
                "size": file.size,
                "mode": format!("{:04o}", file.mode),
                "owner": file.owner,
            });
            if let Some(install_path) = &file.install_path {
                entry["install_path"] = json!(install_path);
            }
            entry
        };
        let mut document = json!({
            "moskit_pack": FORMAT,
            "tool": { "name": self.tool.name, "version": self.tool.version },
            "spec": self.about.spec,
            "targets": self.about.targets,
        });
        if let Some(prefix) = &self.about.install_prefix {
            document["install_prefix"] = json!(prefix);
        }
        document["files"] = self.files.iter().map(entry).collect();
        format!("{document:#}\n").into_bytes()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Any [`ManifestError`]: nothing unknown, repeated or missing is let pass.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge);
        }
        // A list would pass for a record without names.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(ManifestError::NotOurs);
        }
        let broken = |error: serde_json::Error| ManifestError::Broken(shortened(&error.to_string()));
        let probe: Probe = serde_json::from_slice(bytes).map_err(broken)?;
        match probe.moskit_pack {
            None => return Err(ManifestError::NotOurs),
            Some(version) if version.as_u64() != Some(FORMAT) => {
                return Err(ManifestError::Version(shortened(&version.to_string())));
            }
            Some(_) => {}
        }
        let document: Document = serde_json::from_slice(bytes).map_err(broken)?;
        let mut files = BTreeMap::new();
        let mut installed = BTreeSet::new();
        for entry in document.files {
            let (path, file) = entry.check()?;
            if let Some(install_path) = &file.install_path
                && !installed.insert(install_path.clone())
            {
                return Err(ManifestError::Broken(shortened(&format!(
                    "two files are installed at `{install_path}`"
                ))));
            }
            if files.insert(path.clone(), file).is_some() {
                return Err(ManifestError::Broken(shortened(&format!("`{path}` is listed twice"))));
            }
        }
        let Document { tool, spec, targets, install_prefix, .. } = document;
        Ok(Self { tool, about: About { spec, targets, install_prefix }, files })
    }

    /// The files that are installed, by install path: where each lies in the pack, and its mode and owner as
    /// installed.
    pub fn installed(&self) -> BTreeMap<&str, (&PackPath, &ManifestFile)> {
        let files = self.files.iter();
        files.filter_map(|(path, file)| Some((file.install_path.as_deref()?, (path, file)))).collect()
    }
}

impl Entry {
    fn check(self) -> Result<(PackPath, ManifestFile), ManifestError> {
        let broken = |key: &str, form: &str| {
            ManifestError::Broken(shortened(&format!("`{key}` of `{}` is not {form}", self.path)))
        };
        let sha256 =
            unhex(&self.sha256).ok_or_else(|| broken("sha256", "64 lower-case hexadecimal digits"))?;
        let is_octal = self.mode.len() == 4 && self.mode.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        let mode = u32::from_str_radix(&self.mode, 8).ok().filter(|_| is_octal);
        let mode = mode.ok_or_else(|| broken("mode", "four octal digits"))?;
        let Self { path, size, owner, install_path, .. } = self;
        Ok((path, ManifestFile { sha256, size, mode, owner, install_path }))
    }
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::super::pack::Secrecy;
    use super::*;

    fn sample() -> Manifest {
        let file = |path: &str, contents: &[u8], secrecy, owner: &str, install_path: Option<&str>| PackFile {
            path: PackPath::new(path).unwrap(),
            contents: Zeroizing::new(contents.to_vec()),
            secrecy,
            owner: owner.into(),
            install_path: install_path.map(Into::into),
        };
        let files = vec![
            file("passwd", b"admin:hunter2", Secrecy::Private, "mosquitto", Some("/etc/mosquitto/passwd")),
            file("clients/admin/key.pem", b"", Secrecy::Private, "root", None),
            file("mosquitto.conf", b"abc", Secrecy::Public, "root", Some("/etc/mosquitto/mosquitto.conf")),
        ];
        let about = About {
            spec: "plant \"1\"".into(),
            targets: vec!["2.1.2".into(), "2.0.21".into()],
            install_prefix: Some("/etc/mosquitto".into()),
        };
        Manifest::of(&Pack::new(files).unwrap(), &about)
    }

    #[test]
    fn bytes_are_stable_and_read_back() {
        let manifest = sample();
        let text = String::from_utf8(manifest.to_bytes()).unwrap();
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
        {
          "moskit_pack": 1,
          "tool": {
            "name": "moskit",
            "version": "VERSION"
          },
          "spec": "plant \"1\"",
          "targets": [
            "2.1.2",
            "2.0.21"
          ],
          "install_prefix": "/etc/mosquitto",
          "files": [
            {
              "path": "clients/admin/key.pem",
              "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
              "size": 0,
              "mode": "0600",
              "owner": "root"
            },
            {
              "path": "mosquitto.conf",
              "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
              "size": 3,
              "mode": "0644",
              "owner": "root",
              "install_path": "/etc/mosquitto/mosquitto.conf"
            },
            {
              "path": "passwd",
              "sha256": "b4b91cddf7b82a01c9e7b745e2757f0c0626aaf7be69dc462ffac6d8205686b1",
              "size": 13,
              "mode": "0600",
              "owner": "mosquitto",
              "install_path": "/etc/mosquitto/passwd"
            }
          ]
        }
        "#);
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
        assert!(!text.contains("hunter2"));
        let mut bare = manifest;
        bare.about.install_prefix = None;
        bare.files.clear();
        assert_eq!(Manifest::parse(&bare.to_bytes()).unwrap(), bare);
    }

    #[test]
    fn install_paths_lead_to_files_of_the_pack() {
        let manifest = sample();
        let installed = manifest.installed();
        assert_eq!(installed.len(), 2);
        let (path, file) = installed["/etc/mosquitto/passwd"];
        assert_eq!((path.as_str(), file.mode, file.owner.as_str()), ("passwd", 0o600, "mosquitto"));
    }

    #[test]
    fn what_is_no_manifest_of_this_version_is_refused() {
        let good = String::from_utf8(sample().to_bytes()).unwrap();
        let cases: [(&str, &str, &str); 17] = [
            ("{", "[", "not one of moskit"),
            ("\"moskit_pack\": 1", "\"name\": 1", "not one of moskit"),
            ("\"moskit_pack\": 1", "\"moskit_pack\": 2", "has version `2`"),
            ("\"moskit_pack\": 1", "\"moskit_pack\": \"1\"", "has version `\"1\"`"),
            ("\"moskit_pack\": 1", "\"moskit_pack\": -1", "has version `-1`"),
            ("\"spec\"", "\"spek\"", "unknown field `spek`"),
            ("\"spec\"", "\"moskit_pack\": 1, \"spec\"", "duplicate field"),
            ("\"owner\"", "\"group\": \"x\", \"owner\"", "unknown field `group`"),
            ("\"passwd\"", "\"../passwd\"", "no path inside a pack"),
            ("\"passwd\"", "\"mosquitto.conf\"", "listed twice"),
            ("/etc/mosquitto/passwd", "/etc/mosquitto/mosquitto.conf", "two files are installed"),
            ("\"0600\"", "\"600\"", "`mode` of `clients/admin/key.pem` is not four octal digits"),
            ("\"0600\"", "\"+600\"", "not four octal digits"),
            ("e3b0c4", "E3B0C4", "`sha256` of `clients/admin/key.pem` is not"),
            ("e3b0c4", "é0c4", "not 64 lower-case"),
            ("\"size\": 3", "\"size\": -3", "damaged"),
            ("]\n}", "]\n} x", "damaged"),
        ];
        for (from, to, message) in cases {
            assert!(good.contains(from), "{from}");
            let error = Manifest::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{from} -> {to}: {error}");
        }
        assert!(Manifest::parse("{\"moskit_pack\":".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn damaged_manifests_never_panic(
            at in 0_usize..800, cut in 0_usize..20, put in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = sample().to_bytes();
            let at = at.min(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, put);
            if let Ok(manifest) = Manifest::parse(&bytes) {
                prop_assert_eq!(Manifest::parse(&manifest.to_bytes()).unwrap(), manifest);
            }
            prop_assert!(Manifest::parse(&bytes[..at]).is_err());
        }
    }
}
