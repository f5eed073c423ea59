//! Distinguished names as the broker sees them.
//!
//! With `use_subject_as_username` the user name is the subject as OpenSSL prints it in its RFC 2253 form: the
//! most specific attribute first, every byte above ASCII as `\XX`. A name that differs by one escape is
//! another user.

use std::fmt::Write;

use sha1::{Digest, Sha1};
use x509_parser::asn1_rs::{Any, Class};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::der;

/// The name in OpenSSL's RFC 2253 form.
pub(super) fn rfc2253(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for set in name.iter().collect::<Vec<_>>().into_iter().rev() {
        let attributes: Vec<_> = set.iter().collect();
        for (place, attribute) in attributes.into_iter().rev().enumerate() {
            if !text.is_empty() {
                text.push(if place == 0 { ',' } else { '+' });
            }
            write_attribute(&mut text, attribute);
        }
    }
    text
}

/// The first common name, which `use_identity_as_username` takes. Nothing where there is none, or where its
/// bytes are no text that could be a user name: not UTF-8, or with a NUL byte.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<String> {
    let attribute = name.iter_common_name().next()?;
    let text = std::str::from_utf8(attribute.attr_value().data).ok()?;
    (!text.contains('\0')).then(|| text.to_owned())
}

/// A key under which names compare as OpenSSL compares issuer and subject: the kind of string does not
/// matter, nor do ASCII case and runs of blanks.
pub(super) fn comparable(name: &X509Name<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    for set in name.iter() {
        for attribute in set.iter() {
            let value = attribute.attr_value();
            let text = match characters(value) {
                Some(text) => {
                    let folded: String = text.into_iter().map(|c| c.to_ascii_lowercase()).collect();
                    folded.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into_bytes()
                }
                None => dump(value).into_bytes(),
            };
            for part in [attribute.attr_type().as_bytes(), &text] {
                key.extend_from_slice(&part.len().to_be_bytes());
                key.extend_from_slice(part);
            }
        }
        // A set of two is not the same as two sets.
        key.extend_from_slice(&usize::MAX.to_be_bytes());
    }
    key
}

/// OpenSSL's hash of a name: SHA-1 over the sets of the name with strings in one form, as far as they are of a
/// kind that has one; the first four bytes, the least significant one first.
pub(super) fn hash(name: &X509Name<'_>) -> u32 {
    let mut sets = Vec::new();
    for set in name.iter() {
        let mut attributes: Vec<Vec<u8>> = set.iter().map(canonical_attribute).collect();
        // DER sorts the members of a set.
        attributes.sort();
        let members: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
        sets.extend_from_slice(&der::element(der::SET, &members));
    }
    let digest: [u8; 20] = Sha1::digest(&sets).into();
    let [a, b, c, d, ..] = digest;
    u32::from_le_bytes([a, b, c, d])
}

fn canonical_attribute(attribute: &AttributeTypeAndValue<'_>) -> Vec<u8> {
    let value = attribute.attr_value();
    let is_folded = matches!(value.tag().0, 12 | 19 | 20 | 22 | 26 | 28 | 30);
    let value = match characters(value).filter(|_| is_folded) {
        Some(text) => {
            let folded: String = text.into_iter().map(|c| c.to_ascii_lowercase()).collect();
            let joined = folded.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            der::element(der::UTF8_STRING, &[joined.as_bytes()])
        }
        None => der::element(der::identifier(value).unwrap_or_default(), &[value.data]),
    };
    let kind = der::element(der::OID, &[attribute.attr_type().as_bytes()]);
    der::element(der::SEQUENCE, &[&kind, &value]).to_vec()
}

fn write_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let value = attribute.attr_value();
    match (short_name(&oid), characters(value)) {
        (Some(name), Some(characters)) => {
            text.push_str(name);
            text.push('=');
            write_escaped(text, &characters);
        }
        (name, _) => {
            text.push_str(name.unwrap_or(&oid));
            text.push('=');
            text.push_str(&dump(value));
        }
    }
}

fn write_escaped(text: &mut String, characters: &[char]) {
    for (place, character) in characters.iter().copied().enumerate() {
        let first = place == 0;
        let last = place + 1 == characters.len();
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => text.extend(['\\', character]),
            '#' if first => text.push_str("\\#"),
            ' ' if first || last => text.push_str("\\ "),
            ' '..='~' => text.push(character),
            _ => {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\\{byte:02X}");
                }
            }
        }
    }
}

/// The characters of a string of a kind that OpenSSL converts; nothing for other kinds and for broken ones.
fn characters(value: &Any<'_>) -> Option<Vec<char>> {
    if value.class() != Class::Universal {
        return None;
    }
    let data = value.data;
    match value.tag().0 {
        12 => Some(std::str::from_utf8(data).ok()?.chars().collect()),
        // Numeric, printable, T.61, IA5 and visible strings and both times: one byte each.
        18 | 19 | 20 | 22 | 23 | 24 | 26 => Some(data.iter().copied().map(char::from).collect()),
        28 => {
            let (units, rest) = data.as_chunks::<4>();
            let text = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect();
            rest.is_empty().then_some(text)?
        }
        30 => {
            let (units, rest) = data.as_chunks::<2>();
            let text = units.iter().map(|unit| char::from_u32(u16::from_be_bytes(*unit).into())).collect();
            rest.is_empty().then_some(text)?
        }
        _ => None,
    }
}

/// `#` and the whole element in hexadecimal digits, as RFC 2253 has it for what is no string.
fn dump(value: &Any<'_>) -> String {
    let element = der::element(der::identifier(value).unwrap_or_default(), &[value.data]);
    let mut text = String::from("#");
    for byte in element.iter() {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// OpenSSL's short name of an attribute.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.15" => "businessCategory",
        "2.5.4.16" => "postalAddress",
        "2.5.4.17" => "postalCode",
        "2.5.4.18" => "postOfficeBox",
        "2.5.4.20" => "telephoneNumber",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationQualifier",
        "2.5.4.45" => "x500UniqueIdentifier",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.72" => "role",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.2.840.113549.1.9.2" => "unstructuredName",
        "1.2.840.113549.1.9.8" => "unstructuredAddress",
        "1.3.6.1.4.1.311.60.2.1.1" => "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        _ => return None,
    })
}
