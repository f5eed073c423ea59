//! Runs tests: brokers side by side, results in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::engine::{Ground, Instance, Setting, releases};
use super::equip::Equipment;
use super::job::Job;
use super::observe::{Candidates, Helpers};
use super::outcome::{Breakdown, Outcome, RunError, Status, TestResult};
use super::perform::{LIMIT, Performance};
use super::script::{Action, Step, Test};
use super::stage::Door;
use crate::catalogue::Release;
use crate::lang::spec::Spanned;

/// How much longer than its steps a test may take.
const SPARE: Duration = Duration::from_secs(10);

/// A broker that does not let clients go by then is not used again.
const FAREWELL: Duration = Duration::from_millis(500);

/// What is told of a run while it goes on.
#[derive(Debug)]
pub enum Event<'e> {
    /// How many results there will be, and for which releases; once, before all results.
    Planned {
        /// The releases that tests are run for.
        releases: &'e [Release],
        /// Tests times releases.
        results: usize,
    },
    /// The next result, in the order of the outcome. What is changed in it is changed in the outcome.
    Came(&'e mut TestResult),
}

/// Runs all tests for all releases, and tells each result, in order, as soon as it and those before it are known.
///
/// # Errors
/// Why there is no outcome: nothing can be run, or somebody stopped it.
pub fn run(job: &Job<'_>, tell: &mut dyn FnMut(Event<'_>)) -> Result<Outcome, RunError> {
    let begun = Instant::now();
    let impossible = |reason: String| RunError::Impossible(reason.into());
    let all = runtime().map_err(impossible)?.block_on(async {
        tokio::select! {
            all = releases(job.engine, job.releases) => all.map_err(impossible),
            () = job.stop.wanted() => Err(RunError::Stopped),
        }
    })?;
    let run = Run::new(job, &all).map_err(impossible)?;
    tell(Event::Planned { releases: &all, results: run.count() });
    let results = run.all(tell)?;
    Ok(Outcome { results, duration: begun.elapsed() })
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no sockets and timers: {error}"))
}

/// What tests meet on one release.
struct Site<'a> {
    ground: Ground,
    doors: Vec<Door>,
    equipment: Equipment<'a>,
    candidates: Vec<OnceLock<Candidates>>,
    /// Whether any broker has started.
    has_started: AtomicBool,
}

impl<'a> Site<'a> {
    fn new(job: &'a Job<'a>, release: Release) -> Result<Self, String> {
        let setting = Setting {
            engine: job.engine,
            configuration: job.configuration,
            files: job.files,
            scratch: job.scratch,
            is_root: rustix::process::geteuid().is_root(),
            now: job.now,
            without: job.without,
            keys: job.keys,
        };
        let ground = Ground::prepare(setting, release)?;
        let doors = ground.deployment.listeners.iter().enumerate();
        let doors = doors.map(|(index, listener)| Door::of(index, listener)).collect();
        Ok(Self {
            doors,
            equipment: Equipment::new(job),
            candidates: job.suites.iter().map(|_| OnceLock::new()).collect(),
            has_started: AtomicBool::new(false),
            ground,
        })
    }
}

/// All tests on all releases.
struct Run<'a> {
    job: &'a Job<'a>,
    /// By release, never empty.
    sites: Vec<Site<'a>>,
    /// Each test, and its file.
    tests: Vec<(usize, &'a Test)>,
    /// The next test and release: what has index 3 is the second test on the second of two releases.
    next: AtomicUsize,
    numbers: AtomicU32,
    /// Why no further test is begun.
    over: Mutex<Option<RunError>>,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job<'a>, releases: &[Release]) -> Result<Self, String> {
        let sites: Result<Vec<_>, _> = releases.iter().map(|release| Site::new(job, *release)).collect();
        let tests = job.suites.iter().enumerate();
        let tests = tests.flat_map(|(index, file)| file.suite.tests.iter().map(move |test| (index, test)));
        Ok(Self {
            job,
            sites: sites?,
            tests: tests.collect(),
            next: AtomicUsize::new(0),
            numbers: AtomicU32::new(0),
            over: Mutex::default(),
        })
    }

    /// How many results there will be.
    fn count(&self) -> usize {
        self.tests.len() * self.sites.len()
    }

    fn all(&self, tell: &mut dyn FnMut(Event<'_>)) -> Result<Vec<TestResult>, RunError> {
        let (sender, receiver) = mpsc::channel();
        let threads = self.job.jobs.clamp(1, self.count().max(1));
        let mut results = Vec::with_capacity(self.count());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let sender = sender.clone();
                scope.spawn(move || self.thread(&sender));
            }
            drop(sender);
            // Results that came before their turn.
            let mut early: BTreeMap<usize, TestResult> = BTreeMap::new();
            for (index, result) in receiver {
                early.insert(index, result);
                while let Some(mut result) = early.remove(&results.len()) {
                    tell(Event::Came(&mut result));
                    results.push(result);
                }
            }
        });
        match self.over.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(reason) => Err(reason),
            None => Ok(results),
        }
    }

    fn end(&self, reason: RunError) {
        self.over.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.next.store(self.count(), Ordering::Relaxed);
    }

    /// Runs tests until there are no more.
    fn thread(&self, results: &mpsc::Sender<(usize, TestResult)>) {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(reason) => return self.end(RunError::Impossible(reason.into())),
        };
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            tokio::select! {
                () = self.tests(results) => {}
                () = self.job.stop.wanted() => self.end(RunError::Stopped),
            }
        });
    }

    async fn tests(&self, results: &mpsc::Sender<(usize, TestResult)>) {
        // Of the one release that there is, where brokers are shared.
        let mut shared: Option<Instance> = None;
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((suite, test)) = self.tests.get(index / self.sites.len()) else { return };
            let site = &self.sites[index % self.sites.len()];
            let begun = Instant::now();
            let status = match unwanted(test, site.ground.release) {
                Some(reason) => Some(Status::Skipped(reason)),
                None => self.one(site, *suite, test, &mut shared).await,
            };
            let Some(status) = status else { return };
            let result = TestResult {
                name: test.name.to_string(),
                span: test.span,
                release: site.ground.release.to_string(),
                engine: site.ground.title.clone(),
                status,
                duration: begun.elapsed(),
            };
            // Nobody listens any more once the run is over.
            let _ = results.send((index, result));
        }
    }

    /// Runs a test; gives nothing where that ends the run.
    async fn one(
        &self,
        site: &Site<'_>,
        suite: usize,
        test: &Test,
        shared: &mut Option<Instance>,
    ) -> Option<Status> {
        let ground = &site.ground;
        let may_share = ground.is_costly() && leaves_no_trace(test);
        let known = shared.take().filter(|instance| may_share && instance.ended().is_none());
        let started = match known {
            Some(instance) => Ok(instance),
            None => ground.start().await,
        };
        let instance = match started {
            Ok(instance) => instance,
            Err(reason) => return self.not_started(site, reason),
        };
        site.has_started.store(true, Ordering::Relaxed);
        let candidates = site.candidates[suite].get_or_init(|| {
            let file = &self.job.suites[suite];
            Candidates::of(ground, &site.doors, suite, file, self.job.credentials)
        });
        let place = (ground, site.doors.as_slice());
        let helpers =
            Helpers::new(place, &site.equipment, self.job.credentials, candidates, &instance, &self.numbers);
        let performance = Performance::new(test, suite, helpers);
        let limit = longest(test);
        let status = match tokio::time::timeout(limit, performance.run()).await {
            Ok(status) => status,
            Err(_) => {
                let reason = format!("the test was not over after {} s", limit.as_secs());
                Status::Broken(instance.broke(reason))
            }
        };
        let is_usable =
            may_share && matches!(status, Status::Passed | Status::Failed(_) | Status::Skipped(_));
        let left = is_usable && tokio::time::timeout(FAREWELL, performance.leave()).await.is_ok();
        drop(performance);
        if left {
            *shared = Some(instance);
        }
        Some(status)
    }

    /// What comes of a broker that does not start: the first one of a release ends the run.
    fn not_started(&self, site: &Site<'_>, reason: Breakdown) -> Option<Status> {
        if site.has_started.load(Ordering::Relaxed) {
            return Some(Status::Broken(reason));
        }
        self.end(RunError::Impossible(reason));
        None
    }
}

/// Why a test is not for a release, where it is not.
fn unwanted(test: &Test, release: Release) -> Option<String> {
    let is_meant = test.mosquitto.iter().any(|target| target.value.includes(release));
    if test.mosquitto.is_empty() || is_meant {
        return None;
    }
    let names: Vec<&str> = test.mosquitto.iter().map(|target| target.value.as_str()).collect();
    Some(format!("the test is for Mosquitto {} only", names.join(", ")))
}

/// The longest time that the steps of a test can take.
fn longest(test: &Test) -> Duration {
    let waits = test.steps.iter().map(|step| match step {
        Step::Wait(time) => time.value,
        Step::Turn(_) | Step::Parallel(_) => Duration::ZERO,
    });
    let turns =
        test.turns().map(|turn| 3 * LIMIT + turn.within.as_ref().map_or(Duration::ZERO, value_of) * 3);
    waits.chain(turns).sum::<Duration>() + SPARE
}

fn value_of(time: &Spanned<Duration>) -> Duration {
    time.value
}

/// Whether a test leaves its broker as it found it: nothing retained, no session kept, and it wants no broker of its
/// own.
fn leaves_no_trace(test: &Test) -> bool {
    let is_harmless = |action: &Action| match action {
        Action::Connect(connection) => {
            let will = connection.will.as_ref();
            connection.clean_start
                && connection.session_expiry.is_none()
                && !connection.client_id.value.is_empty()
                && will.is_none_or(|will| !will.message.retain && will.delay == 0)
        }
        Action::Publish(message) => !message.retain,
        _ => true,
    };
    !test.is_alone && test.turns().filter_map(|turn| turn.action.as_ref()).all(is_harmless)
}
