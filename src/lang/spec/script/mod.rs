//! The language of tests: `tests` of a spec, and files `NAME.test.yaml`.
//!
//! [`decode`] reads a file and writes out what is short in it: `each` and `rights` become tests of their own, variables
//! are replaced, and connections are steps. What runs tests sees plain data.

mod connection;
mod decode;
mod message;
mod model;
mod reason;
mod rights;
mod setting;
mod steps;
mod test;
mod variables;

pub(super) use decode::of_spec;
pub use decode::{DecodedSuite, MAX_TESTS, decode, spec_of};
pub use model::*;
pub use reason::Reason;
pub(super) use reason::WORDS;
pub use setting::Setting;

use serde_json::Value;

use super::fields::TEST_FILE;

/// The JSON Schema (draft 2020-12) of test files.
pub fn schema() -> Value {
    super::schema::of(&TEST_FILE, "moskit tests")
}
