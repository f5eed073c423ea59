//! What came of tests.

use std::time::Duration;

use crate::text::Span;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One for each test and release: tests in the order of their files, each for the releases in the order of
    /// [`super::Job::releases`].
    pub results: Vec<TestResult>,
    /// How long everything took.
    pub duration: Duration,
}

/// What came of a test on one release.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// The release that the broker was, or did as, like `2.1.2`.
    pub release: String,
    /// What was run, for people: `moskit` or `mosquitto 2.1.2 (/usr/sbin/mosquitto)`.
    pub engine: String,
    /// What came.
    pub status: Status,
    /// How long it took.
    pub duration: Duration,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything was as expected.
    Passed,
    /// Something was not.
    Failed(Box<Failure>),
    /// It was not run, for this reason: nobody can observe, say, or the release has no such thing.
    Skipped(String),
    /// It could not be run to its end: the broker ended, say, or a file cannot be read.
    Broken(Breakdown),
}

/// Why something could not be run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// The reason, in words.
    pub reason: String,
    /// What the broker said last, oldest first; empty where no broker has to do with it, or it said nothing.
    pub log: Vec<String>,
}

impl From<String> for Breakdown {
    fn from(reason: String) -> Self {
        Self { reason, log: Vec::new() }
    }
}

/// Why a run has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// Somebody stopped it, by [`super::Stop`].
    Stopped,
    /// Nothing can be run: the configuration cannot be read, say, or the broker does not start.
    Impossible(Breakdown),
}

/// Why a test failed: the first expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub span: Span,
    /// The client's name, where the test has several.
    pub client: Option<String>,
    /// What was expected, as a half sentence after "expected": `the message on \`a/b\` to be denied`.
    pub expected: String,
    /// What came, as a half sentence after "but": `the observer got it`.
    pub came: String,
    /// What in the configuration decided so, where that can be told.
    pub decided: Option<Decision>,
}

/// What in a configuration decided a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it allows.
    pub allows: bool,
    /// The file as it is called in the configuration; `None` where no file says anything.
    pub file: Option<String>,
    /// The deciding line and its text; `None` where no line matches.
    pub line: Option<(u32, String)>,
    /// Where the spec says so, where a spec did: its file and line.
    pub origin: Option<(String, u32)>,
}

/// How many tests came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were as expected.
    pub passed: usize,
    /// Those that were not.
    pub failed: usize,
    /// Those that could not be run to their end.
    pub broken: usize,
    /// Those that were not run.
    pub skipped: usize,
}

impl Outcome {
    /// How many tests came to what, releases counted separately.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for result in &self.results {
            match result.status {
                Status::Passed => counts.passed += 1,
                Status::Failed(_) => counts.failed += 1,
                Status::Broken(_) => counts.broken += 1,
                Status::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }
}
