//! The language of tests: `tests` of a spec, and files `NAME.test.yaml`.

mod model;
mod reason;

pub use model::*;
pub use reason::Reason;
