//! `mosquitto.conf`: [`parse`] keeps every byte, [`lower`] does what a release does with it, [`layout`] makes it look as it should.

mod bridges;
mod files;
mod hosts;
mod layout;
mod listeners;
mod lower;
mod opening;
mod plugins;
mod tree;
mod value;

pub use files::read_security;
pub use hosts::is_opened;
pub use layout::layout;
pub use lower::lower;
pub use tree::{ConfLine, ConfTree, LineKind, parse};
