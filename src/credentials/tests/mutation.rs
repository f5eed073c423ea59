//! Broken input of every kind: nothing may panic, and what is still read must be usable.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::super::*;
use super::*;

const SEEDS: [&str; 9] = [
    EC_CERTIFICATE,
    RSA_CERTIFICATE,
    ED25519_CERTIFICATE,
    REVOCATION_LIST,
    EC_SEC1_KEY,
    RSA_PKCS1_KEY,
    ED25519_KEY,
    EC_ENCRYPTED_KEY,
    RSA_ENCRYPTED_KEY,
];

/// A change at a place: 0 sets a byte, 1 flips a bit, 2 removes, 3 inserts, 4 cuts off.
type Change = (prop::sample::Index, u8, u8);

fn mutate(bytes: &mut Vec<u8>, changes: &[Change]) {
    for (place, kind, value) in changes {
        if bytes.is_empty() {
            return;
        }
        let at = place.index(bytes.len());
        match kind % 5 {
            0 => bytes[at] = *value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, *value),
            _ => bytes.truncate(at.max(bytes.len().saturating_sub(usize::from(*value)))),
        }
    }
}

fn read_everything(file: &[u8]) {
    let key = read_key(file);
    if let Ok(certificates) = read_certificates(file) {
        for facts in &certificates {
            let _ = (facts.is_self_signed(), key.as_ref().map(|key| key.matches(facts)));
            let authority = read_certificates(RSA_CERTIFICATE.as_bytes()).unwrap();
            let _ = facts.is_signed_by(&authority[0]);
        }
    }
    if let Ok(lists) = read_revocation_lists(file) {
        let authority = read_certificates(RSA_CERTIFICATE.as_bytes()).unwrap();
        for list in &lists {
            let _ = (list.is_signed_by(&authority[0]), list.revokes(&authority[0]));
        }
    }
    if let Ok(text) = std::str::from_utf8(file) {
        let key = if text.contains("PRIVATE KEY") { text } else { RSA_PKCS1_KEY };
        let _ = Authority::load(text, Secret::new(key));
        let _ = Authority::load(RSA_CERTIFICATE, Secret::new(text));
    }
}

/// The label and the decoded data of the last block of a fixture.
fn last_block(text: &str) -> (String, Vec<u8>) {
    let (_, rest) = text.rsplit_once("-----BEGIN ").unwrap();
    let (label, rest) = rest.split_once("-----").unwrap();
    let body = rest.split_once("-----END").unwrap().0;
    let body: String = body.lines().filter(|line| !line.contains(':')).collect();
    (label.to_owned(), STANDARD.decode(body).unwrap())
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(any::<Change>(), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_der_never_panics(seed in 0..SEEDS.len(), changes in changes()) {
        let (label, mut der) = last_block(SEEDS[seed]);
        mutate(&mut der, &changes);
        let body = STANDARD.encode(der);
        read_everything(format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").as_bytes());
    }

    #[test]
    fn mutated_pem_never_panics(seed in 0..SEEDS.len(), changes in changes()) {
        let mut file = SEEDS[seed].as_bytes().to_vec();
        mutate(&mut file, &changes);
        read_everything(&file);
    }

    #[test]
    fn mutated_hash_fields_never_panic(stretched: bool, changes in changes()) {
        let hash = PasswordHash::make(b"123456", *b"twelve bytes", 3).to_string();
        let mut field = if stretched { hash } else { hash.replacen("$7$3", "$6", 1) }.into_bytes();
        mutate(&mut field, &changes);
        if let Ok(read) = PasswordHash::parse(&field) {
            let again = PasswordHash::parse(read.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&again.scheme, &read.scheme);
            if !matches!(read.scheme, Scheme::Pbkdf2 { iterations: 1000.., .. }) {
                let _ = read.verify(b"123456");
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PasswordHash::parse(&bytes);
        read_everything(&bytes);
        for label in ["CERTIFICATE", "X509 CRL", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
            let body = STANDARD.encode(&bytes);
            read_everything(format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").as_bytes());
        }
    }
}
