//! Tests of a configuration over real MQTT: what they say ([`script`]), what they are run on ([`Job`]), and what came of
//! them ([`Outcome`]).
//!
//! `run(&Job, &mut dyn FnMut(&TestResult)) -> Result<Outcome, String>` runs them and tells each result as it comes.

pub mod client;
pub mod engine;
mod job;
mod outcome;

pub use job::{Credential, Credentials, Engine, Job, SuiteFile};
pub use outcome::{Decision, Failure, Outcome, Status, TestResult};

pub use crate::lang::spec::script;
