//! Password hashes, certificates and private keys: read, compared, verified, made.
//!
//! Nothing here knows of `mosquitto.conf`, files, the clock or the operating system's randomness: bytes, a
//! time in unix seconds and a [`KeySource`] are passed in. The one exception is [`OperatingSystem`], which
//! the command line passes in.

mod algorithm;
mod certificate;
mod ciphers;
mod der;
mod issue;
mod key;
mod key_source;
mod name;
mod password;
mod pem;
mod revocation;
mod secret;

pub use algorithm::KeyAlgorithm;
pub use certificate::{
    CertificateError, CertificateFacts, ExtendedUsages, KeyUsage, SubjectName, certificate_from_der,
    read_certificates,
};
pub use ciphers::has_ciphers;
pub use issue::{Authority, CLOCK_SKEW_SECONDS, COMMON_NAME_CHARACTERS, IssueError, Issued, NameFault};
pub use key::{KeyError, KeyFacts, KeyForm, KeyState, pkcs8, read_key};
pub use key_source::{KeySource, OperatingSystem, RandomnessError};
pub use password::{
    Argon2Facts, Encoding, HashError, MAX_VERIFIED_ITERATIONS, MAX_VERIFIED_MEMORY, MAX_VERIFIED_WORK, Part,
    PasswordHash, Scheme, Verification,
};
pub use revocation::{RevocationListFacts, read_revocation_lists};
pub use secret::Secret;

#[cfg(test)]
mod tests;
