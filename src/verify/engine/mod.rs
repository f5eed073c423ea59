//! What tests are run against: brokers of a configuration, each started afresh and reached over loopback.

mod copy;
mod moskit;
mod mosquitto;

use std::path::Path;
use std::sync::Arc;

use super::client::Endpoint;
use super::job::{Engine, Keys};
use super::outcome::Breakdown;
use crate::catalogue::Release;
use crate::lang::{Environment, Reader, conf};
use crate::model::Deployment;
use crate::text::{Files, Sources};

/// What an engine needs to know.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// What is run.
    pub engine: &'a Engine,
    /// The configuration, as [`Self::files`] names it.
    pub configuration: &'a Path,
    /// How files that the configuration names are read.
    pub files: &'a dyn Files,
    /// A private folder for files of the run.
    pub scratch: &'a Path,
    /// Whether this process has root's rights, and with them the broker that it starts.
    pub is_root: bool,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// What the built-in broker may go without, by options' names.
    pub without: &'a [String],
    /// Where the built-in broker's randomness comes from.
    pub keys: &'a Keys,
}

/// Lines of a broker's log that are told where it ends by itself.
pub(super) const LAST_LINES: usize = 10;

/// A configuration as a release reads it, and all that its brokers have in common. It may be used from any thread.
pub struct Ground {
    /// The release.
    pub release: Release,
    /// What it makes of the configuration.
    pub deployment: Arc<Deployment>,
    /// The texts of the configuration.
    pub sources: Sources,
    /// What is run, for people.
    pub title: String,
    kind: Kind,
}

enum Kind {
    Moskit(Box<moskit::Server>),
    Mosquitto(mosquitto::Program),
}

/// A broker that runs, until this is dropped.
pub struct Instance {
    kept: Kept,
}

enum Kept {
    Moskit(Box<moskit::Running>),
    Mosquitto(Box<mosquitto::Running>),
}

/// The releases that an engine can run as, of those that are wanted: a real broker is one release, whatever is wanted.
///
/// # Errors
/// Why its release cannot be told.
pub async fn releases(engine: &Engine, wanted: &[Release]) -> Result<Vec<Release>, String> {
    match engine {
        Engine::Moskit => Ok(wanted.to_vec()),
        Engine::Mosquitto(program) => Ok(vec![mosquitto::release_of(program).await?]),
    }
}

impl Ground {
    /// Reads the configuration as `release` does, and makes ready what its brokers share.
    ///
    /// # Errors
    /// Why there can be no broker, in words.
    pub fn prepare(setting: Setting<'_>, release: Release) -> Result<Self, String> {
        let environment = Environment { now: setting.now, started_by: "root".to_owned() };
        let mut reader = Reader::new(setting.files, environment);
        let tree = reader
            .conf(setting.configuration)
            .map_err(|error| format!("cannot read `{}`: {error:?}", setting.configuration.display()))?;
        let lowered = conf::lower(&mut reader, &tree, release);
        let deployment = Arc::new(lowered.deployment);
        let (kind, title) = match setting.engine {
            Engine::Moskit => {
                let server = moskit::Server::new(
                    deployment.clone(),
                    &lowered.notes,
                    &reader.sources,
                    setting.files,
                    (setting.without, setting.scratch, setting.keys),
                )?;
                (Kind::Moskit(Box::new(server)), "moskit".to_owned())
            }
            Engine::Mosquitto(program) => {
                let draft = copy::draft(&mut reader, setting.configuration, &deployment, setting.is_root)?;
                let kind = mosquitto::Program::new(program.clone(), draft, setting.scratch)?;
                (Kind::Mosquitto(kind), format!("mosquitto {release} ({})", program.display()))
            }
        };
        Ok(Self { release, deployment, sources: reader.sources, title, kind })
    }

    /// Whether a broker takes long to start, so that tests which do not get into each other's way may share one.
    pub fn is_costly(&self) -> bool {
        matches!(self.kind, Kind::Mosquitto(_))
    }

    /// Starts a broker, and waits until it serves. Needs a `LocalSet` of a current-thread runtime.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn start(&self) -> Result<Instance, Breakdown> {
        let kept = match &self.kind {
            Kind::Moskit(server) => Kept::Moskit(Box::new(server.start().await?)),
            Kind::Mosquitto(program) => Kept::Mosquitto(Box::new(program.start(&self.deployment).await?)),
        };
        Ok(Instance { kept })
    }
}

impl Instance {
    /// Where a listener of the deployment, by its index, can be reached, if it can.
    pub fn endpoint(&self, listener: usize) -> Option<&Endpoint> {
        match &self.kept {
            Kept::Moskit(running) => running.endpoints.get(listener)?.as_ref(),
            Kept::Mosquitto(running) => running.endpoints.get(listener)?.as_ref(),
        }
    }

    /// How the broker ended, where it did by itself.
    pub fn ended(&self) -> Option<Breakdown> {
        match &self.kept {
            // It ends with its test only.
            Kept::Moskit(_) => None,
            Kept::Mosquitto(running) => running.ended(),
        }
    }

    /// The last lines of what it said, at most so many.
    pub fn log(&self, count: usize) -> Vec<String> {
        match &self.kept {
            Kept::Moskit(running) => running.log(count),
            Kept::Mosquitto(running) => running.log(count),
        }
    }

    /// Tells of something that broke, with what the broker said last.
    pub(super) fn broke(&self, reason: String) -> Breakdown {
        Breakdown { reason, log: self.log(LAST_LINES) }
    }
}
