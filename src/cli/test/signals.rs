//! Signals that stop a run: brokers end with it, and its folder goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::super::{Failure, output};
use crate::verify::Stop;

/// How long a run may take to stop.
const LONGEST_STOP: Duration = Duration::from_secs(2);

/// Statuses of programs that a signal ended begin here.
const OF_SIGNALS: u8 = 128;

/// Signals that are caught from now on.
pub(super) struct Caught {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

/// What is done about signals. Without a run the program ends at once.
pub(super) struct Signals {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    stop: Stop,
    /// Held while the program ends in the midst of what it does, so that nothing is told of what comes of that.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether there is a run that can be stopped.
    is_running: bool,
    /// The signal that came.
    came: Option<u8>,
}

impl Caught {
    pub(super) fn new() -> Result<Self, Failure> {
        let failure = |error: std::io::Error| Failure(format!("cannot catch signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failure)?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(failure)?;
        let terminate = signal(SignalKind::terminate()).map_err(failure)?;
        drop(entered);
        Ok(Self { runtime, interrupt, terminate })
    }

    /// On a signal, stops the run and sees that the folder goes.
    pub(super) fn watch(self, folder: &Path, stop: &Stop) -> Result<Signals, Failure> {
        let shared =
            Arc::new(Shared { folder: folder.to_owned(), stop: stop.clone(), state: Mutex::default() });
        let Self { runtime, mut interrupt, mut terminate } = self;
        let own = shared.clone();
        let watching = std::thread::Builder::new().name("signals".to_owned());
        let watching = watching.spawn(move || {
            let signal = runtime.block_on(next(&mut interrupt, &mut terminate));
            let mut state = own.state();
            state.came = Some(signal);
            if state.is_running {
                drop(state);
                own.stop.now();
                // A second signal does not wait.
                let again =
                    async { tokio::time::timeout(LONGEST_STOP, next(&mut interrupt, &mut terminate)).await };
                let _ = runtime.block_on(again);
                state = own.state();
            }
            own.end(&state)
        });
        watching.map_err(|error| Failure(format!("cannot catch signals: {error}")))?;
        Ok(Signals { shared })
    }
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> u8 {
    let kind = tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
    };
    u8::try_from(kind.as_raw_value()).unwrap_or(u8::MAX - OF_SIGNALS)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the program in the midst of what it does.
    fn end(&self, state: &State) {
        // Something may still be written there; what cannot be removed in the end is for the system to tidy.
        for _ in 0..100 {
            match fs::remove_dir_all(&self.folder) {
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {}
                _ => break,
            }
        }
        std::process::exit(i32::from(state.came.map_or(OF_SIGNALS, told)))
    }
}

/// Says which signal came; gives the status.
fn told(signal: u8) -> u8 {
    let name = if i32::from(signal) == SignalKind::interrupt().as_raw_value() { "SIGINT" } else { "SIGTERM" };
    output::progress("");
    output::narrate(&format!("moskit: stopped by {name}"));
    OF_SIGNALS + signal
}

impl Signals {
    /// From now on, [`Stop::now`] ends what goes on.
    pub(super) fn run_begins(&self) {
        self.shared.state().is_running = true;
    }

    /// The status to end with, where a signal came.
    pub(super) fn status(&self) -> Option<u8> {
        self.shared.state().came.map(told)
    }
}
