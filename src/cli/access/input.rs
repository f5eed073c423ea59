//! The options that say what is asked about, and reading it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::super::Failure;
use super::super::lint::{KindName, inputs};
use super::super::output;
use super::super::paths::Situation;
use crate::ask::{self, Door, Inquiry, Reading, Refused};
use crate::lint::{Input, Kind};
use crate::report::render::full;
use crate::text::{Files, disk::Disk};

/// What is asked about.
#[derive(Args)]
pub(super) struct About {
    /// Ask an ACL file alone
    #[arg(long, value_name = "FILE")]
    acl: Option<PathBuf>,

    #[command(flatten)]
    pub(super) asking: Asking,
}

/// How it is asked, and of which part.
#[derive(Args)]
pub(super) struct Asking {
    /// Listener to ask, where listeners differ: its port, PORT@ADDRESS, its socket, or its name in a spec
    #[arg(long, value_name = "NAME")]
    pub(super) listener: Option<String>,

    #[command(flatten)]
    situation: Situation,

    /// What the input is, where name and content do not tell
    #[arg(long, value_name = "KIND")]
    kind: Option<KindName>,

    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "full")]
    pub(super) format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Full,
    /// For programs; `moskit schema access` describes it
    Json,
}

impl About {
    /// Reads what is asked about: the ACL file that is named, or else `path`, or else what is in the current folder.
    pub(super) fn read(&self, path: Option<&Path>) -> Result<Inquiry, Failure> {
        let (path, kind) = match (&self.acl, path) {
            (Some(_), Some(path)) => {
                let shown = path.display();
                return Err(Failure(format!("`{shown}` and `--acl` name two inputs: give one of them")));
            }
            (Some(acl), None) => (acl.as_path(), Some(Kind::Acl)),
            (None, path) => (path.unwrap_or(Path::new(".")), None),
        };
        self.asking.read(path, kind)
    }
}

impl Asking {
    /// Reads an input.
    pub(super) fn read(&self, path: &Path, kind: Option<Kind>) -> Result<Inquiry, Failure> {
        let files = self.situation.files()?;
        let here = Disk::new(&files.working_directory);
        let kind = kind.or(self.kind.map(KindName::kind));
        let mut found = inputs(&here, path, kind)?;
        if found.len() > 1 {
            let of = |wanted: &[Kind]| found.iter().any(|(_, _, kind)| wanted.contains(kind));
            let mains = [Kind::Conf, Kind::Pack, Kind::Spec];
            let wanted = if of(&mains) { &mains[..] } else { &[Kind::Acl] };
            found.retain(|(_, _, kind)| wanted.contains(kind));
        }
        let [(name, bytes, kind)] = found.as_slice() else {
            let shown = path.display();
            let names: Vec<String> = found.iter().take(5).map(|(name, ..)| format!("`{name}`")).collect();
            let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            return Err(Failure(format!("`{shown}` holds several files that can be asked; name one{names}")));
        };
        let files: &dyn Files = if *kind == Kind::Pack { &here } else { &files };
        let releases = self.situation.releases();
        let environment = self.situation.environment();
        let read = ask::read(Input {
            name,
            bytes: bytes.clone(),
            kind: *kind,
            files,
            releases: &releases,
            environment,
        });
        read.map_err(|refused| match refused {
            Refused::Words(words) => Failure(words),
            Refused::Spec(sources, findings) => {
                full(&findings, &sources, &[], output::style()).lines().for_each(output::narrate);
                Failure(format!("`{name}` cannot be compiled: nothing can be asked about it"))
            }
        })
    }

    /// The listeners of a reading that are asked.
    pub(super) fn doors<'r>(&self, reading: &'r Reading) -> Result<Vec<&'r Door>, Failure> {
        let name = self.listener.as_deref();
        ask::chosen(&reading.doors, name).map_err(|none| Failure(none.words(name.unwrap_or_default())))
    }

    /// The same for one of two inputs: an ACL file alone stands for any listener.
    pub(super) fn doors_if_any<'r>(&self, reading: &'r Reading) -> Result<Vec<&'r Door>, Failure> {
        match reading.doors.as_slice() {
            [alone] if alone.key.is_none() => Ok(vec![alone]),
            _ => self.doors(reading),
        }
    }
}
