//! What is made for a run and for whoever waits for it: the ready file, and a folder for unix sockets.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Stop, stop};
use crate::boot::status;
use crate::broker::Running;
use crate::broker::transport::Address;
use crate::model::Protocol;

/// A private folder for unix sockets, removed in the end.
pub(super) struct SocketFolder(pub(super) PathBuf);

impl SocketFolder {
    pub(super) fn make() -> Result<Self, Stop> {
        use std::os::unix::fs::DirBuilderExt;
        let mut refused = None;
        // One that was killed may have left its folder behind.
        for number in 0..100 {
            let path = std::env::temp_dir().join(format!("moskit-{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => refused = Some(error),
            }
        }
        let reason = refused.map(|error| error.to_string()).unwrap_or_default();
        Err(stop(status::CANNOT_START, format!("cannot make a folder for unix sockets: {reason}")))
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the ready file as a whole: beside its place, then moved there.
pub(super) fn write(path: &Path, running: &Running) -> Result<(), Stop> {
    let mut list = Vec::new();
    for bound in running.listeners() {
        for address in &bound.addresses {
            let protocol = if bound.protocol == Protocol::Websockets { "websockets" } else { "mqtt" };
            let mut entry = serde_json::json!({
                "index": bound.listener, "protocol": protocol, "tls": bound.has_tls,
            });
            match address {
                Address::Tcp(address) => {
                    entry["address"] = address.ip().to_string().into();
                    entry["port"] = address.port().into();
                }
                Address::Unix(path) => entry["socket"] = path.display().to_string().into(),
            }
            list.push(entry);
        }
    }
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = writeln!(text, "{:#}", serde_json::json!({ "listeners": list }));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        // Nothing is left beside it either.
        let _ = std::fs::remove_file(&beside);
        stop(status::CANNOT_START, format!("cannot write the ready file `{}`: {error}", path.display()))
    })
}
