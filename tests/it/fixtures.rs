//! Folders and certificates that tests work with.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::OnceLock;

use moskit::credentials::{Authority, OperatingSystem};
use tempfile::TempDir;

/// The time of the tests: September 2026.
pub(crate) const NOW: i64 = 1_790_000_000;
const YEAR: i64 = 365 * 86_400;

/// A folder that a broker can look into after it has changed its user.
pub(crate) fn open_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("moskit-test-").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

/// Writes `ca.crt`, `server.crt` and `server.key`, `client.crt` and `client.key`, `expired.crt` and `expired.key`,
/// `other.key`, which belongs to no certificate, and `encrypted.key`, whose pass phrase nobody gives. `private.key`
/// is `server.key` for the eyes of its owner, and `passwords.link` a symbolic link to `passwords`.
pub(crate) fn certificates(folder: &Path) {
    static MADE: OnceLock<Vec<(&'static str, Vec<u8>)>> = OnceLock::new();
    let files = MADE.get_or_init(|| {
        let source = OperatingSystem;
        let ca = Authority::make("Test CA", NOW - 2 * YEAR, 50 * YEAR, &source).unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = ca.issue_server(&names, "localhost", NOW, 20 * YEAR, &source).unwrap();
        let expired = ca.issue_server(&names, "localhost", NOW - YEAR, 86_400, &source).unwrap();
        let client = ca.issue_client("client", NOW, 20 * YEAR, &source).unwrap();
        let other = ca.issue_client("other", NOW, 20 * YEAR, &source).unwrap();
        vec![
            ("ca.crt", ca.certificate().into()),
            ("server.crt", server.certificate.into()),
            ("server.key", server.key.expose().to_vec()),
            ("expired.crt", expired.certificate.into()),
            ("expired.key", expired.key.expose().to_vec()),
            ("client.crt", client.certificate.into()),
            ("client.key", client.key.expose().to_vec()),
            ("other.key", other.key.expose().to_vec()),
            ("encrypted.key", include_bytes!("../fixtures/encrypted.key").to_vec()),
        ]
    });
    for (name, contents) in files {
        fs::write(folder.join(name), contents).unwrap();
    }
    let private = folder.join("private.key");
    fs::copy(folder.join("server.key"), &private).unwrap();
    fs::set_permissions(private, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("passwords", folder.join("passwords.link")).unwrap();
}
