//! Brokers that exchanges are played on: real ones on unix sockets, moskit's own on ports.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fixtures;

/// The most that a broker may take to be ready.
const LONGEST_START: Duration = Duration::from_secs(10);

/// A program that serves a configuration.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// Mosquitto.
    Real(PathBuf),
    /// `moskit broker` as a release.
    Moskit(&'static str),
}

/// A broker that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    folder: TempDir,
    listeners: Vec<Address>,
}

/// Where a listener is.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Socket(PathBuf),
    Port(SocketAddr),
}

impl Engine {
    /// Starts a broker on the files of a configuration, in which `listener @` stands for the next listener.
    pub(crate) fn start(&self, files: &[(String, String)]) -> Result<Running, String> {
        let folder = fixtures::open_folder();
        let mut count = 0;
        for (name, text) in files {
            let mut written = String::new();
            for line in text.lines() {
                match line {
                    "listener @" => {
                        count += 1;
                        written += &self.listener(folder.path(), count);
                    }
                    _ => written += line,
                }
                written.push('\n');
            }
            std::fs::write(folder.path().join(name), written).unwrap();
        }
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = self.command();
        // A broker that is killed leaves its temporary files behind: they go with the folder.
        command.env("TMPDIR", folder.path());
        command.args(["-c", "mosquitto.conf"]).current_dir(folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut running = Running { child, folder, listeners: Vec::new() };
        running.listeners = self.wait(&mut running, count)?;
        Ok(running)
    }

    fn listener(&self, folder: &Path, number: usize) -> String {
        match self {
            Self::Real(_) => format!("listener 0 {}", folder.join(format!("{number}.sock")).display()),
            Self::Moskit(_) => format!("listener {} 127.0.0.1", 1882 + number),
        }
    }

    fn command(&self) -> Command {
        match self {
            Self::Real(program) => {
                let mut command = Command::new(program);
                command.arg("-v");
                command
            }
            Self::Moskit(release) => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
                command.args([
                    "broker",
                    "--target",
                    release,
                    "--ephemeral-ports",
                    "--ready-file",
                    "ready.json",
                ]);
                command
            }
        }
    }

    fn wait(&self, running: &mut Running, count: usize) -> Result<Vec<Address>, String> {
        let began = Instant::now();
        loop {
            let listeners = match self {
                Self::Real(_) => running.log().contains(" running\n").then(|| {
                    let path = |number| running.folder.path().join(format!("{number}.sock"));
                    (1..=count).map(|number| Address::Socket(path(number))).collect()
                }),
                Self::Moskit(_) => ready_file(&running.folder.path().join("ready.json")),
            };
            if let Some(listeners) = listeners {
                return Ok(listeners);
            }
            let is_over = running.child.try_wait().unwrap().is_some();
            if is_over || began.elapsed() > LONGEST_START {
                return Err(format!("the broker does not start:\n{}", running.log()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The listeners of a ready file, in the order of the configuration.
fn ready_file(path: &Path) -> Option<Vec<Address>> {
    let text = std::fs::read(path).ok()?;
    let ready: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let address = |listener: &serde_json::Value| {
        if let Some(path) = listener["socket"].as_str() {
            return Address::Socket(path.into());
        }
        let ip = listener["address"].as_str().unwrap().parse().unwrap();
        let port = listener["port"].as_u64().unwrap().try_into().unwrap();
        Address::Port(SocketAddr::new(ip, port))
    };
    Some(ready["listeners"].as_array()?.iter().map(address).collect())
}

impl Running {
    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The listeners, in the order of the configuration.
    pub(crate) fn listeners(&self) -> &[Address] {
        &self.listeners
    }

    /// What the broker has said.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A new connection to a listener, counted from 1.
    pub(super) fn connect(&self, listener: usize) -> io::Result<Stream> {
        match &self.listeners[listener - 1] {
            Address::Socket(path) => UnixStream::connect(path).map(Stream::Socket),
            Address::Port(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Ok(Stream::Port(stream))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Killed hard: a SIGTERM right after the start is lost by every observed release.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
pub(super) enum Stream {
    Socket(UnixStream),
    Port(TcpStream),
}

impl Stream {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.write_all(bytes),
            Self::Port(stream) => stream.write_all(bytes),
        }
    }

    /// Reads what is there, waiting at most so long; `None` when nothing came.
    pub(super) fn read(&mut self, buffer: &mut [u8], longest: Duration) -> io::Result<Option<usize>> {
        let longest = Some(longest.max(Duration::from_micros(1)));
        let result = match self {
            Self::Socket(stream) => {
                stream.set_read_timeout(longest)?;
                stream.read(buffer)
            }
            Self::Port(stream) => {
                stream.set_read_timeout(longest)?;
                stream.read(buffer)
            }
        };
        match result {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}
