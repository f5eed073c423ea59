//! Certificates of the state: when a kept one is good enough, and how certificate and key are kept together.

use zeroize::Zeroizing;

use super::state::{StateKind, StateStore};
use crate::credentials::{self, Authority, Secret, SubjectName};
use crate::lang::spec::Text;
use crate::text::Span;

/// Certificates and their key, in PEM.
pub(super) struct Pair {
    pub(super) chain: Zeroizing<Vec<u8>>,
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// A certificate as the spec wants it.
pub(super) struct Wanted<'a> {
    pub(super) kind: StateKind,
    pub(super) name: &'a str,
    pub(super) authority: &'a Text,
    pub(super) span: Span,
    pub(super) common_name: &'a str,
    /// The names of a server; none for a client.
    pub(super) names: Option<&'a [String]>,
    pub(super) valid_for: i64,
    pub(super) renew_before: i64,
}

impl Wanted<'_> {
    /// Why a kept certificate is not good enough; `None` where it is.
    pub(super) fn refusal(&self, authority: &Authority, chain: &[u8], now: i64) -> Option<&'static str> {
        let read = credentials::read_certificates(chain).ok();
        let Some(own) = read.as_ref().and_then(|read| read.first()) else {
            return Some("issued anew, unreadable");
        };
        let is_same = |known: &SubjectName, name: &str| match known {
            SubjectName::Dns(host) => host.eq_ignore_ascii_case(name),
            SubjectName::Ip(address) => name.parse() == Ok(*address),
        };
        let has_other_names = self.names.is_some_and(|wanted| {
            let missing = wanted.iter().any(|name| !own.names.iter().any(|known| is_same(known, name)));
            missing || own.names.iter().any(|known| !wanted.iter().any(|name| is_same(known, name)))
        });
        match () {
            () if own.is_signed_by(authority.facts()) != Some(true) => Some("issued anew, other authority"),
            () if own.common_name.as_deref() != Some(self.common_name) => {
                Some("issued anew, other common name")
            }
            () if has_other_names => Some("issued anew, other names"),
            () if own.not_after - self.renew_before <= now && own.not_after < authority.facts().not_after => {
                Some("renewed, due")
            }
            () if own.not_after <= now => Some("renewed, expired"),
            () => None,
        }
    }
}

/// A span of time as the clock counts.
pub(super) fn seconds(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Certificates and key in one text, so that they are replaced together.
pub(super) fn joined(certificates: &str, key: &Secret) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(certificates.as_bytes().to_vec());
    text.extend_from_slice(key.expose());
    text
}

/// The certificates and the key of a joined text.
pub(super) fn split(text: &[u8]) -> Option<Pair> {
    let marker = b"-----BEGIN PRIVATE KEY-----";
    let at = text.windows(marker.len()).position(|window| window == marker)?;
    Some(Pair { chain: Zeroizing::new(text[..at].to_vec()), key: Zeroizing::new(text[at..].to_vec()) })
}

/// An authority of the state, with its key; `None` where there is none.
///
/// # Errors
/// Why it cannot be read, in words.
pub fn kept_authority(state: &dyn StateStore, name: &str) -> Result<Option<Authority>, String> {
    match state.read(StateKind::Authority, name) {
        Ok(Some(kept)) => load_authority(&kept).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Takes an authority up from the state.
pub(super) fn load_authority(kept: &[u8]) -> Result<Authority, String> {
    let Pair { chain, key } = split(kept).ok_or("its key is missing")?;
    let certificate = std::str::from_utf8(&chain).map_err(|error| error.to_string())?;
    Authority::load(certificate, Secret::new(key.to_vec())).map_err(|error| error.to_string())
}
