//! The files that a configuration names: opened as the broker would open them, in its order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lower::Lowering;
use crate::catalogue::{OptionId, Quirk, options};
use crate::credentials::{self, KeyState};
use crate::lang::passwd;
use crate::model::notes::{Effect, FileProblem, NoteKind, Phase, ValueProblem};
use crate::model::{FileState, Listener, ListenerKind, Protocol, Security, Sourced, TlsFile};
use crate::text::{Account, FileError, FileKind, Readability, SourceId, Span, readable_by};

/// Loads security files and TLS files into the model, as the account that the broker runs as.
pub(super) fn load(lowering: &mut Lowering<'_, '_>) {
    let account = run_account(lowering);
    let mut loader = Loader { lowering, account };
    let mut global = std::mem::take(&mut loader.lowering.deployment.security);
    loader.security(&mut global);
    let mut listeners = std::mem::take(&mut loader.lowering.deployment.listeners);
    for listener in &mut listeners {
        if let Some(security) = &mut listener.security {
            loader.security(security);
        }
    }
    for listener in &mut listeners {
        loader.listener(listener);
    }
    loader.lowering.deployment.security = global;
    loader.lowering.deployment.listeners = listeners;
}

/// The account that the broker runs as; `None` where it, or what it may read, cannot be told from here.
fn run_account(lowering: &mut Lowering<'_, '_>) -> Option<Account> {
    let files = lowering.reader.files();
    let started_by = lowering.reader.environment.started_by.clone();
    if started_by != "root" {
        return files.account(&started_by);
    }
    let wanted = lowering.deployment.global.text(options::USER);
    let span = wanted.map(|user| user.span);
    let name = wanted.map_or("mosquitto", |user| user.value).to_owned();
    let found = files.account(&name);
    if let (Some(span), None, true) = (span, &found, name != "mosquitto") {
        lowering.note(NoteKind::UnknownAccount, span, Phase::User, Effect::Unknown);
    }
    found
}

struct Loader<'l, 'r, 'f> {
    lowering: &'l mut Lowering<'r, 'f>,
    account: Option<Account>,
}

/// A named file.
struct Named {
    option: OptionId,
    path: PathBuf,
    span: Span,
}

impl Named {
    fn of(option: OptionId, text: Option<Sourced<&str>>) -> Option<Self> {
        text.map(|text| Self { option, path: text.value.into(), span: text.span })
    }
}

impl Loader<'_, '_, '_> {
    fn problem(&mut self, named: &Named, problem: FileProblem, phase: Phase) {
        let kind = NoteKind::File { option: named.option, path: named.path.clone(), problem };
        self.lowering.note(kind, named.span, phase, Effect::Fatal);
    }

    /// The text of a file, or the state that says why there is none.
    fn open<T>(&mut self, named: &Named, phase: Phase) -> Result<SourceId, FileState<T>> {
        let files = self.lowering.reader.files();
        let read = self.lowering.reader.text(&named.path);
        let problem = match read {
            Ok(id) => {
                match self.account.as_ref().map(|account| (account, readable_by(files, &named.path, account)))
                {
                    Some((account, Readability::No { blocker, mode })) => {
                        FileProblem::Unreadable { account: account.name.clone(), blocker, mode }
                    }
                    _ => return Ok(id),
                }
            }
            Err(FileError::Planned) => return Err(FileState::Unknown),
            Err(FileError::Unseen { missing }) => {
                let kind = NoteKind::NotChecked { option: named.option, path: named.path.clone(), missing };
                self.lowering.note(kind, named.span, phase, Effect::Unknown);
                return Err(FileState::Unknown);
            }
            // It is moskit that may not look: the broker may well.
            Err(error @ (FileError::Denied | FileError::TooLarge)) => {
                let problem = FileProblem::Open(error);
                let kind = NoteKind::File { option: named.option, path: named.path.clone(), problem };
                self.lowering.note(kind, named.span, phase, Effect::Unknown);
                return Err(FileState::Unknown);
            }
            // OpenSSL and 2.0.11 read devices and pipes; nothing can be said of what they would give.
            Err(FileError::Kind(FileKind::Special)) => FileProblem::Open(FileError::Kind(FileKind::Special)),
            Err(error) => FileProblem::Open(error),
        };
        self.problem(named, problem, phase);
        Err(FileState::Failed)
    }

    /// A password or ACL file, which 2.1 does not open through a symbolic link.
    fn open_secret<T>(&mut self, named: &Named) -> Result<SourceId, FileState<T>> {
        let opened = self.open(named, Phase::Security)?;
        let facts = self.lowering.reader.files().facts(&named.path);
        if self.lowering.release.has(Quirk::SymlinkedSecretFileRefused)
            && facts.is_ok_and(|facts| facts.is_link)
        {
            self.problem(named, FileProblem::Link, Phase::Security);
        }
        Ok(opened)
    }

    fn security(&mut self, security: &mut Security) {
        if let Some(named) = Named::of(options::PASSWORD_FILE, security.settings.text(options::PASSWORD_FILE))
        {
            security.passwords = match self.open_secret(&named) {
                Err(state) => state,
                Ok(id) => {
                    let bytes = self.lowering.reader.sources.get(id).bytes().clone();
                    let (passwords, notes) = passwd::read(id, &bytes, self.lowering.release);
                    self.lowering.notes.extend(notes);
                    FileState::Loaded(Arc::new(passwords))
                }
            };
        }
        if let Some(named) = Named::of(options::ACL_FILE, security.settings.text(options::ACL_FILE)) {
            security.acl = match self.open_secret(&named) {
                Err(state) => state,
                Ok(_) => match self.lowering.reader.acl(&named.path) {
                    Err(_) => FileState::Failed,
                    Ok((acl, notes)) => {
                        self.lowering.notes.extend(notes.iter().cloned());
                        FileState::Loaded(acl)
                    }
                },
            };
        }
        if let Some(named) = Named::of(options::PSK_FILE, security.settings.text(options::PSK_FILE)) {
            // The keys are not part of the model; the file must be there all the same.
            let _: Result<SourceId, FileState<()>> = self.open_secret(&named);
        }
    }

    fn listener(&mut self, listener: &mut Listener) {
        if listener.kind == ListenerKind::LocalOnly || !listener.has_certificate() {
            self.lone_key(listener);
            // A listener with pre-shared keys alone opens no files of certificates.
            return self.tls_version(listener);
        }
        let noted = self.lowering.notes.len();
        self.tls_version(listener);
        let path = |option| Named::of(option, listener.settings.text(option));
        let parameters = path(options::DHPARAMFILE);
        let (authority, certificate) = (path(options::CAFILE), path(options::CERTFILE));
        let (key, revocations) = (path(options::KEYFILE), path(options::CRLFILE));
        let tls = &mut listener.tls;
        tls.authorities = self.tls_file(authority, |bytes| {
            let read = credentials::read_certificates(bytes).map(Into::into);
            read.map_err(|error| FileProblem::NotCertificate(error.to_string()))
        });
        tls.certificate = self.tls_file(certificate, |bytes| {
            let read = credentials::read_certificates(bytes).map(Into::into);
            read.map_err(|error| FileProblem::NotCertificate(error.to_string()))
        });
        // An engine's key has a name, not a file.
        let is_engine = |form: Sourced<&str>| form.value == "engine";
        let key = key.filter(|_| !listener.settings.text(options::TLS_KEYFORM).is_some_and(is_engine));
        tls.key = self.tls_file(key, |bytes| match credentials::read_key(bytes) {
            Ok(key) if key.state == KeyState::Encrypted => Err(FileProblem::EncryptedKey),
            Ok(key) => Ok(Arc::new(key)),
            Err(error) => Err(FileProblem::NotKey(error.to_string())),
        });
        tls.revocations = self.tls_file(revocations, |bytes| {
            credentials::read_revocation_lists(bytes)
                .map(Into::into)
                .map_err(|error| FileProblem::NotCrl(error.to_string()))
        });
        let _: TlsFile<()> = self.tls_file(parameters, |bytes| {
            let labels = [&b"-----BEGIN DH PARAMETERS-----"[..], b"-----BEGIN X9.42 DH PARAMETERS-----"];
            let holds = |label: &&[u8]| bytes.windows(label.len()).any(|part| part == *label);
            if labels.iter().any(holds) { Ok(()) } else { Err(FileProblem::NotParameters) }
        });
        let pair = tls.certificate.state.loaded().and_then(|chain| chain.first()).zip(tls.key.state.loaded());
        if let (Some((certificate, key)), Some(key_span), Some(certificate_span)) =
            (pair, tls.key.span, tls.certificate.span)
            && key.matches(certificate) == Some(false)
        {
            let path =
                Path::new(listener.settings.text(options::KEYFILE).map_or("", |text| text.value)).to_owned();
            let problem = FileProblem::KeyMismatch { certificate: certificate_span };
            let kind = NoteKind::File { option: options::KEYFILE, path, problem };
            self.lowering.note(kind, key_span, Phase::Listen, Effect::Fatal);
        }
        if listener.protocol == Protocol::Websockets
            && self.lowering.release.has(Quirk::WebsocketsIgnoreAuthorityFiles)
        {
            for note in &mut self.lowering.notes[noted..] {
                if let NoteKind::File { option, .. } | NoteKind::NotChecked { option, .. } = note.kind
                    && [options::CAFILE, options::CRLFILE, options::DHPARAMFILE].contains(&option)
                {
                    note.effect = Effect::None;
                }
            }
        }
    }

    /// Where the pair is not checked, a WebSocket listener with a `keyfile` alone does not open.
    fn lone_key(&mut self, listener: &Listener) {
        let is_alone = listener.settings.text(options::CERTFILE).is_none()
            && listener.protocol == Protocol::Websockets
            && !self.lowering.release.has(Quirk::CertificatePairChecked);
        if let Some(key) = listener.settings.text(options::KEYFILE).filter(|_| is_alone) {
            let kind = NoteKind::TlsPair { present: options::KEYFILE, missing: options::CERTFILE };
            self.lowering.note(kind, key.span, Phase::Listen, Effect::Fatal);
        }
    }

    /// A TLS version that the release does not know stops it when the listener opens.
    fn tls_version(&mut self, listener: &Listener) {
        let release = self.lowering.release;
        let is_ignored =
            listener.protocol == Protocol::Websockets && release.has(Quirk::WebsocketsIgnoreTlsVersion);
        let Some(version) = listener.settings.text(options::TLS_VERSION) else { return };
        let is_known = options::TLS_VERSION.entry().words_at(release).any(|word| word == version.value);
        if listener.has_tls() && !is_ignored && !is_known {
            let kind =
                NoteKind::BadValue { option: options::TLS_VERSION, problem: ValueProblem::UnknownWord };
            self.lowering.note(kind, version.span, Phase::Listen, Effect::Fatal);
        }
    }

    fn tls_file<T>(
        &mut self,
        named: Option<Named>,
        read: impl FnOnce(&[u8]) -> Result<T, FileProblem>,
    ) -> TlsFile<T> {
        let Some(named) = named else { return TlsFile::default() };
        let state = match self.open(&named, Phase::Listen) {
            Err(state) => state,
            Ok(id) => match read(self.lowering.reader.sources.get(id).bytes()) {
                Ok(contents) => FileState::Loaded(contents),
                Err(problem) => {
                    self.problem(&named, problem, Phase::Listen);
                    FileState::Failed
                }
            },
        };
        TlsFile { span: Some(named.span), state }
    }
}
