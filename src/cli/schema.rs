//! `moskit schema`: the JSON Schemas of the spec, of test files and of reports.

use clap::{Args, ValueEnum};

use super::{Answer, NOTHING, output};
use crate::ask;
use crate::lang::spec::{self, script};
use crate::{show, upgrade};

/// Print the JSON Schema of the spec, of test files, or of a report
#[derive(Args)]
pub(super) struct Arguments {
    /// Which schema
    #[arg(value_name = "LANGUAGE", default_value = "deployment")]
    language: Language,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// What `moskit access` prints with `--format json`
    Access,
    /// The spec
    Deployment,
    /// Files NAME.test.yaml
    Test,
    /// What `moskit show --format json` prints
    Show,
    /// What `moskit upgrade --format json` prints
    Upgrade,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let schema = match arguments.language {
        Language::Access => ask::schema(),
        Language::Deployment => spec::schema(),
        Language::Test => script::schema(),
        Language::Show => show::schema(),
        Language::Upgrade => upgrade::schema(),
    };
    output::report(&format!("{schema:#}\n"));
    Ok(NOTHING)
}
