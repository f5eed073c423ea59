//! The transports of the built-in broker against clients in C: `openssl s_client` and `mosquitto_pub`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use moskit::broker::transport::{Address, Connection, Placement, Secure, Upgrade, open};
use moskit::catalogue::Release;
use moskit::credentials::{Authority, Issued, OperatingSystem};
use moskit::lang::{Environment, Reader, conf};
use moskit::text::Source;
use moskit::text::disk::Disk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::real;

/// A CONNECT of MQTT 3.1.1, and the answer that admits it.
const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02ab";
const CONNACK: &[u8] = b"\x20\x02\0\0";

/// What became of one client: its common name and bytes up to its end, or why it was not let in.
type Served = Result<(Option<String>, Vec<u8>), String>;

/// Serves clients of a listener, one after the other, until the test ends.
fn serve(config: &str, folder: &Path) -> (Address, mpsc::Receiver<Served>) {
    let release = Release::newest();
    let files = Disk::new(folder);
    let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".to_owned() });
    let id = reader.sources.add(Source::new("mosquitto.conf", config.as_bytes()));
    let deployment = conf::lower(&mut reader, &conf::parse(id, config.as_bytes()), release).deployment;
    let listener = deployment.listeners[0].clone();
    let secure = Secure::load(&listener, deployment.security_of(&listener), release, &files).unwrap();
    let upgrade = Upgrade::of(&listener, &deployment.global, release);
    let placement = Placement::Ephemeral { sockets: folder.to_owned() };
    let (address_sender, address) = mpsc::channel();
    let (sender, served) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let opened = open(&listener, release, &placement, false).await.unwrap();
            address_sender.send(opened.addresses()[0].clone()).unwrap();
            loop {
                let (raw, _) = opened.accept().await.unwrap();
                let outcome = match raw.establish(secure.as_ref(), upgrade.as_ref()).await {
                    Ok(connection) => Ok(converse(connection).await),
                    Err(failed) => Err(failed.to_string()),
                };
                if sender.send(outcome).is_err() {
                    return;
                }
            }
        });
    });
    (address.recv().unwrap(), served)
}

/// Admits a client and reads to the end.
async fn converse(mut connection: Connection) -> (Option<String>, Vec<u8>) {
    let mut read = Vec::new();
    let mut is_admitted = false;
    while connection.stream.read_buf(&mut read).await.unwrap_or(0) > 0 {
        if !is_admitted {
            is_admitted = true;
            connection.stream.write_all(CONNACK).await.unwrap();
            connection.stream.flush().await.unwrap();
        }
        if read.ends_with(b"\xe0\0") {
            break;
        }
    }
    let _ = connection.stream.shutdown().await;
    (connection.identity.and_then(|identity| identity.common_name), read)
}

fn port(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.port().to_string(),
        Address::Unix(path) => panic!("{path:?}"),
    }
}

/// A folder with an authority, a server and a client.
fn pki() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    let authority = Authority::make("Test CA", now, 86400, &OperatingSystem).unwrap();
    write("ca.pem", authority.certificate().as_bytes());
    let mut pair = |name: &str, issued: Issued| {
        write(&format!("{name}.pem"), issued.certificate.as_bytes());
        write(&format!("{name}.key"), issued.key.expose());
    };
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    pair("server", authority.issue_server(&names, "server", now, 86400, &OperatingSystem).unwrap());
    pair("client", authority.issue_client("plant-1", now, 86400, &OperatingSystem).unwrap());
    let other = Authority::make("Other CA", now, 86400, &OperatingSystem).unwrap();
    pair("stranger", other.issue_client("plant-2", now, 86400, &OperatingSystem).unwrap());
    folder
}

const MUTUAL: &str = "certfile server.pem\nkeyfile server.key\ncafile ca.pem\nrequire_certificate true\n";

/// The programs called `mosquitto_pub`, those of `MOSKIT_BROKERS` included.
fn publishers() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = vec!["/usr/bin/mosquitto_pub".into()];
    if let Some(folder) = std::env::var_os("MOSKIT_BROKERS") {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mosquitto_pub-"))
        }));
    }
    found.retain(|path| path.exists());
    assert!(!found.is_empty() || !real::is_required(), "mosquitto_pub is not installed");
    found
}

fn publish(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(folder).args(["-i", "ab", "-t", "a", "-m", "hello"]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn mosquitto_pub_is_served() {
    let folder = pki();
    let tls = ["-h", "127.0.0.1", "--cafile", "ca.pem"];
    let own = ["--cert", "client.pem", "--key", "client.key"];
    for program in publishers() {
        let help =
            String::from_utf8_lossy(&publish(&program, folder.path(), &["--help"]).stdout).into_owned();
        let speaks = |option: &str| help.contains(option);
        let mut cases: Vec<(String, Vec<&str>, Option<&str>)> = vec![
            ("listener 1\n".to_owned(), vec!["-h", "127.0.0.1"], None),
            (format!("listener 1\n{MUTUAL}"), [&tls[..], &own].concat(), Some("plant-1")),
        ];
        if speaks("--ws") {
            let web = "listener 1\nprotocol websockets\n";
            cases.push((web.to_owned(), vec!["-h", "127.0.0.1", "--ws"], None));
            cases.push((format!("{web}{MUTUAL}"), [&tls[..], &own, &["--ws"]].concat(), Some("plant-1")));
        }
        for (config, mut arguments, name) in cases {
            let (address, served) = serve(&config, folder.path());
            let port = port(&address);
            arguments.extend(["-p", &port]);
            let output = publish(&program, folder.path(), &arguments);
            assert!(output.status.success(), "{program:?} {arguments:?}: {output:?}");
            let (found, read) = served.recv_timeout(Duration::from_secs(5)).unwrap().unwrap();
            assert_eq!(found.as_deref(), name, "{program:?} {arguments:?}");
            assert!(read.ends_with(b"\x30\x08\0\x01ahello\xe0\0"), "{read:?}");
        }
        if speaks("--unix") {
            let (address, served) = serve("listener 0 /run/s\n", folder.path());
            let output = publish(&program, folder.path(), &["--unix", &address.to_string()]);
            assert!(output.status.success(), "{program:?}: {output:?}");
            served.recv_timeout(Duration::from_secs(5)).unwrap().unwrap();
        }
    }
}

/// The text that `openssl s_client` prints, with what the server sent.
fn s_client(folder: &Path, port: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-ign_eof"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // The server may have refused it already.
    let _ = input.write_all(&[CONNECT, b"\xe0\0"].concat());
    drop(input);
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

/// What OpenSSL is told is what a broker with OpenSSL would tell it.
#[test]
fn openssl_hears_the_right_alert() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(!real::is_required(), "openssl is not installed");
        return eprintln!("not run: openssl is not installed");
    }
    let folder = pki();
    let (address, served) = serve(&format!("listener 1\n{MUTUAL}"), folder.path());
    let port = port(&address);
    let own = ["-cert", "client.pem", "-key", "client.key"];
    let strange = ["-cert", "stranger.pem", "-key", "stranger.key"];
    let cases: [(&str, &[&str], &str); 7] = [
        ("-tls1_3", &own, " \u{2}\0\0"),
        ("-tls1_2", &own, " \u{2}\0\0"),
        ("-tls1_3", &strange, "alert number 48"),
        ("-tls1_2", &strange, "alert number 48"),
        ("-tls1_3", &[], "alert number 116"),
        (
            "-tls1_2",
            &["-cipher", "AES128-SHA", "-cert", "client.pem", "-key", "client.key"],
            "alert number 40",
        ),
        ("-tls1_1", &["-cipher", "ALL:@SECLEVEL=0"], "alert number 70"),
    ];
    for (version, arguments, expected) in cases {
        let arguments = [&[version], arguments].concat();
        let text = s_client(folder.path(), &port, &arguments);
        assert!(text.contains(expected), "{arguments:?}: {text}");
        let served = served.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(served.is_ok(), expected.starts_with(' '), "{arguments:?}: {served:?}");
    }
}
