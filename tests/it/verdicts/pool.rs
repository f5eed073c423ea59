//! Certificates, keys and lists by name: made once a run, since what is in them does not matter.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use moskit::credentials::{Authority, OperatingSystem};

use crate::fixtures;

const YEAR: i64 = 365 * 86_400;

/// The contents that a name stands for.
pub(super) fn bytes(name: &str) -> &'static [u8] {
    static POOL: OnceLock<BTreeMap<&'static str, Vec<u8>>> = OnceLock::new();
    POOL.get_or_init(make).get(name).unwrap_or_else(|| panic!("`{name}` is not in the pool"))
}

fn make() -> BTreeMap<&'static str, Vec<u8>> {
    let source = OperatingSystem;
    let now = fixtures::NOW;
    let ca = Authority::make("Test CA", now - 2 * YEAR, 50 * YEAR, &source).unwrap();
    let names = ["localhost".to_owned()];
    let server = ca.issue_server(&names, "localhost", now - YEAR, 20 * YEAR, &source).unwrap();
    let expired = ca.issue_server(&names, "localhost", now - YEAR, 86_400, &source).unwrap();
    let other = ca.issue_client("other", now - YEAR, 20 * YEAR, &source).unwrap();
    let list = fixtures::revocation_list(&ca, &other, now);
    let (authority, chain): (Vec<u8>, Vec<u8>) = (ca.certificate().into(), server.certificate.into());
    let key = server.key.expose().to_vec();
    let crlf = |text: &[u8]| String::from_utf8_lossy(text).replace('\n', "\r\n").into_bytes();
    let half = |text: &[u8]| text[..text.len() / 2].to_vec();
    let der = |pem: &[u8]| {
        use base64::Engine as _;
        let text = String::from_utf8_lossy(pem);
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_default()
    };
    BTreeMap::from([
        ("ca.crt.der", der(&authority)),
        ("chain.crt", [&chain[..], &authority].concat()),
        ("key-first.pem", [&key[..], &chain].concat()),
        ("text-first.crt", [b"Certificate:\n    Data:\n", &chain[..]].concat()),
        ("half.crt", half(&chain)),
        ("half.key", half(&key)),
        ("crlf.crt", crlf(&chain)),
        ("crlf.key", crlf(&key)),
        ("half.crl", half(list.as_bytes())),
        ("server.crl", list.into_bytes()),
        ("ca.crt", authority),
        ("server.crt", chain),
        ("server.key", key),
        ("expired.crt", expired.certificate.into()),
        ("expired.key", expired.key.expose().to_vec()),
        ("other.crt", other.certificate.into()),
        ("other.key", other.key.expose().to_vec()),
        ("encrypted.key", include_bytes!("../../fixtures/encrypted.key").to_vec()),
        ("dh.pem", DH.as_bytes().to_vec()),
        ("garbage", b"this is no PEM\n".to_vec()),
        ("empty", Vec::new()),
    ])
}

/// The group ffdhe2048 of RFC 7919.
const DH: &str = "\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
";
