//! Folders and certificates that tests work with.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::OnceLock;

use moskit::credentials::{Authority, Issued, OperatingSystem};
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

/// The real time, for what a program looks at that is not told another one.
pub(crate) fn now() -> i64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    elapsed.as_secs() as i64
}

/// A list of an authority that revokes a certificate, good for a day.
pub(crate) fn revocation_list(authority: &Authority, revoked: &Issued, now: i64) -> String {
    let key = std::str::from_utf8(authority.key().expose()).unwrap();
    let key = rcgen::KeyPair::from_pem(key).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(authority.certificate(), key).unwrap();
    let at = |seconds| time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    let serial = &revoked.facts.serial;
    let byte = |place: usize| u8::from_str_radix(&serial[place..place + 2], 16).unwrap();
    let serial: Vec<u8> = (0..serial.len()).step_by(2).map(byte).collect();
    let list = rcgen::CertificateRevocationListParams {
        this_update: at(now - 60),
        next_update: at(now + 86_400),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: at(now - 60),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(&issuer).unwrap().pem().unwrap()
}
