//! The built-in broker, in the thread of its test.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::LAST_LINES;
use crate::broker::transport::{Address as Bound, Placement};
use crate::broker::{Log, LogSink, LogType, Prepared, Running as Broker};
use crate::credentials::{KeySource, RandomnessError, Secret};
use crate::model::notes::{self, Note};
use crate::model::{Deployment, Protocol};
use crate::text::{Files, Sources};
use crate::verify::client::{Address, Endpoint};
use crate::verify::job::Keys;
use crate::verify::outcome::Breakdown;

/// Lines of the log that are kept.
const MOST_LINES: usize = 2000;

/// A deployment, made ready once for all its brokers.
pub(super) struct Server {
    prepared: Prepared,
    scratch: PathBuf,
    keys: Keys,
    /// How many brokers were started; each has a folder for its unix sockets.
    instances: AtomicU32,
}

/// A broker that runs, until this is dropped.
pub(super) struct Running {
    /// Where each listener of the deployment can be reached.
    pub(super) endpoints: Vec<Option<Endpoint>>,
    log: Rc<Lines>,
    _broker: Broker,
}

impl Server {
    /// Makes a deployment ready; `without` names what may be left out of it, `scratch` is a private folder.
    ///
    /// # Errors
    /// Why it cannot be served, in words.
    pub(super) fn new(
        deployment: Arc<Deployment>,
        notes: &[Note],
        sources: &Sources,
        files: &dyn Files,
        (without, scratch, keys): (&[String], &Path, &Keys),
    ) -> Result<Self, String> {
        let release = deployment.release;
        let verdict = notes::verdict(release, notes);
        if let (Some(false), Some(note)) = (verdict.loads, verdict.reason) {
            let source = sources.get(note.span.source);
            let line = source.position(note.span.start).line;
            let place = format!("{}:{line}", source.name());
            return Err(format!("Mosquitto {release} does not start with this configuration: {place}"));
        }
        let prepared = Prepared::new(deployment, files).map_err(|error| error.to_string())?;
        let missing = prepared
            .unhonoured()
            .iter()
            .filter(|item| item.is_security && !without.iter().any(|waived| waived == item.option.name()));
        let missing = missing.map(|item| {
            let name = item.option.name();
            format!("`{name}`: {} (`--without {name}` leaves it out)", item.what)
        });
        let missing: Vec<String> = missing.collect();
        if !missing.is_empty() {
            let list = missing.join(", ");
            return Err(format!("the built-in broker does not serve all of this configuration: {list}"));
        }
        Ok(Self { prepared, scratch: scratch.to_owned(), keys: keys.clone(), instances: AtomicU32::new(0) })
    }

    /// Starts a broker.
    ///
    /// # Errors
    /// Why it does not start.
    pub(super) async fn start(&self) -> Result<Running, Breakdown> {
        let number = self.instances.fetch_add(1, Ordering::Relaxed);
        let sockets = self.scratch.join(format!("sockets-{number}"));
        let has_sockets =
            self.prepared.deployment().listeners.iter().any(|listener| listener.socket.is_some());
        if has_sockets {
            rustix::fs::mkdir(&sockets, rustix::fs::Mode::RWXU)
                .map_err(|error| format!("cannot make `{}`: {error}", sockets.display()))?;
        }
        let placement = Placement::Ephemeral { sockets };
        let log = Rc::new(Lines::default());
        let keys = Rc::new(Passed(self.keys.clone()));
        let broker = self.prepared.start(&placement, Log::to(log.clone()), keys).await;
        let broker =
            broker.map_err(|error| Breakdown { reason: error.to_string(), log: log.last(LAST_LINES) })?;
        let count = self.prepared.deployment().listeners.len();
        let mut endpoints: Vec<Option<Endpoint>> = (0..count).map(|_| None).collect();
        for bound in broker.listeners() {
            let address = bound.addresses.first().map(|address| match address {
                Bound::Tcp(address) => Address::Tcp(*address),
                Bound::Unix(path) => Address::Unix(path.clone()),
            });
            endpoints[bound.listener] = address
                .map(|address| Endpoint { address, is_websocket: bound.protocol == Protocol::Websockets });
        }
        Ok(Running { endpoints, log, _broker: broker })
    }
}

impl Running {
    /// The last lines of what it said.
    pub(super) fn log(&self, count: usize) -> Vec<String> {
        self.log.last(count)
    }
}

/// The keys of the run, for a broker of it.
struct Passed(Keys);

impl KeySource for Passed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError> {
        self.0.fill(bytes)
    }

    fn key_pair(&self) -> Result<Secret, RandomnessError> {
        self.0.key_pair()
    }
}

#[derive(Default)]
struct Lines(RefCell<VecDeque<String>>);

impl Lines {
    fn last(&self, count: usize) -> Vec<String> {
        let lines = self.0.borrow();
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }
}

impl LogSink for Lines {
    fn takes(&self, _: LogType) -> bool {
        true
    }

    fn line(&self, _: LogType, text: &str) {
        let mut lines = self.0.borrow_mut();
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(text.to_owned());
    }
}
