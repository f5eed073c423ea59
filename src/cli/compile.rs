//! `moskit compile`: from a spec to a pack.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use similar::TextDiff;

use super::secrets::Told;
use super::{Answer, Failure, NOTHING, SOMETHING, output, paths};
use crate::compile::pack::Secrecy;
use crate::compile::state::{MemoryState, State, StateStore};
use crate::compile::write::{WriteOptions, compare_pack, write_pack};
use crate::compile::{self, Compiled, Placement, Sources};
use crate::credentials::OperatingSystem;
use crate::lang::Environment;
use crate::lang::spec::{self, Password};
use crate::lint::{self, Input, Kind, Outcome, ReleaseVerdict};
use crate::report::render::{full, printable, printable_line};
use crate::report::{Diagnostic, Severity, shortened};
use crate::text::disk::Disk;
use crate::text::{self, Files, Source};

/// Compile a spec into a pack: mosquitto.conf, passwd, aclfile, certificates
#[derive(Args)]
pub(super) struct Arguments {
    /// The spec, a YAML file
    spec: PathBuf,

    /// Folder that the pack is written to, as a whole or not at all
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Folder that the files will be installed in, in place of the spec's `install`; give the output folder for a
    /// pack that runs where it lies
    #[arg(long, value_name = "DIR")]
    install_prefix: Option<PathBuf>,

    /// Private folder for keys of authorities, generated passwords and what else is kept from run to run
    /// [default: `.moskit/NAME` beside the spec]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Show what would change and write nothing; exit code 1 where something would
    #[arg(long)]
    diff: bool,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let here = std::env::current_dir().map_err(|error| Failure(format!("no current directory: {error}")))?;
    let files = Disk::new(&here);
    let shown = arguments.spec.display().to_string();
    let bytes =
        files.read(&arguments.spec).map_err(|error| Failure(format!("cannot read `{shown}`: {error}")))?;
    let mut sources = text::Sources::default();
    let id = sources.add(Source::new(shown.clone(), bytes.clone()));
    let decoded = spec::decode(id, &bytes);
    decoded.spec.secrets().for_each(|span| sources.hide(span));
    let judged = judge(&files, &shown, &bytes)?;
    if judged.verdicts.is_empty() || judged.verdicts.iter().any(|verdict| verdict.loads == Some(false)) {
        return Ok(refuse(&judged.findings, &judged.sources, &judged.verdicts));
    }
    let folder = here.join(&arguments.spec).parent().unwrap_or(&here).to_owned();
    let file_name = arguments.spec.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let prefix = match &arguments.install_prefix {
        Some(prefix) => Some(absolute(prefix)?),
        None => None,
    };
    let placement = Placement { name: &file_name, prefix: prefix.as_deref() };
    let kept = State::open(&state_folder(&arguments.spec, arguments.state.as_deref(), &folder))
        .map_err(|error| Failure(error.to_string()))?;
    let dry = MemoryState::over(&kept);
    let state: &dyn StateStore = if arguments.diff { &dry } else { &kept };
    let secrets = Told { files: &files, folder: &folder };
    let from = Sources {
        files: &files,
        folder: &folder,
        secrets: &secrets,
        state,
        keys: &OperatingSystem,
        now: paths::now(),
    };
    let compiled = compile::compile(&decoded, &sources, &placement, &from);
    let compiled = match compiled.map_err(|error| Failure(error.to_string()))? {
        Ok(compiled) => compiled,
        Err(problems) => {
            let count = problems.len();
            let problems = shortened(problems, Vec::new());
            output::report(&full(&problems, &sources, &[], output::style()));
            output::report(&format!(
                "{count} error{}; nothing was written\n",
                if count == 1 { "" } else { "s" }
            ));
            return Ok(SOMETHING);
        }
    };
    let user = decoded.spec.install.user.value.to_string();
    let owners = prefix.as_ref().map_or_else(BTreeMap::new, |_| owners(&files, &user));
    let code = finish(arguments, &compiled, owners, &user)?;
    let passwords = decoded.spec.users.iter().filter_map(|user| user.password.as_ref());
    if passwords.into_iter().any(|password| password.value == Password::Generate) && !arguments.diff {
        let made_up = kept.path().join("passwords");
        output::narrate(&format!("generated passwords are in {}", made_up.display()));
    }
    if !judged.findings.is_empty() {
        output::narrate(&format!("lint has something to say of it: moskit lint {shown}"));
    }
    Ok(code)
}

/// Lint of the spec, which knows what the releases would refuse.
pub(super) fn judge(files: &Disk, name: &str, bytes: &Arc<[u8]>) -> Result<Outcome, Failure> {
    let input = Input {
        name,
        bytes: bytes.clone(),
        kind: Kind::Spec,
        files,
        releases: &[],
        environment: Environment { now: paths::now(), started_by: "root".to_owned() },
    };
    lint::lint(input).map_err(Failure)
}

/// Tells why nothing was written.
fn refuse(problems: &[Diagnostic], sources: &text::Sources, verdicts: &[ReleaseVerdict]) -> u8 {
    let all: Vec<String> = verdicts.iter().map(|verdict| verdict.release.to_string()).collect();
    output::report(&full(problems, sources, &all, output::style()));
    let count = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    output::report(&format!("{count} error{}; nothing was written\n", if count == 1 { "" } else { "s" }));
    SOMETHING
}

fn finish(
    arguments: &Arguments,
    compiled: &Compiled,
    owners: BTreeMap<String, (u32, u32)>,
    user: &str,
) -> Answer {
    let options = WriteOptions { owners };
    let failed = |error: compile::write::WriteError| Failure(error.to_string());
    if arguments.diff {
        let written =
            compare_pack(&arguments.output, &compiled.pack, &compiled.about, &options).map_err(failed)?;
        output::report(&difference(&arguments.output, compiled, &written.removed));
        return Ok(if written.unchanged { NOTHING } else { SOMETHING });
    }
    if let Some(data) = &compiled.data {
        make_data_folder(Path::new(data), options.owners.get(user))?;
    }
    let written = write_pack(&arguments.output, &compiled.pack, &compiled.about, &options).map_err(failed)?;
    for news in &compiled.news {
        output::narrate(news);
    }
    for name in &written.hand_edited {
        output::narrate(&format!("warning: `{name}` had been changed by hand; that is lost"));
    }
    if let Some(left) = &written.left_over {
        output::narrate(&format!("warning: `{}` could not be removed: {}", left.path.display(), left.reason));
    }
    let count = compiled.pack.files().len();
    let folder = arguments.output.display();
    let what = match (written.unchanged, written.added.len(), written.changed.len(), written.removed.len()) {
        (true, ..) => "unchanged".to_owned(),
        (false, added, changed, removed) => format!("{added} added, {changed} changed, {removed} removed"),
    };
    let folder = printable_line(&folder.to_string());
    output::report(&format!(
        "{folder}: {count} files for Mosquitto {}: {what}\n",
        compiled.about.targets.join(", ")
    ));
    Ok(NOTHING)
}

/// A path that the broker finds from wherever it is started.
fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path);
    let absolute = absolute.map_err(|error| Failure(format!("cannot use `{}`: {error}", path.display())))?;
    let text = absolute.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        Failure(format!("`{}` is not UTF-8, and the broker refuses such paths", path.display()))
    })
}

/// The state folder of a spec: the one that is told, else one beside it.
pub(super) fn state_folder(spec: &Path, told: Option<&Path>, folder: &Path) -> PathBuf {
    let stem = spec.file_stem().unwrap_or_default();
    told.map_or_else(|| folder.join(".moskit").join(stem), Path::to_owned)
}

/// Where root writes a pack that runs in place, the files belong to the account that the broker changes to: the
/// configured one, or `nobody`, which it falls back to.
pub(super) fn owners(files: &Disk, user: &str) -> BTreeMap<String, (u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return BTreeMap::new();
    }
    let account = files.account(user).or_else(|| files.account("nobody"));
    account.map(|account| (user.to_owned(), (account.uid, account.gid))).into_iter().collect()
}

pub(super) fn make_data_folder(path: &Path, owner: Option<&(u32, u32)>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure(format!("cannot make `{}`: {error}", path.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    match owner {
        Some((uid, gid)) => chown(path, Some(*uid), Some(*gid)).map_err(failed),
        None => Ok(()),
    }
}

/// What a run would change: lines of public files, names of private ones.
fn difference(folder: &Path, compiled: &Compiled, removed: &[String]) -> String {
    let mut out = String::new();
    for file in compiled.pack.files() {
        let name = file.path.as_str();
        let old = fs::read(folder.join(name)).ok();
        if old.as_deref() == Some(file.contents.as_slice()) {
            continue;
        }
        let verb = if old.is_some() { "changed" } else { "added" };
        if file.secrecy == Secrecy::Private {
            out += &format!("{verb}: {name} (private)\n");
            continue;
        }
        let old = old.unwrap_or_default();
        let (old, new) = (String::from_utf8_lossy(&old), String::from_utf8_lossy(&file.contents));
        let diff = TextDiff::from_lines(&*old, &*new);
        // What was there may have been changed by hand to anything.
        out += &printable(&format!("{verb}: {name}\n{}", diff.unified_diff().context_radius(2)));
    }
    for name in removed {
        out += &format!("removed: {name}\n");
    }
    out
}
