//! Held against openssl and mosquitto_passwd: fixtures that they made, and openssl itself where it is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod certificate;
mod issue;
mod key;
mod mutation;
mod password;

use std::path::Path;
use std::process::Command;

/// A unix time inside the fixtures' validity: 2027-01-01.
const NOW: i64 = 1_798_761_600;
const DAY: i64 = 86_400;

const EC_CERTIFICATE: &str = include_str!("fixtures/ec_certificate.pem");
const EC_SEC1_KEY: &str = include_str!("fixtures/ec_sec1_key.pem");
const EC_ENCRYPTED_KEY: &str = include_str!("fixtures/ec_encrypted_key.pem");
const RSA_CERTIFICATE: &str = include_str!("fixtures/rsa_certificate.pem");
const RSA_PKCS1_KEY: &str = include_str!("fixtures/rsa_pkcs1_key.pem");
const RSA_ENCRYPTED_KEY: &str = include_str!("fixtures/rsa_encrypted_key.pem");
const ED25519_CERTIFICATE: &str = include_str!("fixtures/ed25519_certificate.pem");
const ED25519_KEY: &str = include_str!("fixtures/ed25519_key.pem");
const REVOCATION_LIST: &str = include_str!("fixtures/revocation_list.pem");

/// Runs openssl in `folder` and gives success and output, or nothing where it is not installed.
fn openssl(folder: &Path, arguments: &[&str]) -> Option<(bool, String)> {
    match Command::new("openssl").args(arguments).current_dir(folder).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(_) => {
            eprintln!("not run, openssl is absent: openssl {}", arguments.join(" "));
            None
        }
    }
}

/// The output of an openssl call that has to succeed.
fn openssl_ok(folder: &Path, arguments: &[&str]) -> Option<String> {
    let (success, text) = openssl(folder, arguments)?;
    assert!(success, "openssl {}: {text}", arguments.join(" "));
    Some(text)
}
