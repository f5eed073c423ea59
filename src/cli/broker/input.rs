//! What the broker is to run, and what to do where it is something else.

use std::path::Path;

use crate::boot::Main;
use crate::lint::{Kind, detect};
use crate::text::disk::Disk;
use crate::text::{FileError, FileKind, Files};

/// The configuration or pack that is asked for.
///
/// # Errors
/// Why it is none, and what to do, in words.
pub(super) fn of(pack: Option<&Path>, config: Option<&Path>, files: &Disk) -> Result<Main, String> {
    match (pack, config) {
        (Some(pack), _) => self::pack(pack, files),
        (None, Some(config)) => self::config(config, files),
        (None, None) => Ok(Main::Nothing),
    }
}

fn pack(path: &Path, files: &Disk) -> Result<Main, String> {
    let shown = path.display();
    match files.list(path) {
        Ok(names) if names.iter().any(|name| name == "manifest.json") => {
            return Ok(Main::Pack(path.to_owned()));
        }
        Ok(names) if names.iter().any(|name| name == "mosquitto.conf") => {
            let conf = path.join("mosquitto.conf");
            return Err(format!(
                "`{shown}` is no pack: it has no manifest.json; `moskit broker -c {}` runs the configuration in it",
                conf.display()
            ));
        }
        Ok(_) => {
            return Err(format!(
                "`{shown}` is no pack: it has no manifest.json; `moskit compile SPEC -o DIR` makes a pack"
            ));
        }
        Err(FileError::Missing | FileError::Unseen { .. }) => {
            return Err(format!("`{shown}` does not exist; give a pack, or a configuration with `-c`"));
        }
        Err(_) => {}
    }
    let bytes = files.read(path).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    Err(match detect(path, &bytes) {
        Some(Kind::Spec) => spec(path),
        Some(Kind::Conf) => format!("`{shown}` is a configuration, not a pack; run it with `-c {shown}`"),
        _ => format!("`{shown}` is no pack; give the folder of a pack, or a configuration with `-c`"),
    })
}

fn config(path: &Path, files: &Disk) -> Result<Main, String> {
    let shown = path.display();
    if files.facts(path).is_ok_and(|facts| facts.kind == FileKind::Directory) {
        let is_pack = files.facts(&path.join("manifest.json")).is_ok();
        return Err(match is_pack {
            true => {
                format!("`{shown}` is the folder of a pack; run it without `-c`: `moskit broker {shown}`")
            }
            false => format!("`{shown}` is a folder; `-c` takes a file, mostly one called mosquitto.conf"),
        });
    }
    match files.read(path) {
        Ok(bytes) if is_spec(path, &bytes) => Err(spec(path)),
        Ok(_) => Ok(Main::Conf(path.to_owned())),
        Err(error) => Err(format!("`{shown}` cannot be read: {error}")),
    }
}

fn is_spec(path: &Path, bytes: &[u8]) -> bool {
    detect(path, bytes) == Some(Kind::Spec)
        && bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"moskit:"))
}

fn spec(path: &Path) -> String {
    let shown = path.display();
    format!(
        "`{shown}` is a spec; compile it first: `moskit compile {shown} -o DIR`, then `moskit broker DIR`"
    )
}
