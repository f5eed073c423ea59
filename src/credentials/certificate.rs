//! Certificates: what stands in them, and who signed them.

use std::fmt;
use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Version};

use super::KeyAlgorithm;
use super::algorithm::signature_name;
use super::name;
use super::pem;

/// What stands in one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject as `use_subject_as_username` gives it, such as `CN=client,O=Test Org`.
    pub subject: String,
    /// The issuer in the same form.
    pub issuer: String,
    /// The first common name as `use_identity_as_username` gives it; nothing where it could be no user name
    /// in any release: not UTF-8, or with a NUL. From 2.0.21 at the latest, control characters are refused
    /// too.
    pub common_name: Option<String>,
    /// The serial number in upper-case hexadecimal digits, two per byte.
    pub serial: String,
    /// First second of validity, unix time.
    pub not_before: i64,
    /// Last second of validity, unix time.
    pub not_after: i64,
    /// Whether OpenSSL takes it as an authority: the basic constraints say so, or it is of version 1 and
    /// self-issued.
    pub is_ca: bool,
    /// How many authorities may stand between this one and a leaf.
    pub path_length: Option<u32>,
    /// The key usages; nothing where the certificate does not restrict them.
    pub key_usages: Option<Vec<KeyUsage>>,
    /// The extended usages; nothing where the certificate does not restrict them.
    pub extended_usages: Option<ExtendedUsages>,
    /// The alternative names that a client compares with the host it connects to.
    pub names: Vec<SubjectName>,
    /// The subject key identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// The identifier of the issuer's key.
    pub authority_key_id: Option<Vec<u8>>,
    /// The public key: SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// The kind of the public key.
    pub key_algorithm: KeyAlgorithm,
    /// How the issuer signed, in OpenSSL's words.
    pub signature_algorithm: String,
    /// Object identifiers of extensions that are broken or occur twice: OpenSSL loads such a certificate, and
    /// then fails to verify it.
    pub broken_extensions: Vec<String>,
    /// Object identifiers of critical extensions that OpenSSL does not know, which keep it from being
    /// accepted.
    pub unknown_critical: Vec<String>,
    /// Whether it constrains the names of what is issued below it.
    pub constrains_names: bool,
    /// The whole certificate in DER.
    pub der: Vec<u8>,
    pub(super) comparable_subject: Vec<u8>,
    pub(super) comparable_issuer: Vec<u8>,
}

/// A use that a key is allowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 5280, section 4.2.1.3")]
pub enum KeyUsage {
    DigitalSignature,
    NonRepudiation,
    KeyEncipherment,
    DataEncipherment,
    KeyAgreement,
    KeyCertSign,
    CrlSign,
    EncipherOnly,
    DecipherOnly,
}

/// What a certificate is restricted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedUsages {
    /// TLS servers.
    pub server: bool,
    /// TLS clients.
    pub client: bool,
    /// The identifier that stands for any use.
    pub any: bool,
    /// Anything else, such as code signing.
    pub others: bool,
}

/// A name that a server answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// A host name, maybe with `*` as its first label.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// Why a file gives no certificates, or no revocation lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// Not one PEM block.
    NotPem,
    /// PEM, but not what is wanted; the first block is of this kind.
    NoCertificate {
        /// What stands behind BEGIN.
        label: String,
    },
    /// Nothing of what is wanted, but a private key: it may be about to leak.
    IsKey,
    /// A block is broken. OpenSSL then refuses the whole file.
    Malformed {
        /// Which of the wanted blocks, from 0.
        index: usize,
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPem => f.write_str("the file holds no PEM block"),
            Self::NoCertificate { label } => write!(f, "the file holds `{label}` instead"),
            Self::IsKey => f.write_str("the file holds a private key instead"),
            Self::Malformed { index, reason } => write!(f, "block {} cannot be read: {reason}", index + 1),
        }
    }
}

impl std::error::Error for CertificateError {}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// Reads all certificates of a PEM file in order; other blocks and the text between them do not matter.
///
/// # Errors
/// [`CertificateError`] where there is none, or any block is broken.
pub fn read_certificates(file: &[u8]) -> Result<Vec<CertificateFacts>, CertificateError> {
    let labels = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
    read_blocks(file, &labels, certificate_from_der)
}

/// Reads one certificate, as TLS carries it.
///
/// # Errors
/// What is wrong with it.
pub fn certificate_from_der(der: &[u8]) -> Result<CertificateFacts, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(reason)?;
    Ok(facts(&certificate, der))
}

/// Reads each block that has one of the `labels`.
pub(super) fn read_blocks<T>(
    file: &[u8],
    labels: &[&str],
    read: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Vec<T>, CertificateError> {
    let mut found = Vec::new();
    let (mut first, mut key) = (None, false);
    for block in pem::blocks(file) {
        let index = found.len();
        let block =
            block.map_err(|reason| CertificateError::Malformed { index, reason: reason.to_owned() })?;
        if labels.contains(&block.label.as_str()) {
            if !block.headers.is_empty() {
                let reason = "it has header lines, which OpenSSL does not take here".to_owned();
                return Err(CertificateError::Malformed { index, reason });
            }
            found.push(read(&block.data).map_err(|reason| CertificateError::Malformed { index, reason })?);
        } else {
            key |= block.is_key();
            first.get_or_insert(block.label);
        }
    }
    match first {
        _ if !found.is_empty() => Ok(found),
        _ if key => Err(CertificateError::IsKey),
        Some(label) => Err(CertificateError::NoCertificate { label }),
        None => Err(CertificateError::NotPem),
    }
}

/// The parser's reason in lower case, without its type names where it has words.
pub(super) fn reason(error: x509_parser::nom::Err<X509Error>) -> String {
    match error {
        x509_parser::nom::Err::Incomplete(_) => "its DER ends early".to_owned(),
        x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => {
            format!("its DER is broken ({error})")
        }
    }
}

impl CertificateFacts {
    /// Whether the names and key identifiers allow that `issuer` signed this certificate. The signature is not
    /// looked at.
    pub fn names_issuer(&self, issuer: &Self) -> bool {
        let identified = match (&self.authority_key_id, &issuer.subject_key_id) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        identified && self.comparable_issuer == issuer.comparable_subject
    }

    /// The number that OpenSSL names the file after in a `capath`: of the subject's canonical form.
    pub fn subject_hash(&self) -> u32 {
        let parsed = X509Certificate::from_der(&self.der);
        parsed.map_or(0, |(_, certificate)| name::hash(certificate.subject()))
    }

    /// The subject's distinguished name in DER.
    pub fn raw_subject(&self) -> Vec<u8> {
        let parsed = X509Certificate::from_der(&self.der);
        parsed.map_or_else(|_| Vec::new(), |(_, certificate)| certificate.subject().as_raw().to_vec())
    }

    /// Whether `issuer` signed this certificate: the names and key identifiers fit, and the signature is
    /// right. Nothing where they fit but the kind of signature cannot be checked here.
    pub fn is_signed_by(&self, issuer: &Self) -> Option<bool> {
        if !self.names_issuer(issuer) {
            return Some(false);
        }
        let (_, certificate) = X509Certificate::from_der(&self.der).ok()?;
        let signature = &certificate.signature_value.data;
        verify_signature(
            issuer,
            &certificate.signature_algorithm,
            signature,
            certificate.tbs_certificate.as_ref(),
        )
    }

    /// Whether the certificate vouches for itself, as roots do. Nothing where that cannot be checked here.
    pub fn is_self_signed(&self) -> Option<bool> {
        self.is_signed_by(self)
    }
}

/// Whether `issuer`'s key made the signature over `signed`; nothing where this kind cannot be checked here.
pub(super) fn verify_signature(
    issuer: &CertificateFacts,
    algorithm: &AlgorithmIdentifier<'_>,
    signature: &[u8],
    signed: &[u8],
) -> Option<bool> {
    let (_, key) = SubjectPublicKeyInfo::from_der(&issuer.public_key).ok()?;
    let signature = x509_parser::asn1_rs::BitString::new(0, signature);
    match x509_parser::verify::verify_signature(&key, algorithm, &signature, signed) {
        Ok(()) => Some(true),
        Err(X509Error::SignatureUnsupportedAlgorithm) => None,
        // The verifier says "wrong" for keys whose size, and for salts whose length, it does not take.
        Err(_) => match issuer.key_algorithm {
            KeyAlgorithm::Rsa { bits: 2048..=8192 }
                if signature_name(&algorithm.algorithm.to_id_string()) != "rsassaPss" =>
            {
                Some(false)
            }
            KeyAlgorithm::Rsa { .. } => None,
            _ => Some(false),
        },
    }
}

/// The extensions that OpenSSL heeds, so that they may be critical. That of proxy certificates is left out: a
/// broker accepts none of these.
const KNOWN_EXTENSIONS: [&str; 13] = [
    "1.3.6.1.5.5.7.1.7",
    "1.3.6.1.5.5.7.1.8",
    "2.16.840.1.113730.1.1",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.36",
    "2.5.29.37",
    "2.5.29.54",
];

fn facts(certificate: &X509Certificate<'_>, der: &[u8]) -> CertificateFacts {
    let info = certificate.public_key();
    let mut facts = CertificateFacts {
        subject: name::rfc2253(certificate.subject()),
        issuer: name::rfc2253(certificate.issuer()),
        common_name: name::common_name(certificate.subject()),
        serial: hexadecimal(certificate.raw_serial()),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        is_ca: false,
        path_length: None,
        key_usages: None,
        extended_usages: None,
        names: Vec::new(),
        subject_key_id: None,
        authority_key_id: None,
        public_key: info.raw.to_vec(),
        key_algorithm: KeyAlgorithm::of(info),
        signature_algorithm: signature_name(&certificate.signature_algorithm.algorithm.to_id_string()),
        broken_extensions: Vec::new(),
        unknown_critical: Vec::new(),
        constrains_names: false,
        der: der.to_vec(),
        comparable_subject: name::comparable(certificate.subject()),
        comparable_issuer: name::comparable(certificate.issuer()),
    };
    facts.is_ca =
        certificate.version() == X509Version::V1 && facts.comparable_subject == facts.comparable_issuer;
    let mut seen = std::collections::HashSet::new();
    for extension in certificate.extensions() {
        let first = seen.insert(extension.oid.as_bytes());
        if !first || !take_extension(&mut facts, extension.parsed_extension()) {
            facts.broken_extensions.push(extension.oid.to_id_string());
        }
        let oid = extension.oid.to_id_string();
        if extension.critical && !KNOWN_EXTENSIONS.contains(&oid.as_str()) {
            facts.unknown_critical.push(oid);
        }
    }
    facts
}

/// Notes what an extension says; false if it is broken.
fn take_extension(facts: &mut CertificateFacts, extension: &ParsedExtension<'_>) -> bool {
    match extension {
        ParsedExtension::ParseError { .. } => return false,
        ParsedExtension::BasicConstraints(constraints) => {
            facts.is_ca = constraints.ca;
            facts.path_length = constraints.path_len_constraint;
        }
        ParsedExtension::NameConstraints(_) => facts.constrains_names = true,
        ParsedExtension::KeyUsage(usage) => facts.key_usages = Some(key_usages(usage.flags)),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let named =
                usage.code_signing || usage.email_protection || usage.time_stamping || usage.ocsp_signing;
            facts.extended_usages = Some(ExtendedUsages {
                server: usage.server_auth,
                client: usage.client_auth,
                any: usage.any,
                others: named || !usage.other.is_empty(),
            });
        }
        ParsedExtension::SubjectAlternativeName(names) => {
            facts.names = names.general_names.iter().filter_map(subject_name).collect();
        }
        ParsedExtension::SubjectKeyIdentifier(id) => facts.subject_key_id = Some(id.0.to_vec()),
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            facts.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
        }
        _ => {}
    }
    true
}

/// Bit 0 of the extension is the lowest of the flags.
fn key_usages(flags: u16) -> Vec<KeyUsage> {
    const ALL: [KeyUsage; 9] = [
        KeyUsage::DigitalSignature,
        KeyUsage::NonRepudiation,
        KeyUsage::KeyEncipherment,
        KeyUsage::DataEncipherment,
        KeyUsage::KeyAgreement,
        KeyUsage::KeyCertSign,
        KeyUsage::CrlSign,
        KeyUsage::EncipherOnly,
        KeyUsage::DecipherOnly,
    ];
    ALL.into_iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, usage)| usage).collect()
}

fn subject_name(name: &GeneralName<'_>) -> Option<SubjectName> {
    match name {
        GeneralName::DNSName(name) => Some(SubjectName::Dns((*name).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(SubjectName::Ip)
        }
        _ => None,
    }
}

/// A number in upper-case digits, two per byte, without leading zero bytes.
pub(super) fn hexadecimal(number: &[u8]) -> String {
    let zeros = number.iter().take_while(|byte| **byte == 0).count().min(number.len().saturating_sub(1));
    number.get(zeros..).unwrap_or_default().iter().map(|byte| format!("{byte:02X}")).collect()
}
