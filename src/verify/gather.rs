//! What clients log in with: gathered from a spec and what was made from it, and from test files.

use std::path::Path;
use std::sync::Arc;

use super::job::{Credential, Credentials};
use super::script::{Place, Suite};
use crate::compile::pack::escape_name;
use crate::compile::state::{StateKind, StateStore};
use crate::compile::{Secrets, kept_authority};
use crate::credentials::Secret;
use crate::lang::spec::{AuthorityOrigin, Password, Spec};
use crate::text::{FileError, Files};

/// Where the credentials of a spec's users are.
pub struct Origin<'a> {
    /// Passwords that the spec only points to.
    pub secrets: &'a dyn Secrets,
    /// What compiling made, and keeps.
    pub state: &'a dyn StateStore,
    /// Files of the pack by their paths in it.
    pub pack: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl Credentials {
    /// Adds the users and authorities of a spec. Gives what could not be had, in words.
    pub fn add_spec(&mut self, spec: &Spec, origin: &Origin<'_>) -> Vec<String> {
        let mut missing = Vec::new();
        for user in &spec.users {
            let name = &*user.name.value;
            let mut credential = Credential::default();
            if let Some(source) = &user.password {
                match password(&source.value, name, origin) {
                    Ok(password) => credential.password = password,
                    Err(reason) => missing.push(format!("no password for `{name}`: {reason}")),
                }
            }
            if user.certificate.is_some() {
                let file = |file: &str| (origin.pack)(&format!("clients/{}/{file}", escape_name(name)));
                credential.certificate = file("client.crt");
                credential.key = file("client.key").map(Secret::new);
                if credential.certificate.is_none() || credential.key.is_none() {
                    missing.push(format!("no certificate for `{name}`: it is not in the pack"));
                }
            }
            self.users.insert(name.to_owned(), credential);
        }
        for authority in &spec.pki.authorities {
            let name = &*authority.name.value;
            self.trust.extend((origin.pack)(&format!("certs/{}.ca.crt", escape_name(name))));
            if !matches!(authority.origin, AuthorityOrigin::Own { .. }) {
                continue;
            }
            match kept_authority(origin.state, name) {
                Ok(Some(kept)) => drop(self.authorities.insert(name.to_owned(), kept)),
                Ok(None) => {}
                Err(reason) => missing.push(format!("no key of the authority `{name}`: {reason}")),
            }
        }
        for listener in &spec.listeners {
            let client = listener.tls.as_ref().and_then(|tls| tls.client.as_ref());
            let authority = client.map(|client| client.authority.value.to_string());
            self.client_authorities
                .extend(authority.map(|authority| (Place::from(&listener.endpoint), authority)));
        }
        missing
    }

    /// Adds the users and authorities that a test file names, relative to its folder. Gives what could not be had, in words.
    pub fn add_suite(
        &mut self,
        suite: &Suite,
        folder: &Path,
        files: &dyn Files,
        secrets: &dyn Secrets,
    ) -> Vec<String> {
        let mut missing = Vec::new();
        let mut read = |path: &str| -> Option<Arc<[u8]>> {
            let found: Result<_, FileError> = files.read(&folder.join(path));
            found.map_err(|_| missing.push(format!("`{path}` cannot be read"))).ok()
        };
        self.trust.extend(suite.trust.iter().filter_map(|path| Some(read(&path.value)?.to_vec())));
        let mut told = Vec::new();
        for user in &suite.users {
            let name = &*user.name.value;
            let mut credential = Credential::default();
            match user.password.as_ref().map(|source| &source.value) {
                Some(Password::Plain(plain)) => credential.password = Some(Secret::new(plain.expose())),
                Some(source) => match secrets.password(source) {
                    Ok(password) => credential.password = Some(password),
                    Err(reason) => told.push(format!("no password for `{name}`: {reason}")),
                },
                None => {}
            }
            if let Some(pair) = &user.certificate {
                credential.certificate = read(&pair.certificate.value).map(|bytes| bytes.to_vec());
                credential.key = read(&pair.key.value).map(|bytes| Secret::new(bytes.to_vec()));
            }
            self.users.insert(name.to_owned(), credential);
        }
        missing.extend(told);
        missing
    }
}

/// The password of a user of a spec; `None` where only its hash is known.
fn password(source: &Password, name: &str, origin: &Origin<'_>) -> Result<Option<Secret>, String> {
    match source {
        Password::Hash(_) => Ok(None),
        Password::Plain(plain) => Ok(Some(Secret::new(plain.expose()))),
        Password::Generate => match origin.state.read(StateKind::Password, name) {
            Ok(Some(kept)) => Ok(Some(Secret::new(kept.trim_ascii_end().to_vec()))),
            Ok(None) => Err("it was not generated yet; compile the spec".to_owned()),
            Err(error) => Err(error.to_string()),
        },
        Password::Env(_) | Password::File(_) | Password::Command(_) => {
            origin.secrets.password(source).map(Some)
        }
    }
}
