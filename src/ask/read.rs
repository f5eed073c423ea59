//! Reading what is asked about: an ACL file alone, a configuration, a pack, or a spec through what it compiles to.

use std::path::Path;

use super::door::Door;
use crate::catalogue::Release;
use crate::lang::{Reader, conf};
use crate::lint::{self, Drafted, Input, Kind, Packed, ReleaseVerdict};
use crate::model::{Lowered, notes};
use crate::report::Diagnostic;
use crate::show;
use crate::text::{Source, Sources, Span};

/// An input, as some releases read it.
pub struct Inquiry {
    /// The name of the input.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Every text that was read.
    pub sources: Sources,
    /// One reading a release, oldest first.
    pub readings: Vec<Reading>,
    /// Files that are named and could not be looked at, and the first part of the path that does not exist here.
    pub not_checked: Vec<(String, String)>,
    drafted: Option<Drafted>,
}

/// What one release makes of an input.
pub struct Reading {
    /// Whether the release starts with it, and if not, why.
    pub verdict: ReleaseVerdict,
    /// Its listeners, in the order of opening; one without a name for an ACL file alone.
    pub doors: Vec<Door>,
    /// The bridges, which connect to the broker from the inside: their names, and their client ids where they are told.
    pub bridges: Vec<(String, Option<String>)>,
}

impl Reading {
    /// The release.
    pub fn release(&self) -> Release {
        self.verdict.release
    }
}

/// Why an input cannot be asked about.
pub enum Refused {
    /// In words.
    Words(String),
    /// A spec that cannot be compiled: its texts, and what is wrong.
    Spec(Sources, Vec<Diagnostic>),
}

impl From<String> for Refused {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl Inquiry {
    /// The place in a spec that a place in what it compiles to comes from.
    pub fn origin(&self, span: Span) -> Option<Span> {
        self.drafted.as_ref()?.origin(span)
    }
}

/// Reads an input.
///
/// # Errors
/// Why it cannot be asked about.
pub fn read(input: Input<'_>) -> Result<Inquiry, Refused> {
    let (name, kind) = (input.name.to_owned(), input.kind);
    let (now, started_by) = (input.environment.now, input.environment.started_by.clone());
    let (lowered, sources, drafted) = match kind {
        Kind::Spec => {
            let mut drafted =
                Drafted::read(&input).map_err(|(sources, problems)| Refused::Spec(sources, problems))?;
            (std::mem::take(&mut drafted.lowered), drafted.sources.clone(), Some(drafted))
        }
        Kind::Pack => {
            let packed = Packed::read(&input)?;
            let mut reader = Reader::new(&packed.installed, input.environment);
            let tree = packed.main(&mut reader, Path::new(input.name).parent().unwrap_or(Path::new("")))?;
            let lower = |release: &Release| conf::lower(&mut reader, &tree, *release);
            (packed.releases.iter().map(lower).collect::<Vec<Lowered>>(), reader.sources, None)
        }
        Kind::Conf | Kind::Acl => {
            let (lowered, sources) = file(input)?;
            (lowered, sources, None)
        }
        Kind::Passwd => {
            let words = format!("`{name}` is a password file: it says nothing of rights");
            return Err(Refused::Words(words));
        }
    };
    if lowered.is_empty() {
        return Err(Refused::Words(format!("`{name}` names no release that is known")));
    }
    let read =
        |lowered: &Lowered| reading(lowered, &sources, drafted.as_ref(), &name, kind, (now, &started_by));
    let readings = lowered.iter().map(read).collect();
    let not_checked = lint::not_checked(&lowered);
    Ok(Inquiry { readings, not_checked, name, kind, sources, drafted })
}

/// A configuration, or an ACL file alone.
fn file(input: Input<'_>) -> Result<(Vec<Lowered>, Sources), String> {
    let newest = [Release::newest()];
    let releases = if input.releases.is_empty() { &newest[..] } else { input.releases };
    let mut reader = Reader::new(input.files, input.environment);
    let id = reader.sources.add(Source::new(input.name, input.bytes));
    let path = Path::new(input.name);
    reader.know(path, id);
    let mut lowered = Vec::new();
    for release in releases {
        lowered.push(if input.kind == Kind::Acl {
            lint::acl_alone(&mut reader, path, id, *release)
        } else {
            let tree = reader.conf(path).map_err(|_| format!("`{}` cannot be read", input.name))?;
            conf::lower(&mut reader, &tree, *release)
        });
    }
    Ok((lowered, reader.sources))
}

fn reading(
    lowered: &Lowered,
    sources: &Sources,
    drafted: Option<&Drafted>,
    name: &str,
    kind: Kind,
    (now, started_by): (i64, &str),
) -> Reading {
    let deployment = &lowered.deployment;
    let release = deployment.release;
    let mut verdict = ReleaseVerdict { release, loads: Some(true), reason: None };
    // The words are those of the rules, which take their time on large files.
    if notes::verdict(release, &lowered.notes).loads != Some(true) {
        verdict = lint::verdicts(std::slice::from_ref(lowered), sources, now).pop().unwrap_or(verdict);
        let home = |span| drafted.and_then(|drafted| drafted.origin(span)).unwrap_or(span);
        verdict.reason = verdict.reason.map(|(span, words)| (home(span), words));
    }
    let doors = if kind == Kind::Acl {
        vec![Door::alone(deployment, name)]
    } else {
        Door::all(deployment, show::view(lowered, sources, started_by), drafted)
    };
    let bridges = deployment.bridges.iter().map(|bridge| {
        (bridge.name.value.to_string(), bridge.local_clientid().map(|(client_id, _)| client_id))
    });
    Reading { verdict, doors, bridges: bridges.collect() }
}
