//! Where the broker's messages go: `log_dest`, `log_type`, `log_timestamp`, `-v`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use time::format_description::{OwnedFormatItem, parse_strftime_owned};
use time::{OffsetDateTime, UtcOffset};

use crate::broker::{LogSink, LogTopics, LogType};
use crate::catalogue::{Quirk, options};
use crate::model::{Deployment, Settings, Value};
use crate::report::render::printable_line;

/// Everything that is logged without `log_type`.
const USUAL: [LogType; 4] = [LogType::Error, LogType::Warning, LogType::Notice, LogType::Information];

const ALL: [LogType; 9] = [
    LogType::Debug,
    LogType::Error,
    LogType::Warning,
    LogType::Notice,
    LogType::Information,
    LogType::Subscribe,
    LogType::Unsubscribe,
    LogType::Websockets,
    LogType::Internal,
];

/// `log_type all` is without these two.
const ONLY_BY_NAME: [LogType; 2] = [LogType::Websockets, LogType::Internal];

enum Destination {
    Stderr,
    Stdout,
    Topic(LogTopics),
    File(RefCell<File>),
    Syslog(UnixDatagram, u8),
}

/// The destinations of a configuration.
pub(super) struct Logger {
    destinations: Vec<Destination>,
    kinds: HashSet<LogType>,
    stamp: Stamp,
}

enum Stamp {
    None,
    Seconds,
    Format(OwnedFormatItem),
}

impl Logger {
    /// As a deployment asks for. A log file that cannot be opened is said on stderr, which from then on has nothing
    /// but errors, and all of the log: so does every release. Log files of a pack lie on another machine: where it is
    /// not `is_installed`, they are stderr.
    pub(super) fn of(
        deployment: &Deployment,
        is_verbose: bool,
        topics: LogTopics,
        is_installed: bool,
    ) -> Self {
        let global = &deployment.global;
        let kinds = if is_verbose { ALL.into() } else { kinds(global) };
        let stamp = match global.text(options::LOG_TIMESTAMP_FORMAT) {
            _ if global.flag(options::LOG_TIMESTAMP).is_some_and(|flag| !flag.value) => Stamp::None,
            Some(format) => parse_strftime_owned(format.value).map_or(Stamp::Seconds, Stamp::Format),
            None => Stamp::Seconds,
        };
        let mut words = Vec::new();
        for setting in global.all(options::LOG_DEST) {
            let Value::Text(text) = &setting.value.value else { continue };
            if &**text == "none" {
                words.clear();
            }
            words.push(text.as_ref());
        }
        if words.is_empty() {
            words.push("stderr");
        }
        let mut logger = Self { destinations: Vec::new(), kinds, stamp };
        let mut trouble = Vec::new();
        for word in words {
            let found = match word {
                "topic" => Ok(Some(Destination::Topic(topics.clone()))),
                _ if word.starts_with("file ") && !is_installed => Ok(Some(Destination::Stderr)),
                _ => destination(word, deployment),
            };
            match found {
                Ok(found) => logger.destinations.extend(found),
                Err(reason) => trouble.push((word, reason)),
            }
        }
        if trouble.iter().any(|(word, _)| word.starts_with("file ")) {
            logger.destinations = vec![Destination::Stderr];
            logger.kinds = [LogType::Error].into();
        }
        for (_, reason) in trouble {
            super::super::output::narrate(&format!("moskit: {reason}"));
        }
        logger
    }

    /// Nothing is logged any more.
    pub(super) fn silence(&mut self) {
        self.kinds.clear();
    }

    /// Says something that nobody may miss: an error, on stderr in any case.
    pub(super) fn insist(&self, text: &str) {
        self.line(LogType::Error, text);
        if !self.destinations.iter().any(|destination| matches!(destination, Destination::Stderr)) {
            super::super::output::narrate(&format!("moskit: {text}"));
        }
    }

    fn stamped(&self, text: &str) -> String {
        let text = printable_line(text);
        match &self.stamp {
            Stamp::None => text,
            Stamp::Seconds => format!("{}: {text}", super::super::paths::now()),
            Stamp::Format(format) => {
                let now = OffsetDateTime::from_unix_timestamp(super::super::paths::now());
                // The time of this place, as every release writes it.
                let local = |now: OffsetDateTime| {
                    now.to_offset(UtcOffset::local_offset_at(now).unwrap_or(UtcOffset::UTC))
                };
                let stamp = now.ok().and_then(|now| local(now).format(format).ok()).unwrap_or_default();
                format!("{stamp}: {text}")
            }
        }
    }
}

/// The kinds that `log_type` lines ask for.
fn kinds(global: &Settings) -> HashSet<LogType> {
    let mut kinds = HashSet::new();
    let mut lines = 0;
    for setting in global.all(options::LOG_TYPE) {
        let Value::Text(word) = &setting.value.value else { continue };
        lines += 1;
        match &**word {
            "all" => kinds.extend(ALL.iter().filter(|kind| !ONLY_BY_NAME.contains(kind))),
            "none" => kinds.clear(),
            word => kinds.extend(ALL.iter().filter(|kind| kind.as_str() == word)),
        }
    }
    if lines == 0 { USUAL.into() } else { kinds }
}

fn destination(word: &str, deployment: &Deployment) -> Result<Option<Destination>, String> {
    match word {
        "stderr" => Ok(Some(Destination::Stderr)),
        "stdout" => Ok(Some(Destination::Stdout)),
        "syslog" => {
            let facility = deployment.global.number(options::LOG_FACILITY).map_or(5, |number| number.value);
            let facility = if facility == 5 { 3 } else { 16 + u8::try_from(facility).unwrap_or(0) };
            let socket = UnixDatagram::unbound().and_then(|socket| {
                socket.set_nonblocking(true)?;
                socket.connect("/dev/log").map(|()| socket)
            });
            socket
                .map(|socket| Some(Destination::Syslog(socket, facility)))
                .map_err(|error| format!("the system log cannot be reached: {error}"))
        }
        _ => match word.strip_prefix("file ") {
            Some(path) => open(Path::new(path), deployment)
                .map(|file| Some(Destination::File(RefCell::new(file))))
                .map_err(|reason| {
                    format!("the log file `{path}` cannot be written: {reason}; only errors are logged, here")
                }),
            // `none` is nothing.
            None => Ok(None),
        },
    }
}

fn open(path: &Path, deployment: &Deployment) -> Result<File, String> {
    let is_link = path.symlink_metadata().is_ok_and(|facts| facts.is_symlink());
    if is_link && deployment.release.has(Quirk::SymlinkedLogFileRefused) {
        return Err("it is a symbolic link".to_owned());
    }
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map_err(|error| error.to_string())
}

impl LogSink for Logger {
    fn takes(&self, kind: LogType) -> bool {
        self.kinds.contains(&kind)
    }

    fn line(&self, kind: LogType, text: &str) {
        if !self.takes(kind) {
            return;
        }
        let line = self.stamped(text) + "\n";
        for destination in &self.destinations {
            // Where a message cannot be written there is nobody to tell.
            let _ = match destination {
                Destination::Stderr => std::io::stderr().lock().write_all(line.as_bytes()),
                Destination::Stdout => {
                    let mut out = std::io::stdout().lock();
                    out.write_all(line.as_bytes()).and_then(|()| out.flush())
                }
                Destination::Topic(topics) => {
                    topics.send(kind, line.trim_end_matches('\n').to_owned());
                    Ok(())
                }
                Destination::File(file) => file.borrow_mut().write_all(line.as_bytes()),
                Destination::Syslog(socket, facility) => {
                    let severity = match kind {
                        LogType::Error => 3,
                        LogType::Warning => 4,
                        LogType::Notice => 5,
                        LogType::Information => 6,
                        _ => 7,
                    };
                    let text = printable_line(text);
                    socket
                        .send(format!("<{}>mosquitto: {text}", facility * 8 + severity).as_bytes())
                        .map(drop)
                }
            };
        }
    }
}
