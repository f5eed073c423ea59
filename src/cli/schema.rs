//! `moskit schema`: the JSON Schemas of the spec and of test files, for editors.

use clap::{Args, ValueEnum};

use super::{Answer, NOTHING, output};
use crate::lang::spec::{self, script};

/// Print the JSON Schema of the spec, or of test files
#[derive(Args)]
pub(super) struct Arguments {
    /// Which schema
    #[arg(value_name = "LANGUAGE", default_value = "deployment")]
    language: Language,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// The spec
    Deployment,
    /// Files NAME.test.yaml
    Test,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let schema = match arguments.language {
        Language::Deployment => spec::schema(),
        Language::Test => script::schema(),
    };
    output::report(&format!("{schema:#}\n"));
    Ok(NOTHING)
}
