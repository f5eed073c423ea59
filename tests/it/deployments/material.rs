//! What a deployment needs besides its configuration: certificates, keys and passwords, made for one run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use moskit::credentials::{Authority, CertificateFacts, Issued, OperatingSystem, PasswordHash, Verification};
use moskit::model::{Deployment, Security};
use moskit::verify::client::{Identity, TlsSide, TlsVersions, name_of};
use tempfile::TempDir;

use super::answers::Row;
use crate::fixtures::{self, now};

/// The listener of the one who may do everything, behind all others.
const JUDGE: &str = "\nlistener 0 judge\nallow_anonymous true\n";

const DAY: i64 = 86_400;

/// The credential of somebody from another authority.
const STRANGER: &str = "stranger";

/// A copy of a deployment with everything that it names.
pub(super) struct Material {
    folder: TempDir,
    company: Authority,
    strangers: Authority,
    server: CertificateFacts,
    sides: RefCell<BTreeMap<(Option<String>, bool), TlsSide>>,
}

impl Material {
    /// Copies the files of a deployment, and makes password files with these names and users.
    pub(super) fn new(source: &Path, passwords: &[(&str, &[&str])]) -> Self {
        let folder = fixtures::open_folder();
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        for entry in fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let mut text = fs::read(entry.path()).unwrap();
            if name == "mosquitto.conf" {
                text.extend(JUDGE.as_bytes());
            }
            write(&name, &text);
        }
        let keys = &OperatingSystem;
        let company = Authority::make("Company CA", now(), DAY, keys).unwrap();
        let strangers = Authority::make("Company CA", now(), DAY, keys).unwrap();
        let server = company.issue_server(&["broker.example".into()], "broker", now(), DAY, keys).unwrap();
        write("company.crt", company.certificate().as_bytes());
        write("broker.crt", server.chain.as_bytes());
        write("broker.key", server.key.expose());
        for (file, users) in passwords {
            let line = |user: &&str| {
                let hash = PasswordHash::make(password(user, file).as_bytes(), *b"twelve bytes", 101);
                format!("{user}:{hash}\n")
            };
            write(&format!("{file}.passwd"), users.iter().map(line).collect::<String>().as_bytes());
        }
        Self { folder, company, strangers, server: server.facts, sides: RefCell::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How a client speaks TLS, with a certificate of its name where it is to have one.
    pub(super) fn side(&self, has_certificate: bool, row: &Row) -> TlsSide {
        let name = row.user.clone().filter(|_| has_certificate);
        let is_stranger = row.credential.as_deref() == Some(STRANGER);
        let make = || {
            let authority = if is_stranger { &self.strangers } else { &self.company };
            let identity = name.as_ref().map(|name| {
                let issued: Issued = authority.issue_client(name, now(), DAY, &OperatingSystem).unwrap();
                Identity { chain: issued.chain.into_bytes(), key: issued.key }
            });
            let ca = self.company.certificate().as_bytes();
            TlsSide::new(ca, identity.as_ref(), name_of(Some(&self.server)), TlsVersions::Both).unwrap()
        };
        self.sides.borrow_mut().entry((name.clone(), is_stranger)).or_insert_with(make).clone()
    }

    /// The password that a client sends: its own of the listener's file, or the one that the row says.
    pub(super) fn password(&self, security: Option<&Security>, row: &Row) -> Option<String> {
        let user = row.user.as_deref()?;
        let file = security?.settings.text(moskit::catalogue::options::PASSWORD_FILE)?.value.to_owned();
        let own = file.trim_end_matches(".passwd");
        Some(password(user, row.credential.as_deref().unwrap_or(own)))
    }

    /// The name under which a client is let in, if it is.
    pub(super) fn name(&self, deployment: &Deployment, listener: usize, row: &Row) -> Option<Option<String>> {
        let listener = &deployment.listeners[listener];
        if listener.names_from_certificate() {
            let is_known = row.credential.as_deref() != Some(STRANGER);
            return row.user.clone().filter(|_| is_known).map(Some);
        }
        let security = deployment.security_of(listener);
        let (allows_anonymous, _) = deployment.anonymous(listener);
        let Some(passwords) = security.passwords.loaded() else {
            return allows_anonymous.then(|| row.user.clone());
        };
        let Some(user) = &row.user else { return allows_anonymous.then_some(None) };
        let entry =
            passwords.entries.iter().find(|entry| entry.is_usable && *entry.name == *user.as_bytes())?;
        let shown = self.password(Some(security), row)?;
        let is_right = entry.hash.as_ref().ok()?.verify(shown.as_bytes()) == Verification::Right;
        is_right.then(|| Some(user.clone()))
    }
}

fn password(user: &str, file: &str) -> String {
    format!("{user} of {file}")
}
