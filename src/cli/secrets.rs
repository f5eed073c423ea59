//! Where passwords come from: the environment, files and commands.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::compile::Secrets;
use crate::credentials::Secret;
use crate::lang::spec::Password;
use crate::text::Files;
use crate::text::disk::Disk;

/// Passwords from the environment, from files beside the spec, and from commands.
pub(super) struct Told<'a> {
    pub(super) files: &'a Disk,
    pub(super) folder: &'a Path,
}

impl Secrets for Told<'_> {
    fn password(&self, source: &Password) -> Result<Secret, String> {
        match source {
            Password::Env(name) => match std::env::var_os(&**name) {
                Some(value) => Ok(Secret::new(std::os::unix::ffi::OsStringExt::into_vec(value))),
                None => Err(format!("the environment variable `{name}` is not set")),
            },
            Password::File(path) => {
                let path = self.folder.join(&**path);
                let read = self.files.read(&path);
                let bytes = read.map_err(|error| format!("`{}`: {error}", path.display()))?;
                Ok(Secret::new(first_line(&bytes)))
            }
            Password::Command(command) => {
                let printed = self.printed(command).map_err(|error| format!("`{command}`: {error}"))?;
                Ok(Secret::new(first_line(&printed)))
            }
            Password::Hash(_) | Password::Generate | Password::Plain(_) => {
                Err("it is not kept elsewhere".to_owned())
            }
        }
    }
}

/// More than this no command prints that prints a password.
const MOST_PRINTED: u64 = 1 << 20;

impl Told<'_> {
    /// What a shell command prints. What it says on stderr, a question perhaps, goes where our own words go.
    fn printed(&self, command: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.folder).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = shell.spawn().map_err(|error| error.to_string())?;
        let mut printed = Zeroizing::new(Vec::new());
        let read = match child.stdout.take() {
            Some(stdout) => stdout.take(MOST_PRINTED + 1).read_to_end(&mut printed),
            None => Ok(0),
        };
        let status = child.wait().map_err(|error| error.to_string())?;
        read.map_err(|error| error.to_string())?;
        match () {
            () if printed.len() as u64 > MOST_PRINTED => Err("it printed more than a password".to_owned()),
            () if !status.success() => Err(format!("it failed ({status})")),
            () => Ok(printed),
        }
    }
}

/// A text without its line end.
fn first_line(bytes: &[u8]) -> &[u8] {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    text.strip_suffix(b"\r").unwrap_or(text)
}
