//! A private folder that is removed in the end.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Failure;

/// A folder for the time of a run.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one where temporary files belong. Others may pass where root makes it, so that a broker that changes its user
    /// reaches what is its own; they see nothing.
    pub(super) fn make() -> Result<Self, Failure> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|error| Failure(format!("no randomness: {error}")))?;
        let path = std::env::temp_dir().join(format!("moskit-test-{:016x}", u64::from_le_bytes(name)));
        let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
        let made = fs::DirBuilder::new().mode(mode).create(&path);
        made.map_err(|error| Failure(format!("cannot make `{}`: {error}", path.display())))?;
        // Without links, so that paths in it are the same however they are looked up.
        let path = fs::canonicalize(&path).unwrap_or(path);
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is for the system to tidy.
        let _ = fs::remove_dir_all(&self.0);
    }
}
