//! Kinds of keys and signatures, named as OpenSSL names them.

use std::fmt;

use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Contents of the object identifiers of key types, as DER holds them.
pub(super) mod oid {
    /// 1.2.840.113549.1.1.1
    pub(crate) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// 1.2.840.113549.1.1.10
    pub(crate) const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    /// 1.2.840.10045.2.1
    pub(crate) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    /// 1.3.101.112
    pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    /// 1.3.101.113
    pub(crate) const ED448: &[u8] = &[0x2b, 0x65, 0x71];
}

/// The kind of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA, also restricted to PSS.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// A key on an elliptic curve.
    Ec {
        /// `P-256`, `P-384`, `P-521`, else the curve's object identifier, or `explicit` where none is named.
        curve: String,
    },
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// Anything else, by object identifier.
    Other(String),
}

impl KeyAlgorithm {
    /// The kind that a SubjectPublicKeyInfo holds.
    pub(super) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = info.algorithm.algorithm.as_bytes();
        match algorithm {
            oid::RSA => match info.parsed() {
                Ok(PublicKey::RSA(key)) => Self::Rsa { bits: bits(key.modulus) },
                _ => Self::Rsa { bits: 0 },
            },
            oid::RSA_PSS => {
                let modulus = super::key::rsa_modulus(&info.subject_public_key.data);
                Self::Rsa { bits: modulus.map_or(0, bits) }
            }
            oid::EC => {
                let curve =
                    info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
                Self::Ec {
                    curve: curve.map_or_else(|| "explicit".to_owned(), |oid| curve_name(&oid.to_id_string())),
                }
            }
            oid::ED25519 => Self::Ed25519,
            oid::ED448 => Self::Ed448,
            _ => Self::Other(info.algorithm.algorithm.to_id_string()),
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { curve } => write!(f, "EC {curve}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Ed448 => f.write_str("Ed448"),
            Self::Other(oid) => f.write_str(oid),
        }
    }
}

/// Length of a number in bits.
pub(super) fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn curve_name(oid: &str) -> String {
    match oid {
        "1.2.840.10045.3.1.7" => "P-256",
        "1.3.132.0.34" => "P-384",
        "1.3.132.0.35" => "P-521",
        other => other,
    }
    .to_owned()
}

/// OpenSSL's name of a signature algorithm, else its object identifier.
pub(super) fn signature_name(oid: &str) -> String {
    match oid {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        other => other,
    }
    .to_owned()
}
