//! Private keys: what kind they are, and whether they belong to a certificate.

use std::fmt;

use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::algorithm::{bits, oid};
use super::der::{self, Reader};
use super::pem::{self, Block};
use super::{CertificateFacts, KeyAlgorithm};

/// What can be said about a private key without showing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The kind of key; nothing where encryption or an unknown form hides it.
    pub algorithm: Option<KeyAlgorithm>,
    /// Whether it can be read without a passphrase.
    pub state: KeyState,
    /// How it is written.
    pub form: KeyForm,
    /// The public half as SubjectPublicKeyInfo in DER, where it can be told.
    pub public_key: Option<Vec<u8>>,
}

/// Whether a key can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Anybody with the file has the key.
    Plain,
    /// A passphrase is needed: a broker asks for it on its terminal, or fails to start without one.
    Encrypted,
}

/// How a private key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// `PRIVATE KEY` or `ENCRYPTED PRIVATE KEY`.
    Pkcs8,
    /// `PRIVATE KEY` of the second version, with the public half attached. OpenSSL up to 3.0 does not read
    /// it.
    Pkcs8Version2,
    /// `EC PRIVATE KEY`.
    Sec1,
    /// `RSA PRIVATE KEY`.
    Pkcs1,
    /// Another `… PRIVATE KEY`, such as DSA's.
    Other,
}

/// Why a file gives no private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not one PEM block.
    NotPem,
    /// PEM, but no private key; the first block is of this kind.
    NoKey {
        /// What stands behind BEGIN.
        label: String,
    },
    /// A certificate where a key should be.
    IsCertificate,
    /// A PEM block or the key in it is broken.
    Malformed {
        /// What is wrong, to follow "the key".
        reason: &'static str,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPem => f.write_str("the file holds no PEM block"),
            Self::NoKey { label } => write!(f, "the file holds no private key but `{label}`"),
            Self::IsCertificate => f.write_str("the file holds a certificate, not a private key"),
            Self::Malformed { reason } => write!(f, "the private key cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Reads the first private key of a PEM file, as a broker does with its `keyfile`.
///
/// # Errors
/// [`KeyError`] where there is none, or it is broken.
pub fn read_key(file: &[u8]) -> Result<KeyFacts, KeyError> {
    facts(&first_key(file)?)
}

impl KeyFacts {
    /// Whether this is the key of that certificate; nothing where the public half is not known.
    pub fn matches(&self, certificate: &CertificateFacts) -> Option<bool> {
        let (_, own) = SubjectPublicKeyInfo::from_der(self.public_key.as_deref()?).ok()?;
        let (_, other) = SubjectPublicKeyInfo::from_der(&certificate.public_key).ok()?;
        let (own_kind, other_kind) = (KeyAlgorithm::of(&own), KeyAlgorithm::of(&other));
        if let (KeyAlgorithm::Ec { curve: own }, KeyAlgorithm::Ec { curve: other }) = (&own_kind, &other_kind)
            && (own == "explicit") != (other == "explicit")
        {
            return None;
        }
        let same_point = same_point(&own.subject_public_key.data, &other.subject_public_key.data);
        Some(own_kind == other_kind && same_point)
    }
}

/// Points may be written whole or compressed to one coordinate and the parity of the other.
fn same_point(own: &[u8], other: &[u8]) -> bool {
    match (own, other) {
        ([4, whole @ ..], [parity @ (2 | 3), x @ ..]) | ([parity @ (2 | 3), x @ ..], [4, whole @ ..]) => {
            whole.len() == 2 * x.len()
                && whole.starts_with(x)
                && whole.last().is_some_and(|y| y & 1 == parity & 1)
        }
        _ => own == other,
    }
}

fn first_key(file: &[u8]) -> Result<Block, KeyError> {
    let mut first: Option<String> = None;
    let mut certificate = false;
    for block in pem::blocks(file) {
        let block = block.map_err(|reason| KeyError::Malformed { reason })?;
        // OpenSSH's own form is none that OpenSSL reads.
        if block.is_key() && block.label != "OPENSSH PRIVATE KEY" {
            return Ok(block);
        }
        certificate |= block.label.ends_with("CERTIFICATE");
        first.get_or_insert(block.label);
    }
    match first {
        None => Err(KeyError::NotPem),
        Some(_) if certificate => Err(KeyError::IsCertificate),
        Some(label) => Err(KeyError::NoKey { label }),
    }
}

fn facts(block: &Block) -> Result<KeyFacts, KeyError> {
    let form = match block.label.as_str() {
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => KeyForm::Pkcs8,
        "EC PRIVATE KEY" => KeyForm::Sec1,
        "RSA PRIVATE KEY" => KeyForm::Pkcs1,
        _ => KeyForm::Other,
    };
    if block.is_encrypted() || block.label == "ENCRYPTED PRIVATE KEY" {
        return Ok(KeyFacts { algorithm: None, state: KeyState::Encrypted, form, public_key: None });
    }
    let state = KeyState::Plain;
    if form == KeyForm::Other {
        return Ok(KeyFacts { algorithm: None, state, form, public_key: None });
    }
    let parts = match form {
        KeyForm::Sec1 => read_sec1(&block.data, None),
        KeyForm::Pkcs1 => read_pkcs1(&block.data, oid::RSA, der::NULL),
        _ => read_pkcs8(&block.data),
    };
    let parts = parts.ok_or(KeyError::Malformed { reason: "its DER is broken" })?;
    let form = if parts.version == 1 { KeyForm::Pkcs8Version2 } else { form };
    Ok(KeyFacts { algorithm: Some(parts.algorithm), state, form, public_key: parts.public_key })
}

struct KeyParts {
    algorithm: KeyAlgorithm,
    public_key: Option<Vec<u8>>,
    /// PKCS#8's version field: 1 says that the public half is attached.
    version: u8,
}

impl KeyParts {
    fn new(algorithm: KeyAlgorithm, public_key: Option<Vec<u8>>) -> Self {
        Self { algorithm, public_key, version: 0 }
    }
}

/// RFC 5958: version, algorithm, the key in the algorithm's own form, attributes, public half.
fn read_pkcs8(key: &[u8]) -> Option<KeyParts> {
    let mut fields = Reader::sequence(key)?;
    let [version] = *fields.expect(der::INTEGER)? else { return None };
    let mut algorithm = Reader::new(fields.expect(der::SEQUENCE)?);
    let kind = algorithm.expect(der::OID)?;
    let parameters = algorithm.any();
    let inner = fields.expect(der::OCTET_STRING)?;
    let attached = std::iter::from_fn(|| fields.any())
        .find(|(identifier, _)| *identifier == der::CONTEXT_1_PRIMITIVE)
        .and_then(|(_, bits)| bits.get(1..));
    let parts = match kind {
        oid::RSA => read_pkcs1(inner, kind, der::NULL)?,
        oid::RSA_PSS => {
            let parameters = parameters.map(|(identifier, content)| der::element(identifier, &[content]));
            read_pkcs1(inner, kind, parameters.as_deref().map_or(&[], |bytes| bytes.as_slice()))?
        }
        oid::EC => read_sec1(inner, parameters)?,
        oid::ED25519 => KeyParts::new(KeyAlgorithm::Ed25519, ed25519_public(key)),
        oid::ED448 => {
            KeyParts::new(KeyAlgorithm::Ed448, attached.map(|public| der::public_key_info(kind, &[], public)))
        }
        // The bytes of an identifier are not checked by the reader, so they may be none.
        other => KeyParts::new(
            KeyAlgorithm::Other(x509_parser::asn1_rs::Oid::new(other.into()).to_id_string()),
            None,
        ),
    };
    Some(KeyParts { version, ..parts })
}

/// RFC 8017: version, modulus, public exponent, and the private rest.
fn read_pkcs1(key: &[u8], kind: &[u8], parameters: &[u8]) -> Option<KeyParts> {
    let mut fields = Reader::sequence(key)?;
    fields.expect(der::INTEGER)?;
    let (modulus, exponent) = (fields.expect(der::INTEGER)?, fields.expect(der::INTEGER)?);
    let public = der::element(
        der::SEQUENCE,
        &[&der::element(der::INTEGER, &[modulus]), &der::element(der::INTEGER, &[exponent])],
    );
    let public_key = der::public_key_info(kind, parameters, &public);
    Some(KeyParts::new(KeyAlgorithm::Rsa { bits: bits(modulus) }, Some(public_key)))
}

/// RFC 5915: version, private number, `[0]` curve, `[1]` public point. Inside PKCS#8 the curve stands
/// outside.
fn read_sec1(key: &[u8], outer: Option<(u8, &[u8])>) -> Option<KeyParts> {
    let mut fields = Reader::sequence(key)?;
    fields.expect(der::INTEGER)?;
    fields.expect(der::OCTET_STRING)?;
    let (mut curve, mut public) = (outer, None);
    while let Some((identifier, content)) = fields.any() {
        match identifier {
            der::CONTEXT_0 if curve.is_none() => curve = Reader::new(content).any(),
            der::CONTEXT_1 => {
                public = Reader::new(content).expect(der::BIT_STRING).and_then(|bits| bits.get(1..))
            }
            _ => {}
        }
    }
    let (identifier, content) = curve?;
    let parameters = der::element(identifier, &[content]);
    // Without the point it would have to be computed from the private number; tools leave it out hardly ever.
    let point = public.unwrap_or_default();
    let info = der::public_key_info(oid::EC, &parameters, point);
    let (_, parsed) = SubjectPublicKeyInfo::from_der(&info).ok()?;
    let algorithm = KeyAlgorithm::of(&parsed);
    Some(KeyParts::new(algorithm, public.is_some().then_some(info)))
}

/// Ed25519's PKCS#8 holds the seed only; the public half has to be computed.
fn ed25519_public(key: &[u8]) -> Option<Vec<u8>> {
    let pair = rcgen::KeyPair::try_from(key).ok()?;
    Some(der::public_key_info(oid::ED25519, &[], pair.public_key_raw()))
}

/// The modulus in an RSAPublicKey.
pub(super) fn rsa_modulus(key: &[u8]) -> Option<&[u8]> {
    Reader::sequence(key)?.expect(der::INTEGER)
}

/// The first plain key of a file as PKCS#8 DER, the one form that can be signed with here.
///
/// # Errors
/// Where there is no key, or it is encrypted or of no known form.
pub fn pkcs8(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let block = first_key(file)?;
    let facts = facts(&block)?;
    if facts.state == KeyState::Encrypted {
        return Err(KeyError::Malformed { reason: "it is encrypted" });
    }
    let algorithm = match facts.form {
        KeyForm::Pkcs8 | KeyForm::Pkcs8Version2 => return Ok(block.data),
        KeyForm::Pkcs1 => der::element(der::SEQUENCE, &[&der::element(der::OID, &[oid::RSA]), der::NULL]),
        KeyForm::Sec1 => {
            let public =
                facts.public_key.ok_or(KeyError::Malformed { reason: "it lacks its public half" })?;
            let info = Reader::sequence(&public).and_then(|mut info| info.expect(der::SEQUENCE));
            der::element(der::SEQUENCE, &[info.unwrap_or_default()])
        }
        KeyForm::Other => {
            return Err(KeyError::Malformed { reason: "it is of a kind that cannot sign here" });
        }
    };
    let inner = match facts.form {
        KeyForm::Sec1 => without_curve(&block.data).unwrap_or_default(),
        _ => block.data,
    };
    let version = der::element(der::INTEGER, &[&[0]]);
    Ok(der::element(der::SEQUENCE, &[&version, &algorithm, &der::element(der::OCTET_STRING, &[&inner])]))
}

/// A SEC1 key without its `[0]`, which ring reads in a way of its own.
fn without_curve(key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut fields = Reader::sequence(key)?;
    let kept: Vec<_> = std::iter::from_fn(|| fields.any())
        .filter(|(identifier, _)| *identifier != der::CONTEXT_0)
        .map(|(identifier, content)| der::element(identifier, &[content]))
        .collect();
    let kept: Vec<&[u8]> = kept.iter().map(|element| element.as_slice()).collect();
    Some(der::element(der::SEQUENCE, &kept))
}
