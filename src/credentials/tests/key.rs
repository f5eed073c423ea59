use super::super::*;
use super::*;

fn certificate(text: &str) -> CertificateFacts {
    read_certificates(text.as_bytes()).unwrap().remove(0)
}

#[test]
fn keys_of_each_form_belong_to_their_certificates_only() {
    let pairs = [
        (RSA_PKCS1_KEY, RSA_CERTIFICATE, KeyForm::Pkcs1, "RSA 2048"),
        (EC_SEC1_KEY, EC_CERTIFICATE, KeyForm::Sec1, "EC P-256"),
        (ED25519_KEY, ED25519_CERTIFICATE, KeyForm::Pkcs8, "Ed25519"),
    ];
    for (key, own, form, algorithm) in pairs {
        let facts = read_key(key.as_bytes()).unwrap();
        assert_eq!((facts.form, facts.state), (form, KeyState::Plain));
        assert_eq!(facts.algorithm.as_ref().unwrap().to_string(), algorithm);
        assert_eq!(facts.public_key.as_ref(), Some(&certificate(own).public_key));
        for (_, other, ..) in pairs {
            assert_eq!(facts.matches(&certificate(other)), Some(own == other), "{algorithm}");
        }
    }
}

#[test]
fn encrypted_keys_are_told_and_not_compared() {
    for (text, form) in [(EC_ENCRYPTED_KEY, KeyForm::Pkcs8), (RSA_ENCRYPTED_KEY, KeyForm::Pkcs1)] {
        let facts = read_key(text.as_bytes()).unwrap();
        assert_eq!((facts.state, facts.form), (KeyState::Encrypted, form));
        assert_eq!(facts.matches(&certificate(EC_CERTIFICATE)), None);
    }
}

#[test]
fn files_without_keys_say_what_they_are() {
    let other = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let openssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let reason = "its DER is broken";
    for (text, error) in [
        ("", KeyError::NotPem),
        (RSA_CERTIFICATE, KeyError::IsCertificate),
        (other, KeyError::NoKey { label: "X509 CRL".to_owned() }),
        (openssh, KeyError::NoKey { label: "OPENSSH PRIVATE KEY".to_owned() }),
        (broken, KeyError::Malformed { reason }),
    ] {
        assert_eq!(read_key(text.as_bytes()), Err(error), "{text}");
    }
    assert!(read_key(format!("{RSA_CERTIFICATE}{EC_SEC1_KEY}").as_bytes()).is_ok());
}

/// Every kind of key in every form that openssl writes, each with a certificate of its own.
#[test]
fn keys_made_by_openssl_match() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kinds: [(&str, &[&str]); 9] = [
        ("RSA 2048", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("RSA 1024", &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]),
        ("RSA 2048", &["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("EC P-256", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("EC P-384", &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ("EC P-521", &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        ("EC 1.3.132.0.10", &["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]),
        ("Ed25519", &["ED25519"]),
        ("Ed448", &["ED448"]),
    ];
    let mut made = Vec::new();
    for (name, kind) in kinds {
        let generate = [&["genpkey", "-out", "key.pem", "-algorithm"], kind].concat();
        let Some(_) = openssl_ok(folder, &generate) else { return };
        openssl_ok(folder, &["req", "-x509", "-key", "key.pem", "-subj", "/CN=x", "-out", "certificate.pem"])
            .unwrap();
        let old_form = ["pkey", "-in", "key.pem", "-traditional", "-out", "old.pem"];
        if !openssl(folder, &old_form).unwrap().0 {
            // This kind has one form only.
            std::fs::copy(folder.join("key.pem"), folder.join("old.pem")).unwrap();
        }
        let text = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let certificate = read_certificates(&text("certificate.pem")).unwrap().remove(0);
        assert_eq!(certificate.key_algorithm.to_string(), name);
        assert_ne!(certificate.is_self_signed(), Some(false), "{name}");
        for file in ["key.pem", "old.pem"] {
            let key = read_key(&text(file)).unwrap();
            assert_eq!(key.algorithm, Some(certificate.key_algorithm.clone()), "{file}");
            // The public half of an Ed448 key would have to be computed.
            let known = (name != "Ed448").then_some(true);
            assert_eq!(key.matches(&certificate), known, "{name} {file}");
            assert!(!format!("{key:?}").contains("PRIVATE"));
            made.push((key, certificate.clone()));
        }
    }
    for (number, (key, _)) in made.iter().enumerate() {
        for (other, (_, certificate)) in made.iter().enumerate().filter(|(other, _)| other / 2 != number / 2)
        {
            assert_ne!(key.matches(certificate), Some(true), "{number} {other}");
        }
    }
}

#[test]
fn points_may_be_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("key.pem"), EC_SEC1_KEY).unwrap();
    let compress = ["ec", "-in", "key.pem", "-conv_form", "compressed", "-out", "small.pem"];
    let Some(_) = openssl_ok(folder, &compress) else { return };
    let small = read_key(&std::fs::read(folder.join("small.pem")).unwrap()).unwrap();
    assert_ne!(small.public_key, read_key(EC_SEC1_KEY.as_bytes()).unwrap().public_key);
    assert_eq!(small.matches(&certificate(EC_CERTIFICATE)), Some(true));
}

#[test]
fn a_key_with_its_public_half_attached_is_told() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let facts = read_key(pair.serialize_pem().as_bytes()).unwrap();
    assert_eq!(facts.form, KeyForm::Pkcs8Version2);
    assert!(facts.public_key.is_some());
}
