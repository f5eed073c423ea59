//! The command line: one file per command, wiring only.
//!
//! This is the only part of the library that prints and that reads the environment and the clock.

mod access;
mod broker;
mod compile;
mod fmt;
mod lint;
mod output;
mod paths;
mod privileges;
mod rewrite;
mod rule;
mod schema;
mod scratch;
mod secrets;
mod show;
mod test;
mod upgrade;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::report::render::{is_unshown, printable};

/// Exit code: nothing to report, yes, or written.
const NOTHING: u8 = 0;
/// Exit code: there is something, no, or errors in the input.
const SOMETHING: u8 = 1;
/// Exit code: no answer could be given.
const NO_ANSWER: u8 = 2;

/// Compiles and lints configurations of Eclipse Mosquitto.
#[derive(Parser)]
#[command(name = "moskit", version, max_term_width = 80)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Access(access::Arguments),
    Lint(lint::Arguments),
    Compile(compile::Arguments),
    Fmt(fmt::Arguments),
    Broker(broker::Arguments),
    Rule(rule::Arguments),
    Schema(schema::Arguments),
    Show(show::Arguments),
    Test(test::Arguments),
    Upgrade(upgrade::Arguments),
}

/// Why a command could not give its answer.
struct Failure(String);

type Answer = Result<u8, Failure>;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render().to_string();
            if text.chars().any(|character| character != '\n' && is_unshown(character)) {
                printable(&text).lines().for_each(output::narrate);
            } else {
                // Where even this cannot be printed there is nobody to tell.
                let _ = error.print();
            }
            // The broker keeps to Mosquitto's statuses, of which 3 is the one for a bad command line.
            let is_broker = std::env::args_os().nth(1).is_some_and(|word| word == "broker");
            let misused = if is_broker { crate::boot::status::INVALID } else { NO_ANSWER };
            return ExitCode::from(if error.use_stderr() { misused } else { NOTHING });
        }
    };
    let answer = match arguments.command {
        Command::Access(arguments) => access::run(&arguments),
        Command::Lint(arguments) => lint::run(arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Fmt(arguments) => fmt::run(&arguments),
        Command::Broker(arguments) => Ok(broker::run(&arguments)),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Upgrade(arguments) => upgrade::run(&arguments),
        Command::Rule(arguments) => rule::run(&arguments),
    };
    match answer {
        Ok(code) => ExitCode::from(code),
        Err(Failure(message)) => {
            output::narrate(&format!("moskit: {message}"));
            ExitCode::from(NO_ANSWER)
        }
    }
}
