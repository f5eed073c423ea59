//! `moskit access compare`.

use std::path::PathBuf;

use clap::Args;

use super::super::{Answer, Failure, NO_ANSWER, NOTHING, SOMETHING, output};
use super::input::{Asking, Format};
use crate::ask::compare::{self, Pair};
use crate::ask::{Inquiry, Reading};

#[derive(Args)]
pub(super) struct Arguments {
    /// What was: a mosquitto.conf, an ACL file, a spec, a pack, or a folder with one of them
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// What is now
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// List everybody
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    asking: Asking,
}

/// The readings of both inputs, release by release.
fn readings<'i>(old: &'i Inquiry, new: &'i Inquiry) -> Result<Vec<(&'i Reading, &'i Reading)>, Failure> {
    let of = |inquiry: &Inquiry| inquiry.readings.iter().map(Reading::release).collect::<Vec<_>>();
    if of(old) != of(new) {
        let names =
            |inquiry: &Inquiry| of(inquiry).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure(format!(
            "`{}` is for {} and `{}` for {}: name the releases with `--target`",
            old.name,
            names(old),
            new.name,
            names(new)
        )));
    }
    Ok(old.readings.iter().zip(&new.readings).collect())
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let asking = &arguments.asking;
    let (old, new) = (asking.read(&arguments.old, None)?, asking.read(&arguments.new, None)?);
    let mut found: Vec<((&Reading, &Reading), Vec<Pair<'_>>)> = Vec::new();
    for (left, right) in readings(&old, &new)? {
        // A listener that one of them has is gone or new.
        let doors = match (asking.doors_if_any(left), asking.doors_if_any(right)) {
            (Err(failure), Err(_)) => return Err(failure),
            (before, after) => (before.unwrap_or_default(), after.unwrap_or_default()),
        };
        found.push(((left, right), compare::compare(left, right, (&doors.0, &doors.1))));
    }
    output::report(&match asking.format {
        Format::Full => compare::text((&old, &new), &found, arguments.all, output::style().width),
        Format::Json => output::json(&compare::json((&old, &new), &found)),
    });
    let pairs = || found.iter().flat_map(|(_, pairs)| pairs);
    let is_refused = found.iter().any(|((left, right), _)| {
        [left, right].into_iter().any(|reading| reading.verdict.loads == Some(false))
    });
    Ok(match () {
        () if is_refused || pairs().any(|pair| pair.is_equal().is_none()) => NO_ANSWER,
        () if pairs().any(|pair| pair.is_equal() == Some(false)) => SOMETHING,
        () => NOTHING,
    })
}
