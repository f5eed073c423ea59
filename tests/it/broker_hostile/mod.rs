//! The broker among clients that mean no good: it stays up, its memory within what is configured, and others are served.
//!
//! `MOSKIT_LARGE=1` tries the sizes that are named in full; without it a part of them. Each test prints what it measured.

mod connections;
mod packets;
mod readers;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::fixtures::open_folder;

/// No answer may take longer, whatever else goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// The size that is named, or a part of it.
fn size(full: usize, part: usize) -> usize {
    if is_large() { full } else { part }
}

fn is_large() -> bool {
    std::env::var_os("MOSKIT_LARGE").is_some()
}

/// `moskit broker` on a configuration, as a process of its own.
struct Broker {
    child: Child,
    ports: Vec<u16>,
    folder: tempfile::TempDir,
}

impl Broker {
    fn start(conf: &str) -> Self {
        Self::start_as("2.1.2", conf, None)
    }

    /// `files`: how many it may have open.
    fn start_as(release: &str, conf: &str, files: Option<u32>) -> Self {
        allow_files();
        let folder = open_folder();
        let conf = format!("user root\nlog_dest file log\n{conf}");
        std::fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
        Self::run(release, folder, files)
    }

    fn run(release: &str, folder: tempfile::TempDir, files: Option<u32>) -> Self {
        let mut command = match files {
            None => Command::new(program()),
            Some(files) => {
                let mut command = Command::new("prlimit");
                command.arg(format!("--nofile={files}")).arg(program());
                command
            }
        };
        command.args(["broker", "-c", "mosquitto.conf", "--ephemeral-ports", "--ready-file", "ready"]);
        command.args(["--target", release]).current_dir(folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut broker = Self { child, ports: Vec::new(), folder };
        let ready = broker.folder.path().join("ready");
        wait_for("the broker", || ready.exists());
        let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(ready).unwrap()).unwrap();
        let listeners = ready["listeners"].as_array().unwrap();
        broker.ports = listeners.iter().map(|entry| entry["port"].as_u64().unwrap() as u16).collect();
        broker
    }

    fn proc(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.child.id());
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("the broker is gone: {path}: {error}"))
    }

    /// Its memory, in KiB.
    fn memory(&self) -> usize {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Its open files.
    fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// The time for which it has been computing.
    fn computed(&self) -> Duration {
        let stat = self.proc("stat");
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// What it computes in some time in which nobody asks for anything.
    fn computed_in(&self, time: Duration) -> Duration {
        let before = self.computed();
        std::thread::sleep(time);
        self.computed() - before
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn dial(&self) -> Client {
        self.dial_at(0)
    }

    fn dial_at(&self, listener: usize) -> Client {
        let began = Instant::now();
        loop {
            match TcpStream::connect(("127.0.0.1", self.ports[listener])) {
                Ok(stream) => return Client::over(stream),
                Err(error) => assert!(began.elapsed() < PATIENCE, "nobody is let in: {error}"),
            }
        }
    }

    /// A client of MQTT 3.1.1 with a session that ends with it.
    fn client(&self, id: &str) -> Client {
        self.client_with(id, &Hello::default())
    }

    fn client_with(&self, id: &str, hello: &Hello) -> Client {
        let mut client = self.dial();
        client.enter(id, hello);
        client
    }

    /// A client that takes next to nothing into its own buffers, and so holds up the broker as soon as it does not read.
    fn slow_client(&self, id: &str, hello: &Hello) -> Client {
        use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
        connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.ports[0])).unwrap();
        let mut client = Client::over(socket.into());
        client.enter(id, hello);
        client
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_moskit"))
}

/// As many open files as the system lets this process have.
fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How a client says hello.
struct Hello {
    version: u8,
    /// Whether its session outlives it.
    is_kept: bool,
    keep_alive: u16,
    /// Properties of MQTT 5, encoded.
    properties: Vec<u8>,
}

impl Default for Hello {
    fn default() -> Self {
        Self { version: 4, is_kept: false, keep_alive: 0, properties: Vec::new() }
    }
}

impl Hello {
    fn packet(&self, id: &str) -> Vec<u8> {
        let mut body = b"\x00\x04MQTT".to_vec();
        body.extend([self.version, if self.is_kept { 0 } else { 2 }]);
        body.extend(self.keep_alive.to_be_bytes());
        if self.version == 5 {
            body.push(self.properties.len() as u8);
            body.extend(&self.properties);
        }
        body.extend(text(id));
        packet(0x10, &body)
    }
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let more = left >= 128;
        bytes.push((left % 128) as u8 | u8::from(more) << 7);
        left /= 128;
        if !more {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// A PUBLISH of MQTT 3.1.1.
fn publish(topic: &str, payload: &[u8], qos: u8, id: u16) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(payload);
    packet(0x30 | qos << 1, &body)
}

fn retained(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = publish(topic, payload, 0, 0);
    bytes[0] |= 1;
    bytes
}

/// A SUBSCRIBE of MQTT 3.1.1.
fn subscribe<'a>(filters: impl IntoIterator<Item = &'a str>, qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    for filter in filters {
        body.extend(text(filter));
        body.push(qos);
    }
    packet(0x82, &body)
}

/// One end of a connection to the broker.
struct Client(TcpStream);

impl Client {
    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    #[track_caller]
    fn enter(&mut self, id: &str, hello: &Hello) {
        self.send(&hello.packet(id));
        let answer = self.packet();
        assert_eq!((answer.0 >> 4, answer.1[1]), (2, 0), "{id} is not let in");
    }

    #[track_caller]
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends as much as the broker takes; how much that was. It is done when nothing goes for half a second.
    fn press(&mut self, bytes: &[u8]) -> usize {
        self.0.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut sent = 0;
        while sent < bytes.len() {
            match self.0.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        self.0.set_write_timeout(Some(PATIENCE)).unwrap();
        sent
    }

    #[track_caller]
    fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut byte = [0];
        self.0.read_exact(&mut byte).unwrap();
        let first = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.0.read_exact(&mut byte).unwrap();
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] < 128 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (first, body)
    }

    /// Subscribes, and awaits the answer.
    #[track_caller]
    fn subscribe(&mut self, filter: &str, qos: u8) {
        self.send(&subscribe([filter], qos));
        while self.packet().0 != 0x90 {}
    }

    /// Asks whether the broker is there; how long it took to answer. Whatever comes before is passed over.
    #[track_caller]
    fn ping(&mut self) -> Duration {
        let began = Instant::now();
        self.send(b"\xc0\x00");
        while self.packet().0 != 0xd0 {}
        began.elapsed()
    }

    /// Reads to the end of the connection, or until nothing comes for a second.
    fn drain(&mut self) -> Vec<u8> {
        self.0.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut bytes = Vec::new();
        let mut part = vec![0; 1 << 16];
        while let Ok(count @ 1..) = self.0.read(&mut part) {
            bytes.extend(&part[..count]);
        }
        bytes
    }

    /// Whether the broker ended the connection.
    fn is_ended(&mut self) -> bool {
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut part = [0; 4096];
        loop {
            match self.0.read(&mut part) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
    }
}

/// How many packets of a kind are in what came.
fn count(bytes: &[u8], kind: u8) -> usize {
    let (mut at, mut found) = (0, 0);
    while at < bytes.len() {
        found += usize::from(bytes[at] >> 4 == kind);
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            let Some(byte) = bytes.get(at) else { return found };
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += 1 + length;
    }
    found
}

/// Does something while another client pings all the time: how long it took, and the longest ping.
fn watched(broker: &Broker, act: impl FnOnce()) -> (Duration, Duration) {
    let is_over = AtomicBool::new(false);
    let mut bystander = broker.client("bystander");
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                longest = longest.max(bystander.ping());
                std::thread::sleep(Duration::from_millis(5));
            }
            longest
        });
        let began = Instant::now();
        act();
        let took = began.elapsed();
        is_over.store(true, Ordering::Relaxed);
        (took, watching.join().unwrap())
    })
}
