//! TLS as a listener's options ask for it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, ResolvesServerCertUsingSni};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, SupportedCipherSuite, version};

use super::authorities::Authorities;
use super::client_certificate::{self, Verifier};
use super::{Identity, suites};
use crate::catalogue::{OptionId, Quirk, Release, options};
use crate::credentials::{CertificateFacts, pkcs8, read_certificates, read_key, read_revocation_lists};
use crate::model::{Listener, Protocol, Security};
use crate::text::Files;

/// What a listener needs to speak TLS, made once and shared by all its clients; cheap to clone.
///
/// It differs from a broker with OpenSSL in this: there is no session resumption, so that every client shows
/// its certificate anew; a client of TLS 1.2 without a certificate gets the alert of TLS 1.3,
/// `certificate_required`; one of TLS 1.1 gets `handshake_failure`; keys of P-521 do not work on either side.
#[derive(Clone, Debug)]
pub struct Secure {
    config: Arc<ServerConfig>,
    /// What judges client certificates, where they are asked for.
    verifier: Option<Arc<Verifier>>,
    /// The certificate that clients are shown.
    certificate: Option<Arc<[u8]>>,
    unhonoured: Arc<[Unhonoured]>,
}

/// Something that the configuration asks for and that the built-in broker cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhonoured {
    /// The option that asks for it.
    pub option: OptionId,
    /// What is not done.
    pub what: String,
}

/// Why a listener cannot speak TLS. Every release then ends with status 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The option that is to blame.
    pub option: OptionId,
    /// Its value.
    pub value: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`: {}", self.option.name(), self.value, self.reason)
    }
}

impl std::error::Error for TlsError {}

impl Secure {
    /// Reads the files of a listener, whose security options are `security`. Nothing where it is without TLS.
    ///
    /// # Errors
    /// [`TlsError`] where a file cannot be used or a value means nothing.
    pub fn load(
        listener: &Listener,
        security: &Security,
        release: Release,
        files: &dyn Files,
    ) -> Result<Option<Self>, TlsError> {
        if !listener.has_tls() {
            return Ok(None);
        }
        Loader::new(listener, release, files).load(security).map(Some)
    }

    /// Reads the files of its listener once more, as a reload does, and says what is wrong with them. Client
    /// certificates are judged as before, unless there is a `crlfile`: without one no release reads the authorities
    /// again. What cannot be used leaves all as it was; but a new certificate without its key leaves a listener that
    /// nobody can connect to, in every release.
    pub(in crate::broker) fn again(
        &self,
        listener: &Listener,
        security: &Security,
        release: Release,
        files: &dyn Files,
    ) -> (Self, Option<TlsError>) {
        let is_fixed = listener.settings.text(options::CRLFILE).is_none();
        let verifier = self.verifier.clone().filter(|_| is_fixed);
        let loader = Loader { verifier, ..Loader::new(listener, release, files) };
        let error = match loader.clone().load(security) {
            Ok(fresh) => return (fresh, None),
            Err(error) => error,
        };
        let shown = loader.file(options::CERTFILE).ok().flatten();
        let shown = shown.and_then(|file| read_certificates(&file).ok()?.into_iter().next());
        let is_new = shown.is_some_and(|shown| Some(&*shown.der) != self.certificate.as_deref());
        if error.option == options::KEYFILE
            && is_new
            && let Ok(keyless) = (Loader { is_keyless: true, ..loader }).load(security)
        {
            return (keyless, Some(error));
        }
        (self.clone(), Some(error))
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Who the client of a completed handshake is.
    pub(super) fn identity(connection: &ServerConnection) -> Option<Identity> {
        client_certificate::identity(connection.peer_certificates()?.first()?)
    }

    /// What it cannot do of what the configuration asks for.
    pub fn unhonoured(&self) -> &[Unhonoured] {
        &self.unhonoured
    }
}

/// Reads a listener's options into rustls' form.
#[derive(Clone)]
struct Loader<'a> {
    listener: &'a Listener,
    release: Release,
    files: &'a dyn Files,
    unhonoured: Vec<Unhonoured>,
    /// What judges client certificates: at first what is kept of an earlier load.
    verifier: Option<Arc<Verifier>>,
    certificate: Option<Arc<[u8]>>,
    /// Whether the certificate is left without a key.
    is_keyless: bool,
}

impl<'a> Loader<'a> {
    fn new(listener: &'a Listener, release: Release, files: &'a dyn Files) -> Self {
        let unhonoured = Vec::new();
        Self { listener, release, files, unhonoured, verifier: None, certificate: None, is_keyless: false }
    }
}

impl Loader<'_> {
    fn load(mut self, security: &Security) -> Result<Secure, TlsError> {
        let config = Arc::new(self.config(security)?);
        let Self { verifier, certificate, unhonoured, .. } = self;
        Ok(Secure { config, verifier, certificate, unhonoured: unhonoured.into() })
    }

    fn config(&mut self, security: &Security) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(self.provider()?);
        let versions = self.versions(security, &provider.cipher_suites)?;
        let authorities = self.authorities()?;
        let key = self.certified_key(&authorities, &provider)?;
        self.note_rest()?;
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder
            .with_protocol_versions(&versions)
            .map_err(|error| self.error(options::TLS_VERSION, error.to_string()))?;
        let builder = if self.listener.settings.is_on(options::REQUIRE_CERTIFICATE) {
            let is_naming = self.release.has(Quirk::ClientAuthoritiesNamed);
            let algorithms = provider.signature_verification_algorithms;
            let fresh = || Verifier::new(authorities, is_naming, algorithms);
            let verifier = self.verifier.take().unwrap_or_else(fresh);
            self.verifier = Some(verifier.clone());
            builder.with_client_cert_verifier(verifier)
        } else {
            self.verifier = None;
            builder.with_no_client_auth()
        };
        let mut config = match key {
            Some(key) => builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            // Without a certificate every handshake fails.
            None => builder.with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new())),
        };
        config.ignore_client_order = true;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Whether it is a WebSocket listener of a release that overlooks most options there.
    fn is_lax(&self) -> bool {
        self.listener.protocol == Protocol::Websockets && self.release.has(Quirk::WebsocketsSkipTlsOptions)
    }

    fn is_lax_by(&self, quirk: Quirk) -> bool {
        self.listener.protocol == Protocol::Websockets && self.release.has(quirk)
    }

    fn text(&self, option: OptionId) -> Option<&str> {
        self.listener.settings.text(option).map(|text| text.value)
    }

    fn error(&self, option: OptionId, reason: impl Into<String>) -> TlsError {
        let value = self.text(option).unwrap_or_default().to_owned();
        TlsError { option, value, reason: reason.into() }
    }

    fn cannot(&mut self, option: OptionId, what: impl Into<String>) {
        self.unhonoured.push(Unhonoured { option, what: what.into() });
    }

    /// The contents of the file that an option names.
    fn file(&self, option: OptionId) -> Result<Option<Arc<[u8]>>, TlsError> {
        let Some(path) = self.text(option) else { return Ok(None) };
        let read = self.files.read(Path::new(path));
        read.map(Some).map_err(|error| self.error(option, error.to_string()))
    }

    /// The ciphers that are asked for and that rustls has.
    fn provider(&mut self) -> Result<CryptoProvider, TlsError> {
        let mut provider = ring::default_provider();
        let is_of_13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
        let (mut new, mut old): (Vec<_>, Vec<_>) = provider.cipher_suites.into_iter().partition(is_of_13);
        if let Some(list) = self.text(options::CIPHERS) {
            match suites::up_to_tls12(list) {
                Some(found) => old = self.take(options::CIPHERS, found),
                None if self.is_lax() => {}
                None => return Err(self.error(options::CIPHERS, "OpenSSL finds no cipher in it")),
            }
        }
        if let Some(list) = self.text(options::CIPHERS_TLS1_3) {
            match suites::tls13(list) {
                _ if self.is_lax_by(Quirk::WebsocketsIgnoreCiphersTls13) => {}
                Some(found) => new = self.take(options::CIPHERS_TLS1_3, found),
                None if self.is_lax() => {}
                None => return Err(self.error(options::CIPHERS_TLS1_3, "OpenSSL finds no cipher in it")),
            }
        }
        new.extend(old);
        provider.cipher_suites = new;
        Ok(provider)
    }

    fn take(&mut self, option: OptionId, found: suites::Suites) -> Vec<SupportedCipherSuite> {
        if !found.missing.is_empty() {
            self.cannot(option, format!("no `{}`", found.missing.join("`, `")));
        }
        if found.suites.is_empty() {
            let version = if option == options::CIPHERS { "TLS 1.2" } else { "TLS 1.3" };
            self.cannot(option, format!("no cipher is left for {version}, which is not spoken"));
        }
        found.suites
    }

    /// The versions of TLS, as far as there are ciphers for them.
    fn versions(
        &mut self,
        security: &Security,
        ciphers: &[SupportedCipherSuite],
    ) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, TlsError> {
        let is_ignored = self.is_lax_by(Quirk::WebsocketsIgnoreTlsVersion);
        let wanted = self.text(options::TLS_VERSION).filter(|_| !is_ignored).map(str::to_owned);
        let (mut has_12, mut has_13) = match wanted.as_deref() {
            None | Some("tlsv1.2") => (true, true),
            Some("tlsv1.3") => (false, true),
            Some("tlsv1.1") => {
                self.cannot(options::TLS_VERSION, "no TLS 1.1: clients need TLS 1.2 or newer");
                (true, true)
            }
            Some(_) => return Err(self.error(options::TLS_VERSION, "no version that the release knows")),
        };
        let has_keys = security.settings.text(options::PSK_FILE).is_some();
        has_13 &= !(has_keys && self.release.has(Quirk::PskFileDisablesTls13));
        has_12 &= ciphers.iter().any(|suite| suite.tls13().is_none());
        has_13 &= ciphers.iter().any(|suite| suite.tls13().is_some());
        let both = [(has_13, &version::TLS13), (has_12, &version::TLS12)];
        let versions: Vec<_> = both.into_iter().filter(|(has, _)| *has).map(|(_, version)| version).collect();
        if versions.is_empty() {
            let reason = "no version of TLS is left that the built-in broker speaks";
            return Err(self.error(options::TLS_VERSION, reason));
        }
        Ok(versions)
    }

    /// Whom client certificates are held against, and what completes the server's own chain.
    fn authorities(&mut self) -> Result<Authorities, TlsError> {
        let mut authorities = Authorities {
            ignores_dates: self.listener.settings.is_on(options::DISABLE_CLIENT_CERT_DATE_CHECKS),
            ..Authorities::default()
        };
        let option = options::CAFILE;
        match self.file(option).map(|file| file.map(|file| read_certificates(&file))) {
            Ok(None) => {}
            Ok(Some(Ok(found))) => authorities.trusted = found,
            _ if self.is_lax() => {}
            Ok(Some(Err(error))) => return Err(self.error(option, error.to_string())),
            Err(error) => return Err(error),
        }
        let option = options::CRLFILE;
        if let (Some(_), false) = (self.text(option), self.is_lax()) {
            let file = self.file(option)?.unwrap_or_default();
            let found = read_revocation_lists(&file);
            authorities.revocations = Some(found.map_err(|error| self.error(option, error.to_string()))?);
        }
        if let Some(folder) = self.text(options::CAPATH)
            && !self.is_lax_by(Quirk::WebsocketsIgnoreCapath)
        {
            authorities.add_folder(Path::new(folder), self.files);
        }
        Ok(authorities)
    }

    /// The server's key and chain; nothing where only pre-shared keys are configured.
    fn certified_key(
        &mut self,
        authorities: &Authorities,
        provider: &CryptoProvider,
    ) -> Result<Option<CertifiedKey>, TlsError> {
        if self.listener.asks_for_keys() {
            let is_alone = !self.listener.has_certificate();
            let rest = if is_alone { ", so that nobody can connect" } else { "" };
            self.cannot(options::PSK_HINT, format!("no pre-shared keys{rest}"));
        }
        if self.text(options::TLS_KEYFORM) == Some("engine") {
            return Err(self.error(options::TLS_KEYFORM, "the built-in broker has no engines of OpenSSL"));
        }
        let key = if self.is_keyless { Some(Arc::default()) } else { self.file(options::KEYFILE)? };
        let (Some(certificates), Some(key)) = (self.file(options::CERTFILE)?, key) else { return Ok(None) };
        let mut chain = read_certificates(&certificates)
            .map_err(|error| self.error(options::CERTFILE, error.to_string()))?;
        self.certificate = chain.first().map(|certificate| certificate.der.as_slice().into());
        if self.is_keyless {
            return Ok(None);
        }
        let key = self.signing_key(&key, chain.first(), provider)?;
        if let [alone] = &*chain {
            // OpenSSL completes a chain of one from the authorities, their root included.
            chain.extend(authorities.above(alone));
        }
        let chain = chain.into_iter().map(|certificate| CertificateDer::from(certificate.der)).collect();
        Ok(Some(CertifiedKey::new(chain, key)))
    }

    fn signing_key(
        &self,
        file: &[u8],
        certificate: Option<&CertificateFacts>,
        provider: &CryptoProvider,
    ) -> Result<Arc<dyn rustls::sign::SigningKey>, TlsError> {
        let error = |reason: String| self.error(options::KEYFILE, reason);
        let facts = read_key(file).map_err(|reason| error(reason.to_string()))?;
        let der = pkcs8(file).map_err(|reason| error(reason.to_string()))?;
        if certificate.is_some_and(|certificate| facts.matches(certificate) == Some(false)) {
            return Err(error("it is not the key of `certfile`".to_owned()));
        }
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.to_vec()));
        provider
            .key_provider
            .load_private_key(der)
            .map_err(|reason| error(format!("the built-in broker cannot sign with it ({reason})")))
    }

    /// What else is asked for in vain.
    fn note_rest(&mut self) -> Result<(), TlsError> {
        let is_read = options::DHPARAMFILE.entry().unread.is_none_or(|unread| self.release < unread);
        if is_read && !self.is_lax() {
            self.file(options::DHPARAMFILE)?;
        }
        if self.text(options::DHPARAMFILE).is_some() && is_read {
            self.cannot(options::DHPARAMFILE, "no key exchange with these parameters, but with curves");
        }
        if self.text(options::TLS_ENGINE).is_some() {
            self.cannot(options::TLS_ENGINE, "no engines of OpenSSL");
        }
        Ok(())
    }
}
