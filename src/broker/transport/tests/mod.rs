//! Listeners as configurations write them, and clients that are not ours.

mod certificates;
mod frames;
mod handshakes;
mod requests;
mod sockets;

use std::path::Path;

use crate::catalogue::Release;
use crate::lang::{Environment, Reader, conf};
use crate::model::{Deployment, Listener};
use crate::text::{Files, Memory, Source};

fn old() -> Release {
    Release::new(2, 0, 21)
}

fn new() -> Release {
    Release::newest()
}

/// What a release makes of a configuration.
fn deployment(text: &str, release: Release, files: &dyn Files) -> Deployment {
    let mut reader = Reader::new(files, Environment { now: 0, started_by: "root".to_owned() });
    let id = reader.sources.add(Source::new("mosquitto.conf", text.as_bytes()));
    let tree = conf::parse(id, text.as_bytes());
    conf::lower(&mut reader, &tree, release).deployment
}

/// The first listener of a configuration.
fn listener(text: &str, release: Release) -> Listener {
    deployment(text, release, &Memory::new()).listeners.remove(0)
}

/// A folder that is removed at the end, and a path in it.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn inside(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}
