//! `moskit show`: the effective configuration, and who may connect where.

use std::path::PathBuf;

use clap::Args;

use super::lint::one_input;
use super::output::Form;
use super::paths::Situation;
use super::{Answer, Failure, NOTHING, SOMETHING, output};
use crate::lint::{Input, Kind};
use crate::show;
use crate::text::{Files, disk::Disk};

/// Show what a configuration comes to: who may connect where, and each option with its origin
#[derive(Args)]
pub(super) struct Arguments {
    /// A mosquitto.conf, a pack, or a folder with one of them
    #[arg(value_name = "CONF", default_value = ".")]
    path: PathBuf,

    #[command(flatten)]
    situation: Situation,

    /// Every option that the release knows, with its default
    #[arg(long)]
    all: bool,

    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "full")]
    format: Form,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let files = arguments.situation.files()?;
    let releases = arguments.situation.releases();
    let here = Disk::new(&files.working_directory);
    let (name, bytes, kind) =
        one_input(&here, &arguments.path, |kind| matches!(kind, Kind::Conf | Kind::Pack))?;
    let files: &dyn Files = if kind == Kind::Pack { &here } else { &files };
    let effective = show::show(
        Input {
            name: &name,
            bytes,
            kind,
            files,
            releases: &releases,
            environment: arguments.situation.environment(),
        },
        arguments.all,
    );
    let effective = effective.map_err(Failure)?;
    match arguments.format {
        Form::Full => output::report(&show::text(&effective, output::style().width)),
        Form::Json => output::report(&output::json(&show::json(&effective))),
    }
    let is_refused = effective.views.iter().any(|view| view.verdict.loads == Some(false));
    Ok(if is_refused { SOMETHING } else { NOTHING })
}
