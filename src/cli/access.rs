//! `moskit access`: who may do what.

mod batch;
mod can;
mod input;

use clap::{Args, Subcommand};

use super::Answer;

/// Answer who may do what: by an ACL file, a configuration, a pack or a spec
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Tell whether a client may publish, receive or subscribe
    Can(can::CanArguments),
    /// Tell why: every line that is looked at, and what would give the opposite answer
    Explain(can::ExplainArguments),
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    match &arguments.question {
        Question::Can(arguments) => can::can(arguments),
        Question::Explain(arguments) => can::explain(arguments),
    }
}
