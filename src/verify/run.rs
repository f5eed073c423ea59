//! Runs tests: brokers side by side, results in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use super::engine::{Ground, Instance, Setting, releases};
use super::equip::Equipment;
use super::job::{Engine, Job};
use super::observe::{Candidates, Helpers};
use super::outcome::{Outcome, Status, TestResult};
use super::perform::{LIMIT, Performance};
use super::script::{Action, Step, Test};
use super::stage::Door;
use crate::catalogue::Release;
use crate::lang::spec::Spanned;

/// How much longer than its steps a test may take.
const SPARE: Duration = Duration::from_secs(10);

/// A broker that does not let clients go by then is not used again.
const FAREWELL: Duration = Duration::from_millis(500);

/// Runs all tests for all releases, and tells each result, in order, as soon as it and those before it are known.
///
/// # Errors
/// Why nothing can be run, in words: the configuration cannot be read, or the broker does not start.
pub fn run(job: &Job<'_>, tell: &mut dyn FnMut(&TestResult)) -> Result<Outcome, String> {
    let begun = Instant::now();
    let mut outcome = Outcome::default();
    let all = runtime()?.block_on(async { releases(job.engine, job.releases).await })?;
    for release in all {
        let results = Run::new(job, release)?.all(tell)?;
        outcome.results.extend(results);
    }
    outcome.duration = begun.elapsed();
    Ok(outcome)
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no sockets and timers: {error}"))
}

/// All tests on one release.
struct Run<'a> {
    job: &'a Job<'a>,
    ground: Ground,
    doors: Vec<Door>,
    equipment: Equipment<'a>,
    candidates: Vec<OnceLock<Candidates>>,
    /// Each test, and its file.
    tests: Vec<(usize, &'a Test)>,
    /// The next test.
    next: AtomicUsize,
    numbers: AtomicU32,
    /// Whether any broker has started.
    has_started: AtomicBool,
    /// Why no further test is begun.
    over: Mutex<Option<String>>,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job<'a>, release: Release) -> Result<Self, String> {
        let setting = Setting {
            engine: job.engine,
            configuration: job.configuration,
            files: job.files,
            scratch: job.scratch,
            is_root: rustix::process::geteuid().is_root(),
            now: job.now,
            without: job.without,
        };
        let ground = Ground::prepare(setting, release)?;
        let doors = ground.deployment.listeners.iter().enumerate();
        let doors = doors.map(|(index, listener)| Door::of(index, listener)).collect();
        let tests = job.suites.iter().enumerate();
        let tests = tests.flat_map(|(index, file)| file.suite.tests.iter().map(move |test| (index, test)));
        Ok(Self {
            job,
            doors,
            equipment: Equipment::new(job),
            candidates: job.suites.iter().map(|_| OnceLock::new()).collect(),
            tests: tests.collect(),
            next: AtomicUsize::new(0),
            numbers: AtomicU32::new(0),
            has_started: AtomicBool::new(false),
            over: Mutex::default(),
            ground,
        })
    }

    fn all(&self, tell: &mut dyn FnMut(&TestResult)) -> Result<Vec<TestResult>, String> {
        let (sender, receiver) = mpsc::channel();
        let threads = self.job.jobs.clamp(1, self.tests.len().max(1));
        let mut results = Vec::with_capacity(self.tests.len());
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
                while let Some(result) = early.remove(&results.len()) {
                    tell(&result);
                    results.push(result);
                }
            }
        });
        match self.over.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(reason) => Err(reason),
            None => Ok(results),
        }
    }

    fn end(&self, reason: String) {
        self.over.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.next.store(self.tests.len(), Ordering::Relaxed);
    }

    /// Runs tests until there are no more.
    fn thread(&self, results: &mpsc::Sender<(usize, TestResult)>) {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(reason) => return self.end(reason),
        };
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            tokio::select! {
                () = self.tests(results) => {}
                () = stopped(self.job.engine) => self.end("stopped by a signal".to_owned()),
            }
        });
    }

    async fn tests(&self, results: &mpsc::Sender<(usize, TestResult)>) {
        let mut shared: Option<Instance> = None;
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((suite, test)) = self.tests.get(index) else { return };
            let begun = Instant::now();
            let status = self.one(*suite, test, &mut shared).await;
            let result = TestResult {
                name: test.name.to_string(),
                span: test.span,
                release: self.ground.release.to_string(),
                engine: self.ground.title.clone(),
                status,
                duration: begun.elapsed(),
            };
            // Nobody listens any more once the run is over.
            let _ = results.send((index, result));
        }
    }

    async fn one(&self, suite: usize, test: &Test, shared: &mut Option<Instance>) -> Status {
        let may_share = self.ground.is_costly() && leaves_no_trace(test);
        let known = shared.take().filter(|instance| may_share && instance.ended().is_none());
        let started = match known {
            Some(instance) => Ok(instance),
            None => self.ground.start().await,
        };
        let instance = match started {
            Ok(instance) => instance,
            Err(reason) => {
                if !self.has_started.load(Ordering::Relaxed) {
                    self.end(reason.clone());
                }
                return Status::Broken(reason);
            }
        };
        self.has_started.store(true, Ordering::Relaxed);
        let candidates = self.candidates[suite].get_or_init(|| {
            let file = &self.job.suites[suite];
            Candidates::of(&self.ground, &self.doors, suite, file, self.job.credentials)
        });
        let place = (&self.ground, self.doors.as_slice());
        let helpers =
            Helpers::new(place, &self.equipment, self.job.credentials, candidates, &instance, &self.numbers);
        let performance = Performance::new(test, suite, helpers);
        let limit = longest(test);
        let status = match tokio::time::timeout(limit, performance.run()).await {
            Ok(status) => status,
            Err(_) => Status::Broken(format!("the test was not over after {} s", limit.as_secs())),
        };
        let is_usable =
            may_share && matches!(status, Status::Passed | Status::Failed(_) | Status::Skipped(_));
        let left = is_usable && tokio::time::timeout(FAREWELL, performance.leave()).await.is_ok();
        drop(performance);
        if left {
            *shared = Some(instance);
        }
        status
    }
}

/// Waits for a signal to stop, where brokers would outlive this process.
async fn stopped(engine: &Engine) {
    let Engine::Mosquitto(_) = engine else { return std::future::pending().await };
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
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
