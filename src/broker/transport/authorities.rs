//! The authorities and revocation lists of a listener, and what OpenSSL would say of a client's certificate.
//!
//! A verification of our own, since the one of `webpki` accepts and refuses other certificates than brokers
//! do: it takes no certificate of version 1 (those that most instructions for Mosquitto make), no authority as
//! a client, no client that is trusted by itself; and it takes an expired or incomplete chain of authorities.
//! What is done here was held against all three observed releases with seventy certificates. Known to differ:
//! signatures with P-521 and with RSA below 2048 or above 8192 bits cannot be checked and are refused; an
//! authority that constrains names is refused whatever the names.

use std::path::Path;
use std::sync::Arc;

use crate::credentials::{
    CertificateFacts, KeyAlgorithm, KeyUsage, RevocationListFacts, read_certificates, read_revocation_lists,
};
use crate::text::Files;

/// Longest chain that OpenSSL builds.
const LONGEST_CHAIN: usize = 100;
/// Most files of one name in a `capath`.
const MOST_NAMESAKES: usize = 1000;

/// Whom a listener believes.
#[derive(Clone, Debug, Default)]
pub(super) struct Authorities {
    pub(super) trusted: Vec<CertificateFacts>,
    /// Lists that the client's certificate is looked up in; not at all where there is nothing.
    pub(super) revocations: Option<Vec<RevocationListFacts>>,
    /// Whether periods of validity do not count, of certificates at least.
    pub(super) ignores_dates: bool,
}

/// Why a certificate is not accepted. Each stands for the alert that OpenSSL sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `bad_certificate`: not valid yet, too weak, or a revocation list from the future.
    Bad,
    /// `unsupported_certificate`: not for clients.
    Purpose,
    /// `certificate_revoked`.
    Revoked,
    /// `certificate_expired`: it, an authority above it, or the revocation list.
    Expired,
    /// `certificate_unknown`: something in it that is not understood.
    Unknown,
    /// `unknown_ca`: no complete chain to a trusted authority, or no revocation list.
    Issuer,
    /// `decrypt_error`: a wrong signature.
    Signature,
}

impl Authorities {
    /// Adds what lies in a `capath` under the names that OpenSSL looks for: `HASH.0` and so on for
    /// certificates, `HASH.r0` for revocation lists. Anything else there is overlooked, as is a folder that is
    /// not there.
    pub(super) fn add_folder(&mut self, folder: &Path, files: &dyn Files) {
        let Ok(names) = files.list(folder) else { return };
        let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort();
        for name in names {
            let Some((stem, number)) = name.split_once('.') else { continue };
            let (Ok(hash), 8) = (u32::from_str_radix(stem, 16), stem.len()) else { continue };
            match number {
                "0" => {
                    for file in namesakes(folder, stem, "", files) {
                        let found = read_certificates(&file).unwrap_or_default();
                        self.trusted.extend(found.into_iter().filter(|one| one.subject_hash() == hash));
                    }
                }
                "r0" => {
                    let Some(revocations) = &mut self.revocations else { continue };
                    for file in namesakes(folder, stem, "r", files) {
                        let found = read_revocation_lists(&file).unwrap_or_default();
                        revocations.extend(found.into_iter().filter(|one| one.issuer_hash() == hash));
                    }
                }
                _ => {}
            }
        }
    }

    /// The trusted certificates above a certificate, as far as there are any.
    pub(super) fn above(&self, certificate: &CertificateFacts) -> Vec<CertificateFacts> {
        let mut found: Vec<CertificateFacts> = Vec::new();
        while found.len() < LONGEST_CHAIN {
            let top = found.last().unwrap_or(certificate);
            if top.names_issuer(top) {
                break;
            }
            // The time does not matter: it is the client who judges.
            let Some(next) = best_issuer(top, self.trusted.iter(), 0) else { break };
            found.push(next.clone());
        }
        found
    }

    /// Judges the certificate of a client, in the order in which OpenSSL does. `sent` are the other
    /// certificates that the client sent; `now` is in unix seconds.
    pub(super) fn judge(
        &self,
        certificate: &CertificateFacts,
        sent: &[CertificateFacts],
        now: i64,
    ) -> Result<(), Fault> {
        let chain = self.chain(certificate, sent, now)?;
        check_uses(&chain)?;
        check_strength(&chain)?;
        if chain.iter().skip(1).any(|authority| authority.constrains_names) {
            return Err(Fault::Unknown);
        }
        if let (Some(lists), Some(issuer)) = (&self.revocations, chain.get(1).or(chain.first())) {
            check_revocation(certificate, issuer, lists, now)?;
        }
        self.check_signatures(&chain, now)
    }

    /// The certificate and those above it, up to a trusted one that vouches for itself.
    fn chain<'a>(
        &'a self,
        certificate: &'a CertificateFacts,
        sent: &'a [CertificateFacts],
        now: i64,
    ) -> Result<Vec<&'a CertificateFacts>, Fault> {
        let mut chain = vec![certificate];
        while let Some(top) = chain.last().copied().filter(|_| chain.len() <= LONGEST_CHAIN) {
            if top.names_issuer(top) {
                let is_trusted = self.trusted.iter().any(|trusted| trusted.der == top.der);
                // A root of that name may be trusted that is not the one that was sent.
                return if is_trusted { Ok(chain) } else { self.replaced(chain, now) };
            }
            let fresh = sent.iter().filter(|one| !chain.iter().any(|known| known.der == one.der));
            let issuer = best_issuer(top, self.trusted.iter(), now).or_else(|| best_issuer(top, fresh, now));
            chain.push(issuer.ok_or(Fault::Issuer)?);
        }
        Err(Fault::Issuer)
    }

    /// The chain with another, trusted root in place of its own.
    fn replaced<'a>(
        &'a self,
        mut chain: Vec<&'a CertificateFacts>,
        now: i64,
    ) -> Result<Vec<&'a CertificateFacts>, Fault> {
        chain.pop();
        let top = *chain.last().ok_or(Fault::Issuer)?;
        let root = best_issuer(top, self.trusted.iter().filter(|one| one.names_issuer(one)), now);
        chain.push(root.ok_or(Fault::Issuer)?);
        Ok(chain)
    }

    /// Signatures and dates, from the root downwards. The root's own signature proves nothing.
    fn check_signatures(&self, chain: &[&CertificateFacts], now: i64) -> Result<(), Fault> {
        for (index, certificate) in chain.iter().enumerate().rev() {
            if let Some(issuer) = chain.get(index + 1) {
                match certificate.is_signed_by(issuer) {
                    Some(true) => {}
                    Some(false) => return Err(Fault::Signature),
                    None => return Err(Fault::Unknown),
                }
            }
            if !self.ignores_dates {
                check_date(certificate.not_before, Some(certificate.not_after), now)?;
            }
        }
        Ok(())
    }
}

/// The contents of `STEM.0`, `STEM.1`, … until one is missing.
fn namesakes(folder: &Path, stem: &str, kind: &str, files: &dyn Files) -> Vec<Arc<[u8]>> {
    let path = |number: usize| folder.join(format!("{stem}.{kind}{number}"));
    (0..MOST_NAMESAKES).map_while(|number| files.read(&path(number)).ok()).collect()
}

/// Who may have signed a certificate: the first that is valid now, else the one that was valid last.
fn best_issuer<'a>(
    certificate: &CertificateFacts,
    among: impl Iterator<Item = &'a CertificateFacts>,
    now: i64,
) -> Option<&'a CertificateFacts> {
    let may_sign = |issuer: &CertificateFacts| {
        let usages = issuer.key_usages.as_ref();
        usages.is_none_or(|usages| usages.contains(&KeyUsage::KeyCertSign))
    };
    let is_current = |issuer: &CertificateFacts| (issuer.not_before..=issuer.not_after).contains(&now);
    let found: Vec<_> = among.filter(|issuer| certificate.names_issuer(issuer) && may_sign(issuer)).collect();
    let current = found.iter().copied().find(|issuer| is_current(issuer));
    current.or_else(|| found.into_iter().max_by_key(|issuer| issuer.not_after))
}

/// Extensions: nothing unknown, authorities above, fit for a client, and no chain longer than allowed.
fn check_uses(chain: &[&CertificateFacts]) -> Result<(), Fault> {
    let mut between = 0;
    for (index, certificate) in chain.iter().enumerate() {
        if !certificate.unknown_critical.is_empty() || !certificate.broken_extensions.is_empty() {
            return Err(Fault::Unknown);
        }
        if index > 0 && !certificate.is_ca {
            return Err(Fault::Issuer);
        }
        let is_for_clients = certificate.extended_usages.as_ref().is_none_or(|usages| usages.client);
        let signs = |usage| matches!(usage, KeyUsage::DigitalSignature | KeyUsage::KeyAgreement);
        let can_sign = certificate.key_usages.as_ref().is_none_or(|all| all.iter().copied().any(signs));
        if !is_for_clients || (index == 0 && !can_sign) {
            return Err(Fault::Purpose);
        }
        if index > 0 && certificate.path_length.is_some_and(|most| between > most) {
            return Err(Fault::Issuer);
        }
        if index > 0 && !certificate.names_issuer(certificate) {
            between += 1;
        }
    }
    Ok(())
}

/// What OpenSSL's security level 2, which Debian sets, takes for too weak.
fn check_strength(chain: &[&CertificateFacts]) -> Result<(), Fault> {
    for certificate in chain {
        let is_short = matches!(certificate.key_algorithm, KeyAlgorithm::Rsa { bits: ..2048 });
        let digest = certificate.signature_algorithm.to_ascii_lowercase();
        let is_old = ["sha1", "md5", "md4", "md2"].iter().any(|old| digest.contains(old));
        if is_short || (is_old && !certificate.names_issuer(certificate)) {
            return Err(Fault::Bad);
        }
    }
    Ok(())
}

/// Looks the certificate up in the list of its issuer, which must be there and current. Authorities are not
/// looked up.
fn check_revocation(
    certificate: &CertificateFacts,
    issuer: &CertificateFacts,
    lists: &[RevocationListFacts],
    now: i64,
) -> Result<(), Fault> {
    let is_current =
        |list: &RevocationListFacts| list.this_update <= now && list.next_update.is_none_or(|end| now <= end);
    let own = lists.iter().filter(|list| list.names_issuer(issuer));
    let list = own.max_by_key(|list| (is_current(list), list.this_update)).ok_or(Fault::Issuer)?;
    if issuer.key_usages.as_ref().is_some_and(|usages| !usages.contains(&KeyUsage::CrlSign)) {
        return Err(Fault::Unknown);
    }
    check_date(list.this_update, list.next_update, now)?;
    match list.is_signed_by(issuer) {
        Some(true) if list.revokes(certificate) => Err(Fault::Revoked),
        Some(true) => Ok(()),
        Some(false) => Err(Fault::Signature),
        None => Err(Fault::Unknown),
    }
}

fn check_date(first: i64, last: Option<i64>, now: i64) -> Result<(), Fault> {
    match () {
        () if now < first => Err(Fault::Bad),
        () if last.is_some_and(|last| last < now) => Err(Fault::Expired),
        () => Ok(()),
    }
}
