//! The few DER forms of private keys: read element by element, and written for public keys and PKCS#8.

use x509_parser::asn1_rs::{Any, Class, FromDer};
use zeroize::Zeroizing;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: &[u8] = &[0x05, 0x00];
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed, and as the primitive form that an implicit tag gives a bit string.
pub(super) const CONTEXT_1: u8 = 0xa1;
pub(super) const CONTEXT_1_PRIMITIVE: u8 = 0x81;

/// Reads one element after the other.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element's identifier byte and content, or nothing at the end or where it is broken.
    pub(super) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let result: x509_parser::asn1_rs::ParseResult<'a, Any<'a>> = Any::from_der(self.0);
        let (rest, element) = result.ok()?;
        let identifier = identifier(&element)?;
        self.0 = rest;
        Some((identifier, element.data))
    }

    /// The content of the next element if it has this identifier.
    pub(super) fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == wanted).map(|(_, content)| content)
    }

    /// A sequence that is all there is in `bytes`, but for what follows it.
    pub(super) fn sequence(bytes: &'a [u8]) -> Option<Self> {
        Self::new(bytes).expect(SEQUENCE).map(Self)
    }
}

/// The identifier byte; nothing for tags above 30, which no key or name has.
pub(super) fn identifier(element: &Any<'_>) -> Option<u8> {
    let class = match element.class() {
        Class::Universal => 0x00,
        Class::Application => 0x40,
        Class::ContextSpecific => 0x80,
        Class::Private => 0xc0,
    };
    let constructed = if element.header.is_constructed() { 0x20 } else { 0x00 };
    let tag = u8::try_from(element.tag().0).ok().filter(|tag| *tag < 31)?;
    Some(class | constructed | tag)
}

/// One element around the joined `parts`. It may hold a private key, so it is cleared on drop.
pub(super) fn element(identifier: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 10));
    bytes.push(identifier);
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => bytes.push(short),
        _ => {
            let digits = length.to_be_bytes();
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            let digits = digits.get(zeros..).unwrap_or_default();
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            bytes.extend_from_slice(digits);
        }
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// A SubjectPublicKeyInfo from an algorithm's OID content, its encoded parameters and the public key.
pub(super) fn public_key_info(oid: &[u8], parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = element(SEQUENCE, &[&element(OID, &[oid]), parameters]);
    element(SEQUENCE, &[&algorithm, &element(BIT_STRING, &[&[0], key])]).to_vec()
}
