//! Verdicts on client certificates, as real brokers gave them.

use std::path::Path;

use crate::broker::transport::authorities::{Authorities, Fault};
use crate::credentials::{CertificateFacts, read_certificates, read_revocation_lists};
use crate::text::Memory;

/// When the brokers gave their verdicts, unix seconds.
const NOW: i64 = 1_795_380_300;

const CLIENTS: &str = include_str!("certificates/clients.pem");
const AUTHORITIES: &str = include_str!("certificates/authorities.pem");
const LISTS: &str = include_str!("certificates/lists.pem");
const VERDICTS: &str = include_str!("certificates/verdicts.tsv");

/// The part of a file under a heading.
fn part<'a>(file: &'a str, name: &str) -> &'a str {
    let heading = format!("# {name}\n");
    let (_, rest) = file.split_once(&heading).unwrap_or_else(|| panic!("no {name}"));
    rest.split("\n# ").next().unwrap()
}

fn certificates(file: &str, name: &str) -> Vec<CertificateFacts> {
    read_certificates(part(file, name).as_bytes()).unwrap()
}

/// The number of the alert.
fn verdict(judged: Result<(), Fault>) -> &'static str {
    match judged {
        Ok(()) => "OK",
        Err(Fault::Bad) => "42",
        Err(Fault::Purpose) => "43",
        Err(Fault::Revoked) => "44",
        Err(Fault::Expired) => "45",
        Err(Fault::Unknown) => "46",
        Err(Fault::Issuer) => "48",
        Err(Fault::Signature) => "51",
    }
}

#[test]
fn verdicts_are_those_of_real_brokers() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in VERDICTS.lines().filter(|line| !line.starts_with('#')) {
        let [authority, list, client, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let revocations = (list != "-").then(|| read_revocation_lists(part(LISTS, list).as_bytes()).unwrap());
        let trusted = certificates(AUTHORITIES, authority);
        let authorities = Authorities { trusted, revocations, ignores_dates: false };
        let chain = certificates(CLIENTS, client);
        let found = verdict(authorities.judge(&chain[0], &chain[1..], NOW));
        if found != expected {
            wrong.push(format!("{line}: {found}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "of {count}:\n{}", wrong.join("\n"));
}

/// 2.1.2 overlooks dates of certificates, but not of revocation lists.
#[test]
fn dates_may_be_ignored() {
    let judge = |list: Option<&str>, client: &str| {
        let revocations = list.map(|list| read_revocation_lists(part(LISTS, list).as_bytes()).unwrap());
        let trusted = certificates(AUTHORITIES, "root");
        let authorities = Authorities { trusted, revocations, ignores_dates: true };
        let chain = certificates(CLIENTS, client);
        verdict(authorities.judge(&chain[0], &chain[1..], NOW))
    };
    for client in ["good", "expired", "future", "interexpired"] {
        assert_eq!(judge(None, client), "OK", "{client}");
    }
    assert_eq!(judge(Some("crlexp"), "good"), "45");
    assert_eq!(judge(Some("crlfuture"), "good"), "42");
    assert_eq!(judge(Some("crl"), "revexp"), "44");
}

/// `openssl x509 -hash` names the files; all observed releases find those and no others.
#[test]
fn folders_are_read_by_hash() {
    let (root, list) = (part(AUTHORITIES, "root").as_bytes(), part(LISTS, "crl").as_bytes());
    let judge = |names: &[(&str, &[u8])], client: &str| {
        let mut files = Memory::new();
        for (name, bytes) in names {
            files.insert(format!("/ca/{name}"), *bytes);
        }
        let mut authorities = Authorities { revocations: Some(Vec::new()), ..Authorities::default() };
        authorities.add_folder(Path::new("/ca"), &files);
        authorities.revocations = authorities.revocations.filter(|lists| !lists.is_empty());
        verdict(authorities.judge(&certificates(CLIENTS, client)[0], &[], NOW))
    };
    assert_eq!(judge(&[("576f1bb9.0", root)], "good"), "OK");
    assert_eq!(judge(&[("576f1bb9.1", root)], "good"), "48");
    assert_eq!(judge(&[("deadbeef.0", root)], "good"), "48");
    assert_eq!(judge(&[("ca.pem", root)], "good"), "48");
    assert_eq!(judge(&[("576f1bb9.0", root), ("576f1bb9.r0", list)], "revoked"), "44");
    assert_eq!(judge(&[], "good"), "48");
}

/// Blanks, capitals, accents, several attributes in one set: the hash is that of `openssl x509 -hash`.
#[test]
fn hashes_of_names_are_those_of_openssl() {
    let odd = include_str!("certificates/odd_name.pem");
    assert_eq!(read_certificates(odd.as_bytes()).unwrap()[0].subject_hash(), 0x2683_a166);
    let lists = read_revocation_lists(part(LISTS, "crl").as_bytes()).unwrap();
    assert_eq!(lists[0].issuer_hash(), 0x576f_1bb9);
}
