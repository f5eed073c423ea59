//! `moskit upgrade`: what becomes of a configuration on another release.

use std::path::{Path, PathBuf};

use clap::Args;

use super::lint::{no_main, one_input};
use super::output::Form;
use super::paths::Places;
use super::{Answer, Failure, NOTHING, SOMETHING, output, rewrite};
use crate::catalogue::{Release, Target};
use crate::lint::Kind;
use crate::text::disk::Disk;
use crate::upgrade::{self, Item, Question, Upgrade};

/// Tell what another release refuses in a configuration, what it changes without a word, and what it calls deprecated
#[derive(Args)]
pub(super) struct Arguments {
    /// A mosquitto.conf, or a folder with one
    #[arg(value_name = "CONF", default_value = ".")]
    path: PathBuf,

    /// Release that runs with it now
    #[arg(long, value_name = "RELEASE")]
    from: Target,

    /// Release that shall run with it [default: the newest known]
    #[arg(long, value_name = "RELEASE")]
    to: Option<Target>,

    #[command(flatten)]
    places: Places,

    /// Make the edits that are proven to keep the meaning
    #[arg(long)]
    write: bool,

    /// Show these edits and write nothing
    #[arg(long, conflicts_with = "write")]
    diff: bool,

    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "full")]
    format: Form,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let files = arguments.places.files()?;
    let from = release(&arguments.from)?;
    let to = arguments.to.as_ref().map_or(Ok(Release::newest()), release)?;
    let here = Disk::new(&files.working_directory);
    let (name, bytes, kind) = one_input(&here, &arguments.path, |kind| kind == Kind::Conf)?;
    match kind {
        Kind::Conf => {}
        Kind::Pack | Kind::Spec => {
            let shown = arguments.path.display();
            return Err(Failure(format!(
                "`{shown}` is made from a spec: name the other release there and compile it again"
            )));
        }
        Kind::Acl | Kind::Passwd => return Err(no_main(&arguments.path)),
    }
    let upgrade = upgrade::upgrade(&Question {
        name: &name,
        bytes,
        files: &files,
        from,
        to,
        environment: arguments.places.environment(),
    });
    let upgrade = upgrade.map_err(Failure)?;
    if arguments.write {
        write(&upgrade, &files)?;
    }
    let width = output::style().width;
    match arguments.format {
        Form::Full if arguments.diff => output::report(&difference(&upgrade)),
        Form::Full => output::report(&upgrade::text(&upgrade, width, arguments.write)),
        Form::Json => output::report(&output::json(&upgrade::json(&upgrade, arguments.write))),
    }
    let is_something = |item: &Item| item.is_left() || (item.fix.is_some() && !arguments.write);
    let is_refused = upgrade.to.loads == Some(false) && upgrade.after != Some(true);
    Ok(if is_refused || upgrade.items.iter().any(is_something) { SOMETHING } else { NOTHING })
}

/// The one release that a target means.
fn release(target: &Target) -> Result<Release, Failure> {
    match target.releases() {
        [one] => Ok(*one),
        many => {
            let names: Vec<String> = many.iter().map(|release| format!("`{release}`")).collect();
            Err(Failure(format!(
                "`{}` names several releases: write {}",
                target.as_str(),
                names.join(" or ")
            )))
        }
    }
}

/// Where a file of the configuration lies here; the main file is named as it lies here.
fn location(upgrade: &Upgrade, files: &Disk, path: &Path) -> PathBuf {
    if path == Path::new(&upgrade.name) { path.to_owned() } else { files.locate(path) }
}

fn write(upgrade: &Upgrade, files: &Disk) -> Result<(), Failure> {
    for edited in &upgrade.edited {
        let path = location(upgrade, files, &edited.path);
        rewrite::replace(&path, &edited.bytes)
            .map_err(|error| Failure(format!("cannot write `{}`: {error}", path.display())))?;
        output::narrate(&format!("{} is changed", path.display()));
    }
    Ok(())
}

fn difference(upgrade: &Upgrade) -> String {
    let shown = upgrade.edited.iter().map(|edited| {
        let source = upgrade.sources.get(edited.source);
        // What is no configuration here is a file of passwords: nothing else is edited.
        let kind = if edited.is_passwords { Kind::Passwd } else { Kind::Conf };
        rewrite::difference(source.name(), kind, source.bytes(), &edited.bytes)
    });
    shown.collect()
}
