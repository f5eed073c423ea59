//! `moskit access`: who may do what.

mod batch;
mod can;
mod compare;
mod effective;
mod input;
mod who;

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
    /// List who may publish to a topic filter, or receive it
    Who(who::Arguments),
    /// Tell who may more and who less than before
    Compare(compare::Arguments),
    /// List all that one user may do, in the fewest filters
    Effective(effective::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    match &arguments.question {
        Question::Can(arguments) => can::can(arguments),
        Question::Explain(arguments) => can::explain(arguments),
        Question::Who(arguments) => who::run(arguments),
        Question::Compare(arguments) => compare::run(arguments),
        Question::Effective(arguments) => effective::run(arguments),
    }
}
