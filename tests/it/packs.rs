//! Packs that are compiled in memory, and folders as they lie on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use moskit::compile::state::StateStore;
use moskit::compile::{self, Compiled, Installed, Placement, Secrets, Sources};
use moskit::credentials::{OperatingSystem, Secret};
use moskit::lang::spec::{Password, decode};
use moskit::lang::{Environment, Reader, conf};
use moskit::model::Deployment;
use moskit::report::Diagnostic;
use moskit::text::{self, Memory, Source};

use crate::fixtures::NOW;

/// Passwords of the environment: one is there, one is empty.
struct Told;

impl Secrets for Told {
    fn password(&self, source: &Password) -> Result<Secret, String> {
        match source {
            Password::Env(name) if **name == *"THERE" => Ok(Secret::new("hunter2")),
            Password::Env(name) if **name == *"EMPTY" => Ok(Secret::new("")),
            _ => Err("there is none".to_owned()),
        }
    }
}

/// Compiles a spec in memory, at a time of the tests plus so many seconds; with it come the texts that problems are about.
pub(crate) fn compiled(
    text: &str,
    state: &dyn StateStore,
    later: i64,
) -> (text::Sources, Result<Compiled, Vec<Diagnostic>>) {
    let mut sources = text::Sources::default();
    let id = sources.add(Source::new("deployment.yaml", text.as_bytes()));
    let decoded = decode(id, text.as_bytes());
    let mut files = Memory::new();
    files.insert("/spec/there.pem", *b"-----BEGIN CERTIFICATE-----\n");
    let from = Sources {
        files: &files,
        folder: Path::new("/spec"),
        secrets: &Told,
        state,
        keys: &OperatingSystem,
        now: NOW + later,
    };
    let placement = Placement { name: "deployment.yaml", prefix: None };
    let result = compile::compile(&decoded, &sources, &placement, &from).unwrap();
    (sources, result)
}

/// A pack as a release reads it.
pub(crate) fn lowered(compiled: &Compiled, release: moskit::catalogue::Release) -> Deployment {
    let below = Memory::new();
    let installed = Installed::of_pack(&compiled.pack, &compiled.about, &below);
    let mut reader = Reader::new(&installed, Environment { now: NOW, started_by: "root".to_owned() });
    let tree = reader.conf(Path::new("/etc/mosquitto/mosquitto.conf")).unwrap();
    conf::lower(&mut reader, &tree, release).deployment
}

/// The text of a file of a pack.
pub(crate) fn text_of(compiled: &Compiled, path: &str) -> Option<String> {
    let file = compiled.pack.files().iter().find(|file| file.path.as_str() == path)?;
    Some(String::from_utf8_lossy(&file.contents).into_owned())
}

/// A file or folder on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    /// Nanoseconds since 1970.
    pub(crate) modified: i128,
    /// Contents; `None` for a folder.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Everything below a folder, by relative path.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Entry> {
    fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, Entry>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            let bytes = metadata.is_file().then(|| fs::read(&path).unwrap());
            found.insert(name, Entry { mode: metadata.mode() & 0o7777, modified, bytes });
            if metadata.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// The contents only.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    tree(folder).into_iter().map(|(name, entry)| (name, entry.bytes)).collect()
}
