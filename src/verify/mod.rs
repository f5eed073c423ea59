//! Tests of a configuration over real MQTT: what they say ([`script`]), what they are run on ([`Job`]), and what came of
//! them ([`Outcome`]).
//!
//! `run(&Job, &mut dyn FnMut(&TestResult)) -> Result<Outcome, String>` runs them and tells each result as it comes.

mod gather;
mod job;
mod outcome;
pub mod report;

pub use gather::Origin;
pub use job::{Credential, Credentials, Engine, Job, SuiteFile};
pub use outcome::{Counts, Decision, Failure, Outcome, Status, TestResult};

pub use crate::lang::spec::script;

/// Runs tests and tells each result as it comes.
///
/// # Errors
/// Why no test could be run, in words.
pub fn run(_job: &Job<'_>, _tell: &mut dyn FnMut(&TestResult)) -> Result<Outcome, String> {
    Err("no engine".to_owned())
}
