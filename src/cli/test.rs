//! `moskit test`: boots a broker on a configuration and tries what its tests say.

mod load;
mod signals;
mod telling;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use self::load::Loaded;
use self::signals::{Caught, Signals};
use self::telling::Telling;
use super::scratch::Scratch;
use super::{Answer, Failure, NO_ANSWER, NOTHING, SOMETHING, output, paths};
use crate::catalogue::Target;
use crate::credentials::OperatingSystem;
use crate::report::render::{full, printable_line};
use crate::report::shortened;
use crate::text::disk::Disk;
use crate::verify::{Breakdown, Engine, Job, Keys, Outcome, RunError, Stop, SuiteFile};

/// Boot a broker on a configuration and run its tests over real MQTT
#[derive(Args)]
pub(super) struct Arguments {
    /// A spec, the folder of a pack, or a mosquitto.conf
    path: PathBuf,

    /// Test file, or spec with tests, in place of those that belong to PATH; may be repeated
    #[arg(long, value_name = "FILE")]
    tests: Vec<PathBuf>,

    /// What is booted: `moskit`, the built-in broker, or `mosquitto:PATH`, a real one
    #[arg(long, value_name = "ENGINE", default_value = "moskit", value_parser = engine)]
    engine: Engine,

    /// Release that the built-in broker does as: `2.1.2`, or `2.0` for every known 2.0.x; may be repeated [default: what
    /// the spec or pack names, else the newest known]
    #[arg(long, value_name = "RELEASE")]
    target: Vec<Target>,

    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "full")]
    format: Format,

    /// Run only tests whose name has this text in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Print the tests in place of running them
    #[arg(long)]
    list: bool,

    /// Brokers that run at the same time, each with tests of its own [default: as many as there are processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Go without something that the configuration asks for and the built-in broker does not have; may be repeated
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,

    /// Private folder of the spec's keys and generated passwords [default: `.moskit/NAME` beside the spec]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Where a path of the configuration lies here, as in `--map /mosquitto/config=./config`; may be repeated
    #[arg(long, value_name = "FROM=TO", value_parser = paths::mapping)]
    map: Vec<(PathBuf, PathBuf)>,

    /// Directory in which absolute paths of the configuration lie
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A sentence for each failure, and a summary
    Full,
    /// For programs
    Json,
    /// JUnit XML, for continuous integration
    Junit,
    /// The Test Anything Protocol
    Tap,
}

/// Exit code: nobody reads the report any more, as a program that SIGPIPE ends.
const UNHEARD: u8 = 141;

fn engine(text: &str) -> Result<Engine, String> {
    match text.split_once(':') {
        None if text == "moskit" => Ok(Engine::Moskit),
        Some(("mosquitto", path)) if !path.is_empty() => Ok(Engine::Mosquitto(path.into())),
        _ => Err("write `moskit`, or `mosquitto:PATH` with the path of a broker".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let here = std::env::current_dir().map_err(|error| Failure(format!("no current directory: {error}")))?;
    let caught = Caught::new()?;
    let scratch = Scratch::make()?;
    let stop = Stop::new();
    let signals = caught.watch(scratch.path(), &stop)?;
    let begun = Begun { here: &here, scratch: scratch.path(), signals: &signals, stop: &stop };
    let answer = begun.test(arguments);
    signals.status().map_or(answer, Ok)
}

/// What a run begins with.
struct Begun<'a> {
    here: &'a Path,
    scratch: &'a Path,
    signals: &'a Signals,
    stop: &'a Stop,
}

impl Begun<'_> {
    fn test(&self, arguments: &Arguments) -> Answer {
        let mut loaded = load::load(arguments, self.here, self.scratch)?;
        if !loaded.problems.is_empty() {
            return Ok(refuse(&loaded));
        }
        let found: usize = loaded.suites.iter().map(|file| file.suite.tests.len()).sum();
        if found == 0 {
            return Err(Failure(loaded.no_tests));
        }
        if let Some(text) = &arguments.filter {
            keep(&mut loaded.suites, text);
            if loaded.suites.iter().all(|file| file.suite.tests.is_empty()) {
                return Err(Failure(format!(
                    "none of {found} tests has `{text}` in its name; `--list` shows them"
                )));
            }
        }
        if arguments.list {
            output::report(&list(&loaded));
            return Ok(NOTHING);
        }
        for reason in &loaded.missing {
            output::narrate(&format!("warning: {reason}"));
        }
        let mut telling = Telling::new(arguments.format, &loaded, self.stop);
        let came = self.try_all(arguments, &loaded, &mut telling)?;
        Ok(ended(came, &mut telling))
    }

    /// Runs the tests that were loaded.
    fn try_all(
        &self,
        arguments: &Arguments,
        loaded: &Loaded,
        telling: &mut Telling<'_>,
    ) -> Result<Result<Outcome, RunError>, Failure> {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let local = Disk::new(self.here);
        let runs = self.scratch.join("run");
        std::fs::create_dir(&runs)
            .map_err(|error| Failure(format!("cannot make `{}`: {error}", runs.display())))?;
        let keys: Keys = Arc::new(OperatingSystem);
        let job = Job {
            configuration: &loaded.configuration,
            files: &loaded.files,
            releases: &loaded.releases,
            engine: &arguments.engine,
            suites: &loaded.suites,
            local: &local,
            sources: &loaded.sources,
            credentials: &loaded.credentials,
            jobs: arguments.jobs.map_or(processors, NonZeroUsize::get),
            without: &arguments.without,
            scratch: &runs,
            keys: &keys,
            stop: self.stop,
            now: paths::now(),
        };
        self.signals.run_begins();
        Ok(crate::verify::run(&job, &mut |event| telling.hear(event)))
    }
}

/// Tells how a run ended; gives the exit code.
fn ended(came: Result<Outcome, RunError>, telling: &mut Telling<'_>) -> u8 {
    match came {
        Ok(outcome) => {
            telling.over(&outcome);
            let counts = outcome.counts();
            match () {
                () if counts.failed + counts.broken > 0 => SOMETHING,
                () if counts.passed == 0 => {
                    output::narrate("moskit: no test could be run");
                    NO_ANSWER
                }
                () => NOTHING,
            }
        }
        Err(RunError::Impossible(Breakdown { reason, log })) => {
            telling.stopped(&reason);
            output::narrate(&format!("moskit: {reason}"));
            log.iter().for_each(|line| output::narrate(&format!("  | {line}")));
            NO_ANSWER
        }
        Err(RunError::Stopped) => {
            telling.stopped("stopped by a signal");
            UNHEARD
        }
    }
}

/// Tells why nothing was tested.
fn refuse(loaded: &Loaded) -> u8 {
    let count = loaded.problems.len();
    let problems = shortened(loaded.problems.clone(), Vec::new());
    output::report(&full(&problems, &loaded.sources, &[], output::style()));
    output::report(&format!("{count} error{}; nothing was tested\n", if count == 1 { "" } else { "s" }));
    SOMETHING
}

/// Leaves the tests that have a text in their name.
fn keep(suites: &mut [SuiteFile], text: &str) {
    for file in suites {
        let mut suite = (*file.suite).clone();
        suite.tests.retain(|test| test.name.contains(text));
        file.suite = suite.into();
    }
}

fn list(loaded: &Loaded) -> String {
    let tests = loaded.suites.iter().flat_map(|file| &file.suite.tests);
    let lines = tests.map(|test| {
        let source = loaded.sources.get(test.span.source);
        let line = source.position(test.span.start).line;
        format!("{}:{line}: {}\n", printable_line(source.name()), printable_line(&test.name))
    });
    lines.collect()
}
