//! temp
mod decide;
mod filter;
pub use decide::{Action, Client, Decision, Layer, Witness, decide};
pub use filter::{InvalidFilter, MAX_BYTES, MAX_LEVELS, Placeholders, can_match, check, matches, meet};
