//! `moskit access who`.

use std::path::Path;

use clap::Args;

use super::super::{Answer, Failure, NO_ANSWER, NOTHING, output};
use super::can::action;
use super::input::{About, Format};
use crate::access::{self, Action};
use crate::ask::Reading;
use crate::ask::who::{self, Holders, Wanted};
use crate::report::nearest;

#[derive(Args)]
#[command(override_usage = "moskit access who [OPTIONS] [INPUT] <ACTION> <FILTER>")]
pub(super) struct Arguments {
    /// INPUT is what is asked about: a mosquitto.conf, an ACL file, a spec, a pack, or a folder with one of them [default: the current folder]; ACTION is publish or receive (or write, read)
    #[arg(value_name = "QUESTION", num_args = 0..)]
    words: Vec<String>,

    /// List every name
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    about: About,
}

/// The action that is asked for: those of ACL files are taken, too.
fn wanted_action(word: &str) -> Result<Action, Failure> {
    match word {
        "write" => Ok(Action::Publish),
        "read" => Ok(Action::Receive),
        _ => match nearest(word, ["publish", "receive", "write", "read"]) {
            Some(meant) if meant != word => {
                let words =
                    format!("`{word}` is no action: ask who may publish or receive; did you mean `{meant}`?");
                Err(Failure(words))
            }
            _ => named_action(word),
        },
    }
}

fn named_action(word: &str) -> Result<Action, Failure> {
    match action(word)? {
        Action::Subscribe => {
            let words = "everybody may subscribe to everything: ask who may `receive` what is sent then";
            Err(Failure(words.to_owned()))
        }
        action => Ok(action),
    }
}

impl Arguments {
    fn wanted(&self) -> Result<(Option<&Path>, Wanted), Failure> {
        let (path, word, filter) = match self.words.as_slice() {
            [word, filter] => (None, word, filter),
            [path, word, filter] => (Some(Path::new(path.as_str())), word, filter),
            [_, _, _, other, ..] => {
                return Err(Failure(format!("`{other}` is a word too many: quote filters that hold blanks")));
            }
            _ => {
                let words = "name an action and a topic filter, as in `publish plant/+/cmd`";
                return Err(Failure(words.to_owned()));
            }
        };
        let action = wanted_action(word)?;
        access::check(filter.as_bytes()).map_err(|why| Failure(format!("`{filter}` is no filter: {why}")))?;
        if !access::can_match(filter.as_bytes()) {
            return Err(Failure(
                "no topic holds a control character: this filter matches nothing".to_owned(),
            ));
        }
        Ok((path, Wanted { action, filter: filter.clone() }))
    }
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let about = &arguments.about;
    let (path, wanted) = arguments.wanted()?;
    let inquiry = about.read(path)?;
    let mut found: Vec<(&Reading, Vec<Holders<'_>>)> = Vec::new();
    for reading in &inquiry.readings {
        let doors = about.asking.doors(reading)?;
        found.push((reading, who::who(reading, &doors, &wanted)));
    }
    output::report(&match about.asking.format {
        Format::Full => who::text(&inquiry, &found, &wanted, arguments.all, output::style().width),
        Format::Json => output::json(&who::json(&inquiry, &found, &wanted)),
    });
    let is_told = found.iter().all(|(reading, list)| {
        let told = |holders: &Holders<'_>| holders.found.as_ref().is_ok_and(|listing| listing.complete);
        reading.verdict.loads != Some(false) && list.iter().all(told)
    });
    Ok(if is_told { NOTHING } else { NO_ANSWER })
}
