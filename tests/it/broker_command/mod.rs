//! `moskit broker` as a command: its statuses, signals and reloads, its log, and what it says of mistakes. Where it does
//! as a release does, the same cases run on real brokers.

mod flags;
mod log;
mod mistakes;
mod reload;
mod signals;
mod statuses;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{MutexGuard, mpsc};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use moskit::broker::wire::{
    self, Connect, Packet, Properties, Publish, QoS, Sender, Text, Version, decode, take_frame,
};
use moskit::catalogue::Release;
use moskit::credentials::PasswordHash;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::fixtures;
use crate::real::{Broker, brokers, in_own_network};

/// The most that a start, an end or an answer may take.
const LONGEST: Duration = Duration::from_secs(20);

/// A program that takes Mosquitto's flags.
#[derive(Clone, Copy, Debug)]
enum Program {
    /// `moskit broker` as a release.
    Moskit(Release),
    Real(&'static Broker),
}

/// Ours as each observed release, and each real broker of this machine.
fn programs() -> impl Iterator<Item = Program> {
    Release::known()
        .iter()
        .map(|release| Program::Moskit(*release))
        .chain(brokers().iter().map(Program::Real))
}

impl Program {
    fn release(self) -> Release {
        match self {
            Self::Moskit(release) => release,
            Self::Real(broker) => broker.release,
        }
    }

    /// Starts it in a folder, in a network of its own.
    fn start(self, folder: &Path, words: &[&str]) -> Process {
        let path = match self {
            Self::Moskit(_) => PathBuf::from(env!("CARGO_BIN_EXE_moskit")),
            Self::Real(broker) => broker.program.clone(),
        };
        let (mut command, alone) = in_own_network(&path);
        if let Self::Moskit(release) = self {
            command.args(["broker", "--target", &release.to_string()]);
        }
        // What a killed one leaves behind goes with the folder.
        command.args(words).current_dir(folder).env("TMPDIR", folder).env("TZ", "UTC");
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        read_lines(child.stderr.take().unwrap(), false, sender.clone());
        read_lines(child.stdout.take().unwrap(), true, sender);
        Process { child, lines, said: Vec::new(), is_real: matches!(self, Self::Real(_)), _alone: alone }
    }
}

/// Sends each line as soon as it is there, and whether it came on stdout.
fn read_lines(stream: impl Read + Send + 'static, is_out: bool, sender: mpsc::Sender<(bool, String)>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send((is_out, String::from_utf8_lossy(&line).into_owned())).is_err() {
                break;
            }
        }
    });
}

/// A process that is killed in the end.
struct Process {
    child: Child,
    lines: mpsc::Receiver<(bool, String)>,
    /// The lines so far, and whether they came on stdout.
    said: Vec<(bool, String)>,
    is_real: bool,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Process {
    /// Takes the lines that come within a time.
    fn listen(&mut self, longest: Duration) {
        if let Ok(line) = self.lines.recv_timeout(longest) {
            self.said.push(line);
            self.said.extend(self.lines.try_iter());
        }
    }

    /// What came on stderr.
    fn err(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.iter().filter(|(is_out, _)| !is_out).map(|(_, line)| format!("{line}\n")).collect()
    }

    /// What came on stdout.
    fn out(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.iter().filter(|(is_out, _)| *is_out).map(|(_, line)| format!("{line}\n")).collect()
    }

    /// Waits until a line holds a text while the process runs; `false` once it has ended without one.
    fn says(&mut self, text: &str) -> bool {
        self.has_line(|line| line.contains(text))
    }

    fn has_line(&mut self, is_meant: impl Fn(&str) -> bool) -> bool {
        let began = Instant::now();
        loop {
            if self.said.iter().any(|(_, line)| is_meant(line)) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                self.end();
                return self.said.iter().any(|(_, line)| is_meant(line));
            }
            assert!(began.elapsed() < LONGEST, "it does not say what it should:\n{}", self.err());
            self.listen(Duration::from_millis(10));
        }
    }

    /// Waits until its log says that it serves; `false` if it ends before.
    fn is_running(&mut self) -> bool {
        self.has_line(|line| line.ends_with(" running"))
    }

    /// The same where it has to.
    #[track_caller]
    fn runs(mut self) -> Self {
        assert!(self.is_running(), "it does not start:\n{}", self.err());
        self
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: the status, or the signal that ended it.
    fn end(&mut self) -> String {
        self.end_while(|_| ())
    }

    /// Ends it with a signal. Every observed release loses one that comes right after the start, or dies of it.
    fn end_by(&mut self, signal: Signal) -> String {
        if self.is_real {
            std::thread::sleep(Duration::from_millis(200));
        }
        self.end_while(|process| process.signal(signal))
    }

    fn end_while(&mut self, again: impl Fn(&Self)) -> String {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(2)) {
                    self.said.push(line);
                }
                let signal = status.signal().map(|signal| format!("signal {signal}"));
                return status.code().map_or(signal.unwrap_or_default(), |code| code.to_string());
            }
            assert!(began.elapsed() < LONGEST, "it does not end:\n{}", self.err());
            again(self);
            self.listen(Duration::from_millis(60));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with files, open to the account that a broker takes.
fn scene(files: &[(&str, &str)]) -> TempDir {
    let folder = fixtures::open_folder();
    for (name, text) in files {
        rewrite(folder.path(), name, text);
    }
    folder
}

/// Writes a file, or removes it where there is no text. Passwords are written plainly and stored as hashes.
fn rewrite(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    if text.is_empty() {
        return fs::remove_file(path).unwrap();
    }
    let is_hashed = name == "passwords" && text.contains(':');
    let hashed = |line: &str| {
        let (user, password) = line.split_once(':').unwrap();
        format!("{user}:{}\n", PasswordHash::make(password.as_bytes(), *b"twelve bytes", 101))
    };
    let text = if is_hashed { text.lines().map(hashed).collect() } else { text.to_owned() };
    fs::write(path, text).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A client of MQTT 5 on a unix socket.
struct Client {
    stream: UnixStream,
    buffer: BytesMut,
}

fn text(text: &str) -> Text {
    Text::new(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

impl Client {
    /// Connects as `USER:PASSWORD`, or as nobody in particular.
    ///
    /// # Errors
    /// Not let in.
    fn connect(socket: &Path, login: &str) -> Result<Self, String> {
        let stream = UnixStream::connect(socket).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        let mut client = Self { stream, buffer: BytesMut::new() };
        let login = login.split_once(':');
        client.send(&Packet::Connect(Box::new(Connect {
            version: Version::V5,
            is_bridge: false,
            clean_start: true,
            keep_alive: 60,
            properties: Properties::NONE,
            client_id: text(""),
            will: None,
            user_name: login.map(|(user, _)| text(user)),
            password: login.map(|(_, password)| Bytes::copy_from_slice(password.as_bytes())),
        })));
        match client.receive() {
            Some(Packet::ConnAck(answer)) if answer.reason.0 == 0 => Ok(client),
            other => Err(format!("{other:?}")),
        }
    }

    fn send(&mut self, packet: &Packet) {
        let mut out = BytesMut::new();
        wire::encode(packet, Version::V5, &mut out).unwrap();
        // What is closed is known by what comes back.
        let _ = self.stream.write_all(&out);
    }

    /// The next packet; `None` once the connection is closed.
    fn receive(&mut self) -> Option<Packet> {
        loop {
            if let Some(frame) = take_frame(&mut self.buffer, usize::MAX).unwrap() {
                return Some(decode(&frame, Version::V5, Sender::Broker).unwrap());
            }
            let mut part = [0; 4096];
            let length = self.stream.read(&mut part).unwrap_or(0);
            if length == 0 {
                return None;
            }
            self.buffer.extend_from_slice(&part[..length]);
        }
    }

    /// Publishes and says what became of it: `allowed`, `denied` or `closed`.
    fn publish(&mut self, topic: &str) -> &'static str {
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: text(topic),
            packet_id: 1,
            properties: Properties::NONE,
            payload: Bytes::new(),
        }));
        loop {
            match self.receive() {
                Some(Packet::PubAck(answer)) if answer.reason.0 < 0x80 => return "allowed",
                Some(Packet::PubAck(_)) => return "denied",
                Some(Packet::Disconnect(_)) | None => return "closed",
                Some(_) => {}
            }
        }
    }
}
