//! The hash field of a password file, as Mosquitto reads it.
//!
//! Seen on 2.0.11, 2.0.21 and 2.1.2: all split the field at `$`, where a run of `$` counts as one, and ignore
//! what follows the hash. 2.0 takes any number of `$` in front, 2.1 exactly one. 2.0 takes salts of 12 bytes
//! only, 2.1 of 12 or 64; hashes have 64 bytes everywhere. What a release does with an entry is for the
//! caller to decide from the facts here.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

/// Bytes of a SHA-512 result, the only hash length that any release takes.
const HASH_BYTES: usize = 64;

/// Salt lengths in bytes that at least one release takes: 12 all of them, 64 those from 2.1 on.
const SALT_BYTES: [usize; 2] = [12, 64];

/// The most PBKDF2 iterations that [`PasswordHash::verify`] works through: some seconds of one core. A file
/// may say up to 2,147,483,647, which would hold the caller (and does hold a real broker) for the better part
/// of an hour.
pub const MAX_VERIFIED_ITERATIONS: u32 = 5_000_000;

/// The most memory, in KiB, that [`PasswordHash::verify`] gives to argon2id: more than five times what
/// `mosquitto_passwd` asks for. A file may ask for terabytes.
pub const MAX_VERIFIED_MEMORY: u32 = 256 * 1024;

/// The most work that [`PasswordHash::verify`] does for argon2id, in KiB of memory times passes: some seconds of
/// one core.
pub const MAX_VERIFIED_WORK: u64 = 8 * 1024 * 1024;

/// The longest result of argon2id, in bytes, that is compared; that of `mosquitto_passwd` has 64.
const MAX_ARGON2_BYTES: usize = 1024;

/// All releases take a last base64 digit whose unused bits are set; padding is required.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// What a password file says about one password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// How the password is hashed, with what is needed to check it.
    pub scheme: Scheme,
    /// Number of `$` before the scheme. One everywhere is fine; 2.0 takes any number, 2.1 one only.
    pub leading_dollars: usize,
    /// How the salt is written.
    pub salt_encoding: Encoding,
    /// How the hash is written.
    pub hash_encoding: Encoding,
    /// Whether anything follows the hash, if only a `$`. All releases ignore it.
    pub has_tail: bool,
}

/// The ways to hash a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `$6$SALT$HASH`: SHA-512 over the password and then the salt, one round.
    Sha512 {
        /// 12 or 64 bytes.
        salt: Vec<u8>,
        /// The expected result.
        hash: [u8; HASH_BYTES],
    },
    /// `$7$ITERATIONS$SALT$HASH`: PBKDF2 with HMAC-SHA512.
    Pbkdf2 {
        /// At least 1, at most 2,147,483,647.
        iterations: u32,
        /// 12 or 64 bytes.
        salt: Vec<u8>,
        /// The expected result.
        hash: [u8; HASH_BYTES],
    },
    /// `$argon2id$…`: kept as text. Only builds of 2.1 with argon2 take it, and they look inside at a login
    /// only.
    Argon2id {
        /// The field from `argon2id` on, without `$` in front.
        text: String,
        /// What the text says, or nothing where it is not built like an argon2id string.
        facts: Option<Argon2Facts>,
    },
}

/// The cost and sizes of an argon2id string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Facts {
    /// Memory in KiB (`m`).
    pub memory_kib: u32,
    /// Passes over the memory (`t`).
    pub passes: u32,
    /// Lanes (`p`).
    pub lanes: u32,
    /// Bytes of the salt.
    pub salt_bytes: usize,
    /// Bytes of the hash.
    pub hash_bytes: usize,
}

/// How a salt or hash is written in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Padded standard base64: every release with every OpenSSL takes it.
    Standard,
    /// With blanks inside or around it. Builds with a newer OpenSSL take it (seen: those of 2.0.21 and
    /// 2.1.2), older ones do not (2.0.11), whatever the release.
    Spaced,
    /// Followed by up to three more bytes, or by `-` and anything. Taken or refused depending on the OpenSSL
    /// too.
    LooseEnd,
}

/// A part of the hash field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The number of iterations of `$7$`.
    Iterations,
    /// The salt.
    Salt,
    /// The hash.
    Hash,
}

/// Why a field is no hash that any known release takes. None of these repeats text of the field, which may be
/// a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// Nothing but `$`, or nothing at all.
    Empty,
    /// The password itself, it seems: there is no scheme.
    PlainText,
    /// A scheme that Mosquitto does not have; the name is there where it is a well-known one.
    UnknownScheme(Option<&'static str>),
    /// The field ends before this part.
    Missing(Part),
    /// The iterations, as `atoi` reads them, are below 1.
    Iterations(i32),
    /// This part is not padded standard base64.
    BadBase64(Part),
    /// The salt has this many bytes: neither 12 nor 64.
    SaltLength(usize),
    /// The hash has this many bytes: not 64.
    HashLength(usize),
}

/// The answer of [`PasswordHash::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is the password.
    Right,
    /// It is not.
    Wrong,
    /// The text is no argon2id string that anything could be compared with: no password is right.
    CannotVerify,
    /// More than [`MAX_VERIFIED_ITERATIONS`] iterations, [`MAX_VERIFIED_MEMORY`] or [`MAX_VERIFIED_WORK`].
    TooManyIterations,
}

impl PasswordHash {
    /// Reads a hash field: what stands between the first and the second `:` of a line, blanks trimmed.
    ///
    /// # Errors
    /// [`HashError`] where no known release takes the field.
    pub fn parse(field: &[u8]) -> Result<Self, HashError> {
        let leading_dollars = field.iter().take_while(|byte| **byte == b'$').count();
        let mut parts = field.split(|byte| *byte == b'$').filter(|part| !part.is_empty());
        let scheme = parts.next().ok_or(HashError::Empty)?;
        if leading_dollars == 0 && scheme.len() == field.len() {
            return Err(HashError::PlainText);
        }
        match scheme {
            b"6" | b"7" => Self::parse_sha512(scheme == b"7", leading_dollars, field, parts),
            b"argon2id" => {
                let text =
                    String::from_utf8_lossy(field.get(leading_dollars..).unwrap_or_default()).into_owned();
                let facts = argon2_facts(&text);
                Ok(Self {
                    scheme: Scheme::Argon2id { text, facts },
                    leading_dollars,
                    salt_encoding: Encoding::Standard,
                    hash_encoding: Encoding::Standard,
                    has_tail: false,
                })
            }
            // A password may well begin with `$` or have one inside; a hash has more parts than one.
            other if leading_dollars == 0 || parts.next().is_none() => known_scheme(other)
                .map_or(Err(HashError::PlainText), |name| Err(HashError::UnknownScheme(Some(name)))),
            other => Err(HashError::UnknownScheme(known_scheme(other))),
        }
    }

    fn parse_sha512<'a>(
        stretched: bool,
        leading_dollars: usize,
        field: &'a [u8],
        mut parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, HashError> {
        let mut iterations = None;
        if stretched {
            let number = atoi(parts.next().ok_or(HashError::Missing(Part::Iterations))?);
            iterations =
                Some(u32::try_from(number).ok().filter(|n| *n > 0).ok_or(HashError::Iterations(number))?);
        }
        let salt_text = parts.next().ok_or(HashError::Missing(Part::Salt))?;
        let (salt, salt_encoding) = decode(salt_text, &SALT_BYTES).ok_or(HashError::BadBase64(Part::Salt))?;
        if !SALT_BYTES.contains(&salt.len()) {
            return Err(HashError::SaltLength(salt.len()));
        }
        let hash_text = parts.next().ok_or(HashError::Missing(Part::Hash))?;
        let (hash, hash_encoding) =
            decode(hash_text, &[HASH_BYTES]).ok_or(HashError::BadBase64(Part::Hash))?;
        let hash: [u8; HASH_BYTES] =
            hash.try_into().map_err(|hash: Vec<u8>| HashError::HashLength(hash.len()))?;
        let has_tail = parts.next().is_some() || field.ends_with(b"$");
        let scheme = match iterations {
            Some(iterations) => Scheme::Pbkdf2 { iterations, salt, hash },
            None => Scheme::Sha512 { salt, hash },
        };
        Ok(Self { scheme, leading_dollars, salt_encoding, hash_encoding, has_tail })
    }

    /// Hashes a password in the only form that all releases from 2.0 on take: `$7$` with a 12-byte salt.
    /// `iterations` outside 1 to 2,147,483,647 become the nearest of these.
    pub fn make(password: &[u8], salt: [u8; 12], iterations: u32) -> Self {
        let iterations = iterations.clamp(1, i32::MAX.unsigned_abs());
        let hash = pbkdf2::pbkdf2_hmac_array::<Sha512, HASH_BYTES>(password, &salt, iterations);
        Self {
            scheme: Scheme::Pbkdf2 { iterations, salt: salt.to_vec(), hash },
            leading_dollars: 1,
            salt_encoding: Encoding::Standard,
            hash_encoding: Encoding::Standard,
            has_tail: false,
        }
    }

    /// Whether `password` is the one that was hashed. Compares in constant time.
    pub fn verify(&self, password: &[u8]) -> Verification {
        let same = match &self.scheme {
            Scheme::Argon2id { text, facts } => {
                return facts
                    .map_or(Verification::CannotVerify, |facts| verify_argon2(text, facts, password));
            }
            Scheme::Pbkdf2 { iterations, .. } if *iterations > MAX_VERIFIED_ITERATIONS => {
                return Verification::TooManyIterations;
            }
            Scheme::Pbkdf2 { iterations, salt, hash } => {
                let made = pbkdf2::pbkdf2_hmac_array::<Sha512, HASH_BYTES>(password, salt, *iterations);
                made.ct_eq(hash)
            }
            Scheme::Sha512 { salt, hash } => {
                let made = Sha512::new().chain_update(password).chain_update(salt).finalize();
                made.as_slice().ct_eq(hash)
            }
        };
        if same.into() { Verification::Right } else { Verification::Wrong }
    }

    /// Bytes of the salt; for argon2id where the text says so.
    pub fn salt_bytes(&self) -> Option<usize> {
        match &self.scheme {
            Scheme::Sha512 { salt, .. } | Scheme::Pbkdf2 { salt, .. } => Some(salt.len()),
            Scheme::Argon2id { facts, .. } => facts.map(|facts| facts.salt_bytes),
        }
    }
}

impl fmt::Display for PasswordHash {
    /// The field in its canonical form: one `$` in front, plain base64, no tail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Scheme::Sha512 { salt, hash } => {
                write!(f, "$6${}${}", STANDARD.encode(salt), STANDARD.encode(hash))
            }
            Scheme::Pbkdf2 { iterations, salt, hash } => {
                write!(f, "$7${iterations}${}${}", STANDARD.encode(salt), STANDARD.encode(hash))
            }
            Scheme::Argon2id { text, .. } => write!(f, "${text}"),
        }
    }
}

impl fmt::Debug for PasswordHash {
    /// Without salt and hash: a hash in a log is a hash that can be attacked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("scheme", &self.scheme)
            .field("leading_dollars", &self.leading_dollars)
            .field("salt_encoding", &self.salt_encoding)
            .field("hash_encoding", &self.hash_encoding)
            .field("has_tail", &self.has_tail)
            .finish()
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha512 { salt, .. } => write!(f, "Sha512 {{ {}-byte salt }}", salt.len()),
            Self::Pbkdf2 { iterations, salt, .. } => {
                write!(f, "Pbkdf2 {{ {iterations} iterations, {}-byte salt }}", salt.len())
            }
            Self::Argon2id { facts, .. } => write!(f, "Argon2id {{ {facts:?} }}"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterations => "number of iterations",
            Self::Salt => "salt",
            Self::Hash => "hash",
        })
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the hash is empty"),
            Self::PlainText => f.write_str("this is no hash but, it seems, the password itself"),
            Self::UnknownScheme(Some(name)) => write!(f, "`{name}` is no hash scheme of mosquitto"),
            Self::UnknownScheme(None) => f.write_str("this is no hash scheme of mosquitto"),
            Self::Missing(part) => write!(f, "the {part} is missing"),
            Self::Iterations(number) => write!(f, "the number of iterations is read as {number}, below 1"),
            Self::BadBase64(part) => write!(f, "the {part} is not padded base64"),
            Self::SaltLength(bytes) => write!(f, "the salt has {bytes} bytes, not 12 (or 64 from 2.1 on)"),
            Self::HashLength(bytes) => write!(f, "the hash has {bytes} bytes, not {HASH_BYTES}"),
        }
    }
}

impl std::error::Error for HashError {}

/// Schemes of other programs that end up in password files.
fn known_scheme(scheme: &[u8]) -> Option<&'static str> {
    const NAMES: [&str; 16] = [
        "1",
        "2",
        "2a",
        "2b",
        "2x",
        "2y",
        "5",
        "apr1",
        "argon2d",
        "argon2i",
        "gy",
        "pbkdf2",
        "pbkdf2-sha256",
        "pbkdf2-sha512",
        "scrypt",
        "y",
    ];
    NAMES.into_iter().find(|name| name.as_bytes() == scheme)
}

/// Reads a number as C's `atoi` does on 64-bit Linux: blanks, a sign, digits, the rest ignored; saturated to
/// 64 bits and then cut to 32. So `101x` is 101, `x` is 0 and 4294967397 is 101, as seen on all releases.
fn atoi(text: &[u8]) -> i32 {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = text.get(text.iter().take_while(|byte| blank(byte)).count()..).unwrap_or_default();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let number = digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0_i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        number.saturating_mul(10).saturating_add(if negative { -digit } else { digit })
    });
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Decodes padded base64. The forms that only some OpenSSLs take count only if they give one of the
/// `lengths`.
fn decode(text: &[u8], lengths: &[usize]) -> Option<(Vec<u8>, Encoding)> {
    if let Ok(bytes) = BASE64.decode(text) {
        return Some((bytes, Encoding::Standard));
    }
    let fitting = |text: &[u8]| BASE64.decode(text).ok().filter(|bytes| lengths.contains(&bytes.len()));
    let spaceless: Vec<u8> = text.iter().copied().filter(|byte| !b" \t\r\n".contains(byte)).collect();
    if let Some(bytes) = fitting(&spaceless) {
        return Some((bytes, Encoding::Spaced));
    }
    let end = text.iter().position(|byte| *byte == b'-').unwrap_or(text.len() - text.len() % 4);
    fitting(text.get(..end)?).map(|bytes| (bytes, Encoding::LooseEnd))
}

/// Computes argon2id with the costs and the salt of the text.
fn verify_argon2(text: &str, facts: Argon2Facts, password: &[u8]) -> Verification {
    let Argon2Facts { memory_kib, passes, lanes, hash_bytes, .. } = facts;
    if memory_kib > MAX_VERIFIED_MEMORY || u64::from(memory_kib) * u64::from(passes) > MAX_VERIFIED_WORK {
        return Verification::TooManyIterations;
    }
    // Without a version it is the first one, as the reference library has it.
    let version = match text.split('$').find_map(|part| part.strip_prefix("v=")) {
        Some("19") => argon2::Version::V0x13,
        Some("16") | None => argon2::Version::V0x10,
        Some(_) => return Verification::CannotVerify,
    };
    let mut parts = text.rsplit('$').map(|part| STANDARD_NO_PAD.decode(part));
    let (Some(Ok(hash)), Some(Ok(salt))) = (parts.next(), parts.next()) else {
        return Verification::CannotVerify;
    };
    let parameters = argon2::Params::new(memory_kib, passes, lanes, Some(hash_bytes));
    let Some(parameters) = parameters.ok().filter(|_| hash.len() <= MAX_ARGON2_BYTES) else {
        return Verification::CannotVerify;
    };
    let mut made = vec![0; hash.len()];
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, version, parameters);
    match hasher.hash_password_into(password, &salt, &mut made) {
        Ok(()) if made.ct_eq(&hash).into() => Verification::Right,
        Ok(()) => Verification::Wrong,
        Err(_) => Verification::CannotVerify,
    }
}

/// Reads `argon2id$v=19$m=47104,t=1,p=1$SALT$HASH`; salt and hash are base64 without padding.
fn argon2_facts(text: &str) -> Option<Argon2Facts> {
    let mut parts = text.split('$').skip(1);
    let mut part = parts.next()?;
    if let Some(version) = part.strip_prefix("v=") {
        version.parse::<u32>().ok()?;
        part = parts.next()?;
    }
    let mut costs = part.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (memory_kib, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    let bytes = |text: &str| STANDARD_NO_PAD.decode(text).ok().map(|b| b.len());
    let (salt_bytes, hash_bytes) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
    parts.next().is_none().then_some(Argon2Facts { memory_kib, passes, lanes, salt_bytes, hash_bytes })
}
