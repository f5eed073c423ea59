//! The languages of a deployment, each with its parser, its lowering to the model and its printer.

pub mod acl;
pub mod conf;
mod lines;
pub mod passwd;
pub mod psk;
mod reader;
mod secrets;
pub mod spec;
pub mod yaml;

pub use reader::{Environment, Reader};
