//! `pid_file`.

use std::fs;
use std::path::PathBuf;

use super::super::output;
use super::{Stop, stop};
use crate::boot::status;
use crate::catalogue::{Quirk, options};
use crate::model::Deployment;

/// A file with the number of this process, removed in the end.
pub(super) struct PidFile(PathBuf);

/// Writes the file that a deployment asks for, as the account that serves it. The paths of a pack are those of another
/// machine, so that nothing is written for it.
pub(super) fn write(deployment: &Deployment, is_installed: bool) -> Result<Option<PidFile>, Stop> {
    let Some(path) = deployment.global.text(options::PID_FILE).filter(|path| !path.value.is_empty()) else {
        return Ok(None);
    };
    if !is_installed {
        output::narrate("moskit: not served: `pid_file`: a pack that runs where it lies writes none");
        return Ok(None);
    }
    let path = PathBuf::from(path.value);
    match fs::write(&path, std::process::id().to_string()) {
        Ok(()) => Ok(Some(PidFile(path))),
        Err(error) => {
            let is_own = deployment.release.has(Quirk::PidFileStatus);
            let code = if is_own { status::NO_PID_FILE } else { status::CANNOT_START };
            Err(stop(code, format!("`pid_file {}` cannot be written: {error}", path.display())))
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = fs::remove_file(&self.0);
    }
}
