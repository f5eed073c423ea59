//! A broker from its sockets to its end: signals, reloads, the log.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::log::Logger;
use super::ready::{self, SocketFolder};
use super::{Arguments, Stop, cannot_start, environment, stop};
use crate::boot::{self, Here, status};
use crate::broker::transport::Placement;
use crate::broker::{Log, LogSink, LogTopics, LogType, Prepared, Running};
use crate::credentials::OperatingSystem;

/// What a broker is served with.
pub(super) struct Server<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) files: &'a Here<'a>,
    /// Whether the paths of the configuration are those of this machine.
    pub(super) is_installed: bool,
}

impl Server<'_> {
    /// Serves until a signal ends it.
    pub(super) async fn serve(&self, mut prepared: Prepared) -> Result<(), Stop> {
        let has_sockets = prepared.deployment().listeners.iter().any(|listener| listener.socket.is_some());
        let is_ephemeral = self.arguments.ephemeral_ports;
        let sockets = if is_ephemeral && has_sockets { Some(SocketFolder::make()?) } else { None };
        let placement = match &sockets {
            Some(folder) => Placement::Ephemeral { sockets: folder.0.clone() },
            None if is_ephemeral => Placement::Ephemeral { sockets: PathBuf::new() },
            None => Placement::AsConfigured,
        };
        let topics = LogTopics::default();
        let logger = Rc::new(Replaceable(RefCell::new(self.logger(&prepared, &topics))));
        let log = Log::to(logger.clone()).with_topics(topics.clone());
        let mut signals = Signals::new().map_err(|error| stop(status::CANNOT_START, error))?;
        let release = prepared.deployment().release;
        let running = prepared
            .start(&placement, log, Rc::new(OperatingSystem))
            .await
            .map_err(|error| cannot_start(&error))?;
        for address in running.listeners().iter().flat_map(|bound| &bound.addresses) {
            logger.line(LogType::Information, &format!("listening on {address}"));
        }
        let name = format!("moskit {} as mosquitto version {release}", env!("CARGO_PKG_VERSION"));
        logger.line(LogType::Information, &format!("{name} running"));
        if let Some(path) = &self.arguments.ready_file {
            ready::write(path, &running)?;
        }
        let mut ended = Ok(());
        while let Wanted::Reload = signals.next().await {
            logger.line(LogType::Information, "Reloading config.");
            ended = self.reload(&mut prepared, &running, &logger);
            *logger.0.borrow_mut() = self.logger(&prepared, &topics);
            if ended.is_err() {
                break;
            }
        }
        logger.line(LogType::Information, &format!("{name} terminating"));
        running.stop().await;
        ended
    }

    fn logger(&self, prepared: &Prepared, topics: &LogTopics) -> Logger {
        let Arguments { verbose, quiet, .. } = self.arguments;
        let mut logger = Logger::of(prepared.deployment(), *verbose > 0, topics.clone(), self.is_installed);
        if *quiet {
            logger.silence();
        }
        logger
    }

    /// Reads the files once more; `prepared` is what is served then.
    fn reload(&self, prepared: &mut Prepared, running: &Running, logger: &Replaceable) -> Result<(), Stop> {
        match boot::reload(self.files, prepared.deployment(), environment()) {
            Ok(reloaded) => {
                let (fresh, errors) = prepared.again(reloaded.deployment, self.files);
                *prepared = fresh;
                for text in reloaded.complaints.into_iter().chain(errors.iter().map(ToString::to_string)) {
                    logger.line(LogType::Error, &text);
                }
                for hole in &reloaded.holes {
                    logger.insist(hole);
                }
                running.reload(prepared, reloaded.has_lines);
                Ok(())
            }
            Err(ended) => {
                ended.complaints.iter().for_each(|text| logger.line(LogType::Error, text));
                let release = prepared.deployment().release;
                logger.insist(&format!("Mosquitto {release} ends on such a reload, and so does this"));
                Err(Stop(ended.status))
            }
        }
    }
}

/// A sink whose destinations a reload replaces.
struct Replaceable(RefCell<Logger>);

impl Replaceable {
    /// Says something that nobody may miss: wherever the log goes, it is on stderr, too.
    fn insist(&self, text: &str) {
        self.0.borrow().insist(text);
    }
}

impl LogSink for Replaceable {
    fn takes(&self, kind: LogType) -> bool {
        self.0.borrow().takes(kind)
    }

    fn line(&self, kind: LogType, text: &str) {
        self.0.borrow().line(kind, text);
    }
}

enum Wanted {
    End,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Mosquitto saves its sessions and shows its subscriptions on these; they must not end this broker either.
    others: [Signal; 2],
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            others: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
        })
    }

    async fn next(&mut self) -> Wanted {
        let [first, second] = &mut self.others;
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Wanted::End,
                _ = self.interrupt.recv() => return Wanted::End,
                _ = self.hang_up.recv() => return Wanted::Reload,
                _ = first.recv() => {}
                _ = second.recv() => {}
            }
        }
    }
}
