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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::state::MemoryState;
    use crate::lang::spec::script::{Setting, decode};
    use crate::text::{Memory, Source, Sources};

    /// Passwords that are the name of their source.
    struct Echo;

    impl Secrets for Echo {
        fn password(&self, source: &Password) -> Result<Secret, String> {
            match source {
                Password::Env(name) if **name != *"GONE" => Ok(Secret::new(name.as_bytes())),
                other => Err(format!("{other:?} is gone")),
            }
        }
    }

    const SPEC: &str = "moskit: 1
listeners:
  mutual: { port: 8884, tls: { certificate: b, client_certificate: required, client_authority: c } }
users:
  env: { password: { env: E } }
  gone: { password: { env: GONE } }
  plain: { password: { plain: p } }
  made: { password: { generate: true } }
  unmade: { password: { generate: true } }
  hash: { password: { hash: \"$7$101$aa$bb\" } }
  \"a/b\": { certificate: true }
pki:
  authorities: { c: { common_name: C }, d: { certificate: d.crt } }
  certificates: { b: { authority: c, names: [ localhost ] } }
";

    fn shown(credentials: &Credentials) -> Vec<String> {
        let users = credentials.users.iter().map(|(name, user)| {
            let password = user.password.as_ref().and_then(Secret::expose_text).unwrap_or("-");
            let key = user.key.as_ref().and_then(Secret::expose_text).unwrap_or("-");
            format!("{name} {password} {} {key}", user.certificate.is_some())
        });
        users.collect()
    }

    #[test]
    fn a_spec_and_its_pack() {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("s", SPEC.as_bytes()));
        let spec = crate::lang::spec::decode(id, SPEC.as_bytes()).spec;
        let state = MemoryState::new();
        state.write(StateKind::Password, "made", b"m-1\n").expect("memory takes it");
        state.write(StateKind::Authority, "c", b"no key").expect("memory takes it");
        let pack = |path: &str| {
            let known = ["clients/a%2Fb/client.crt", "clients/a%2Fb/client.key", "certs/c.ca.crt"];
            known.contains(&path).then(|| path.as_bytes().to_vec())
        };
        let mut credentials = Credentials::default();
        let missing = credentials.add_spec(&spec, &Origin { secrets: &Echo, state: &state, pack: &pack });
        assert_eq!(
            shown(&credentials),
            [
                "a/b - true clients/a%2Fb/client.key",
                "env E false -",
                "gone - false -",
                "hash - false -",
                "made m-1 false -",
                "plain p false -",
                "unmade - false -",
            ]
        );
        assert_eq!(
            missing,
            [
                "no password for `gone`: Env(\"GONE\") is gone",
                "no password for `unmade`: it was not generated yet; compile the spec",
                "no key of the authority `c`: its key is missing",
            ]
        );
        assert_eq!(credentials.trust, [b"certs/c.ca.crt".to_vec()]);
        assert_eq!(credentials.client_authorities.get(&Place::Port(8884)).map(String::as_str), Some("c"));
    }

    #[test]
    fn a_test_file() {
        let text = "moskit: 1
trust: [ ca.crt, gone.crt ]
users:
  env: { password: { env: E }, certificate: e.crt, key: gone.key }
  gone: { password: { env: GONE } }
tests: []
";
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", text.as_bytes()));
        let suite = decode(id, text.as_bytes(), &Setting::default(), 1).suite;
        let mut files = Memory::new();
        files.insert("/etc/ca.crt", *b"ca");
        files.insert("/etc/e.crt", *b"e");
        let mut credentials = Credentials::default();
        let missing = credentials.add_suite(&suite, Path::new("/etc"), &files, &Echo);
        assert_eq!(shown(&credentials), ["env E true -", "gone - false -"]);
        assert_eq!(
            missing,
            [
                "`gone.crt` cannot be read",
                "`gone.key` cannot be read",
                "no password for `gone`: Env(\"GONE\") is gone",
            ]
        );
        assert_eq!(credentials.trust, [b"ca".to_vec()]);
    }
}
