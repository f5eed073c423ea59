//! `moskit lint`: findings and verdicts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::paths::Situation;
use super::{Answer, Failure, NOTHING, SOMETHING, output};
use crate::lint::{self, Input, Kind, Outcome};
use crate::report::Severity;
use crate::report::render::{concise, full, printable};
use crate::text::{FileError, FileKind, Files, MAX_FILE_BYTES, disk::Disk};

/// Check configurations, ACL files and password files, and all that they name
#[derive(Args)]
pub(super) struct Arguments {
    /// Files or folders [default: the current folder]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    situation: Situation,

    /// What the files are, where name and content do not tell
    #[arg(long, value_name = "KIND")]
    kind: Option<KindName>,

    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "full")]
    format: Format,

    /// Least severity that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    fail_on: SeverityName,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// With the lines that findings are about
    Full,
    /// One line a finding
    Concise,
    /// For programs
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum KindName {
    Conf,
    Acl,
    Passwd,
    Spec,
}

#[derive(Clone, Copy, ValueEnum)]
enum SeverityName {
    Note,
    Warning,
    Error,
}

impl KindName {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Conf => Kind::Conf,
            Self::Acl => Kind::Acl,
            Self::Passwd => Kind::Passwd,
            Self::Spec => Kind::Spec,
        }
    }
}

pub(super) fn run(arguments: Arguments) -> Answer {
    let files = arguments.situation.files()?;
    let releases = arguments.situation.releases();
    let here = Disk::new(&files.working_directory);
    let current = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() { &current[..] } else { &arguments.paths };
    let kind = arguments.kind.map(KindName::kind);
    let mut outcomes = Vec::new();
    for path in paths {
        for (name, bytes, kind) in inputs(&here, path, kind)? {
            // A pack says itself where its files will be; they are here.
            let files: &dyn Files = if kind == Kind::Pack { &here } else { &files };
            let outcome = lint::lint(Input {
                name: &name,
                bytes,
                kind,
                files,
                releases: &releases,
                environment: arguments.situation.environment(),
            });
            outcomes.push(outcome.map_err(Failure)?);
        }
    }
    let mut all: Vec<_> =
        outcomes.iter().flat_map(|outcome| &outcome.verdicts).map(|verdict| verdict.release).collect();
    all.sort();
    all.dedup();
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    match arguments.format {
        Format::Json => output::report(&output::json(&lint::json(&outcomes))),
        Format::Concise => {
            for outcome in &outcomes {
                output::report(&concise(&outcome.findings, &outcome.sources, &all));
            }
        }
        Format::Full => {
            let mut left = MOST_SHOWN;
            for outcome in &outcomes {
                let shown = &outcome.findings[..outcome.findings.len().min(left)];
                left -= shown.len();
                output::report(&full(shown, &outcome.sources, &all, output::style()));
            }
            let all_findings: usize = outcomes.iter().map(|outcome| outcome.findings.len()).sum();
            if all_findings > MOST_SHOWN {
                let more = all_findings - MOST_SHOWN;
                output::report(&format!(
                    "{more} more findings are not shown; `--format concise` lists them\n"
                ));
            }
            output::report(&summary(&outcomes, &all));
        }
    }
    let least = match arguments.fail_on {
        SeverityName::Note => Severity::Note,
        SeverityName::Warning => Severity::Warning,
        SeverityName::Error => Severity::Error,
    };
    let is_clean = outcomes.iter().all(|outcome| outcome.worst().is_none_or(|worst| worst < least));
    Ok(if is_clean { NOTHING } else { SOMETHING })
}

/// How many findings are shown with their lines; nobody reads more.
const MOST_SHOWN: usize = 5000;

/// A text to lint: its name, its bytes, and what it is.
pub(super) type Text = (String, Arc<[u8]>, Kind);
/// How much of a file in a folder is read to tell what it is.
const HEAD_BYTES: u64 = 64 * 1024;

/// How many files of a folder without a main file are looked at.
const MOST_INPUTS: usize = 1000;

/// The texts that a path stands for.
pub(super) fn inputs(here: &Disk, path: &Path, kind: Option<Kind>) -> Result<Vec<Text>, Failure> {
    let cannot =
        |path: &Path, error: &FileError| Failure(format!("cannot read `{}`: {error}", path.display()));
    let is_folder = here.facts(path).map_err(|error| cannot(path, &error))?.kind == FileKind::Directory;
    if !is_folder {
        let bytes = here.read(path).map_err(|error| cannot(path, &error))?;
        let kind = kind.or_else(|| lint::detect(path, &bytes)).ok_or_else(|| {
            Failure(format!(
                "cannot tell what `{}` is; say it with `--kind conf|acl|passwd|spec`",
                path.display()
            ))
        })?;
        return Ok(vec![(path.display().to_string(), bytes, kind)]);
    }
    // The current folder needs no name in front of its files.
    let path = if path == Path::new(".") { Path::new("") } else { path };
    let manifest = path.join("manifest.json");
    if let Ok(bytes) = here.read(&manifest) {
        return Ok(vec![(manifest.display().to_string(), bytes, Kind::Pack)]);
    }
    let main = path.join("mosquitto.conf");
    if let Ok(bytes) = here.read(&main) {
        return Ok(vec![(main.display().to_string(), bytes, Kind::Conf)]);
    }
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let mut names = here.list(folder).map_err(|error| cannot(path, &error))?;
    names.sort();
    let mut found = Vec::new();
    let mut total = 0;
    for name in names {
        let file = path.join(name);
        // Anything may lie in a folder, so that the beginning of a file must do to tell what it is.
        let Ok(head) = here.head(&file, HEAD_BYTES) else { continue };
        let Some(kind) = lint::detect(&file, &head) else { continue };
        let Ok(bytes) = here.read(&file) else { continue };
        total += bytes.len() as u64;
        if total > MAX_FILE_BYTES {
            let most = MAX_FILE_BYTES >> 20;
            return Err(Failure(format!(
                "the files in `{}` have more than {most} MiB together; name single ones",
                path.display()
            )));
        }
        if found.len() == MOST_INPUTS {
            return Err(Failure(format!(
                "`{}` holds more than {MOST_INPUTS} files of Mosquitto and no mosquitto.conf; name single ones",
                path.display()
            )));
        }
        found.push((file.display().to_string(), bytes, kind));
    }
    if found.is_empty() {
        return Err(Failure(format!("nothing in `{}` is a file of Mosquitto", folder.display())));
    }
    Ok(found)
}

/// The one text that a path stands for; of a folder that of a wanted kind.
pub(super) fn one_input(here: &Disk, path: &Path, is_wanted: fn(Kind) -> bool) -> Result<Text, Failure> {
    let mut found = inputs(here, path, None)?;
    if found.len() > 1 {
        found.retain(|(_, _, kind)| is_wanted(*kind));
    }
    <[Text; 1]>::try_from(found).map(|[text]| text).map_err(|_| no_main(path))
}

/// What is said where a path does not stand for one configuration.
pub(super) fn no_main(path: &Path) -> Failure {
    let shown = path.display();
    Failure(format!("`{shown}` has no mosquitto.conf, or several files like it; name one"))
}

/// What was looked at, for which releases, and what came of it.
fn summary(outcomes: &[Outcome], all: &[String]) -> String {
    let mut out = String::new();
    for outcome in outcomes {
        for verdict in outcome.verdicts.iter().filter(|_| !matches!(outcome.kind, Kind::Acl | Kind::Passwd)) {
            let inferred = if verdict.release.is_observed() { "" } else { " (inferred from its neighbours)" };
            let place = verdict.reason.as_ref().map(|(span, message)| {
                let source = outcome.sources.get(span.source);
                let line = source.position(span.start).line;
                format!(": {}:{line}: {}", printable(source.name()), printable(message))
            });
            let answer = match verdict.loads {
                Some(true) => "starts",
                Some(false) => "does not start",
                None => "cannot be told from here",
            };
            out += &format!("{}{inferred}: {answer}{}\n", verdict.release, place.unwrap_or_default());
        }
        for (path, missing) in &outcome.not_checked {
            out +=
                &format!("not checked: {} ({} does not exist here)\n", printable(path), printable(missing));
        }
    }
    let count = |severity| {
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        findings.filter(|finding| finding.severity == severity).count()
    };
    let names: Vec<_> =
        outcomes.iter().flat_map(|outcome| outcome.sources.iter()).map(|(_, source)| source.name()).collect();
    let waived: usize = outcomes.iter().map(|outcome| outcome.waived).sum();
    let waived = if waived > 0 { format!(", {waived} waived") } else { String::new() };
    out += &format!(
        "{}, {}, {}{waived} in {} for {}\n",
        plural(count(Severity::Error), "error"),
        plural(count(Severity::Warning), "warning"),
        plural(count(Severity::Note), "note"),
        match names.as_slice() {
            [one] => printable(one),
            many => plural(many.len(), "file"),
        },
        if all.is_empty() { "no release".to_owned() } else { all.join(", ") },
    );
    out
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
