//! Linting: from an input to findings, verdicts and what was not looked at.

mod generated;
mod json;
mod kind;

use std::path::Path;
use std::sync::Arc;

pub use generated::{Drafted, Packed, Refused};
pub use json::json;
pub use kind::{Kind, detect};

use crate::catalogue::Release;
use crate::lang::{Environment, Reader, conf};
use crate::model::notes::{self, Note, NoteKind, Phase};
use crate::model::{Deployment, FileState, Lowered, Security, Settings};
use crate::report::{Diagnostic, MOST_SHOWN, Severity, Waivers, nearest, shortened};
use crate::rules;
use crate::text::{Files, SourceId, Sources, Span};

/// What is linted and how.
pub struct Input<'a> {
    /// The name that the input is shown under.
    pub name: &'a str,
    /// Its text.
    pub bytes: Arc<[u8]>,
    /// What it is.
    pub kind: Kind,
    /// The files that it names.
    pub files: &'a dyn Files,
    /// The releases to judge it by; empty for those that a spec or pack names, or else the newest.
    pub releases: &'a [Release],
    /// Time and starting account.
    pub environment: Environment,
}

impl Input<'_> {
    /// The releases to judge a configuration by.
    pub(crate) fn targets(&self) -> Vec<Release> {
        if self.releases.is_empty() { vec![Release::newest()] } else { self.releases.to_vec() }
    }
}

/// Whether a release would start with the input, and go on running.
#[derive(Clone, Debug)]
pub struct ReleaseVerdict {
    /// The release.
    pub release: Release,
    /// Yes, no, or not to be told from here.
    pub loads: Option<bool>,
    /// What decides, where it is not a plain yes: place and words.
    pub reason: Option<(Span, String)>,
}

/// What linting an input gave.
pub struct Outcome {
    /// The name of the input.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Every text that was read.
    pub sources: Sources,
    /// What was found, without what is waived.
    pub findings: Vec<Diagnostic>,
    /// How many findings were waived by comments.
    pub waived: usize,
    /// One verdict a release.
    pub verdicts: Vec<ReleaseVerdict>,
    /// Files that are named and could not be looked at, and the first part of the path that does not exist here.
    pub not_checked: Vec<(String, String)>,
}

impl Outcome {
    /// The gravest finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Lints an input.
///
/// # Errors
/// Why nothing can be said of it, in words: a manifest that cannot be read.
pub fn lint(input: Input<'_>) -> Result<Outcome, String> {
    match input.kind {
        Kind::Spec => return Ok(generated::spec(input)),
        Kind::Pack => return generated::pack(input),
        Kind::Conf | Kind::Acl | Kind::Passwd => {}
    }
    let releases = input.targets();
    let (mut reader, id) = Reader::of(input.name, input.bytes, input.files, input.environment);
    let path = Path::new(input.name);
    let lower = |release: &Release| match input.kind {
        Kind::Acl => acl_alone(&mut reader, path, id, *release),
        Kind::Passwd => passwd_alone(&mut reader, id, *release),
        _ => {
            let tree = conf::parse(id, reader.sources.get(id).bytes());
            conf::lower(&mut reader, &tree, *release)
        }
    };
    let lowered: Vec<Lowered> = releases.iter().map(lower).collect();
    let now = reader.environment.now;
    let waivers = Waivers::read(&reader.sources);
    Ok(conclude(input.name, input.kind, reader.sources, &lowered, now, &waivers))
}

/// Runs the rules, takes out what is waived, and reads off the verdicts.
fn conclude(
    name: &str,
    kind: Kind,
    sources: Sources,
    lowered: &[Lowered],
    now: i64,
    waivers: &Waivers,
) -> Outcome {
    let (all, cuts) = rules::check(lowered, &sources, now);
    let verdicts = lowered.iter().map(|lowered| verdict(lowered, &all, &sources, now)).collect();
    let (waived, mut findings): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|finding| waivers.waives(finding, &sources));
    let cuts = cuts.into_iter().filter(|(first, _)| !waivers.waives(first, &sources)).collect();
    findings.extend(waiver_findings(waivers));
    findings = shortened(findings, cuts);
    Outcome {
        name: name.to_owned(),
        kind,
        findings,
        waived: waived.len(),
        verdicts,
        not_checked: not_checked(lowered),
        sources,
    }
}

/// The verdict of each release, with the words of the findings.
pub fn verdicts(lowered: &[Lowered], sources: &Sources, now: i64) -> Vec<ReleaseVerdict> {
    let (findings, _) = rules::check(lowered, sources, now);
    lowered.iter().map(|lowered| verdict(lowered, &findings, sources, now)).collect()
}

/// The finding that says best what a note is about. A note that no rule speaks of is one of what could not be seen.
pub fn finding_on<'f>(
    note: &Note,
    findings: &'f [Diagnostic],
    lowered: &Lowered,
    sources: &Sources,
    now: i64,
) -> Option<&'f Diagnostic> {
    let name = lowered.deployment.release.to_string();
    let at = |finding: &&Diagnostic| {
        let span = finding.primary.span;
        finding.releases.contains(&name)
            && span.source == note.span.source
            && span.start <= note.span.end
            && note.span.start <= span.end
    };
    let mut near: Vec<_> = findings.iter().filter(at).collect();
    if near.len() > 1 {
        near = rules::because_of(note, &near, lowered, sources, now);
    }
    near.into_iter().max_by_key(|finding| finding.severity)
}

fn verdict(lowered: &Lowered, findings: &[Diagnostic], sources: &Sources, now: i64) -> ReleaseVerdict {
    let release = lowered.deployment.release;
    let notes::Verdict { loads, reason, .. } = notes::verdict(release, &lowered.notes);
    let reason = reason.map(|note| {
        let finding = finding_on(note, findings, lowered, sources, now);
        let words = match (&note.kind, finding) {
            (NoteKind::NotChecked { path, missing, .. }, _)
                if note.phase == Phase::Plugins && path == missing =>
            {
                format!(
                    "`{}` was not looked at: the system looks for a bare name in its own folders",
                    path.display()
                )
            }
            (NoteKind::NotChecked { path, missing, .. }, _) => {
                format!("`{}` was not looked at: `{}` does not exist here", path.display(), missing.display())
            }
            (NoteKind::UnknownAccount, _) => "the account does not exist here".to_owned(),
            (NoteKind::HostNotChecked, _) => {
                "only the broker's machine knows whether the host is one of its addresses".to_owned()
            }
            (NoteKind::InterfaceNotChecked, _) => {
                "only the broker's machine knows whether it has the interface".to_owned()
            }
            (_, Some(finding)) => finding.message.clone(),
            (_, None) => "it cannot be told from here".to_owned(),
        };
        (note.span, words)
    });
    ReleaseVerdict { release, loads, reason }
}

/// Files that are named and could not be looked at, and the first part of the path that does not exist here.
pub fn not_checked(lowered: &[Lowered]) -> Vec<(String, String)> {
    let notes = lowered.iter().flat_map(|lowered| &lowered.notes);
    let mut list: Vec<_> = notes
        .filter_map(|note| match &note.kind {
            NoteKind::NotChecked { path, missing, .. } => {
                Some((path.display().to_string(), missing.display().to_string()))
            }
            _ => None,
        })
        .collect();
    list.sort();
    list.dedup();
    list
}

/// Comments that say `moskit:` and mean nothing.
fn waiver_findings(waivers: &Waivers) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for span in &waivers.malformed {
        let finding = Diagnostic::new(
            "malformed-comment",
            Severity::Warning,
            "this comment for moskit cannot be understood",
            *span,
        );
        findings
            .push(finding.help("write `# moskit: ignore[rule] reason` or `# moskit: accept[rule] reason`"));
    }
    for (name, span) in &waivers.mentions {
        if rules::named(name).is_some() {
            continue;
        }
        let message = format!("there is no rule `{name}`");
        let mut finding = Diagnostic::new("malformed-comment", Severity::Warning, message, *span);
        if findings.len() < MOST_SHOWN
            && let Some(near) = nearest(name, rules::all().iter().map(|rule| rule.name))
        {
            finding = finding.help(format!("did you mean `{near}`?"));
        }
        findings.push(finding);
    }
    findings
}

fn bare(source: SourceId, release: Release, security: Security) -> Deployment {
    Deployment {
        release,
        source,
        global: Settings::default(),
        security,
        per_listener_settings: None,
        listeners: Vec::new(),
        bridges: Vec::new(),
        plugins: Vec::new(),
    }
}

/// An ACL file that no configuration names, as a release reads it; `id` is its text.
pub fn acl_alone(reader: &mut Reader<'_>, path: &Path, id: SourceId, release: Release) -> Lowered {
    let (acl, notes) = match reader.acl(path, release) {
        Ok((acl, notes)) => (FileState::Loaded(acl), notes.to_vec()),
        Err(_) => (FileState::Failed, Vec::new()),
    };
    let security = Security { acl, ..Security::default() };
    Lowered { deployment: bare(id, release, security), notes }
}

fn passwd_alone(reader: &mut Reader<'_>, id: SourceId, release: Release) -> Lowered {
    let (passwords, notes) = reader.passwords(id, release);
    let security = Security { passwords: FileState::Loaded(Arc::new(passwords)), ..Security::default() };
    Lowered { deployment: bare(id, release, security), notes }
}
