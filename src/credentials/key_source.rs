//! Where randomness and new keys come from.

use std::fmt;

use super::Secret;

/// Gives random bytes and new private keys. The library takes one wherever it needs chance; tests pass in
/// their own.
pub trait KeySource {
    /// Fills `bytes` with randomness fit for keys.
    ///
    /// # Errors
    /// When the source cannot deliver.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError>;

    /// A new P-256 private key as PKCS#8 in PEM: the kind that every OpenSSL under a broker reads.
    ///
    /// # Errors
    /// When the source cannot deliver.
    fn key_pair(&self) -> Result<Secret, RandomnessError>;
}

/// A source of randomness failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomnessError {
    /// What the source said.
    pub reason: String,
}

impl fmt::Display for RandomnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no randomness to make keys from: {}", self.reason)
    }
}

impl std::error::Error for RandomnessError {}

/// The operating system's randomness. For the command line to pass in, and for nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct OperatingSystem;

impl KeySource for OperatingSystem {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError> {
        getrandom::fill(bytes).map_err(|error| RandomnessError { reason: error.to_string() })
    }

    fn key_pair(&self) -> Result<Secret, RandomnessError> {
        let pair =
            rcgen::KeyPair::generate().map_err(|error| RandomnessError { reason: error.to_string() })?;
        Ok(Secret::new(pair.serialize_pem()))
    }
}
