//! Password hashes, keys and certificates: taken from the state while they are good, made where they are not.

use std::collections::BTreeMap;
use std::path::Path;

use zeroize::Zeroizing;

use super::leaf::{self, Pair, Wanted, joined, load_authority, seconds};
use super::pack::escape_name;
use super::plan::Plan;
use super::state::{StateError, StateKind, StateStore};
use crate::catalogue::{Quirk, Release};
use crate::credentials::{
    Authority, IssueError, KeySource, PasswordHash, RandomnessError, Scheme, Secret, Verification,
};
use crate::lang::spec::{
    AuthorityOrigin, Certificate, CertificateOrigin, Password, Spanned, Spec, Text, User,
};
use crate::report::{Diagnostic, Severity};
use crate::text::{Files, Span};

/// A password that cannot be had.
const SECRET: &str = "spec-secret";
/// A certificate or key that cannot be had.
const CERTIFICATE: &str = "spec-certificate";
/// Bytes of a generated password, before it is written as base64.
const GENERATED_BYTES: usize = 18;

/// The longest password that MQTT has room for.
const MAX_PASSWORD_BYTES: usize = 65_535;

/// Where passwords come from that the spec only points to.
pub trait Secrets {
    /// The password behind an environment variable, a file or a command.
    ///
    /// # Errors
    /// Why it cannot be had, in words, without the secret.
    fn password(&self, source: &Password) -> Result<Secret, String>;
}

/// What made materials are made from.
pub struct Sources<'a> {
    /// The files that the spec names, relative paths below its folder.
    pub files: &'a dyn Files,
    /// The folder of the spec.
    pub folder: &'a Path,
    /// Passwords.
    pub secrets: &'a dyn Secrets,
    /// What earlier runs made.
    pub state: &'a dyn StateStore,
    /// Keys and randomness.
    pub keys: &'a dyn KeySource,
    /// The time, in seconds since 1970.
    pub now: i64,
}

/// A file that materials put into the pack.
pub(super) struct Made {
    /// Path in the pack.
    pub(super) path: String,
    pub(super) contents: Zeroizing<Vec<u8>>,
    pub(super) is_private: bool,
    /// Whether the broker gets it, or a client.
    pub(super) is_installed: bool,
}

/// Everything that is made rather than planned.
#[derive(Default)]
pub(super) struct Materials {
    /// The hash field of each user with a password.
    pub(super) hashes: BTreeMap<String, String>,
    pub(super) files: Vec<Made>,
    /// What was made anew, and why.
    pub(super) news: Vec<String>,
}

/// Why materials could not be made.
#[derive(Debug)]
pub enum MaterialError {
    /// The state folder.
    State(StateError),
    /// Randomness.
    Randomness(RandomnessError),
}

impl std::fmt::Display for MaterialError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(error) => error.fmt(f),
            Self::Randomness(error) => error.fmt(f),
        }
    }
}

impl From<StateError> for MaterialError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<RandomnessError> for MaterialError {
    fn from(error: RandomnessError) -> Self {
        Self::Randomness(error)
    }
}

/// Paths in the pack of what belongs to a certificate or authority of the spec.
pub(super) fn certificate_path(name: &str, ending: &str) -> String {
    format!("certs/{}.{ending}", escape_name(name))
}

/// The iterations that hashes are made with where the spec does not say: those of the releases' own tool.
fn iterations(spec: &Spec, releases: &[Release]) -> u32 {
    let is_few = releases.iter().all(|release| release.has(Quirk::PasswordToolHashesWeakly));
    spec.passwords.iterations.as_ref().map_or(if is_few { 101 } else { 1000 }, |told| told.value)
}

/// Makes, or takes from the state, what a plan needs.
pub(super) fn make(
    plan: &Plan<'_>,
    sources: &Sources<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Result<Materials, MaterialError> {
    let mut making =
        Making { plan, sources, problems, made: Materials::default(), authorities: BTreeMap::new() };
    for user in &plan.spec.users {
        if let Some(password) = &user.password
            && let Some(hash) = making.hash(user, password)?
        {
            making.made.hashes.insert(user.name.value.to_string(), hash);
        }
    }
    for authority in &plan.spec.pki.authorities {
        making.authority(authority)?;
    }
    for certificate in super::plan::used_certificates(plan.spec) {
        making.server(certificate)?;
    }
    making.authority_files();
    for user in &plan.spec.users {
        making.client(user)?;
    }
    Ok(making.made)
}

/// Stand-ins that say as much as can be said without secrets, for lint.
pub(super) fn stand_in(plan: &Plan<'_>) -> Materials {
    let mut materials = Materials::default();
    let hash = PasswordHash::make(b"", [0; 12], 1).to_string();
    for user in plan.spec.users.iter().filter(|user| user.password.is_some()) {
        materials.hashes.insert(user.name.value.to_string(), hash.clone());
    }
    materials
}

struct Making<'p, 'a> {
    plan: &'p Plan<'p>,
    sources: &'p Sources<'a>,
    problems: &'p mut Vec<Diagnostic>,
    made: Materials,
    /// The own authorities, by name.
    authorities: BTreeMap<String, Authority>,
}

impl Making<'_, '_> {
    fn problem(&mut self, rule: &'static str, message: String, span: Span) {
        self.problems.push(Diagnostic::new(rule, Severity::Error, message, span));
    }

    fn hash(&mut self, user: &User, password: &Spanned<Password>) -> Result<Option<String>, MaterialError> {
        let name = &*user.name.value;
        let secret = match &password.value {
            Password::Hash(hash) => return Ok(self.ready_hash(hash.expose(), password.span)),
            Password::Plain(plain) => Secret::new(plain.expose()),
            Password::Generate => self.generated(name)?,
            Password::Env(_) | Password::File(_) | Password::Command(_) => {
                match self.sources.secrets.password(&password.value) {
                    Ok(secret) => secret,
                    Err(reason) => {
                        self.problem(
                            SECRET,
                            format!("the password of `{name}` cannot be had: {reason}"),
                            password.span,
                        );
                        return Ok(None);
                    }
                }
            }
        };
        let refused = match secret.expose().len() {
            0 => Some("is empty, and the broker lets nobody in with it"),
            1..=MAX_PASSWORD_BYTES => None,
            _ => Some("has more than 65535 bytes, and no client can send it"),
        };
        if let Some(why) = refused {
            self.problem(SECRET, format!("the password of `{name}` {why}"), password.span);
            return Ok(None);
        }
        let wanted = iterations(self.plan.spec, &self.plan.releases);
        let kept = self.sources.state.read(StateKind::Hash, name)?;
        let kept = kept.and_then(|kept| PasswordHash::parse(&kept).ok());
        let is_good = |hash: &PasswordHash| {
            let same_iterations =
                matches!(hash.scheme, Scheme::Pbkdf2 { iterations, .. } if iterations == wanted);
            same_iterations
                && hash.salt_bytes() == Some(12)
                && hash.verify(secret.expose()) == Verification::Right
        };
        if let Some(kept) = kept.filter(is_good) {
            return Ok(Some(kept.to_string()));
        }
        let mut salt = [0; 12];
        self.sources.keys.fill(&mut salt)?;
        let hash = PasswordHash::make(secret.expose(), salt, wanted).to_string();
        self.sources.state.write(StateKind::Hash, name, hash.as_bytes())?;
        self.made.news.push(format!("hashed the password of `{name}`"));
        Ok(Some(hash))
    }

    /// A hash that stands in the spec: every release of the plan must take it.
    fn ready_hash(&mut self, hash: &str, span: Span) -> Option<String> {
        let refused = match PasswordHash::parse(hash.as_bytes()) {
            Err(error) => Some(format!("this is no password hash that Mosquitto takes: {error}")),
            Ok(PasswordHash { scheme: Scheme::Argon2id { .. }, .. }) => {
                Some("this hash is argon2id, which only some builds of 2.1 take".to_owned())
            }
            Ok(parsed) => {
                let short_only = |release: &&Release| release.has(Quirk::SaltOfTwelveBytesOnly);
                let refusing = self.plan.releases.iter().find(short_only);
                let refusing = refusing.filter(|_| parsed.salt_bytes() != Some(12));
                refusing
                    .map(|release| format!("Mosquitto {release} takes only hashes with a salt of 12 bytes"))
            }
        };
        if let Some(message) = refused {
            self.problem(SECRET, message, span);
            return None;
        }
        PasswordHash::parse(hash.as_bytes()).ok().map(|parsed| parsed.to_string())
    }

    fn generated(&mut self, name: &str) -> Result<Secret, MaterialError> {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        if let Some(kept) = self.sources.state.read(StateKind::Password, name)? {
            return Ok(Secret::new(kept.trim_ascii_end().to_vec()));
        }
        let mut bytes = Zeroizing::new([0; GENERATED_BYTES]);
        self.sources.keys.fill(&mut *bytes)?;
        let password = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        let line = Zeroizing::new(format!("{}\n", *password));
        self.sources.state.write(StateKind::Password, name, line.as_bytes())?;
        self.made.news.push(format!("generated a password for `{name}`"));
        Ok(Secret::new(password.as_bytes()))
    }

    /// Takes an authority up from the state, or makes it; a brought one is only read.
    fn authority(&mut self, authority: &crate::lang::spec::Authority) -> Result<(), MaterialError> {
        let AuthorityOrigin::Own { common_name, valid_for } = &authority.origin else { return Ok(()) };
        let name = &*authority.name.value;
        let now = self.sources.now;
        if let Some(kept) = self.sources.state.read(StateKind::Authority, name)? {
            match load_authority(&kept) {
                Ok(known) if known.facts().not_after > now => {
                    if known.facts().common_name.as_deref() != Some(&*common_name.value) {
                        let message = format!(
                            "the authority `{name}` was made as `{}`; another name makes it another authority",
                            known.facts().common_name.as_deref().unwrap_or_default()
                        );
                        self.problem(CERTIFICATE, message, common_name.span);
                    }
                    self.authorities.insert(name.to_owned(), known);
                    return Ok(());
                }
                Ok(_) => {
                    let message = format!(
                        "the authority `{name}` has expired; remove it from the state folder to make a new one"
                    );
                    self.problem(CERTIFICATE, message, authority.name.span);
                    return Ok(());
                }
                Err(error) => {
                    let message =
                        format!("the authority `{name}` in the state folder cannot be used: {error}");
                    self.problem(CERTIFICATE, message, authority.name.span);
                    return Ok(());
                }
            }
        }
        match Authority::make(&common_name.value, now, seconds(valid_for.value), self.sources.keys) {
            Ok(new) => {
                let pem = joined(new.certificate(), new.key());
                self.sources.state.write(StateKind::Authority, name, &pem)?;
                self.made.news.push(format!("made the authority `{name}`"));
                self.authorities.insert(name.to_owned(), new);
            }
            Err(IssueError::Randomness(error)) => return Err(error.into()),
            Err(error) => self.problem(CERTIFICATE, error.to_string(), common_name.span),
        }
        Ok(())
    }

    fn server(&mut self, certificate: &Certificate) -> Result<(), MaterialError> {
        let name = &*certificate.name.value;
        match &certificate.origin {
            CertificateOrigin::Brought { chain, key, copy } if copy.value => {
                for (file, ending, is_private) in [(chain, "crt", false), (key, "key", true)] {
                    if let Some(contents) = self.brought(file) {
                        let path = certificate_path(name, ending);
                        self.made.files.push(Made { path, contents, is_private, is_installed: true });
                    }
                }
                Ok(())
            }
            CertificateOrigin::Brought { .. } => Ok(()),
            CertificateOrigin::Issued { authority, names, common_name, valid_for, renew_before } => {
                let names: Vec<String> = names.iter().map(|name| name.value.to_string()).collect();
                let common_name =
                    common_name.as_ref().map_or(names[0].as_str(), |name| &name.value).to_owned();
                let wanted = Wanted {
                    kind: StateKind::Certificate,
                    name,
                    authority,
                    span: certificate.name.span,
                    common_name: &common_name,
                    names: Some(&names),
                    valid_for: seconds(valid_for.value),
                    renew_before: seconds(renew_before.value),
                };
                let Some(Pair { chain, key }) = self.leaf(&wanted)? else { return Ok(()) };
                let file = |ending: &str, contents, is_private| Made {
                    path: certificate_path(name, ending),
                    contents,
                    is_private,
                    is_installed: true,
                };
                self.made.files.push(file("crt", chain, false));
                self.made.files.push(file("key", key, true));
                Ok(())
            }
        }
    }

    /// The certificates of authorities, and revocation lists.
    fn authority_files(&mut self) {
        let spec = self.plan.spec;
        let clients = spec
            .listeners
            .iter()
            .filter_map(|listener| Some((listener, listener.tls.as_ref()?.client.as_ref()?)));
        let clients: Vec<_> = clients.collect();
        for (listener, client) in &clients {
            if let Some(crl) = &client.crl
                && let Some(contents) = self.brought(crl)
            {
                let path = certificate_path(&listener.name.value, "crl");
                self.made.files.push(Made { path, contents, is_private: false, is_installed: true });
            }
        }
        let mut names: Vec<&str> = clients.iter().map(|(_, client)| &*client.authority.value).collect();
        // Those that the broker's own certificates come from are for clients to trust.
        names.extend(super::plan::server_authorities(spec).into_iter().map(|name| &*name.value));
        names.sort_unstable();
        names.dedup();
        for name in names {
            let authority = spec.pki.authorities.iter().find(|authority| *authority.name.value == *name);
            let contents = match authority.map(|authority| &authority.origin) {
                Some(AuthorityOrigin::Brought { certificate }) => self.brought(certificate),
                _ => self
                    .authorities
                    .get(name)
                    .map(|own| Zeroizing::new(own.certificate().as_bytes().to_vec())),
            };
            if let Some(contents) = contents {
                let path = certificate_path(name, "ca.crt");
                self.made.files.push(Made { path, contents, is_private: false, is_installed: true });
            }
        }
    }

    fn client(&mut self, user: &User) -> Result<(), MaterialError> {
        let Some(certificate) = &user.certificate else { return Ok(()) };
        let name = &*user.name.value;
        let valid_for = seconds(certificate.valid_for.value);
        let wanted = Wanted {
            kind: StateKind::Client,
            name,
            authority: &certificate.authority,
            span: certificate.span,
            common_name: name,
            names: None,
            valid_for,
            renew_before: valid_for / 3,
        };
        let Some(Pair { chain, key }) = self.leaf(&wanted)? else { return Ok(()) };
        let folder = escape_name(name);
        let mut trusted = Zeroizing::new(Vec::new());
        for authority in super::plan::server_authorities(self.plan.spec) {
            if let Some(own) = self.authorities.get(&*authority.value) {
                trusted.extend_from_slice(own.certificate().as_bytes());
            }
        }
        let file = |file: &str, contents, is_private| Made {
            path: format!("clients/{folder}/{file}"),
            contents,
            is_private,
            is_installed: false,
        };
        self.made.files.push(file("client.crt", chain, false));
        self.made.files.push(file("client.key", key, true));
        if !trusted.is_empty() {
            self.made.files.push(file("ca.crt", trusted, false));
        }
        Ok(())
    }

    /// A certificate and its key: the kept ones while they are as wanted and not due, else new ones.
    fn leaf(&mut self, wanted: &Wanted<'_>) -> Result<Option<Pair>, MaterialError> {
        let now = self.sources.now;
        let Some(authority) = self.authorities.get(&*wanted.authority.value) else { return Ok(None) };
        let kept = self.sources.state.read(wanted.kind, wanted.name)?;
        let why = match kept.as_ref().and_then(|kept| leaf::split(kept)) {
            None => "issued",
            Some(pair) => match wanted.refusal(authority, &pair.chain, now) {
                None => return Ok(Some(pair)),
                Some(why) => why,
            },
        };
        let issued = match wanted.names {
            Some(names) => {
                authority.issue_server(names, wanted.common_name, now, wanted.valid_for, self.sources.keys)
            }
            None => authority.issue_client(wanted.common_name, now, wanted.valid_for, self.sources.keys),
        };
        match issued {
            Ok(issued) => {
                self.sources.state.write(wanted.kind, wanted.name, &joined(&issued.chain, &issued.key))?;
                let kind = if wanted.names.is_some() { "certificate" } else { "client certificate" };
                self.made.news.push(format!("{why}: {kind} `{}`", wanted.name));
                let key = Zeroizing::new(issued.key.expose().to_vec());
                Ok(Some(Pair { chain: Zeroizing::new(issued.chain.into_bytes()), key }))
            }
            Err(IssueError::Randomness(error)) => Err(error.into()),
            Err(error) => {
                self.problem(CERTIFICATE, error.to_string(), wanted.span);
                Ok(None)
            }
        }
    }

    /// A file that the spec names.
    fn brought(&mut self, file: &Text) -> Option<Zeroizing<Vec<u8>>> {
        let path = self.sources.folder.join(&*file.value);
        match self.sources.files.read(&path) {
            Ok(bytes) => Some(Zeroizing::new(bytes.to_vec())),
            Err(error) => {
                self.problem(CERTIFICATE, format!("cannot read `{}`: {error}", path.display()), file.span);
                None
            }
        }
    }
}
