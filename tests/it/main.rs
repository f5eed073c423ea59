//! The integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod bytes;
mod compile;
mod compile_texts;
mod fixtures;
mod hostile;
mod kills;
mod options;
mod packs;
mod program;
mod real;
mod rights;
mod rule_pages;
mod seeds;
mod spec;
