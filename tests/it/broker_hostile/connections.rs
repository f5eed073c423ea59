//! Connections: half-open ones, storms, more than there are files, idle ones.

use std::io::Read;
use std::time::{Duration, Instant};

use moskit::broker::transport::patience;
use moskit::catalogue::Release;
use moskit::credentials::{Authority, OperatingSystem};

use super::{Broker, Client, Hello, is_large, packet, size, wait_for};
use crate::fixtures::open_folder;

/// A plain listener, one with TLS, one with WebSockets.
fn of_three_kinds(release: &str) -> Broker {
    super::allow_files();
    let folder = open_folder();
    let keys = &OperatingSystem;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let authority = Authority::make("CA", now, 86_400, keys).unwrap();
    let server = authority.issue_server(&["localhost".into()], "broker", now, 3600, keys).unwrap();
    std::fs::write(folder.path().join("server.crt"), server.chain.as_bytes()).unwrap();
    std::fs::write(folder.path().join("server.key"), server.key.expose()).unwrap();
    let conf = "user root\nlog_dest file log\nallow_anonymous true\nlistener 1883\n\
                listener 8883\ncertfile server.crt\nkeyfile server.key\nlistener 9001\nprotocol websockets\n";
    std::fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
    Broker::run(release, folder, None)
}

#[test]
fn half_open_connections_cost_little() {
    let broker = of_three_kinds("2.1.2");
    let files = broker.files();
    let hello = Hello::default().packet("half");
    let kinds: [(&str, usize, &[u8]); 5] = [
        ("nothing", 0, b""),
        ("half a CONNECT", 0, &hello[..9]),
        ("nothing for TLS", 1, b""),
        ("half a handshake", 1, b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"),
        ("half a request", 2, b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgr"),
    ];
    let each = size(2_000, 200);
    let mut halves: Vec<Client> = Vec::new();
    for (name, listener, bytes) in kinds {
        let before = broker.memory();
        for _ in 0..each {
            let mut client = broker.dial_at(listener);
            client.send(bytes);
            halves.push(client);
            // More at once than the system keeps waiting for the broker would take seconds.
            if halves.len().is_multiple_of(50) {
                wait_for("connections", || broker.files() >= files + halves.len());
            }
        }
        let pinged = broker.client("whole").ping();
        let grown = (broker.memory().saturating_sub(before)) * 1024 / each;
        println!("half-open, {name}: {grown} bytes each, a whole client is answered in {pinged:?}");
        assert!(grown < 20_000, "{name}: {grown} bytes each");
        assert!(pinged < Duration::from_secs(1), "{name}: {pinged:?}");
    }
    if is_large() {
        // Each is given up that long after it came, and the last one came just now.
        let patience = patience(Release::newest());
        std::thread::sleep(patience);
        let since = Instant::now();
        wait_for("the end of the silent ones", || broker.files() <= files);
        println!("half-open: the last one is closed {:?} after its {patience:?}", since.elapsed());
    }
}

#[test]
fn storms_leave_nothing_behind() {
    let broker = of_three_kinds("2.1.2");
    let hello = Hello::default().packet("");
    let storm = |count: usize| {
        let one = |number: usize| {
            let mut client = broker.dial();
            match number % 4 {
                0 => drop(client),
                1 => {
                    client.send(&hello);
                    client.packet();
                    client.send(b"\xe0\x00");
                }
                // Gone before the answer, and without a goodbye.
                2 => client.send(&hello),
                _ => {
                    client.send(&hello[..5]);
                    rustix::net::sockopt::set_socket_linger(&client.0, Some(Duration::ZERO)).unwrap();
                }
            }
        };
        std::thread::scope(|scope| {
            for part in 0..4 {
                scope.spawn(move || (0..count / 4).for_each(|number| one(number + part)));
            }
        });
    };
    storm(400);
    let files = broker.files();
    let before = broker.memory();
    let count = size(20_000, 4_000);
    let began = Instant::now();
    storm(count);
    let took = began.elapsed();
    wait_for("the end of the storm", || broker.files() <= files);
    let grown = broker.memory().saturating_sub(before);
    println!("storm: {count} connections in {took:?}, {grown} KiB more");
    assert!(grown < 4_000, "{grown} KiB");
    broker.client("after").ping();
}

#[test]
fn more_clients_than_files_are_turned_away() {
    let broker = Broker::start_as("2.1.2", "listener 1883\nallow_anonymous true\n", Some(64));
    let mut inside = broker.client("inside");
    let crowd: Vec<_> = (0..300).map(|_| broker.dial()).collect();
    std::thread::sleep(Duration::from_millis(300));
    let busy = broker.computed_in(Duration::from_secs(1));
    println!("no files left: {busy:?} of one second computed");
    assert!(busy < Duration::from_millis(100), "{busy:?}");
    assert!(inside.ping() < Duration::from_secs(1));
    drop(crowd);
    wait_for("files", || broker.files() < 20);
    broker.client("after").ping();
}

#[test]
fn idle_clients_cost_little() {
    let broker = of_three_kinds("2.1.2");
    let clients = size(5_000, 500);
    let hello = Hello { keep_alive: 60, ..Hello::default() };
    broker.client("first").ping();
    let before = broker.memory();
    let mut idle: Vec<Client> = Vec::new();
    for number in 0..clients {
        let mut client = broker.client_with(&format!("client-{number:06}"), &hello);
        client.subscribe(&format!("to/client-{number:06}/#"), 1);
        idle.push(client);
    }
    let each = broker.memory().saturating_sub(before) * 1024 / clients;
    let rest = Duration::from_secs(if is_large() { 10 } else { 2 });
    let busy = broker.computed_in(rest);
    let began = Instant::now();
    for client in &mut idle {
        client.send(b"\xc0\x00");
    }
    let mut answer = [0; 2];
    idle.iter_mut().for_each(|client| client.0.read_exact(&mut answer).unwrap());
    println!(
        "idle: {clients} clients, {each} bytes each, {busy:?} of {rest:?} computed, all pinged in {:?}",
        began.elapsed()
    );
    assert!(each < 8_000, "{each} bytes each");
    assert!(busy < rest / 50, "{busy:?}");
}

/// What is announced takes no memory.
#[test]
fn announced_packets_cost_nothing() {
    // 2.0 has no limit for them.
    let broker = Broker::start_as("2.0.21", "listener 1883\nallow_anonymous true\n", None);
    let before = broker.memory();
    let mut clients: Vec<_> = (0..100).map(|number| broker.client(&format!("c{number}"))).collect();
    for client in &mut clients {
        client.send(b"\x30\xff\xff\xff\x7f\x00\x01tabc");
    }
    let mut other = broker.client("other");
    other.ping();
    let grown = broker.memory().saturating_sub(before);
    println!("announced: {grown} KiB more");
    assert!(grown < 1_500, "{grown} KiB");
    // A length without an end is no length.
    let mut endless = broker.client("endless");
    endless.send(b"\x30\xff\xff\xff\xff\xff\xff");
    assert!(endless.is_ended());
    drop(clients);
    let mut reader = broker.client("reader");
    reader.subscribe("t", 0);
    let length = size(268_435_455, 30_000_000);
    let mut body = vec![b'x'; length];
    body[..3].copy_from_slice(b"\x00\x01t");
    let large = packet(0x30, &body);
    let began = Instant::now();
    other.send(&large);
    assert_eq!(reader.packet().1.len(), length);
    let grown = broker.memory().saturating_sub(before);
    println!("large: {length} bytes in {:?}, {grown} KiB more while", began.elapsed());
    // One byte of the next packet does not keep the last one.
    other.send(b"\xc0");
    wait_for("memory", || broker.memory() < before + 4_000);
    let newest = Broker::start("listener 1883\nallow_anonymous true\n");
    let mut client = newest.client("client");
    client.press(&large);
    assert!(client.is_ended(), "a packet of {length} bytes is larger than the default of 2.1");
    assert!(newest.memory() < before + 4_000);
    let mut part = [0; 1];
    assert!(!matches!(client.0.read(&mut part), Ok(1)));
}
