//! `moskit access effective`.

use std::path::PathBuf;

use clap::Args;

use super::super::{Answer, Failure, NO_ANSWER, NOTHING, output};
use super::input::{About, Format};
use crate::ask::Reading;
use crate::ask::effective::{self, Effective, Whose};

#[derive(Args)]
pub(super) struct Arguments {
    /// A mosquitto.conf, an ACL file, a spec, a pack, or a folder with one of them [default: the current folder]
    #[arg(value_name = "INPUT")]
    path: Option<PathBuf>,

    /// User name [default: clients without a user name]
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,

    /// Client id [default: left open; `%c` stands for it]
    #[arg(long, short = 'i', value_name = "ID")]
    client_id: Option<String>,

    #[command(flatten)]
    about: About,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let about = &arguments.about;
    let inquiry = about.read(arguments.path.as_deref())?;
    let whose = Whose { user: arguments.user.clone(), client_id: arguments.client_id.clone() };
    let mut found: Vec<(&Reading, Vec<Effective<'_>>)> = Vec::new();
    for reading in &inquiry.readings {
        let doors = about.asking.doors(reading)?;
        if doors.is_empty() {
            return Err(Failure(format!("`{}` opens no listener", inquiry.name)));
        }
        found.push((reading, effective::effective(reading, &doors, &whose)));
    }
    output::report(&match about.asking.format {
        Format::Full => effective::text(&inquiry, &found, &whose, output::style().width),
        Format::Json => output::json(&effective::json(&inquiry, &found, &whose)),
    });
    let is_told = found.iter().all(|(reading, list)| {
        let is_whole =
            |rights: &[crate::access::Listing<_>; 2]| rights.iter().all(|listing| listing.complete);
        reading.verdict.loads != Some(false)
            && list.iter().all(|effective| effective.rights.as_ref().is_ok_and(is_whole))
    });
    Ok(if is_told { NOTHING } else { NO_ANSWER })
}
