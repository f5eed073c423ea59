//! From files to a deployment that a broker can serve: a configuration or a pack, read as one release does, or the
//! reason why that release would not start and the status that it would end with.

mod reload;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalogue::{Quirk, Release, Target, options};
use crate::compile::Installed;
use crate::compile::manifest::Manifest;
use crate::lang::{Environment, Reader, conf};
use crate::model::notes::{self, Effect, FileProblem, Note, NoteKind, Phase};
use crate::model::{Deployment, Lowered};
use crate::report::{Diagnostic, Severity};
use crate::rules;
use crate::text::{Account, FileError, FileFacts, Files, Source, Sources};

pub use reload::{Ended, Reloaded, reload};

/// Statuses with which a broker ends.
pub mod status {
    /// A clean end.
    pub const OK: u8 = 0;
    /// A listener, its certificates or the account cannot be used.
    pub const CANNOT_START: u8 = 1;
    /// The configuration, the command line, or what a security file says is not valid.
    pub const INVALID: u8 = 3;
    /// A security file or plugin cannot be opened.
    pub const CANNOT_OPEN: u8 = 13;
    /// The pid file cannot be written, from 2.1 on.
    pub const NO_PID_FILE: u8 = 14;
}

/// What a broker is started on.
#[derive(Clone, Debug)]
pub enum Main {
    /// A `mosquitto.conf`.
    Conf(PathBuf),
    /// A pack, by its folder. Its files are taken for installed.
    Pack(PathBuf),
    /// No file: a broker of defaults, for this machine only.
    Nothing,
}

/// A configuration as one release reads it.
pub struct Loaded {
    /// What to serve.
    pub deployment: Arc<Deployment>,
    /// Every text that was read.
    pub sources: Sources,
    /// Every note.
    pub notes: Vec<Note>,
}

/// Why a release would not start.
pub struct Refusal {
    /// The status that it would end with.
    pub status: u8,
    /// When it would end.
    pub phase: Phase,
    /// What was read all the same.
    pub deployment: Option<Arc<Deployment>>,
    /// What is wrong; empty where no text is to blame.
    pub findings: Vec<Diagnostic>,
    /// The texts that the findings point into.
    pub sources: Sources,
    /// What is wrong, in a line.
    pub reason: String,
}

/// The files of a pack in their install places, or those of this machine; for a broker what is not there is missing.
pub struct Here<'a> {
    files: &'a dyn Files,
    installed: Option<Installed<'a>>,
    main: PathBuf,
    targets: Vec<Release>,
}

impl<'a> Here<'a> {
    /// The files behind `main`.
    ///
    /// # Errors
    /// Why the manifest of a pack cannot be used, in words.
    pub fn of(main: &Main, files: &'a dyn Files) -> Result<Self, String> {
        let folder = match main {
            Main::Conf(path) => {
                return Ok(Self { files, installed: None, main: path.clone(), targets: Vec::new() });
            }
            Main::Nothing => {
                return Ok(Self { files, installed: None, main: PathBuf::new(), targets: Vec::new() });
            }
            Main::Pack(folder) => folder,
        };
        let name = folder.join("manifest.json");
        let shown = name.display();
        let bytes = files.read(&name).map_err(|_| format!("`{shown}` cannot be read"))?;
        let manifest = Manifest::parse(&bytes).map_err(|error| format!("`{shown}`: {error}"))?;
        let read = |path: &str| files.read(&folder.join(path)).ok();
        let installed = Installed::of_manifest(&manifest, folder, read, files);
        let path = manifest.installed().into_keys().find(|path| path.ends_with("/mosquitto.conf"));
        let main = path.ok_or_else(|| format!("`{shown}` names no mosquitto.conf"))?.into();
        let targets = manifest.about.targets.iter().filter_map(|target| target.parse::<Target>().ok());
        let targets = targets.flat_map(|target| target.releases().to_vec()).collect();
        Ok(Self { files, installed: Some(installed), main, targets })
    }

    /// The newest release that a pack was made for.
    pub fn newest_target(&self) -> Option<Release> {
        self.targets.iter().max().copied()
    }

    fn below(&self) -> &dyn Files {
        self.installed.as_ref().map_or(self.files, |installed| installed)
    }
}

/// On the machine of the broker a path whose folder is not there is missing like any other.
fn present<T>(result: Result<T, FileError>) -> Result<T, FileError> {
    result.map_err(|error| match error {
        FileError::Unseen { .. } => FileError::Missing,
        other => other,
    })
}

impl Files for Here<'_> {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        present(self.below().read(path))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError> {
        present(self.below().list(directory))
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        present(self.below().facts(path))
    }

    fn shown(&self, path: &Path) -> PathBuf {
        self.below().shown(path)
    }

    fn account(&self, name: &str) -> Option<Account> {
        self.below().account(name)
    }

    fn knows_accounts(&self) -> bool {
        self.below().knows_accounts()
    }
}

/// Reads a configuration as a release does when it starts.
///
/// # Errors
/// [`Refusal`] where that release would not start.
pub fn load(here: &Here<'_>, release: Release, environment: Environment) -> Result<Loaded, Box<Refusal>> {
    let now = environment.now;
    let mut reader = Reader::new(here, environment);
    let tree = match tree(&mut reader, here) {
        Ok(tree) => tree,
        Err(reason) => {
            return Err(Box::new(Refusal {
                status: status::INVALID,
                phase: Phase::Read,
                deployment: None,
                findings: Vec::new(),
                sources: reader.sources,
                reason,
            }));
        }
    };
    let mut lowered = conf::lower(&mut reader, &tree, release);
    lowered.notes.iter_mut().for_each(judge_from_here);
    let sources = reader.sources;
    if notes::verdict(release, &lowered.notes).loads == Some(false) {
        return Err(Box::new(refusal(lowered, sources, release, now)));
    }
    let Lowered { deployment, notes } = lowered;
    Ok(Loaded { deployment: Arc::new(deployment), sources, notes })
}

/// The lines of the main file; none of them where there is no file.
fn tree(reader: &mut Reader<'_>, here: &Here<'_>) -> Result<Arc<conf::ConfTree>, String> {
    if here.main.as_os_str().is_empty() {
        let id = reader.sources.add(Source::new("no file", *b""));
        return Ok(Arc::new(conf::parse(id, b"")));
    }
    reader.conf(&here.main).map_err(|error| {
        let shown = here.shown(&here.main);
        format!("`{}` cannot be read: {error}", shown.display())
    })
}

/// Whoever reads is the broker itself: what cannot be read from here cannot be read by it.
fn judge_from_here(note: &mut Note) {
    // It is written by whoever runs the broker, which gives the status of its own.
    if let NoteKind::File { option: options::PID_FILE, .. }
    | NoteKind::NotChecked { option: options::PID_FILE, .. } = note.kind
    {
        note.effect = Effect::None;
        return;
    }
    let is_told = match &note.kind {
        NoteKind::File { problem: FileProblem::Open(_), .. } | NoteKind::Include { .. } => true,
        NoteKind::NotChecked { .. } => note.phase != Phase::Plugins,
        _ => false,
    };
    if note.effect == Effect::Unknown && is_told {
        note.effect = Effect::Fatal;
    }
}

fn refusal(lowered: Lowered, sources: Sources, release: Release, now: i64) -> Refusal {
    let first = notes::verdict(release, &lowered.notes).reason;
    let phase = first.map_or(Phase::Read, |note| note.phase);
    let status = match phase {
        Phase::Security => {
            first_security(&lowered.notes).map_or(status::INVALID, |note| status_of(note, release))
        }
        _ => first.map_or(status::INVALID, |note| status_of(note, release)),
    };
    let findings = findings_of(&lowered, &sources, now, |_| true);
    let reason = format!("Mosquitto {release} does not start with this");
    let deployment = Some(Arc::new(lowered.deployment));
    Refusal { status, phase, deployment, findings, sources, reason }
}

/// The findings at the places of fatal notes that are asked for.
fn findings_of(
    lowered: &Lowered,
    sources: &Sources,
    now: i64,
    is_wanted: impl Fn(&Note) -> bool,
) -> Vec<Diagnostic> {
    let fatal = lowered.notes.iter().filter(|note| note.effect == Effect::Fatal && is_wanted(note));
    let fatal: Vec<_> = fatal.map(|note| note.span).collect();
    let (mut findings, _) = rules::check(std::slice::from_ref(lowered), sources, now);
    findings.retain(|finding| {
        let span = finding.primary.span;
        let meets = |other: &crate::text::Span| {
            other.source == span.source && other.start <= span.end && span.start <= other.end
        };
        finding.severity == Severity::Error && fatal.iter().any(meets)
    });
    findings
}

/// The first fatal note on security files: every release reads all password files first, then all ACL files.
fn first_security(notes: &[Note]) -> Option<&Note> {
    let rank = |note: &&Note| match &note.kind {
        NoteKind::Password(_) | NoteKind::File { option: options::PASSWORD_FILE, .. } => 0,
        NoteKind::Acl(_) | NoteKind::File { option: options::ACL_FILE, .. } => 1,
        _ => 2,
    };
    notes.iter().filter(|note| note.effect == Effect::Fatal && note.phase == Phase::Security).min_by_key(rank)
}

/// The status that a release ends with for its first fatal problem.
fn status_of(note: &Note, release: Release) -> u8 {
    match (note.phase, &note.kind) {
        (Phase::Read | Phase::Check, _) => status::INVALID,
        (Phase::User, _) if release.has(Quirk::UnknownAccountInvalid) => status::INVALID,
        (Phase::User | Phase::Listen, _) => status::CANNOT_START,
        (Phase::Plugins, _) => status::CANNOT_OPEN,
        (Phase::Security, NoteKind::File { problem, .. }) => match problem {
            FileProblem::Open(_) | FileProblem::Unreadable { .. } | FileProblem::Link => status::CANNOT_OPEN,
            _ => status::INVALID,
        },
        (Phase::Security, _) => status::INVALID,
    }
}
