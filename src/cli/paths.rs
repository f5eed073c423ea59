//! The options that say where paths of a configuration lie, and who starts the broker.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::Failure;
use crate::catalogue::{Release, Target};
use crate::lang::Environment;
use crate::text::disk::Disk;

/// Where things are, and for which releases.
#[derive(Args)]
pub(super) struct Situation {
    /// Release to judge by: `2.1.2`, or `2.0` for every known 2.0.x; may be repeated [default: what a spec or pack names, else the newest known]
    #[arg(long, value_name = "RELEASE")]
    target: Vec<Target>,

    #[command(flatten)]
    places: Places,
}

/// Where things are, and who starts the broker.
#[derive(Args)]
pub(super) struct Places {
    /// Where a path of the configuration lies here, as in `--map /mosquitto/config=./config`; may be repeated
    #[arg(long, value_name = "FROM=TO", value_parser = mapping)]
    map: Vec<(PathBuf, PathBuf)>,

    /// Directory in which absolute paths of the configuration lie
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// Account that starts the broker; root then drops to the configured user
    #[arg(long = "as", value_name = "USER", default_value = "root")]
    started_by: String,
}

pub(super) fn mapping(text: &str) -> Result<(PathBuf, PathBuf), String> {
    match text.split_once('=') {
        Some((from, to)) if from.starts_with('/') && !to.is_empty() => Ok((from.into(), to.into())),
        _ => Err("write it as `/path/in/the/configuration=path/here`".to_owned()),
    }
}

impl Situation {
    /// The releases that are asked for, oldest first, each once; none where the input or the default decides.
    pub(super) fn releases(&self) -> Vec<Release> {
        let mut releases: Vec<_> = self.target.iter().flat_map(|target| target.releases().to_vec()).collect();
        releases.sort();
        releases.dedup();
        releases
    }

    /// The files that the configuration names.
    pub(super) fn files(&self) -> Result<Disk, Failure> {
        self.places.files()
    }

    /// Time and starting account.
    pub(super) fn environment(&self) -> Environment {
        self.places.environment()
    }
}

impl Places {
    /// The files that the configuration names.
    pub(super) fn files(&self) -> Result<Disk, Failure> {
        let here =
            std::env::current_dir().map_err(|error| Failure(format!("no current directory: {error}")))?;
        Ok(Disk { working_directory: here, root: self.root.clone(), maps: self.map.clone() })
    }

    /// Time and starting account.
    pub(super) fn environment(&self) -> Environment {
        Environment { now: now(), started_by: self.started_by.clone() }
    }
}

/// The time, in seconds since 1970.
pub(super) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
}
