//! What the broker meets when it opens a listener: its socket, its TLS options and their files.

use std::sync::Arc;

use super::files::{self, Loader, Named};
use crate::catalogue::{Quirk, options};
use crate::credentials::{self, KeyState};
use crate::model::notes::{Effect, FileProblem, NoteKind, Phase, ValueProblem};
use crate::model::{FileState, Listener, ListenerKind, Protocol, Sourced, TlsFile};
use crate::text::{FileError, FileKind};

/// The longest path of a unix socket, in bytes.
const MAX_SOCKET_PATH: usize = 107;

/// Ports below this one are for processes with a privilege, which the broker gives up.
const FIRST_FREE_PORT: u16 = 1024;

impl Loader<'_, '_, '_> {
    /// Opens a listener as far as that can be done by looking.
    pub(super) fn listener(&mut self, listener: &mut Listener) {
        if listener.kind == ListenerKind::LocalOnly {
            return;
        }
        self.socket(listener);
        let is_late = !self.lowering.release.has(Quirk::HttpDirResolvedEarly);
        if is_late
            && listener.protocol == Protocol::Websockets
            && let Some(directory) = listener.settings.text(options::HTTP_DIR)
        {
            files::http_dir(self.lowering, directory, Phase::Listen);
        }
        if listener.has_tls() {
            self.tls_options(listener);
        }
        if listener.has_certificate() {
            self.tls_files(listener);
        } else {
            self.lone_key(listener);
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

    fn socket(&mut self, listener: &Listener) {
        let opens_port = listener.protocol == Protocol::Websockets
            && self.lowering.release.has(Quirk::WebsocketsOnUnixSocketOpenPort);
        match &listener.socket {
            Some(_) if opens_port => {}
            Some(path) => self.unix_socket(Sourced { value: &path.value, span: path.span }),
            None => {
                let is_root = self.account.as_ref().is_some_and(|account| account.uid == 0);
                let is_needed = listener.protocol != Protocol::HttpApi;
                if (1..FIRST_FREE_PORT).contains(&listener.port) && !is_root && is_needed {
                    let kind = NoteKind::PrivilegedPort;
                    self.lowering.note(kind, listener.span, Phase::Listen, Effect::Unknown);
                }
            }
        }
    }

    fn unix_socket(&mut self, path: Sourced<&str>) {
        let option = options::LISTENER;
        if path.value.len() > MAX_SOCKET_PATH {
            let problem = ValueProblem::TooLong { max: MAX_SOCKET_PATH };
            let kind = NoteKind::BadValue { option, problem };
            return self.lowering.note(kind, path.span, Phase::Listen, Effect::Fatal);
        }
        let named = Named::new(option, path);
        let problem = match files::facts(self.lowering, &named, Phase::Listen) {
            None => return,
            Some(Ok(found)) if found.kind == FileKind::Directory => {
                FileProblem::Open(FileError::Kind(FileKind::Directory))
            }
            Some(_) => match self.creating(&named.path) {
                Some(problem) => problem,
                None => return,
            },
        };
        files::problem(self.lowering, &named, problem, Phase::Listen);
    }

    /// Whether a listener makes use of its TLS options other than its certificate and key.
    fn heeds_tls_options(&self, listener: &Listener) -> bool {
        match listener.protocol {
            Protocol::Mqtt => true,
            Protocol::Websockets => !self.lowering.release.has(Quirk::WebsocketsSkipTlsOptions),
            Protocol::HttpApi => false,
        }
    }

    /// The TLS options that are looked at when the listener is opened.
    fn tls_options(&mut self, listener: &Listener) {
        if !self.heeds_tls_options(listener) {
            return;
        }
        let release = self.lowering.release;
        let is_version =
            |version: &str| options::TLS_VERSION.entry().words_at(release).any(|known| known == version);
        let text = |option| listener.settings.text(option);
        let ciphers = text(options::CIPHERS);
        let has_ciphers = ciphers.and_then(|text| credentials::has_ciphers(text.value));
        let unusable = [
            (options::TLS_VERSION, text(options::TLS_VERSION).filter(|text| !is_version(text.value))),
            (options::CIPHERS, ciphers.filter(|_| has_ciphers != Some(true))),
            (options::CIPHERS_TLS1_3, text(options::CIPHERS_TLS1_3).filter(|text| !has_suite(text.value))),
        ];
        for (option, text) in unusable {
            if let Some(text) = text {
                let kind = NoteKind::BadValue { option, problem: ValueProblem::UnknownWord };
                let is_open = option == options::CIPHERS && has_ciphers.is_none();
                let effect = if is_open { Effect::Unknown } else { Effect::Fatal };
                self.lowering.note(kind, text.span, Phase::Listen, effect);
            }
        }
        if let Some(named) = Named::of(options::DHPARAMFILE, listener.settings.text(options::DHPARAMFILE)) {
            self.tls_file(Some(named), |bytes| {
                let holds = |label: &&[u8]| bytes.windows(label.len()).any(|part| part == *label);
                DH_LABELS.iter().any(holds).then_some(()).ok_or(FileProblem::NotDhParameters)
            });
        }
        let engine = listener.settings.text(options::TLS_ENGINE).filter(|_| listener.has_certificate());
        if let Some(engine) = engine {
            self.lowering.note(NoteKind::EngineNotChecked, engine.span, Phase::Listen, Effect::Unknown);
        }
    }

    fn tls_files(&mut self, listener: &mut Listener) {
        let heeds_all = self.heeds_tls_options(listener);
        let path = |option, is_heeded| {
            let named = Named::of(option, listener.settings.text(option));
            named.map(|named| if is_heeded { named } else { Named { effect: Effect::None, ..named } })
        };
        // The broker's own web server looks at its certificate later, and goes on without it.
        let heeds_pair = listener.protocol != Protocol::HttpApi;
        let (authority, revocations) = (path(options::CAFILE, heeds_all), path(options::CRLFILE, heeds_all));
        let (certificate, key) = (path(options::CERTFILE, heeds_pair), path(options::KEYFILE, heeds_pair));
        // An engine's key has a name, not a file.
        let is_engine = |form: Sourced<&str>| form.value == "engine";
        let has_engine = listener.settings.text(options::TLS_ENGINE).is_some()
            && listener.settings.text(options::TLS_KEYFORM).is_some_and(is_engine);
        let key = key.filter(|_| !has_engine);
        let key_path = key.as_ref().map(|key| key.path.clone());
        let tls = &mut listener.tls;
        tls.authorities = self.tls_file(authority, |bytes| {
            let read = credentials::read_certificates(bytes).map(Into::into);
            read.map_err(|error| FileProblem::NotCertificate(error.to_string()))
        });
        tls.certificate = self.tls_file(certificate, |bytes| {
            let read = credentials::read_certificates(bytes).map(Into::into);
            read.map_err(|error| FileProblem::NotCertificate(error.to_string()))
        });
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
        let pair = tls.certificate.state.loaded().and_then(|chain| chain.first()).zip(tls.key.state.loaded());
        if let (Some((certificate, key)), Some(span), Some(certificate_span), Some(path)) =
            (pair, tls.key.span, tls.certificate.span, key_path)
            && key.matches(certificate) == Some(false)
        {
            let effect = if heeds_pair { Effect::Fatal } else { Effect::None };
            let named = Named { option: options::KEYFILE, path, span, effect };
            let problem = FileProblem::KeyMismatch { certificate: certificate_span };
            files::problem(self.lowering, &named, problem, Phase::Listen);
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
                    files::problem(self.lowering, &named, problem, Phase::Listen);
                    FileState::Failed
                }
            },
        };
        TlsFile { span: Some(named.span), state }
    }
}

/// What the beginning of Diffie-Hellman parameters in a file holds.
const DH_LABELS: [&[u8]; 2] = [b"-----BEGIN DH PARAMETERS-----", b"-----BEGIN X9.42 DH PARAMETERS-----"];

/// Whether a list names a cipher suite of TLS 1.3, which is all that OpenSSL asks of it.
fn has_suite(text: &str) -> bool {
    const SUITES: [&str; 7] = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
        "TLS_SHA256_SHA256",
        "TLS_SHA384_SHA384",
    ];
    text.split(':').any(|name| SUITES.contains(&name.trim_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Release;
    use crate::lang::{Environment, Reader, conf};
    use crate::model::notes;
    use crate::text::{FileFacts, Memory, Source};

    fn loads(text: &str, release: Release) -> Option<bool> {
        let facts = |mode| FileFacts {
            kind: FileKind::Directory,
            is_link: false,
            mode: Some(mode),
            uid: Some(0),
            gid: Some(0),
        };
        let mut files = Memory::new();
        files.insert("/etc/passwd", *b"root:x:0:0::/:\nmosquitto:x:7:7::/:\n");
        files.insert_with("/", *b"", facts(0o755));
        files.insert_with("/run", *b"", facts(0o755));
        files.insert_with("/free", *b"", facts(0o777));
        let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".to_owned() });
        let id = reader.sources.add(Source::new("mosquitto.conf", text.as_bytes()));
        let tree = conf::parse(id, text.as_bytes());
        notes::verdict(release, &conf::lower(&mut reader, &tree, release).notes).loads
    }

    /// What hangs on the machine, which the fixtures of real verdicts leave out.
    #[test]
    fn what_the_machine_decides() {
        let (old, new) = (Release::new(2, 0, 21), Release::new(2, 1, 2));
        let cases = [
            ("listener 0 /free/s\n", Some(true), Some(true)),
            ("listener 0 /run/s\n", Some(false), Some(false)),
            ("listener 0 /run/s\nuser root\n", Some(true), Some(true)),
            ("listener 0 /run/s\nprotocol websockets\n", Some(true), Some(false)),
            ("listener 0 /none/s\n", None, None),
            ("listener 0 /free\n", Some(false), Some(false)),
            ("listener 80\n", None, None),
            ("listener 80\nuser root\n", Some(true), Some(true)),
            ("listener 1883\nhttp_dir /none/www\n", Some(true), None),
            ("listener 1883\nhttp_dir /www\n", Some(true), Some(false)),
            ("listener 1883\nprotocol websockets\nhttp_dir /www\n", Some(false), Some(false)),
            ("plugin /lib.so\n", Some(false), Some(false)),
            ("plugin /none/lib.so\n", None, None),
        ];
        for (text, in_old, in_new) in cases {
            assert_eq!(loads(text, old), in_old, "{text}");
            assert_eq!(loads(text, new), in_new, "{text}");
        }
    }
}
