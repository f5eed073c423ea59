//! `moskit fmt`: the canonical layout of files.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::lint::KindName;
use super::rewrite::{difference, replace};
use super::{Answer, Failure, NO_ANSWER, NOTHING, SOMETHING, output};
use crate::catalogue::OptionId;
use crate::lang::conf::LineKind;
use crate::lang::{acl, conf, yaml};
use crate::lint::{self, Kind};
use crate::report::render::printable_line;
use crate::text::{FileError, FileKind, Files, Source, Sources, disk::Disk};

/// Lay out configurations, ACL files and specs; comments and meaning stay
#[derive(Args)]
pub(super) struct Arguments {
    /// Files or folders; `-` reads stdin and writes stdout [default: the current folder]
    paths: Vec<PathBuf>,

    /// Write nothing; say which files are not laid out, and exit with 1 if there are any
    #[arg(long)]
    check: bool,

    /// Write nothing; show what would change, and exit with 1 if anything would
    #[arg(long)]
    diff: bool,

    /// What the files are, where name and content do not tell
    #[arg(long, value_name = "KIND")]
    kind: Option<KindName>,
}

/// Folders are searched this deep.
const MOST_LEVELS: usize = 16;
/// How much of a file in a folder is read to tell what it is.
const HEAD_BYTES: u64 = 64 * 1024;

pub(super) fn run(arguments: &Arguments) -> Answer {
    let kind = arguments.kind.map(KindName::kind);
    if kind == Some(Kind::Passwd) {
        return Err(Failure("a password file has no layout but its own".to_owned()));
    }
    if let [path] = &*arguments.paths
        && path == Path::new("-")
    {
        return stdin(arguments, kind.unwrap_or(Kind::Conf));
    }
    let here = std::env::current_dir().map_err(|error| Failure(format!("no current directory: {error}")))?;
    let disk = Disk::new(&here);
    let current = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() { &current[..] } else { &*arguments.paths };
    let mut found = Vec::new();
    for path in paths {
        let failed = |error| Failure(format!("cannot read `{}`: {error}", path.display()));
        if disk.facts(path).map_err(failed)?.kind == FileKind::Directory {
            let before = found.len();
            search(&disk, path, MOST_LEVELS, &mut found).map_err(failed)?;
            if found.len() == before {
                let shown = path.display();
                return Err(Failure(format!(
                    "nothing in `{shown}` is a configuration, an ACL file or a spec"
                )));
            }
            continue;
        }
        let bytes = disk.read(path).map_err(failed)?;
        match kind.or_else(|| lint::detect(path, &bytes)) {
            Some(kind @ (Kind::Conf | Kind::Acl | Kind::Spec)) => found.push((path.clone(), kind)),
            Some(_) => return Err(Failure(format!("`{}` has no layout but its own", path.display()))),
            None => {
                let shown = path.display();
                return Err(Failure(format!(
                    "cannot tell what `{shown}` is; say it with `--kind conf|acl|spec`"
                )));
            }
        }
    }
    let mut totals = Totals::default();
    for (path, kind) in found {
        file(arguments, &disk, &path, kind, &mut totals)?;
    }
    totals.tell(arguments);
    Ok(match (totals.broken, totals.changed) {
        (1.., _) => NO_ANSWER,
        (_, 1..) if arguments.check || arguments.diff => SOMETHING,
        _ => NOTHING,
    })
}

#[derive(Default)]
struct Totals {
    changed: usize,
    same: usize,
    broken: usize,
}

impl Totals {
    fn tell(&self, arguments: &Arguments) {
        let verb = if arguments.check || arguments.diff { "to lay out" } else { "laid out" };
        let files = |count: usize| format!("{count} file{}", if count == 1 { "" } else { "s" });
        let broken = if self.broken > 0 {
            format!(", {} that cannot be read", files(self.broken))
        } else {
            String::new()
        };
        output::narrate(&format!("{} {verb}, {} left as they are{broken}", files(self.changed), self.same));
    }
}

fn stdin(arguments: &Arguments, kind: Kind) -> Answer {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(crate::text::MAX_FILE_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| Failure(format!("cannot read stdin: {error}")))?;
    let Some(out) = laid_out("<stdin>", kind, &bytes) else { return Ok(NO_ANSWER) };
    let is_same = out == bytes;
    if arguments.diff {
        output::report(&difference("<stdin>", kind, &bytes, &out));
    } else if !arguments.check {
        let mut stdout = std::io::stdout().lock();
        // A reader that went away is no error.
        let _ = stdout.write_all(&out).and_then(|()| stdout.flush());
    }
    Ok(if is_same || !(arguments.check || arguments.diff) { NOTHING } else { SOMETHING })
}

/// The files of a folder that moskit lays out. What is in a pack was made and stays as it was made, and a link may
/// lead anywhere.
fn search(
    disk: &Disk,
    folder: &Path,
    levels: usize,
    found: &mut Vec<(PathBuf, Kind)>,
) -> Result<(), FileError> {
    if levels == 0 || disk.facts(&folder.join("manifest.json")).is_ok() {
        return Ok(());
    }
    let mut names = disk.list(folder)?;
    names.sort();
    for name in names {
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        let path = if folder == Path::new(".") { PathBuf::from(&name) } else { folder.join(&name) };
        let is_link = fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_symlink());
        if is_link {
            continue;
        }
        match disk.facts(&path).map(|facts| facts.kind) {
            // What cannot be looked at inside of a folder is passed over, as is what nobody named.
            Ok(FileKind::Directory) if !is_hidden => {
                let _ = search(disk, &path, levels - 1, found);
            }
            Ok(FileKind::Regular) => {
                let Ok(head) = disk.head(&path, HEAD_BYTES) else { continue };
                if let Some(kind) = lint::detect(&path, &head).filter(|kind| is_surely(*kind, &head)) {
                    found.push((path, kind));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a file that nobody named is Mosquitto's or moskit's: other programs have `.conf` and `.yaml`, too.
fn is_surely(kind: Kind, head: &[u8]) -> bool {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("", head));
    match kind {
        Kind::Conf => {
            let lines = conf::parse(id, head).lines;
            let names = lines.iter().filter_map(|line| match line.kind {
                LineKind::Directive { name, .. } => Some(sources.text(name)),
                _ => None,
            });
            let (known, unknown): (Vec<_>, Vec<_>) = names.partition(|name| OptionId::named(name).is_some());
            known.len() > unknown.len()
        }
        Kind::Spec => head.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"moskit:")),
        Kind::Acl => true,
        _ => false,
    }
}

fn file(
    arguments: &Arguments,
    disk: &Disk,
    path: &Path,
    kind: Kind,
    totals: &mut Totals,
) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let failed = |why: String| Failure(format!("cannot lay out `{shown}`: {why}"));
    let bytes: Arc<[u8]> = disk.read(path).map_err(|error| failed(error.to_string()))?;
    let Some(out) = laid_out(&shown, kind, &bytes) else {
        totals.broken += 1;
        return Ok(());
    };
    if *out == *bytes {
        totals.same += 1;
        return Ok(());
    }
    totals.changed += 1;
    if arguments.diff {
        output::report(&difference(&shown, kind, &bytes, &out));
    } else {
        if !arguments.check {
            replace(path, &out).map_err(|error| failed(error.to_string()))?;
        }
        output::report(&format!("{}\n", printable_line(&shown)));
    }
    Ok(())
}

/// The text as it should look; problems of a spec are told.
fn laid_out(shown: &str, kind: Kind, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut sources = Sources::default();
    let id = sources.add(Source::new(shown, bytes));
    match kind {
        Kind::Acl => Some(acl::layout(bytes)),
        Kind::Spec => {
            let laid_out = yaml::layout(id, bytes);
            if let Err(problems) = &laid_out {
                for problem in problems {
                    let line = sources.position(problem.span).line;
                    output::narrate(&format!("{shown}:{line}: {}", problem.message));
                }
            }
            laid_out.ok()
        }
        _ => Some(conf::layout(id, bytes)),
    }
}
