//! Certificate revocation lists.

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::{hexadecimal, read_blocks, reason, verify_signature};
use super::{CertificateError, CertificateFacts, name};

/// What stands in one revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationListFacts {
    /// Who issued the list, in the form of [`CertificateFacts::subject`].
    pub issuer: String,
    /// When it was made, unix seconds. A list from the future makes the broker refuse every client.
    pub this_update: i64,
    /// When the next one is due, unix seconds: from then on the broker refuses every client.
    pub next_update: Option<i64>,
    /// Serial numbers of the revoked certificates, written as [`CertificateFacts::serial`]; their number is
    /// the count.
    pub revoked: Vec<String>,
    /// The identifier of the issuer's key.
    pub authority_key_id: Option<Vec<u8>>,
    der: Vec<u8>,
    comparable_issuer: Vec<u8>,
}

/// Reads all revocation lists of a PEM file in order.
///
/// # Errors
/// [`CertificateError`] where there is none, or any block is broken.
pub fn read_revocation_lists(file: &[u8]) -> Result<Vec<RevocationListFacts>, CertificateError> {
    read_blocks(file, &["X509 CRL"], |der| {
        let (_, list) = CertificateRevocationList::from_der(der).map_err(reason)?;
        Ok(RevocationListFacts {
            issuer: name::rfc2253(list.issuer()),
            this_update: list.last_update().timestamp(),
            next_update: list.next_update().map(|time| time.timestamp()),
            revoked: list.iter_revoked_certificates().map(|entry| hexadecimal(entry.raw_serial())).collect(),
            authority_key_id: key_id(&list),
            der: der.to_vec(),
            comparable_issuer: name::comparable(list.issuer()),
        })
    })
}

fn key_id(list: &CertificateRevocationList<'_>) -> Option<Vec<u8>> {
    list.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => Some(id.key_identifier.as_ref()?.0.to_vec()),
        _ => None,
    })
}

impl RevocationListFacts {
    /// Whether the names and key identifiers allow that `authority` issued this list. The signature is not
    /// looked at.
    pub fn names_issuer(&self, authority: &CertificateFacts) -> bool {
        let identified = match (&self.authority_key_id, &authority.subject_key_id) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        identified && self.comparable_issuer == authority.comparable_subject
    }

    /// The number that OpenSSL names the file after in a `capath`: of the issuer's canonical form.
    pub fn issuer_hash(&self) -> u32 {
        let parsed = CertificateRevocationList::from_der(&self.der);
        parsed.map_or(0, |(_, list)| name::hash(list.issuer()))
    }

    /// Whether `authority` issued this list. Nothing where the names fit but the kind of signature cannot be
    /// checked here.
    pub fn is_signed_by(&self, authority: &CertificateFacts) -> Option<bool> {
        if self.comparable_issuer != authority.comparable_subject {
            return Some(false);
        }
        let (_, list) = CertificateRevocationList::from_der(&self.der).ok()?;
        let signature = &list.signature_value.data;
        verify_signature(authority, &list.signature_algorithm, signature, list.tbs_cert_list.as_ref())
    }

    /// Whether the list names this certificate.
    pub fn revokes(&self, certificate: &CertificateFacts) -> bool {
        self.comparable_issuer == certificate.comparable_issuer && self.revoked.contains(&certificate.serial)
    }
}
