//! Sockets of listeners.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::{folder, inside, listener, new, old};
use crate::broker::transport::{Address, OpenError, Opened, Placement, open};
use crate::catalogue::Release;

async fn opened(text: &str, release: Release) -> Result<Opened, OpenError> {
    open(&listener(text, release), release, &Placement::AsConfigured, false).await
}

fn tcp(opened: &Opened) -> Vec<SocketAddr> {
    let address = |address: &Address| match address {
        Address::Tcp(address) => *address,
        Address::Unix(path) => panic!("{path:?}"),
    };
    opened.addresses().iter().map(address).collect()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The opened addresses, `4` and `6` for those of any address.
async fn addresses(text: &str, release: Release) -> Result<String, OpenError> {
    for attempt in 0.. {
        let result = opened(&text.replace("PORT", &free_port().to_string()), release).await;
        // Another program may have taken the port in between.
        if attempt < 5 && result.as_ref().is_err_and(|error| error.reason.contains("in use")) {
            continue;
        }
        let name = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "4".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "6".to_owned(),
            ip => ip.to_string(),
        };
        return result.map(|opened| tcp(&opened).into_iter().map(name).collect::<Vec<_>>().join(" "));
    }
    unreachable!()
}

#[tokio::test]
async fn listeners_are_bound_as_by_the_releases() {
    let web = "protocol websockets\n";
    let cases = [
        ("listener PORT\n", "4 6", "4 6"),
        ("listener PORT\nsocket_domain ipv6\n", "6", "6"),
        ("listener PORT\nsocket_domain ipv4\n", "4", "4"),
        ("listener PORT 127.0.0.1\n", "127.0.0.1", "127.0.0.1"),
        ("listener PORT 127.2\n", "127.0.0.2", "127.0.0.2"),
        ("listener PORT ::1\n", "::1", "::1"),
        ("listener PORT *\n", "4 6", "4 6"),
        ("listener PORT ::ffff:127.0.0.1\nsocket_domain ipv4\n", "127.0.0.1", "127.0.0.1"),
        ("listener PORT\nbind_interface lo\n", "127.0.0.1 ::1", "127.0.0.1 ::1"),
        ("listener PORT 127.0.0.1\nbind_interface LO\n", "127.0.0.1", "127.0.0.1"),
        (&format!("listener PORT\nbind_interface lo\n{web}"), "4 6", "127.0.0.1 ::1"),
        (&format!("listener PORT 127.0.0.1\n{web}"), "127.0.0.1", "127.0.0.1"),
        (&format!("listener PORT 192.0.2.1\n{web}"), "", "error"),
        (&format!("listener PORT no-such.invalid\n{web}"), "", "error"),
        (&format!("listener PORT lo\n{web}"), "127.0.0.1 ::1", "error"),
        ("listener PORT 192.0.2.1\n", "error", "error"),
        ("listener PORT no-such.invalid\n", "error", "error"),
        ("listener PORT ::1\nsocket_domain ipv4\n", "error", "error"),
        ("listener PORT\nbind_interface none\n", "error", "error"),
        ("listener PORT 127.0.0.2\nbind_interface lo\n", "error", "error"),
    ];
    for (text, in_old, in_new) in cases {
        for (release, expected) in [(old(), in_old), (new(), in_new)] {
            let found = addresses(text, release).await.unwrap_or_else(|_| "error".to_owned());
            assert_eq!(found, expected, "{release}: {text}");
        }
    }
    let oldest = addresses(&format!("listener PORT 127.0.0.1\n{web}"), Release::new(2, 0, 11)).await;
    assert_eq!(oldest.as_deref(), Ok("4 6"));
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let taken = StdListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = opened(&format!("listener {port} 127.0.0.1\n"), new()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on `127.0.0.1:{port}`: Address already in use"));
}

#[tokio::test]
async fn local_only_mode_can_do_without_one_of_its_addresses() {
    let mut listener = listener("", new());
    let taken = StdListener::bind("127.0.0.1:0").unwrap();
    listener.port = taken.local_addr().unwrap().port();
    let opened = open(&listener, new(), &Placement::AsConfigured, false).await;
    match opened {
        Ok(opened) => assert_eq!(tcp(&opened), [SocketAddr::new("::1".parse().unwrap(), listener.port)]),
        // The port of the other family was taken by somebody else.
        Err(error) => assert!(error.reason.contains("in use"), "{error}"),
    }
}

#[tokio::test]
async fn ephemeral_listeners_meet_nobody() {
    let folder = folder();
    let placement = Placement::Ephemeral { sockets: folder.path().to_owned() };
    for text in
        ["listener 1\n", "listener 1 0.0.0.0\n", "listener 1 no-such.invalid\nbind_interface none\n", ""]
    {
        let opened = open(&listener(text, new()), new(), &placement, false).await.unwrap();
        let [address] = tcp(&opened)[..] else { panic!("{text}") };
        assert!(address.ip() == IpAddr::from([127, 0, 0, 1]) && address.port() > 1, "{address}");
    }
    for text in ["listener 1 ::\n", "listener 1\nsocket_domain ipv6\n"] {
        let opened = open(&listener(text, new()), new(), &placement, false).await.unwrap();
        assert_eq!(tcp(&opened)[0].ip(), "::1".parse::<IpAddr>().unwrap());
    }
    let socket = listener("listener 0 /run/mosquitto/s\n", new());
    let first = open(&socket, new(), &placement, false).await.unwrap();
    let second = open(&socket, new(), &placement, false).await.unwrap();
    let paths = [first.addresses()[0].to_string(), second.addresses()[0].to_string()];
    assert_eq!(paths, [inside(folder.path(), "s"), inside(folder.path(), "s-2")]);
    drop((first, second));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Two bytes each way.
async fn talk(opened: &Opened, client: impl AsyncReadExt + AsyncWriteExt + Unpin) -> (String, u16) {
    let mut client = client;
    let (raw, peer) = opened.accept().await.unwrap();
    let mut connection = raw.establish(None, None).await.unwrap();
    assert_eq!((&connection.peer, &connection.identity), (&peer, &None));
    let mut got = [0; 2];
    client.write_all(b"hi").await.unwrap();
    connection.stream.read_exact(&mut got).await.unwrap();
    connection.stream.write_all(&got).await.unwrap();
    connection.stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"hi");
    (peer.address, peer.port)
}

#[tokio::test]
async fn peers_are_told_as_by_the_releases() {
    let folder = folder();
    let path = inside(folder.path(), "s");
    let placement = Placement::Ephemeral { sockets: folder.path().to_owned() };
    let four = open(&listener("listener 1\n", new()), new(), &placement, true).await.unwrap();
    let client = TcpStream::connect(tcp(&four)[0]).await.unwrap();
    let port = client.local_addr().unwrap().port();
    assert_eq!(talk(&four, client).await, ("127.0.0.1".to_owned(), port));
    let unix = opened(&format!("listener 0 {path}\n"), new()).await.unwrap();
    let client = UnixStream::connect(&path).await.unwrap();
    assert_eq!(talk(&unix, client).await, (path, 0));
}

#[tokio::test]
async fn unix_sockets_replace_what_lies_there() {
    let folder = folder();
    let path = inside(folder.path(), "s");
    let text = format!("listener 0 {path}\n");
    std::fs::write(&path, "a file").unwrap();
    let first = opened(&text, new()).await.unwrap();
    let found = std::fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o770);
    let second = opened(&text, new()).await.unwrap();
    drop(first);
    assert!(Path::new(&path).exists(), "the later listener's socket is not the earlier one's to remove");
    drop(second);
    assert!(!Path::new(&path).exists());

    let is_error = async |path: &str| opened(&format!("listener 0 {path}\n"), new()).await.is_err();
    assert!(is_error(&inside(folder.path(), &"a".repeat(120))).await);
    assert!(is_error(&folder.path().display().to_string()).await);
    assert!(is_error(&inside(folder.path(), "none/s")).await);
}

#[tokio::test]
async fn websockets_on_a_unix_socket_open_a_port_in_old_releases() {
    let folder = folder();
    let path = inside(folder.path(), "s");
    let text = format!("listener 0 {path}\nprotocol websockets\n");
    let opened = opened(&text, old()).await.unwrap();
    assert_eq!(tcp(&opened).len(), 2);
    assert!(!Path::new(&path).exists());
}

/// Run by [`too_many_files_turn_clients_away`] in a process that may open few files.
#[tokio::test]
#[ignore = "needs a process of its own"]
async fn with_few_files() {
    let placement = Placement::Ephemeral { sockets: "/".into() };
    let opened = open(&listener("listener 1\n", new()), new(), &placement, false).await.unwrap();
    let address = tcp(&opened)[0];
    let mut clients = Vec::new();
    while let Ok(client) = std::net::TcpStream::connect(address) {
        clients.push(client);
    }
    // Each client that waits is turned away once, and then there is nothing to do.
    let began = Instant::now();
    let mut errors = 0;
    while began.elapsed() < Duration::from_secs(1) {
        if let Ok(Err(error)) = timeout(Duration::from_millis(300), opened.accept()).await {
            assert_eq!(error.raw_os_error(), Some(24));
            errors += 1;
        }
    }
    assert!((1..=clients.len()).contains(&errors), "{errors} errors for {} clients", clients.len());
    drop(clients);
    let client = TcpStream::connect(address).await.unwrap();
    loop {
        match timeout(Duration::from_secs(5), opened.accept()).await.unwrap() {
            Ok((_, peer)) if peer.port == client.local_addr().unwrap().port() => break,
            _ => {}
        }
    }
}

#[test]
fn too_many_files_turn_clients_away() {
    let command =
        "ulimit -n 64 && exec \"$0\" --exact broker::transport::tests::sockets::with_few_files --ignored";
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh").args(["-c", command]).arg(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
