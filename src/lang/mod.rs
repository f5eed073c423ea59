//! The languages of a deployment, each with its parser, its lowering to the model and its printer.

pub mod spec;
pub mod yaml;
