//! The integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod broken;
mod broker_hostile;
mod bytes;
mod client;
mod clients;
mod compile;
mod compile_texts;
mod exchanges;
mod first_steps;
mod fixtures;
mod fuzz_wire;
mod hostile;
mod kills;
mod layout;
mod malformed;
mod options;
mod output;
mod packs;
mod program;
mod random_packets;
mod readme;
mod real;
mod rights;
mod rule_coverage;
mod rule_pages;
mod script;
mod seeds;
mod show;
mod spec;
mod tidy;
mod transport;
mod verify;
mod verify_command;
mod verify_reports;
mod verify_run;
