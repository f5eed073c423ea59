//! A real broker: a program of Mosquitto, each instance on a private copy of the configuration.
//!
//! This is the one place of the library that starts processes and, but for packs and state, writes files: a real
//! broker is a process and reads its configuration from a disk. Both lie in the folder of the run, and neither
//! outlives the instance.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::timeout;

use super::LAST_LINES;
use super::copy::{COMMON, Door, Draft};
use crate::catalogue::{Quirk, Release, Target, options};
use crate::model::{Deployment, Listener, Protocol};
use crate::verify::client::{Address, Endpoint};
use crate::verify::outcome::Breakdown;

/// A broker that is not up by then never will be.
const LONGEST_START: Duration = Duration::from_secs(10);
/// How often a start is tried again because somebody else took a port.
const MOST_STARTS: usize = 5;
/// Lines of the log that are kept.
const MOST_LINES: usize = 2000;
/// What `-h` prints at most.
const MOST_HELP: u64 = 64 * 1024;

/// Ports are looked for below those that systems give to clients.
const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;
/// Each port is looked at by one instance of this process, until all had their turn.
static NEXT_PORT: AtomicU32 = AtomicU32::new(0);

/// Variables by which a broker would do something else than its configuration says.
const FOREIGN_VARIABLES: [&str; 6] =
    ["PUID", "PGID", "UMASK_SET", "SNAP_NAME", "MOSQUITTO_PERSISTENCE_LOCATION", "LISTEN_FDS"];

/// The release that a program is.
///
/// # Errors
/// Why that cannot be told, in words.
pub(super) async fn release_of(program: &Path) -> Result<Release, String> {
    let shown = program.display();
    let mut command = Command::new(program);
    command.arg("-h").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    let mut child = Killed(child);
    let stdout = child.0.stdout.take().map(OwnedFd::from);
    let text = async {
        let stdout = pipe::Receiver::from_owned_fd(stdout?).ok()?;
        let mut text = Vec::new();
        stdout.take(MOST_HELP).read_to_end(&mut text).await.ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let text = timeout(LONGEST_START, text).await.ok().flatten().unwrap_or_default();
    let version = text.lines().find_map(|line| line.strip_prefix("mosquitto version "));
    let version = version.and_then(|rest| rest.split_whitespace().next());
    let Some(version) = version else {
        return Err(format!("`{shown}` is no broker of Mosquitto: `-h` does not tell its version"));
    };
    let target: Result<Target, _> = version.parse();
    let target = target.map_err(|error| format!("`{shown}` is Mosquitto {version}: {error}"))?;
    target.releases().first().copied().ok_or_else(|| format!("`{shown}` tells no release"))
}

/// A process that ends with its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // A process that has ended already needs no killing; and what is killed is there to be waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that ends with its owner.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever made the folder of the run removes it with all that is left in it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program, and what each of its instances is started on.
pub(super) struct Program {
    path: PathBuf,
    draft: Draft,
    scratch: PathBuf,
    instances: AtomicU32,
}

impl Program {
    /// Writes what all instances share into the folder `scratch`.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn new(path: PathBuf, draft: Draft, scratch: &Path) -> Result<Self, String> {
        let common = scratch.join(COMMON);
        make_folder(&common)?;
        for (name, bytes) in &draft.shared {
            write_file(&common.join(name), bytes)?;
        }
        Ok(Self { path, draft, scratch: scratch.to_owned(), instances: AtomicU32::new(0) })
    }

    /// Starts an instance, and waits until it serves.
    ///
    /// # Errors
    /// Why it does not, with the last lines of its log.
    pub(super) async fn start(&self, deployment: &Deployment) -> Result<Running, Breakdown> {
        let mut last = Breakdown::from(String::new());
        for _ in 0..MOST_STARTS {
            let ports = self.ports()?;
            let mut running = self.spawn(&ports)?;
            match running.wait().await {
                Ok(()) => {
                    running.endpoints = self.endpoints(deployment, &ports, &running.folder.0);
                    running.nudging = nudged(deployment, &running.endpoints)
                        .map(|endpoint| spawn_local(nudge(endpoint)).abort_handle());
                    return Ok(running);
                }
                Err(why) if why.log.iter().any(|line| line.contains("Address already in use")) => last = why,
                Err(why) => return Err(why),
            }
        }
        Err(last)
    }

    fn ports(&self) -> Result<Vec<u16>, String> {
        self.draft
            .doors
            .iter()
            .map(|door| match door {
                Door::Port { is_v6 } => free_port(*is_v6),
                Door::Socket(_) | Door::None => Ok(0),
            })
            .collect()
    }

    fn spawn(&self, ports: &[u16]) -> Result<Running, String> {
        let number = self.instances.fetch_add(1, Ordering::Relaxed);
        let folder = Folder(self.scratch.join(number.to_string()));
        make_folder(&folder.0)?;
        for name in &self.draft.folders {
            make_folder(&folder.0.join(name))?;
        }
        for (name, bytes) in &self.draft.own {
            write_file(&folder.0.join(name), bytes)?;
        }
        for (name, bytes) in self.draft.confs(ports) {
            write_file(&folder.0.join(name), &bytes)?;
        }
        let mut command = Command::new(&self.path);
        // The log tells when the broker is up, whatever the configuration wants logged.
        command.args(["-v", "-c", "mosquitto.conf"]).current_dir(&folder.0);
        if let Some(index) = self.draft.local_only {
            command.arg("-p").arg(ports.get(index).copied().unwrap_or_default().to_string());
        }
        for name in FOREIGN_VARIABLES {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let shown = self.path.display();
        let child = command.spawn().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
        let mut process = Killed(child);
        let log = Log::default();
        let stderr = process.0.stderr.take().map(OwnedFd::from);
        let stderr = stderr.and_then(|stderr| pipe::Receiver::from_owned_fd(stderr).ok());
        let stderr = stderr.ok_or_else(|| format!("cannot read the log of `{shown}`"))?;
        let reading = spawn_local(log.clone().read(stderr)).abort_handle();
        Ok(Running {
            endpoints: Vec::new(),
            nudging: None,
            reading,
            log,
            process: RefCell::new(process),
            folder,
        })
    }

    fn endpoints(&self, deployment: &Deployment, ports: &[u16], folder: &Path) -> Vec<Option<Endpoint>> {
        let endpoint = |index: usize| {
            let address = match &self.draft.doors[index] {
                Door::Port { is_v6 } => {
                    let port = ports[index];
                    Address::Tcp(SocketAddr::new(loopback(*is_v6), port))
                }
                Door::Socket(name) => Address::Unix(folder.join(name)),
                Door::None => return None,
            };
            let is_websocket = deployment.listeners[index].protocol == Protocol::Websockets;
            Some(Endpoint { address, is_websocket })
        };
        (0..self.draft.doors.len()).map(endpoint).collect()
    }
}

fn loopback(is_v6: bool) -> std::net::IpAddr {
    if is_v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
}

/// A port that nobody uses at the moment.
fn free_port(is_v6: bool) -> Result<u16, String> {
    let own = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS {
        let next = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let number = FIRST_PORT + own.wrapping_add(next) % PORTS;
        let Ok(port) = u16::try_from(number) else { continue };
        if TcpListener::bind(SocketAddr::new(loopback(is_v6), port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port of loopback is free".to_owned())
}

fn make_folder(path: &Path) -> Result<(), String> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("cannot make the folder `{}`: {error}", path.display()))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    use std::io::Write;
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

/// What a broker said.
#[derive(Clone, Default)]
struct Log {
    state: Rc<RefCell<LogState>>,
    changed: Rc<Notify>,
}

#[derive(Default)]
struct LogState {
    lines: VecDeque<String>,
    is_running: bool,
    has_ended: bool,
}

impl Log {
    async fn read(self, stderr: pipe::Receiver) {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut stderr).take(MOST_HELP).read_until(b'\n', &mut line).await;
            let mut state = self.state.borrow_mut();
            match read {
                Ok(count) if count > 0 => {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    state.is_running |= text.contains("mosquitto version") && text.ends_with(" running");
                    if state.lines.len() == MOST_LINES {
                        state.lines.pop_front();
                    }
                    state.lines.push_back(text);
                }
                _ => state.has_ended = true,
            }
            let has_ended = state.has_ended;
            drop(state);
            self.changed.notify_waiters();
            if has_ended {
                return;
            }
        }
    }

    /// The last lines, without the time in front.
    fn last(&self, count: usize) -> Vec<String> {
        let state = self.state.borrow();
        let skipped = state.lines.len().saturating_sub(count);
        state.lines.iter().skip(skipped).map(|line| without_time(line).to_owned()).collect()
    }
}

fn without_time(line: &str) -> &str {
    match line.split_once(": ") {
        Some((time, rest)) if !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => line,
    }
}

/// A broker that runs. It is killed when this is dropped.
pub(super) struct Running {
    /// By the index of the listener; `None` where it cannot be reached.
    pub(super) endpoints: Vec<Option<Endpoint>>,
    nudging: Option<AbortHandle>,
    reading: AbortHandle,
    log: Log,
    // Dropped in this order: the process, then the folder that it uses.
    process: RefCell<Killed>,
    folder: Folder,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.reading.abort();
        self.nudging.iter().for_each(AbortHandle::abort);
    }
}

/// Where a broker can be nudged, if it has to be: a listener without TLS that takes any number of clients.
fn nudged(deployment: &Deployment, endpoints: &[Option<Endpoint>]) -> Option<Endpoint> {
    let listeners = &deployment.listeners;
    let has_websockets = listeners.iter().any(|own| own.protocol == Protocol::Websockets);
    if !has_websockets || !deployment.release.has(Quirk::WebsocketsServedLate) {
        return None;
    }
    let is_open = |own: &Listener| {
        let most = own.settings.number(options::MAX_CONNECTIONS);
        own.protocol == Protocol::Mqtt && !own.has_tls() && most.is_none_or(|most| most.value <= 0)
    };
    let mut all = listeners.iter().zip(endpoints);
    all.find(|(own, _)| is_open(own)).and_then(|(_, endpoint)| endpoint.clone())
}

/// How often a broker is nudged.
const NUDGE: Duration = Duration::from_millis(2);

/// Sends a CONNECT that takes its time, byte by byte: the broker waits for its end, and serves its WebSocket clients
/// whenever it looks at a byte.
async fn nudge(endpoint: Endpoint) {
    let mut ticks = tokio::time::interval(NUDGE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let mut stream: Box<dyn tokio::io::AsyncWrite + Unpin> = match &endpoint.address {
            Address::Tcp(address) => match TcpStream::connect(address).await {
                Ok(stream) => Box::new(stream),
                Err(_) => return,
            },
            Address::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Box::new(stream),
                Err(_) => return,
            },
        };
        // A CONNECT of 16 KiB, of which never all is sent.
        let head = [0x10, 0xff, 0x7f, 0, 4].into_iter().chain(*b"MQTT").chain([4, 2, 0, 60, 0x3f, 0xff]);
        for byte in head.chain(std::iter::repeat_n(b'x', 0x3f00)) {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            ticks.tick().await;
        }
    }
}

impl Running {
    /// Waits until the broker serves.
    async fn wait(&self) -> Result<(), Breakdown> {
        let waiting = async {
            loop {
                let changed = self.log.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                {
                    let state = self.log.state.borrow();
                    if state.is_running || state.has_ended {
                        return state.is_running;
                    }
                }
                changed.await;
            }
        };
        match timeout(LONGEST_START, waiting).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(self.ended().unwrap_or_else(|| self.broke("the broker closed its log".to_owned())))
            }
            Err(_) => Err(self.broke(format!("the broker was not up after {LONGEST_START:?}"))),
        }
    }

    fn broke(&self, reason: String) -> Breakdown {
        Breakdown { reason, log: self.log.last(LAST_LINES) }
    }

    /// How the broker ended and what it said last, where it did.
    pub(super) fn ended(&self) -> Option<Breakdown> {
        let has_ended = self.log.state.borrow().has_ended;
        let mut process = self.process.borrow_mut();
        let status = if has_ended {
            // It closes its log when it ends; what does not is stopped here.
            let _ = process.0.kill();
            process.0.wait().ok()
        } else {
            process.0.try_wait().ok()?
        };
        let status = status?;
        Some(self.broke(format!("the broker ended ({})", how(status))))
    }

    /// The last lines of its log.
    pub(super) fn log(&self, count: usize) -> Vec<String> {
        self.log.last(count)
    }
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "for no known reason".to_owned(),
    }
}
