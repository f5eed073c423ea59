//! A broker for tests: it serves a configuration on free ports of this machine until it is dropped.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::boot::{self, Here, Main};
use crate::broker::transport::Placement;
use crate::broker::{Bound, Log, LogSink, LogType, Prepared, Running};
use crate::catalogue::Release;
use crate::credentials::OperatingSystem;
use crate::lang::Environment;
use crate::report::render::concise;
use crate::text::disk::Disk;

/// What a broker for tests serves.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration or pack.
    pub main: Main,
    /// Where its files are.
    pub files: Disk,
    /// The release that it does as.
    pub release: Release,
    /// The time and who starts it, as the configuration is read.
    pub environment: Environment,
    /// An existing folder for its unix sockets.
    pub sockets: PathBuf,
}

/// A broker in a thread of its own, on free ports of the loopback addresses. It ends when this is dropped.
///
/// ```
/// use moskit::testing::{Broker, Setup};
/// # let folder = tempfile::tempdir().unwrap();
/// # let here = folder.path();
/// std::fs::write(here.join("mosquitto.conf"), "listener 1883\nallow_anonymous true\n").unwrap();
/// let broker = Broker::start(Setup {
///     main: moskit::boot::Main::Conf("mosquitto.conf".into()),
///     files: moskit::text::disk::Disk::new(here),
///     release: moskit::catalogue::Release::newest(),
///     environment: moskit::lang::Environment { now: 1_800_000_000, started_by: "root".to_owned() },
///     sockets: here.to_owned(),
/// })
/// .unwrap();
/// let address = broker.listeners()[0].addresses[0].to_string();
/// std::net::TcpStream::connect(address).unwrap();
/// ```
#[derive(Debug)]
pub struct Broker {
    listeners: Vec<Bound>,
    log: Arc<Mutex<Vec<String>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a broker for tests did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotStarted {
    /// The status that the release would have ended with.
    pub status: u8,
    /// Why, in lines.
    pub reason: String,
}

impl fmt::Display for NotStarted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

impl std::error::Error for NotStarted {}

impl Broker {
    /// Starts a broker and waits until clients can connect.
    ///
    /// # Errors
    /// [`NotStarted`] where the release would not start, or needs what the built-in broker does not serve and
    /// security hangs on.
    pub fn start(setup: Setup) -> Result<Self, NotStarted> {
        let (told, began) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        let thread = std::thread::Builder::new().name("broker".to_owned());
        let thread = thread.spawn(move || run(setup, sink, &told, ended)).map_err(not_started)?;
        let listeners = began.recv().unwrap_or_else(|_| Err(not_started("the thread ended")))?;
        Ok(Self { listeners, log, end: Some(end), thread: Some(thread) })
    }

    /// Its listeners and where they are.
    pub fn listeners(&self) -> &[Bound] {
        &self.listeners
    }

    /// What it said so far, everything included.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            // It may have ended already.
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn not_started(reason: impl fmt::Display) -> NotStarted {
    NotStarted { status: boot::status::CANNOT_START, reason: reason.to_string() }
}

type Told = mpsc::Sender<Result<Vec<Bound>, NotStarted>>;

fn run(setup: Setup, log: Arc<Mutex<Vec<String>>>, told: &Told, ended: oneshot::Receiver<()>) {
    let serve = async {
        match begin(&setup, log).await {
            Ok(running) => {
                // Whoever started it waits for this.
                let _ = told.send(Ok(running.listeners().to_vec()));
                let _ = ended.await;
                running.stop().await;
            }
            Err(reason) => drop(told.send(Err(reason))),
        }
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => LocalSet::new().block_on(&runtime, serve),
        Err(error) => drop(told.send(Err(not_started(error)))),
    }
}

async fn begin(setup: &Setup, log: Arc<Mutex<Vec<String>>>) -> Result<Running, NotStarted> {
    let invalid = |reason| NotStarted { status: boot::status::INVALID, reason };
    let files = Here::of(&setup.main, &setup.files).map_err(invalid)?;
    let loaded = boot::load(&files, setup.release, setup.environment.clone()).map_err(|refusal| {
        let findings = concise(&refusal.findings, &refusal.sources, &[]);
        NotStarted { status: refusal.status, reason: format!("{findings}{}", refusal.reason) }
    })?;
    let prepared = Prepared::new(loaded.deployment, &files).map_err(not_started)?;
    if let Some(item) = prepared.unhonoured().iter().find(|item| item.is_security) {
        return Err(invalid(format!("`{}`: {}", item.option.name(), item.what)));
    }
    let placement = Placement::Ephemeral { sockets: setup.sockets.clone() };
    let log = Log::to(Rc::new(Lines(log)));
    prepared.start(&placement, log, Rc::new(OperatingSystem)).await.map_err(not_started)
}

struct Lines(Arc<Mutex<Vec<String>>>);

impl LogSink for Lines {
    fn takes(&self, _: LogType) -> bool {
        true
    }

    fn line(&self, _: LogType, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }
}
