use std::fs;

use super::super::*;
use super::*;

fn read(text: &str) -> CertificateFacts {
    read_certificates(text.as_bytes()).unwrap().remove(0)
}

#[test]
fn an_openssl_certificate_is_read() {
    let facts = read(EC_CERTIFICATE);
    // As `openssl x509 -nameopt RFC2253` printed it.
    let subject = r##"emailAddress=a@b.c,CN=\ a/b=c\,d\+e\;\"\<\>\\#+OU=two,O=T\C3\A9st\, Inc.,DC=x"##;
    assert_eq!((facts.subject.as_str(), facts.issuer.as_str()), (subject, subject));
    assert_eq!(facts.common_name.as_deref(), Some(r##" a/b=c,d+e;"<>\#"##));
    assert_eq!(facts.serial, "59BBB87AEBA07ACA4D67B9C00D0CF86192555A75");
    assert_eq!((facts.not_before, facts.not_after), (1_795_367_853, 2_110_727_853));
    assert!(facts.is_ca);
    assert_eq!(facts.key_usages, Some(vec![KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]));
    assert_eq!(
        facts.extended_usages,
        Some(ExtendedUsages { server: true, others: true, ..Default::default() })
    );
    let names: Vec<_> = facts.names.iter().map(SubjectName::to_string).collect();
    assert_eq!(names, ["broker.example", "*.x.example", "127.0.0.1", "::1"]);
    assert_eq!(facts.key_algorithm.to_string(), "EC P-256");
    assert_eq!(facts.signature_algorithm, "ecdsa-with-SHA256");
    assert_eq!(facts.subject_key_id.as_ref().map(Vec::len), Some(20));
    assert_eq!(facts.authority_key_id, facts.subject_key_id);
    assert!(facts.broken_extensions.is_empty());
    assert_eq!(facts.is_self_signed(), Some(true));
}

#[test]
fn signatures_of_all_kinds_are_checked() {
    let all = [EC_CERTIFICATE, RSA_CERTIFICATE, ED25519_CERTIFICATE].map(read);
    for certificate in &all {
        for issuer in &all {
            assert_eq!(
                certificate.is_signed_by(issuer),
                Some(certificate == issuer),
                "{}",
                certificate.subject
            );
        }
        let mut forged = certificate.clone();
        *forged.der.last_mut().unwrap() ^= 1;
        assert_ne!(forged.is_self_signed(), Some(true), "{}", certificate.subject);
    }
    let [_, rsa, ed] = all;
    assert_eq!((rsa.serial.as_str(), rsa.key_algorithm.to_string().as_str()), ("C0FFEE", "RSA 2048"));
    assert_eq!(ed.key_algorithm, KeyAlgorithm::Ed25519);
}

#[test]
fn text_between_blocks_is_tolerated_as_openssl_does() {
    let x = RSA_CERTIFICATE;
    let broken = "-----BEGIN FOO-----\nAA!A\n-----END FOO-----\n";
    let lines = |edit: &dyn Fn(usize, &str) -> String| -> String {
        x.lines().enumerate().map(|(n, line)| edit(n, line) + "\n").collect()
    };
    let good = [
        format!("junk\n\n{x}trailing"),
        format!("\u{feff}{x}"),
        x.replace('\n', "\r\n"),
        x.replace('\n', "  \n"),
        x.trim_end().to_owned(),
        lines(&|n, line| if (1..5).contains(&n) { format!("  {line}") } else { line.to_owned() }),
        lines(&|n, line| if n == 0 { format!("{line}\n") } else { line.to_owned() }),
        x.replace("CERTIFICATE", "X509 CERTIFICATE"),
        x.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        format!("{RSA_PKCS1_KEY}{x}{REVOCATION_LIST}"),
        format!("{x}-----BEGIN"),
    ];
    for text in good {
        let facts = read_certificates(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(facts.first(), Some(&read(x)), "{text}");
    }
    assert_eq!(read_certificates(format!("{x}{EC_CERTIFICATE}{x}").as_bytes()).unwrap().len(), 3);
    let malformed = [
        (format!("{x}{broken}"), 1),
        (format!("{broken}{x}"), 0),
        (x.replace("END CERTIFICATE", "END X"), 0),
        (format!("{x}{}", x.replace("-----END CERTIFICATE-----", "")), 1),
        (lines(&|n, line| if n == 3 { format!("{line}\n") } else { line.to_owned() }), 0),
        (lines(&|n, line| if n == 0 { format!("{line}\nX: y\n") } else { line.to_owned() }), 0),
        (lines(&|n, line| if n == 4 { String::new() } else { line.to_owned() }), 0),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), 0),
    ];
    for (text, at) in malformed {
        let error = read_certificates(text.as_bytes()).unwrap_err();
        assert!(
            matches!(error, CertificateError::Malformed { index, .. } if index == at),
            "{error:?}: {text}"
        );
    }
}

#[test]
fn files_without_certificates_say_what_they_are() {
    let label = |label: &str| CertificateError::NoCertificate { label: label.to_owned() };
    for (text, error) in [
        ("", CertificateError::NotPem),
        ("-----BEGIN CERTIFICATE----- x\n", CertificateError::NotPem),
        (RSA_PKCS1_KEY, CertificateError::IsKey),
        (EC_SEC1_KEY, CertificateError::IsKey),
        (EC_ENCRYPTED_KEY, CertificateError::IsKey),
        (REVOCATION_LIST, label("X509 CRL")),
    ] {
        assert_eq!(read_certificates(text.as_bytes()), Err(error), "{text}");
    }
    assert_eq!(read_revocation_lists(RSA_CERTIFICATE.as_bytes()), Err(label("CERTIFICATE")));
}

#[test]
fn a_revocation_list_is_read() {
    let lists = read_revocation_lists(REVOCATION_LIST.as_bytes()).unwrap();
    let [list] = lists.as_slice() else { panic!("{lists:?}") };
    let authority = read(RSA_CERTIFICATE);
    assert_eq!(list.issuer, "CN=Old CA,O=Test Org");
    assert_eq!(list.revoked, ["0A1B", "C0FFEE"]);
    assert_eq!(list.next_update, Some(list.this_update + 3650 * DAY));
    assert_eq!(list.is_signed_by(&authority), Some(true));
    assert_eq!(list.is_signed_by(&read(EC_CERTIFICATE)), Some(false));
    assert!(list.revokes(&authority) && !list.revokes(&read(EC_CERTIFICATE)));
}

/// Names of every kind, each as openssl prints it.
#[test]
fn names_are_printed_as_openssl_prints_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("key.pem"), EC_SEC1_KEY).unwrap();
    let attributes = "/C=DE/ST=x/L=y/O=o/OU=u1/OU=u2/serialNumber=5/title=t/street=s/GN=g/SN=s2/name=n\
                      /postalCode=1/initials=i/description=d/dnQualifier=q/businessCategory=b\
                      /generationQualifier=III/pseudonym=p/DC=dc/UID=uid/emailAddress=a@b.c\
                      /unstructuredName=un/organizationIdentifier=oi/telephoneNumber=7/postalAddress=pa\
                      /jurisdictionC=DE/CN=z";
    let names = [
        attributes,
        "/CN= a ",
        "/CN=#a#",
        "/CN= ",
        "/CN=  ",
        "/CN=tab\tx\n\x7f",
        "/CN=\u{1f600}ü",
        "/CN=a;b<c>d\"e=f",
        "/CN=x\\+y\\,z\\\\",
        "/CN=one+OU=two+O=three",
        "/O=a+CN=b/O=c+CN=d",
    ];
    for (number, name) in names.iter().enumerate() {
        let make = |extra: &[&str]| {
            let base = [
                "req",
                "-x509",
                "-utf8",
                "-multivalue-rdn",
                "-key",
                "key.pem",
                "-subj",
                name,
                "-out",
                "c.pem",
            ];
            openssl_ok(folder, &[&base, extra].concat())
        };
        let Some(_) = make(&[]) else { return };
        let print = ["x509", "-in", "c.pem", "-noout", "-subject", "-nameopt", "RFC2253"];
        let expected = openssl_ok(folder, &print).unwrap();
        let facts = read(&fs::read_to_string(folder.join("c.pem")).unwrap());
        assert_eq!(format!("subject={}", facts.subject), expected.trim_end_matches('\n'), "name {number}");
    }
}

/// String kinds that only old tools write, and an attribute without a name of its own.
#[test]
fn string_kinds_are_converted_as_openssl_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("key.pem"), EC_SEC1_KEY).unwrap();
    // The masks of openssl's printable, T.61, IA5, universal, BMP and UTF-8 strings.
    let kinds =
        [(2, "plain"), (4, "größe"), (16, "a_b@c"), (256, "a\u{1f600}ß"), (2048, "größe,"), (8192, "größe")];
    let mut found = Vec::new();
    for (mask, value) in kinds {
        let config = format!(
            "oid_section=o\n[o]\nmine=1.2.3.4\n[req]\nprompt=no\nutf8=yes\nstring_mask=MASK:{mask}\n\
             distinguished_name=n\n[n]\nmine=foo\nCN={value}\n"
        );
        fs::write(folder.join("name.cnf"), config).unwrap();
        let make = ["req", "-x509", "-utf8", "-config", "name.cnf", "-key", "key.pem", "-out", "c.pem"];
        let Some(_) = openssl_ok(folder, &make) else { return };
        let print = ["x509", "-in", "c.pem", "-noout", "-subject", "-nameopt", "RFC2253"];
        let expected = openssl_ok(folder, &print).unwrap();
        let facts = read(&fs::read_to_string(folder.join("c.pem")).unwrap());
        assert_eq!(format!("subject={}", facts.subject), expected.trim_end_matches('\n'));
        assert!(facts.subject.contains(",1.2.3.4=#"), "{}", facts.subject);
        found.push(facts);
    }
    // One text in three kinds of string is one name.
    assert_eq!(found[1].comparable_subject, found[5].comparable_subject);
    assert_eq!(found[4].common_name, None, "bmp strings have NUL bytes");
}
