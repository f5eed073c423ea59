//! Authorities, and the certificates that they issue.

use std::fmt;
use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;

use super::certificate::read_certificates;
use super::key::{pkcs8, read_key};
use super::{CertificateError, CertificateFacts, KeyError, KeySource, KeyUsage, RandomnessError, Secret};

/// How far a certificate's validity reaches back before the time of issue: devices whose clocks are slow by
/// less than this still accept it.
pub const CLOCK_SKEW_SECONDS: i64 = 3600;

/// The most characters that X.520 gives a common name. OpenSSL counts characters too, not bytes, and its
/// tools refuse to make anything longer; brokers were seen to take such a certificate all the same.
pub const COMMON_NAME_CHARACTERS: usize = 64;

/// 1950-01-01 and the last second of 9999: what certificates can express.
const TIMES: std::ops::RangeInclusive<i64> = -631_152_000..=253_402_300_799;

/// An authority that can issue: its certificate and its private key.
pub struct Authority {
    facts: CertificateFacts,
    certificate: String,
    chain: String,
    key: Secret,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that was issued, with its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate in PEM, nothing else.
    pub certificate: String,
    /// The certificate and the authorities up to, without, the root: what a server or client has to send. The
    /// same as `certificate` where the authority is a root.
    pub chain: String,
    /// The private key as PKCS#8 in PEM.
    pub key: Secret,
    /// What the certificate says.
    pub facts: CertificateFacts,
    /// Whether it ends earlier than asked for, because the authority ends then. A certificate that outlives
    /// its authority verifies no longer than the authority does, and would only look valid.
    pub capped: bool,
}

/// Why nothing was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each one's text says it")]
pub enum IssueError {
    EmptyCommonName,
    CommonNameCharacter { character: char },
    LongCommonName { characters: usize },
    NoNames,
    Name { name: String, fault: NameFault },
    Validity,
    AuthorityExpired,
    AuthorityNotYetValid,
    NotAnAuthority,
    KeyMismatch,
    AuthorityCertificate(CertificateError),
    AuthorityKey(KeyError),
    AuthorityUnusable { reason: String },
    Randomness(RandomnessError),
    Signing { reason: String },
}

/// What is wrong with the name of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// Letters beyond ASCII: certificates hold the `xn--` form.
    NotAscii,
    /// A port, a scheme, blanks, brackets or other characters that no host name has.
    Character,
    /// An empty label, one over 63 bytes, or over 253 bytes in all.
    Length,
    /// `*` anywhere but alone in the first of at least two labels.
    Wildcard,
}

impl Authority {
    /// Makes a new root: P-256, `CA:TRUE` with path length 0, for signing certificates and revocation lists.
    /// It is valid from [`CLOCK_SKEW_SECONDS`] before `now`, and for `valid_for` seconds from `now`.
    ///
    /// # Errors
    /// For a common name or a time that a certificate cannot hold, and when `source` fails.
    pub fn make(
        common_name: &str,
        now: i64,
        valid_for: i64,
        source: &dyn KeySource,
    ) -> Result<Self, IssueError> {
        let not_before = now.checked_sub(CLOCK_SKEW_SECONDS).ok_or(IssueError::Validity)?;
        let mut params = parameters(common_name, not_before, end(now, valid_for)?, source)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = source.key_pair().map_err(IssueError::Randomness)?;
        let pair = signing_key(&key)?;
        let certificate = params.self_signed(&pair).map_err(signing)?.pem();
        Self::load(&certificate, key)
    }

    /// Takes an authority up again from its certificate and key in PEM. Certificates behind the first are its
    /// own issuers, for the chain. RSA, P-256, P-384 and Ed25519 keys can sign.
    ///
    /// # Errors
    /// Where it is no authority, may not sign certificates, or the key is not its key or cannot be used.
    pub fn load(certificate: &str, key: Secret) -> Result<Self, IssueError> {
        let certificates =
            read_certificates(certificate.as_bytes()).map_err(IssueError::AuthorityCertificate)?;
        let own = certificates.first().ok_or(IssueError::NotAnAuthority)?.clone();
        let may_sign = own.key_usages.as_ref().is_none_or(|usages| usages.contains(&KeyUsage::KeyCertSign));
        if !own.is_ca || !may_sign {
            return Err(IssueError::NotAnAuthority);
        }
        let facts = read_key(key.expose()).map_err(IssueError::AuthorityKey)?;
        if facts.matches(&own) == Some(false) {
            return Err(IssueError::KeyMismatch);
        }
        let pair = signing_key(&key)?;
        let issuer = Issuer::from_ca_cert_der(&own.der.as_slice().into(), pair)
            .map_err(|error| IssueError::AuthorityUnusable { reason: error.to_string() })?;
        let senders = certificates.iter().filter(|link| link.is_self_signed() != Some(true));
        let chain = senders.map(|link| certificate_pem(&link.der)).collect();
        let certificate = certificate_pem(&own.der);
        Ok(Self { facts: own, certificate, chain, key, issuer })
    }

    /// The authority's certificate in PEM: what the others have to trust.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key in PEM as it was given or made.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// What the authority's certificate says.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// Issues a certificate for a TLS server that answers to `names`: host names, `*.host` names, addresses.
    /// Names given twice count once.
    ///
    /// It begins [`CLOCK_SKEW_SECONDS`] before `now`, but not before the authority does: some verifiers want
    /// the one validity inside the other, and before that the chain fails anyway. It ends with the authority
    /// at the latest, and [`Issued::capped`] says so.
    ///
    /// # Errors
    /// For names or times that a certificate cannot hold, for an authority that is not valid at `now`, and
    /// when `source` fails.
    pub fn issue_server(
        &self,
        names: &[String],
        common_name: &str,
        now: i64,
        valid_for: i64,
        source: &dyn KeySource,
    ) -> Result<Issued, IssueError> {
        let mut alternatives = Vec::new();
        for name in names {
            let name = server_name(name)?;
            if !alternatives.contains(&name) {
                alternatives.push(name);
            }
        }
        if alternatives.is_empty() {
            return Err(IssueError::NoNames);
        }
        self.issue(common_name, alternatives, ExtendedKeyUsagePurpose::ServerAuth, (now, valid_for), source)
    }

    /// Issues a certificate for a TLS client whose user name is `common_name`, with the validity of
    /// [`Self::issue_server`].
    ///
    /// # Errors
    /// As [`Self::issue_server`].
    pub fn issue_client(
        &self,
        common_name: &str,
        now: i64,
        valid_for: i64,
        source: &dyn KeySource,
    ) -> Result<Issued, IssueError> {
        self.issue(common_name, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, (now, valid_for), source)
    }

    fn issue(
        &self,
        common_name: &str,
        names: Vec<SanType>,
        usage: ExtendedKeyUsagePurpose,
        (now, valid_for): (i64, i64),
        source: &dyn KeySource,
    ) -> Result<Issued, IssueError> {
        let own = self.facts();
        if now < own.not_before {
            return Err(IssueError::AuthorityNotYetValid);
        }
        if now > own.not_after {
            return Err(IssueError::AuthorityExpired);
        }
        let wanted = end(now, valid_for)?;
        let not_before = now.saturating_sub(CLOCK_SKEW_SECONDS).max(own.not_before);
        let mut params = parameters(common_name, not_before, wanted.min(own.not_after), source)?;
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = source.key_pair().map_err(IssueError::Randomness)?;
        let certificate = params.signed_by(&signing_key(&key)?, &self.issuer).map_err(signing)?.pem();
        let facts = read_certificates(certificate.as_bytes())
            .ok()
            .and_then(|mut read| read.pop())
            .ok_or_else(|| IssueError::Signing { reason: "the new certificate cannot be read".to_owned() })?;
        // Names with the same attribute twice cannot be written again as they were; nobody would find the
        // issuer.
        if facts.is_signed_by(own) != Some(true) {
            let reason = "its name or signature cannot be reproduced".to_owned();
            return Err(IssueError::AuthorityUnusable { reason });
        }
        let chain = format!("{certificate}{}", self.chain);
        Ok(Issued { certificate, chain, key, facts, capped: wanted > own.not_after })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("subject", &self.facts().subject).field("key", &self.key).finish()
    }
}

fn parameters(
    common_name: &str,
    not_before: i64,
    not_after: i64,
    source: &dyn KeySource,
) -> Result<CertificateParams, IssueError> {
    check_common_name(common_name)?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.not_before = moment(not_before)?;
    params.not_after = moment(not_after)?;
    params.use_authority_key_identifier_extension = true;
    let mut serial = [0; 16];
    source.fill(&mut serial).map_err(IssueError::Randomness)?;
    // Positive, never zero, and always of the same length: 126 random bits remain.
    serial[0] = serial[0] & 0x3f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

fn check_common_name(name: &str) -> Result<(), IssueError> {
    let characters = name.chars().count();
    if characters == 0 {
        return Err(IssueError::EmptyCommonName);
    }
    // Seen with `use_identity_as_username`: 2.0.21 and 2.1.2 refuse these, 2.0.11 the NUL only.
    if let Some(character) = name.chars().find(|c| c.is_control() || is_noncharacter(*c)) {
        return Err(IssueError::CommonNameCharacter { character });
    }
    if characters > COMMON_NAME_CHARACTERS {
        return Err(IssueError::LongCommonName { characters });
    }
    Ok(())
}

/// The code points that Unicode keeps for no character, which MQTT lets a broker refuse.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

fn end(now: i64, valid_for: i64) -> Result<i64, IssueError> {
    if valid_for <= 0 {
        return Err(IssueError::Validity);
    }
    now.checked_add(valid_for).ok_or(IssueError::Validity)
}

fn moment(seconds: i64) -> Result<OffsetDateTime, IssueError> {
    if !TIMES.contains(&seconds) {
        return Err(IssueError::Validity);
    }
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| IssueError::Validity)
}

fn server_name(text: &str) -> Result<SanType, IssueError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let fault = |fault| IssueError::Name { name: text.to_owned(), fault };
    if !text.is_ascii() {
        return Err(fault(NameFault::NotAscii));
    }
    let labels: Vec<&str> = text.split('.').collect();
    if text.len() > 253 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return Err(fault(NameFault::Length));
    }
    let (first, rest) = labels.split_first().ok_or_else(|| fault(NameFault::Length))?;
    let wildcard = *first == "*" && !rest.is_empty();
    let hosts = if wildcard { rest } else { labels.as_slice() };
    if hosts.iter().any(|label| label.contains('*')) {
        return Err(fault(NameFault::Wildcard));
    }
    // Underscores are no host names, but container networks have them, and verifiers take them.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !hosts.iter().all(|label| label.bytes().all(fits)) {
        return Err(fault(NameFault::Character));
    }
    let name = text.to_ascii_lowercase().try_into().map_err(|_| fault(NameFault::Character))?;
    Ok(SanType::DnsName(name))
}

fn signing_key(key: &Secret) -> Result<KeyPair, IssueError> {
    let der = pkcs8(key.expose()).map_err(IssueError::AuthorityKey)?;
    KeyPair::try_from(der.as_slice())
        .map_err(|error| IssueError::AuthorityUnusable { reason: error.to_string() })
}

fn signing(error: rcgen::Error) -> IssueError {
    IssueError::Signing { reason: error.to_string() }
}

fn certificate_pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(digit);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAscii => {
                "it has letters beyond ascii, which certificates hold in their `xn--` form only"
            }
            Self::Character => {
                "a host name has letters, digits, `-`, `_` and dots only, without scheme, port or brackets"
            }
            Self::Length => "its labels must have 1 to 63 bytes, and all of it at most 253",
            Self::Wildcard => "`*` may only stand alone as the first label before others",
        })
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyCommonName => f.write_str("the common name is empty"),
            Self::CommonNameCharacter { character } => write!(
                f,
                "the common name has the character U+{:04X}, with which mosquitto takes it for no user name",
                u32::from(*character)
            ),
            Self::LongCommonName { characters } => write!(
                f,
                "the common name has {characters} characters, but x.520 allows {COMMON_NAME_CHARACTERS}: \
                 openssl's own tools make no longer ones"
            ),
            Self::NoNames => f.write_str(
                "a server certificate needs a name or an address that clients connect to; without one they \
                             refuse it",
            ),
            Self::Name { name, fault } => write!(f, "`{name}` cannot stand in a certificate: {fault}"),
            Self::Validity => f.write_str("the validity must be positive and end before the year 10000"),
            Self::AuthorityExpired => {
                f.write_str("the authority has expired, so nothing that it issues would be accepted")
            }
            Self::AuthorityNotYetValid => f.write_str(
                "the authority is not valid yet, so nothing that it issues would \
                                                       be accepted",
            ),
            Self::NotAnAuthority => {
                f.write_str("the certificate is none of an authority that may sign certificates")
            }
            Self::KeyMismatch => {
                f.write_str("the private key does not belong to the authority's certificate")
            }
            Self::AuthorityCertificate(error) => write!(f, "the authority's certificate: {error}"),
            Self::AuthorityKey(error) => write!(f, "the authority's key: {error}"),
            Self::AuthorityUnusable { reason } => {
                write!(f, "the authority cannot be used for signing: {reason}")
            }
            Self::Randomness(error) => error.fmt(f),
            Self::Signing { reason } => write!(f, "signing failed: {reason}"),
        }
    }
}

impl std::error::Error for IssueError {}
