//! Whole handshakes with a client that is not ours: TLS by rustls, WebSockets by tungstenite.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, ClientConfig, RootCertStore, version};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::{deployment, folder, new, old};
use crate::broker::transport::{Address, Connection, Identity, Opened, Placement, Secure, Upgrade, open};
use crate::catalogue::Release;
use crate::text::Memory;

const V1_AUTHORITY: &str = include_str!("certificates/v1_authority.pem");
const V1_CLIENT: &str = include_str!("certificates/v1_client.pem");
const V1_KEY: &str = include_str!("certificates/v1_client.key");

/// An authority, and the files of a listener.
struct Pki {
    authority: CertificateParams,
    key: KeyPair,
    certificate: String,
    files: Memory,
}

/// A certificate and its key in PEM.
type Pair = (String, String);

impl Pki {
    fn new() -> Self {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "Test CA");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&key).unwrap().pem();
        let mut pki = Self { authority, key, certificate, files: Memory::new() };
        let (server, key) = pki.issue("server", 1, |server| {
            server.subject_alt_names =
                CertificateParams::new(vec!["localhost".to_owned()]).unwrap().subject_alt_names;
        });
        pki.files.insert("/ca.pem", pki.certificate.clone().into_bytes());
        pki.files.insert("/old_ca.pem", V1_AUTHORITY.as_bytes());
        pki.files.insert("/server.pem", server.into_bytes());
        pki.files.insert("/server.key", key.into_bytes());
        pki.files.insert("/list.pem", pki.list(&[7]).into_bytes());
        pki
    }

    fn issue(&self, name: &str, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Test Org");
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(serial));
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.authority, &self.key);
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    }

    fn list(&self, serials: &[u64]) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: OffsetDateTime::UNIX_EPOCH,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: OffsetDateTime::UNIX_EPOCH,
            next_update: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(5_000_000_000),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.authority, &self.key);
        params.signed_by(&issuer).unwrap().pem().unwrap()
    }

    /// A client that believes the authority, with a certificate or without.
    fn client(
        &self,
        pair: Option<&Pair>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let Some((certificate, key)) = pair else { return builder.with_no_client_auth() };
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
    }

    fn secure(&self, options: &str, release: Release) -> Secure {
        let text = format!("listener 8883\ncertfile /server.pem\nkeyfile /server.key\n{options}");
        let deployment = deployment(&text, release, &self.files);
        let listener = &deployment.listeners[0];
        Secure::load(listener, deployment.security_of(listener), release, &self.files).unwrap().unwrap()
    }

    async fn attempt(&self, options: &str, release: Release, client: ClientConfig) -> Result<Got, String> {
        shake(&self.secure(options, release), client).await
    }
}

/// What a client and the server know after a handshake.
#[derive(Debug, PartialEq)]
struct Got {
    identity: Option<Identity>,
    version: rustls::ProtocolVersion,
    suite: rustls::CipherSuite,
    chain: usize,
}

async fn opened(text: &str) -> (Opened, std::net::SocketAddr) {
    let folder = folder();
    let placement = Placement::Ephemeral { sockets: folder.path().to_owned() };
    let opened = open(&super::listener(text, new()), new(), &placement, false).await.unwrap();
    let Address::Tcp(address) = opened.addresses()[0] else { panic!() };
    (opened, address)
}

async fn established(
    opened: &Opened,
    secure: Option<&Secure>,
    upgrade: Option<&Upgrade>,
) -> Result<Connection, String> {
    let (raw, _) = opened.accept().await.unwrap();
    raw.establish(secure, upgrade).await.map_err(|failed| failed.to_string())
}

/// The outcome for the client: what it got, or the alert.
async fn shake(secure: &Secure, client: ClientConfig) -> Result<Got, String> {
    let (opened, address) = opened("listener 1\n").await;
    let connecting = async {
        let socket = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, socket).await?;
        // With TLS 1.3 a client learns only now that it was refused.
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await?;
        Ok::<_, std::io::Error>(stream)
    };
    let serving = async {
        let mut connection = established(&opened, Some(secure), None).await?;
        connection.stream.write_all(b"x").await.unwrap();
        connection.stream.flush().await.unwrap();
        Ok::<_, String>(connection)
    };
    let both = async { tokio::join!(connecting, serving) };
    match timeout(Duration::from_secs(10), both).await.unwrap() {
        (Ok(stream), Ok(connection)) => {
            let (_, tls) = stream.get_ref();
            Ok(Got {
                identity: connection.identity,
                version: tls.protocol_version().unwrap(),
                suite: tls.negotiated_cipher_suite().unwrap().suite(),
                chain: tls.peer_certificates().unwrap().len(),
            })
        }
        (Err(error), Err(_)) => Err(alert(&error)),
        (stream, connection) => panic!("{:?} {:?}", stream.err(), connection.err()),
    }
}

fn alert(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => format!("{alert:?}"),
        _ => error.to_string(),
    }
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

#[tokio::test]
async fn client_certificates_are_judged_in_the_handshake() {
    let pki = Pki::new();
    let required = "cafile /ca.pem\nrequire_certificate true\n";
    let with_list = &format!("{required}crlfile /list.pem\n");
    let good = pki.issue("plant-1", 5, |_| {});
    let revoked = pki.issue("plant-2", 7, |_| {});
    let expired = pki.issue("plant-3", 8, |params| params.not_after = OffsetDateTime::UNIX_EPOCH);
    let server = pki.issue("plant-4", 9, |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    let stranger = Pki::new().issue("plant-5", 10, |_| {});
    let bare = Some(AlertDescription::CertificateRequired);
    let cases: [(&str, Option<&Pair>, Option<AlertDescription>); 9] = [
        (required, Some(&good), None),
        (required, None, bare),
        (required, Some(&revoked), None),
        (with_list, Some(&good), None),
        (with_list, Some(&revoked), Some(AlertDescription::CertificateRevoked)),
        (required, Some(&expired), Some(AlertDescription::CertificateExpired)),
        (required, Some(&server), Some(AlertDescription::UnsupportedCertificate)),
        (required, Some(&stranger), Some(AlertDescription::UnknownCA)),
        ("require_certificate true\n", Some(&good), Some(AlertDescription::UnknownCA)),
    ];
    for (options, pair, refused) in cases {
        for versions in [&BOTH[..1], &BOTH[1..]] {
            let got = pki.attempt(options, new(), pki.client(pair, versions)).await;
            match refused {
                Some(alert) => assert_eq!(got.unwrap_err(), format!("{alert:?}"), "{options}"),
                None => {
                    let identity = got.unwrap().identity.unwrap();
                    let name = identity.common_name.unwrap();
                    assert_eq!(identity.subject, format!("CN={name},O=Test Org"));
                }
            }
        }
    }
    // A server that does not require certificates does not ask for them.
    let got = pki.attempt("cafile /ca.pem\n", new(), pki.client(Some(&stranger), &BOTH)).await;
    assert_eq!(got.unwrap().identity, None);
}

/// A WebSocket listener of 2.0 knows neither `capath` nor `crlfile`, and no keys.
#[tokio::test]
async fn websocket_listeners_heed_what_the_release_heeds() {
    let mut pki = Pki::new();
    let authority = pki.certificate.clone().into_bytes();
    let hash = crate::credentials::read_certificates(&authority).unwrap()[0].subject_hash();
    pki.files.insert(format!("/ca/{hash:08x}.0"), authority);
    let (good, revoked) = (pki.issue("plant-1", 5, |_| {}), pki.issue("plant-2", 7, |_| {}));
    let folder = "require_certificate true\ncapath /ca\n";
    let list = "require_certificate true\ncafile /ca.pem\ncrlfile /list.pem\n";
    // The options, the client, and whether it gets in as the old release has it and as the new one does.
    for (options, pair, by_old, by_new) in
        [(folder, &good, false, true), (list, &good, true, true), (list, &revoked, true, false)]
    {
        for (release, expected) in [(old(), by_old), (new(), by_new)] {
            let text = format!("protocol websockets\n{options}");
            let got = pki.attempt(&text, release, pki.client(Some(pair), &BOTH)).await;
            assert_eq!(got.is_ok(), expected, "{options} {release}: {got:?}");
        }
    }
    let text = "listener 9001\nprotocol websockets\npsk_hint h\n";
    for (release, has_tls) in [(old(), false), (new(), true)] {
        let deployment = deployment(text, release, &pki.files);
        let listener = &deployment.listeners[0];
        let loaded = Secure::load(listener, deployment.security_of(listener), release, &pki.files);
        assert_eq!(loaded.unwrap().is_some(), has_tls, "{release}");
    }
}

/// What most instructions make: certificates of version 1, which webpki does not read.
#[tokio::test]
async fn certificates_of_version_1_are_fine() {
    let pki = Pki::new();
    let pair = (V1_CLIENT.to_owned(), V1_KEY.to_owned());
    let subject = "CN=old client,O=M\\C3\\BCller & Co".to_owned();
    for versions in [&BOTH[..1], &BOTH[1..]] {
        let options = "cafile /old_ca.pem\nrequire_certificate true\n";
        let got = pki.attempt(options, old(), pki.client(Some(&pair), versions)).await.unwrap();
        let identity = Identity { common_name: Some("old client".to_owned()), subject: subject.clone() };
        assert_eq!(got.identity, Some(identity));
        // The key must be the one of the certificate.
        let other = (V1_CLIENT.to_owned(), KeyPair::generate().unwrap().serialize_pem());
        let got = pki.attempt(options, old(), pki.client(Some(&other), versions)).await;
        assert_eq!(got.unwrap_err(), "DecryptError");
    }
}

#[tokio::test]
async fn versions_and_ciphers_are_those_of_the_options() {
    use rustls::{CipherSuite as C, ProtocolVersion as V};
    let pki = Pki::new();
    let (new_best, old_best) = (C::TLS13_AES_256_GCM_SHA384, C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    let keys = "psk_file /keys\n";
    let cases = [
        ("", new(), Ok((V::TLSv1_3, new_best)), Ok((V::TLSv1_2, old_best))),
        ("tls_version tlsv1.2\n", new(), Ok((V::TLSv1_3, new_best)), Ok((V::TLSv1_2, old_best))),
        ("tls_version tlsv1.3\n", new(), Ok((V::TLSv1_3, new_best)), Err("ProtocolVersion")),
        (
            "tls_version tlsv1.3\nprotocol websockets\n",
            old(),
            Ok((V::TLSv1_3, new_best)),
            Ok((V::TLSv1_2, old_best)),
        ),
        (keys, Release::new(2, 0, 11), Ok((V::TLSv1_3, new_best)), Ok((V::TLSv1_2, old_best))),
        (keys, old(), Err("ProtocolVersion"), Ok((V::TLSv1_2, old_best))),
        (
            "ciphers ECDHE+CHACHA20:ECDHE+AESGCM\nciphers_tls1.3 TLS_AES_128_GCM_SHA256\n",
            new(),
            Ok((V::TLSv1_3, C::TLS13_AES_128_GCM_SHA256)),
            Ok((V::TLSv1_2, C::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)),
        ),
        (
            "protocol websockets\nciphers_tls1.3 TLS_AES_128_GCM_SHA256\n",
            old(),
            Ok((V::TLSv1_3, new_best)),
            Ok((V::TLSv1_2, old_best)),
        ),
        ("ciphers AES128-SHA\n", new(), Ok((V::TLSv1_3, new_best)), Err("ProtocolVersion")),
        ("ciphers aRSA\n", new(), Ok((V::TLSv1_3, new_best)), Err("HandshakeFailure")),
    ];
    for (options, release, in_13, in_12) in cases {
        for (versions, expected) in [(&BOTH[..1], in_13), (&BOTH[1..], in_12)] {
            let got = pki.attempt(options, release, pki.client(None, versions)).await;
            let got = got.map(|got| (got.version, got.suite));
            assert_eq!(got, expected.map_err(str::to_owned), "{options}");
        }
    }
    let unhonoured = |options: &str| {
        let found = pki.secure(options, new());
        found.unhonoured().iter().map(|one| one.option.name()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(unhonoured(""), "");
    assert_eq!(unhonoured("ciphers AES128-SHA\n"), "ciphers ciphers");
    assert_eq!(unhonoured("tls_version tlsv1.1\ntls_engine pkcs11\n"), "tls_version tls_engine");
}

/// A certificate alone in its file is completed from the authorities; with others behind it, it is not.
#[tokio::test]
async fn the_servers_chain_is_completed() {
    let mut pki = Pki::new();
    for (options, certificates) in [("", 1), ("cafile /ca.pem\n", 2), ("cafile /old_ca.pem\n", 1)] {
        let got = pki.attempt(options, new(), pki.client(None, &BOTH)).await.unwrap();
        assert_eq!(got.chain, certificates, "{options}");
    }
    let server = crate::text::Files::read(&pki.files, "/server.pem".as_ref()).unwrap();
    pki.files.insert("/server.pem", [&*server, V1_CLIENT.as_bytes()].concat());
    let got = pki.attempt("cafile /ca.pem\n", new(), pki.client(None, &BOTH)).await;
    // rustls looks at the first and ignores what does not fit.
    assert_eq!(got.unwrap().chain, 2);
}

#[test]
fn what_stops_a_start_is_told() {
    let mut pki = Pki::new();
    pki.files.insert("/other.key", KeyPair::generate().unwrap().serialize_pem().into_bytes());
    pki.files.insert("/junk", *b"junk");
    let own = "certfile /server.pem\nkeyfile /server.key\n";
    let cases = [
        ("certfile /none\nkeyfile /server.key\n", "certfile", "certfile"),
        ("certfile /junk\nkeyfile /server.key\n", "certfile", "certfile"),
        ("certfile /server.pem\nkeyfile /other.key\n", "keyfile", "keyfile"),
        ("certfile /server.pem\nkeyfile /server.pem\n", "keyfile", "keyfile"),
        (&format!("{own}cafile /none\n"), "cafile", ""),
        (&format!("{own}cafile /junk\n"), "cafile", ""),
        (&format!("{own}crlfile /ca.pem\n"), "crlfile", ""),
        (&format!("{own}capath /none\n"), "", ""),
        (&format!("{own}ciphers FOO\n"), "ciphers", ""),
        (&format!("{own}ciphers_tls1.3 FOO\n"), "ciphers_tls1.3", ""),
        (&format!("{own}dhparamfile /none\n"), "dhparamfile", ""),
    ];
    for (options, plain, web) in cases {
        for (protocol, expected) in [("", plain), ("protocol websockets\n", web)] {
            let text = format!("listener 8883\n{options}{protocol}");
            let deployment = deployment(&text, old(), &pki.files);
            let listener = &deployment.listeners[0];
            let loaded = Secure::load(listener, deployment.security_of(listener), old(), &pki.files);
            let blamed = loaded.err().map_or("", |error| error.option.name());
            assert_eq!(blamed, expected, "{text}");
        }
    }
    let plain = super::listener("listener 1883\n", new());
    let loaded = Secure::load(&plain, &crate::model::Security::default(), new(), &pki.files);
    assert!(loaded.unwrap().is_none());
}

#[tokio::test]
async fn websockets_over_tls() {
    let pki = Pki::new();
    for release in [old(), new()] {
        let text = "listener 9001\nprotocol websockets\n";
        let (opened, address) = opened(text).await;
        let deployment = deployment(text, release, &pki.files);
        let upgrade = Upgrade::of(&deployment.listeners[0], &deployment.global, release).unwrap();
        let secure = pki.secure("cafile /ca.pem\nrequire_certificate true\n", release);
        let client = pki.client(Some(&pki.issue("web", 5, |_| {})), &BOTH);
        let connecting = tokio::task::spawn_blocking(move || echo_over_websocket(address, client));
        let serving = async {
            let mut connection = established(&opened, Some(&secure), Some(&upgrade)).await.unwrap();
            let name = connection.identity.as_ref().and_then(|identity| identity.common_name.clone());
            assert_eq!(name.as_deref(), Some("web"));
            let mut body = vec![0; 100_000];
            connection.stream.read_exact(&mut body).await.unwrap();
            connection.stream.write_all(&body).await.unwrap();
            connection.stream.flush().await.unwrap();
            // The library of 2.0 answers the close frame, 2.1 waits until the connection itself ends.
            let mut rest = [0; 1];
            let end = timeout(Duration::from_secs(5), connection.stream.read(&mut rest)).await.unwrap();
            assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        };
        let both = async { tokio::join!(connecting, serving) };
        timeout(Duration::from_secs(20), both).await.unwrap().0.unwrap();
    }
}

/// Sends a hundred thousand bytes and a ping, and reads until both are back.
fn echo_over_websocket(address: std::net::SocketAddr, client: ClientConfig) {
    let socket = std::net::TcpStream::connect(address).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut request = "wss://localhost/mqtt".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
    let stream = rustls::StreamOwned::new(tls, socket);
    let (mut socket, answer) = tokio_tungstenite::tungstenite::client(request, stream).unwrap();
    assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "mqtt");
    let body = Bytes::from(vec![7; 100_000]);
    socket.send(Message::Ping(Bytes::from_static(b"p"))).unwrap();
    socket.send(Message::Binary(body.clone())).unwrap();
    let (mut got, mut pongs) = (Vec::new(), 0);
    while got.len() < body.len() {
        match socket.read().unwrap() {
            Message::Binary(part) => got.extend_from_slice(&part),
            Message::Pong(part) if &part[..] == b"p" => pongs += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(got == body && pongs == 1, "{} bytes, {pongs} pongs", got.len());
    socket.close(None).unwrap();
}
