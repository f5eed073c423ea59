use std::path::Path;

use super::super::*;
use super::*;

/// Chance that is none: every byte the same, keys from the operating system.
struct Fixed(u8);

impl KeySource for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError> {
        bytes.fill(self.0);
        Ok(())
    }

    fn key_pair(&self) -> Result<Secret, RandomnessError> {
        OperatingSystem.key_pair()
    }
}

/// A source that has run dry.
struct Dry;

impl KeySource for Dry {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomnessError> {
        Err(RandomnessError { reason: "dry".to_owned() })
    }

    fn key_pair(&self) -> Result<Secret, RandomnessError> {
        self.fill(&mut []).map(|()| Secret::new(""))
    }
}

fn authority() -> Authority {
    Authority::make("Test CA", NOW, 3650 * DAY, &OperatingSystem).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn server(authority: &Authority, host_names: &[&str]) -> Result<Issued, IssueError> {
    authority.issue_server(&names(host_names), "broker", NOW, 90 * DAY, &OperatingSystem)
}

/// User names that are awkward as common names.
const ODD_NAMES: [&str; 12] = [
    "sensor 1",
    "a/b",
    "a=b",
    "a,b",
    "a+b",
    "#lead",
    " x ",
    "ünïcödé",
    "\u{1f600}",
    "quote\"back\\slash;<>",
    "CN=x",
    "*",
];

#[test]
fn an_authority_says_what_it_is() {
    let authority = authority();
    let facts = authority.facts();
    assert_eq!((facts.subject.as_str(), facts.is_ca, facts.path_length), ("CN=Test CA", true, Some(0)));
    assert_eq!(facts.key_usages, Some(vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign]));
    assert_eq!((facts.not_before, facts.not_after), (NOW - CLOCK_SKEW_SECONDS, NOW + 3650 * DAY));
    assert_eq!(facts.is_self_signed(), Some(true));
    assert!(facts.subject_key_id.is_some());
    assert_eq!(facts.authority_key_id, facts.subject_key_id);
    assert!(!format!("{authority:?}").contains("BEGIN"));
}

#[test]
fn a_server_certificate_says_what_was_asked() {
    let authority = authority();
    let asked =
        ["broker.example", "LOCALHOST", "localhost", "127.0.0.1", "::1", "*.x.example", "my_container"];
    let issued = server(&authority, &asked).unwrap();
    let facts = &issued.facts;
    let found: Vec<_> = facts.names.iter().map(SubjectName::to_string).collect();
    assert_eq!(found, ["broker.example", "localhost", "127.0.0.1", "::1", "*.x.example", "my_container"]);
    assert_eq!(facts.extended_usages, Some(ExtendedUsages { server: true, ..Default::default() }));
    assert_eq!(facts.key_usages, Some(vec![KeyUsage::DigitalSignature]));
    assert_eq!((facts.not_before, facts.not_after), (NOW - CLOCK_SKEW_SECONDS, NOW + 90 * DAY));
    assert_eq!((facts.is_ca, issued.capped), (false, false));
    assert_eq!(facts.authority_key_id, authority.facts().subject_key_id);
    assert!(facts.subject_key_id.is_some() && facts.subject_key_id != facts.authority_key_id);
    assert_eq!(facts.is_signed_by(authority.facts()), Some(true));
    assert_eq!(read_key(issued.key.expose()).unwrap().matches(facts), Some(true));
    assert_eq!(issued.chain, issued.certificate);
}

#[test]
fn a_validity_stays_inside_the_authority() {
    let authority = authority();
    let issue = |now, seconds| authority.issue_client("a", now, seconds, &OperatingSystem);
    let long = issue(NOW, 9999 * DAY).unwrap();
    assert!(long.capped);
    assert_eq!(long.facts.not_after, authority.facts().not_after);
    let early = issue(NOW - 10, DAY).unwrap();
    assert_eq!(
        (early.facts.not_before, early.facts.not_after),
        (authority.facts().not_before, NOW - 10 + DAY)
    );
    assert_eq!(issue(NOW + 3651 * DAY, DAY).unwrap_err(), IssueError::AuthorityExpired);
    assert_eq!(issue(NOW - 3601, DAY).unwrap_err(), IssueError::AuthorityNotYetValid);
    for seconds in [0, -1, i64::MIN, i64::MAX] {
        assert_eq!(issue(NOW, seconds).unwrap_err(), IssueError::Validity);
    }
}

#[test]
fn times_beyond_a_certificate_are_refused() {
    for (now, seconds) in [(NOW, 300_000_000_000), (i64::MIN, 1), (i64::MAX, 1), (-1_000_000_000, DAY)] {
        let made = Authority::make("x", now, seconds, &OperatingSystem);
        assert_eq!(made.unwrap_err(), IssueError::Validity, "{now} {seconds}");
    }
    for now in [-631_000_000, 0, 2_524_607_999, 2_524_608_000, 253_402_214_400] {
        let authority = Authority::make("x", now, 100, &OperatingSystem).unwrap();
        assert_eq!(authority.facts().not_before, now - CLOCK_SKEW_SECONDS);
        assert_eq!(authority.facts().not_after, now + 100);
    }
}

#[test]
fn serial_numbers_come_from_the_source_and_are_positive() {
    let authority = authority();
    for byte in [0x00, 0x7f, 0x80, 0xff] {
        let issued = authority.issue_client("a", NOW, DAY, &Fixed(byte)).unwrap();
        let first = byte & 0x3f | 0x40;
        assert_eq!(issued.facts.serial, format!("{first:02X}{}", format!("{byte:02X}").repeat(15)));
    }
    let dry = authority.issue_client("a", NOW, DAY, &Dry).unwrap_err();
    assert_eq!(dry, IssueError::Randomness(RandomnessError { reason: "dry".to_owned() }));
}

#[test]
fn common_names_may_be_odd_but_not_long() {
    let authority = authority();
    let issue = |name: &str| authority.issue_client(name, NOW, DAY, &OperatingSystem);
    for name in ODD_NAMES.iter().copied().chain([&*"ü".repeat(64)]) {
        assert_eq!(issue(name).unwrap().facts.common_name.as_deref(), Some(name));
    }
    assert_eq!(issue("").unwrap_err(), IssueError::EmptyCommonName);
    for character in ['\0', '\t', '\u{7f}', '\u{85}', '\u{fdd0}', '\u{ffff}', '\u{1fffe}'] {
        let error = issue(&format!("a{character}b")).unwrap_err();
        assert_eq!(error, IssueError::CommonNameCharacter { character });
    }
    assert_eq!(issue(&"ü".repeat(65)).unwrap_err(), IssueError::LongCommonName { characters: 65 });
}

#[test]
fn names_that_no_certificate_can_hold_are_refused() {
    let authority = authority();
    assert_eq!(server(&authority, &[]).unwrap_err(), IssueError::NoNames);
    let long = "a".repeat(64);
    let longer = "a.".repeat(127);
    for (name, fault) in [
        ("bröker", NameFault::NotAscii),
        ("a b", NameFault::Character),
        ("host:8883", NameFault::Character),
        ("[::1]", NameFault::Character),
        ("mqtts://host", NameFault::Character),
        ("", NameFault::Length),
        ("a..b", NameFault::Length),
        ("host.", NameFault::Length),
        (long.as_str(), NameFault::Length),
        (longer.as_str(), NameFault::Length),
        ("*", NameFault::Wildcard),
        ("a.*.b", NameFault::Wildcard),
        ("x*.b", NameFault::Wildcard),
    ] {
        let error = server(&authority, &["ok", name]).unwrap_err();
        assert_eq!(error, IssueError::Name { name: name.to_owned(), fault }, "{name}");
    }
}

#[test]
fn an_authority_is_taken_up_again() {
    let first = authority();
    let again = Authority::load(first.certificate(), first.key().clone()).unwrap();
    assert_eq!((again.facts(), again.certificate()), (first.facts(), first.certificate()));
    let issued = server(&again, &["x"]).unwrap();
    assert_eq!(issued.facts.is_signed_by(first.facts()), Some(true));

    let key = |text: &str| Secret::new(text);
    let load =
        |certificate: &str, text: &str| Authority::load(certificate, key(text)).map(|_| ()).unwrap_err();
    let leaf_key = issued.key.expose_text().unwrap();
    assert_eq!(load(&issued.certificate, leaf_key), IssueError::NotAnAuthority);
    assert_eq!(load(first.certificate(), leaf_key), IssueError::KeyMismatch);
    assert_eq!(load("", leaf_key), IssueError::AuthorityCertificate(CertificateError::NotPem));
    assert_eq!(load(first.certificate(), ""), IssueError::AuthorityKey(KeyError::NotPem));
    let encrypted = load(RSA_CERTIFICATE, RSA_ENCRYPTED_KEY);
    assert!(matches!(encrypted, IssueError::AuthorityKey(KeyError::Malformed { .. })), "{encrypted:?}");
}

#[test]
fn authorities_of_others_can_issue() {
    for (certificate, key) in [(RSA_CERTIFICATE, RSA_PKCS1_KEY), (ED25519_CERTIFICATE, ED25519_KEY)] {
        let authority = Authority::load(certificate, Secret::new(key)).unwrap();
        let issued = server(&authority, &["x"]).unwrap();
        assert_eq!(issued.facts.is_signed_by(authority.facts()), Some(true));
        assert_eq!(issued.facts.issuer, authority.facts().subject);
        assert_eq!(issued.chain, issued.certificate);
    }
    // Two attributes in one step of the name cannot be written again.
    let odd = Authority::load(EC_CERTIFICATE, Secret::new(EC_SEC1_KEY)).map(|_| ());
    assert!(matches!(odd, Err(IssueError::AuthorityUnusable { .. })), "{odd:?}");
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn openssl_accepts_what_is_issued() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = authority();
    write(folder, "ca.pem", authority.certificate());
    let server = server(&authority, &["broker.example", "127.0.0.1", "::1", "*.x.example"]).unwrap();
    let time = NOW.to_string();
    let verify = |purpose: &str, file: &str, more: &[&str]| {
        let base = ["verify", "-x509_strict", "-attime", &time, "-CAfile", "ca.pem", "-purpose", purpose];
        openssl(folder, &[&base, more, &[file]].concat())
    };
    write(folder, "server.pem", &server.certificate);
    for (more, accepted) in [
        (["-verify_hostname", "broker.example"], true),
        (["-verify_hostname", "a.x.example"], true),
        (["-verify_ip", "127.0.0.1"], true),
        (["-verify_ip", "::1"], true),
        (["-verify_hostname", "other"], false),
    ] {
        let Some((success, text)) = verify("sslserver", "server.pem", &more) else { return };
        assert_eq!(success, accepted, "{more:?}: {text}");
    }
    assert!(!verify("sslclient", "server.pem", &[]).unwrap().0);
    let text = openssl_ok(folder, &["x509", "-in", "server.pem", "-noout", "-text"]).unwrap();
    for line in ["CA:FALSE", "TLS Web Server Authentication", "Digital Signature", "DNS:broker.example"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for name in ODD_NAMES {
        let client = authority.issue_client(name, NOW, DAY, &OperatingSystem).unwrap();
        write(folder, "client.pem", &client.chain);
        let (success, text) = verify("sslclient", "client.pem", &[]).unwrap();
        assert!(success, "{name}: {text}");
        assert!(!verify("sslserver", "client.pem", &[]).unwrap().0);
        let print = ["x509", "-in", "client.pem", "-noout", "-subject", "-nameopt", "RFC2253"];
        let subject = openssl_ok(folder, &print).unwrap();
        assert_eq!(subject.trim_end_matches('\n'), format!("subject={}", client.facts.subject));
        write(folder, "key.pem", client.key.expose_text().unwrap());
        let own = openssl_ok(folder, &["pkey", "-in", "key.pem", "-pubout"]).unwrap();
        assert_eq!(openssl_ok(folder, &["x509", "-in", "client.pem", "-noout", "-pubkey"]).unwrap(), own);
    }
}

/// An authority below a root, both made by openssl: the chain has to carry it.
#[test]
fn a_chain_carries_the_authorities_below_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = |name: &str| {
        openssl_ok(
            folder,
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", name],
        )
    };
    let Some(_) = key("root.key") else { return };
    key("sub.key").unwrap();
    let days = ["-days", "3650"];
    let root = ["req", "-x509", "-key", "root.key", "-subj", "/CN=root", "-out", "root.pem"];
    openssl_ok(folder, &[&root[..], &days].concat()).unwrap();
    openssl_ok(folder, &["req", "-new", "-key", "sub.key", "-subj", "/O=o/CN=sub", "-out", "sub.csr"])
        .unwrap();
    write(
        folder,
        "ext",
        "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    );
    let sign = [
        "x509",
        "-req",
        "-in",
        "sub.csr",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-CAcreateserial",
        "-extfile",
        "ext",
    ];
    openssl_ok(folder, &[&sign[..], &["-out", "sub.pem"], &days].concat()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let certificates = read("sub.pem") + &read("root.pem");
    let authority = Authority::load(&certificates, Secret::new(read("sub.key"))).unwrap();
    let now = authority.facts().not_before + DAY;
    let issued = authority.issue_server(&names(&["x"]), "x", now, DAY, &OperatingSystem).unwrap();
    assert_eq!(
        read_certificates(issued.chain.as_bytes()).unwrap(),
        [issued.facts.clone(), authority.facts().clone()]
    );
    write(folder, "chain.pem", &issued.chain);
    let verify = [
        "verify",
        "-attime",
        &now.to_string(),
        "-CAfile",
        "root.pem",
        "-untrusted",
        "chain.pem",
        "chain.pem",
    ]
    .map(str::to_owned);
    let verify: Vec<&str> = verify.iter().map(String::as_str).collect();
    openssl_ok(folder, &verify).unwrap();
}
