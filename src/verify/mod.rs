//! Tests of a configuration over real MQTT: what they say ([`script`]), what they are run on ([`Job`]), and what came of
//! them ([`Outcome`]).
//!
//! [`run`] runs them and tells each result as it comes. How it is told that nothing came: never by waiting. A broker
//! answers each client in order, so that a round trip of the reader, once the writer has its answer, brings all that
//! was on its way. This was seen on every observed release, over every transport.

mod answer;
mod asserted;
pub mod client;
mod decided;
pub mod engine;
mod equip;
mod gather;
mod job;
mod messages;
mod observe;
mod outcome;
mod packets;
mod perform;
mod publish;
mod read;
pub mod report;
mod run;
mod stage;
mod stop;
mod subscribe;

pub use asserted::asserted;
pub use gather::Origin;
pub use job::{Credential, Credentials, Engine, Job, Keys, SuiteFile};
pub use outcome::{Breakdown, Counts, Decision, Failure, Outcome, RunError, Status, TestResult};
pub use run::{Event, run};
pub use stop::Stop;

pub use crate::lang::spec::script;
