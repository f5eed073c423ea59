//! The integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod fixtures;
mod options;
mod readme;
mod real;
mod rule_coverage;
mod rule_pages;
mod spec;
mod tidy;
