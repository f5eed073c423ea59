//! The deployment language: one YAML file that describes a broker and its clients.
//!
//! [`decode`] gives as much of the [`Spec`] as could be read, and everything that is wrong with the file at
//! once. What keys there are is said in one table, which the decoder checks against and from which [`schema`]
//! prints a JSON Schema for editors.

mod assertions;
mod check;
mod clients;
mod decode;
mod fields;
mod findings;
mod fleets;
mod model;
mod names;
mod pki;
mod read;
mod schema;
pub mod script;

pub use assertions::{Assertion, Claim, Party};
pub use decode::{Decoded, decode};
pub use findings::rules;
pub use model::*;
pub use schema::schema;
