//! `mosquitto.conf`: [`parse`] keeps every byte, [`lower`] does what a release does with it.

mod bridges;
mod files;
mod hosts;
mod listeners;
mod lower;
mod opening;
mod plugins;
mod startup;
mod tree;
mod value;

pub use lower::lower;
pub use tree::{ConfLine, ConfTree, LineKind, parse};
