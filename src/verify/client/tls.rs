//! The client's side of TLS: whom it trusts, what it shows, and why a handshake failed.

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
pub use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::link::Link;
use crate::credentials::{CertificateFacts, Secret, SubjectName, read_certificates};
use crate::lang::spec::script::Reason;

/// What a client does when it speaks TLS; made once for many connections.
#[derive(Clone)]
pub struct TlsSide {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

/// A certificate with its chain, and its key, both in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, then those that lead to its authority.
    pub chain: Vec<u8>,
    /// The private key.
    pub key: Secret,
}

/// The versions of TLS that a client offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only.
    V12,
    /// 1.3 only.
    V13,
}

/// Why a TLS connection was not made, or broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The client does not know the authority of the broker's certificate, or refuses it otherwise, and why.
    UntrustedServer(String),
    /// The broker's certificate is for other names.
    WrongServerName(String),
    /// The broker's certificate is over.
    ServerExpired,
    /// The broker sent an alert with this description (RFC 8446, section 6).
    Alert(u8),
    /// What is spoken there is not TLS.
    NotTls,
    /// The connection was closed in the middle.
    Closed,
    /// Anything else.
    Other(String),
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntrustedServer(why) => write!(out, "the client refuses the broker's certificate: {why}"),
            Self::WrongServerName(why) => write!(out, "the broker's certificate is for another name: {why}"),
            Self::ServerExpired => write!(out, "the broker's certificate has expired"),
            Self::Alert(number) => match Reason::of_alert(*number) {
                Some(reason) => write!(out, "the broker sent the TLS alert `{}`", reason.as_str()),
                None => write!(out, "the broker sent TLS alert {number}"),
            },
            Self::NotTls => write!(out, "the listener does not speak TLS"),
            Self::Closed => write!(out, "the broker closed the connection during the TLS handshake"),
            Self::Other(reason) => write!(out, "TLS failed: {reason}"),
        }
    }
}

/// Why a client cannot be equipped for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCredentials(pub String);

impl fmt::Display for BadCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl TlsSide {
    /// A client that trusts the authorities in `trusted` (PEM), shows `identity` where it is asked, and looks for
    /// `name` in the broker's certificate.
    ///
    /// # Errors
    /// [`BadCredentials`] where certificates or key cannot be used.
    pub fn new(
        trusted: &[u8],
        identity: Option<&Identity>,
        name: ServerName<'static>,
        versions: TlsVersions,
    ) -> Result<Self, BadCredentials> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let authorities = read_certificates(trusted)
            .map_err(|error| BadCredentials(format!("the authorities cannot be read: {error}")))?;
        for authority in authorities {
            roots
                .add(CertificateDer::from(authority.der))
                .map_err(|error| BadCredentials(format!("an authority cannot be used: {error}")))?;
        }
        let verifier = Verifier::new(roots, &provider)?;
        let offered: &[&SupportedProtocolVersion] = match versions {
            TlsVersions::Both => &[&rustls::version::TLS12, &rustls::version::TLS13],
            TlsVersions::V12 => &[&rustls::version::TLS12],
            TlsVersions::V13 => &[&rustls::version::TLS13],
        };
        let bad = |error: rustls::Error| BadCredentials(error.to_string());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(offered)
            .map_err(bad)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.read()?;
                builder.with_client_auth_cert(chain, key).map_err(bad)?
            }
        };
        // A resumed session would not be verified again.
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), name })
    }
}

impl Identity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), BadCredentials> {
        let chain = read_certificates(&self.chain)
            .map_err(|error| BadCredentials(format!("the client's certificate cannot be read: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose())
            .map_err(|error| BadCredentials(format!("the client's key cannot be read: {error}")))?;
        Ok((chain.into_iter().map(|certificate| CertificateDer::from(certificate.der)).collect(), key))
    }
}

/// The name to look for where nobody says one: `localhost` or 127.0.0.1 where the certificate `server` is for those,
/// else another one that it is for. The broker of a test runs on this machine, whatever names it is to have later.
pub fn name_of(server: Option<&CertificateFacts>) -> ServerName<'static> {
    let local = ServerName::IpAddress(std::net::IpAddr::from([127, 0, 0, 1]).into());
    let own: Vec<&SubjectName> = server.into_iter().flat_map(|server| &server.names).collect();
    let is_localhost = |name: &&SubjectName| matches!(name, SubjectName::Dns(host) if host == "localhost");
    let is_loopback = |name: &&SubjectName| matches!(name, SubjectName::Ip(address) if *address == std::net::Ipv4Addr::LOCALHOST);
    let best = own.iter().copied().find(is_localhost).or_else(|| own.iter().copied().find(is_loopback));
    let name = |name: &SubjectName| match name {
        // A wildcard stands for any one label.
        SubjectName::Dns(host) => ServerName::try_from(host.replacen('*', "any", 1)).ok(),
        SubjectName::Ip(address) => Some(ServerName::IpAddress((*address).into())),
    };
    best.into_iter().chain(own).find_map(name).unwrap_or(local)
}

/// Judges the broker's certificate as rustls does, but for the name of one that has no alternative names.
#[derive(Debug)]
struct Verifier(Arc<WebPkiServerVerifier>);

impl Verifier {
    fn new(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Self, BadCredentials> {
        let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        built.map(Self).map_err(|error| BadCredentials(format!("no authority can be used: {error}")))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self.0.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match judged {
            // Mosquitto's own clients take the common name where there is no other. All else was judged before
            // the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if has_common_name_only(certificate) => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn has_common_name_only(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
        let names = certificate.subject_alternative_name();
        names.is_ok_and(|names| names.is_none()) && certificate.subject().iter_common_name().next().is_some()
    })
}

/// A TLS connection of which the end of writing is the end of the connection below: no alert says goodbye, which is
/// how a client goes that breaks down.
pub(super) struct Secured {
    inner: TlsStream<Link>,
    /// How it failed behind what could be read.
    failed: Option<io::Error>,
}

/// Speaks TLS on an open connection.
pub(super) async fn secure(link: Link, side: &TlsSide) -> Result<Secured, TlsFailure> {
    let connector = TlsConnector::from(side.config.clone());
    match connector.connect(side.name.clone(), link).into_fallible().await {
        Ok(inner) => Ok(Secured { inner, failed: None }),
        Err((error, link)) => Err(match failure(&error) {
            Some(failure) => failure,
            None => last_alert(link).await.map_or(TlsFailure::Closed, TlsFailure::Alert),
        }),
    }
}

/// The alert that a broker left before it closed the connection, where that was noticed by writing only.
async fn last_alert(mut link: Link) -> Option<u8> {
    let mut rest = [0; 7];
    let mut filled = 0;
    while filled < rest.len() {
        match link.read(&mut rest[filled..]).await {
            Ok(count) if count > 0 => filled += count,
            _ => return None,
        }
    }
    // Before keys are agreed on, an alert is a record of two bytes: how grave it is, and which one.
    match rest {
        [21, 3, _, 0, 2, _, description] => Some(description),
        _ => None,
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Ready(Err(error)) => {
                // What came before it is still there: an answer, perhaps, and then something that is no TLS.
                let rest = self.inner.get_mut().1.reader().read(buffer.initialize_unfilled());
                let Some(count) = rest.ok().filter(|count| *count > 0) else {
                    return Poll::Ready(Err(error));
                };
                buffer.advance(count);
                self.failed = Some(error);
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut().0).poll_shutdown(context)
    }
}

/// What an error of a TLS stream says; `None` where the connection just ended.
pub(super) fn failure(error: &std::io::Error) -> Option<TlsFailure> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match inner {
        rustls::Error::AlertReceived(alert) => TlsFailure::Alert(u8::from(*alert)),
        rustls::Error::InvalidCertificate(reason) => refused(reason),
        rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
        other => TlsFailure::Other(other.to_string()),
    })
}

fn refused(reason: &CertificateError) -> TlsFailure {
    let untrusted = |why: &str| TlsFailure::UntrustedServer(why.to_owned());
    match reason {
        CertificateError::UnknownIssuer => {
            untrusted("it comes from an authority that the client does not trust")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::ServerExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFailure::WrongServerName(reason.to_string())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            untrusted("it is not valid yet")
        }
        CertificateError::BadSignature => untrusted("its signature is wrong"),
        other => untrusted(&other.to_string()),
    }
}
