//! `mosquitto.conf`: [`parse`] keeps every byte, [`lower`] does what a release does with it.

mod files;
mod listeners;
mod lower;
mod tree;
mod value;

pub use lower::lower;
pub use tree::{ConfLine, ConfTree, LineKind, parse};
