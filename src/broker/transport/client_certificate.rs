//! Client certificates in the handshake.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::Identity;
use super::authorities::{Authorities, Fault};
use crate::credentials::{CertificateFacts, certificate_from_der};

/// Asks every client for a certificate and judges it as OpenSSL does.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Authorities,
    /// The names of authorities that clients are told.
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        authorities: Authorities,
        is_naming: bool,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Arc<Self> {
        let names = authorities.trusted.iter().filter(|_| is_naming);
        let hints = names.map(|authority| authority.raw_subject().into()).collect();
        Arc::new(Self { authorities, hints, algorithms })
    }
}

/// Who a client is by its certificate.
pub(super) fn identity(der: &CertificateDer<'_>) -> Option<Identity> {
    let facts = certificate_from_der(der).ok()?;
    Some(Identity { common_name: facts.common_name, subject: facts.subject })
}

fn read(der: &CertificateDer<'_>) -> Result<CertificateFacts, Error> {
    certificate_from_der(der).map_err(|_| CertificateError::BadEncoding.into())
}

/// The error whose alert is the one that OpenSSL sends.
fn error(fault: Fault) -> Error {
    let other = || CertificateError::Other(OtherError(Arc::new(std::fmt::Error)));
    Error::InvalidCertificate(match fault {
        Fault::Bad => CertificateError::BadEncoding,
        Fault::Purpose => CertificateError::InvalidPurpose,
        Fault::Revoked => CertificateError::Revoked,
        Fault::Expired => CertificateError::Expired,
        Fault::Unknown => other(),
        Fault::Issuer => CertificateError::UnknownIssuer,
        Fault::Signature => CertificateError::BadSignature,
    })
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = read(certificate)?;
        let sent = sent.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.authorities.judge(&certificate, &sent, now).map_err(error)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed, usize::MAX)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        use SignatureScheme::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512};
        if [RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512].contains(&signed.scheme) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        // In TLS 1.3 a scheme names one curve, which stands first.
        self.verify(message, certificate, signed, 1)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Checks a signature of the handshake. `webpki` would do it, but not for certificates of version 1.
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        most: usize,
    ) -> Result<HandshakeSignatureValid, Error> {
        let facts = read(certificate)?;
        let (_, key) = SubjectPublicKeyInfo::from_der(&facts.public_key)
            .map_err(|_| Error::from(CertificateError::BadEncoding))?;
        let known = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let (_, algorithms) = known.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let fits = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
            holds(&facts.public_key, &algorithm.public_key_alg_id())
        };
        let algorithm = algorithms
            .iter()
            .take(most)
            .find(fits)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        algorithm
            .verify_signature(&key.subject_public_key.data, message, signed.signature())
            .map(|()| HandshakeSignatureValid::assertion())
            .map_err(|_| CertificateError::BadSignature.into())
    }
}

/// Whether a SubjectPublicKeyInfo is of an algorithm: the inside of its first element.
fn holds(info: &[u8], algorithm: &[u8]) -> bool {
    let inside = |bytes: &[u8]| -> Option<usize> {
        match bytes {
            [0x30, 0..=0x7f, ..] => Some(2),
            [0x30, length @ 0x81..=0x84, ..] => Some(2 + usize::from(length - 0x80)),
            _ => None,
        }
    };
    let inner = inside(info).and_then(|start| info.get(start..));
    inner.and_then(|inner| inner.get(inside(inner)?..)).is_some_and(|rest| rest.starts_with(algorithm))
}
