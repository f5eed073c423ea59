//! The integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod broken;
mod first_steps;
mod fixtures;
mod options;
mod output;
mod readme;
mod real;
mod rights;
mod rule_coverage;
mod rule_pages;
mod seeds;
mod spec;
mod tidy;
