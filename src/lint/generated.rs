//! Linting what is compiled: a spec through the texts that it would give, a pack as it will be installed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Input, Kind, Outcome, conclude};
use crate::catalogue::{Release, Target};
use crate::compile::manifest::Manifest;
use crate::compile::{Installed, Lines, Placement, draft};
use crate::lang::spec::{self, Spec};
use crate::lang::{Reader, conf};
use crate::model::Lowered;
use crate::report::{Diagnostic, Severity, Waivers, shortened};
use crate::text::{Source, SourceId, Sources, Span};

/// A spec, through the files that it would be compiled to.
pub struct Drafted {
    /// What was read of it.
    pub spec: Spec,
    /// The spec and every text that was read.
    pub sources: Sources,
    /// What each release makes of the files.
    pub lowered: Vec<Lowered>,
    id: SourceId,
    texts: HashMap<SourceId, Lines>,
}

/// A spec that cannot be compiled: its texts, and what is wrong.
pub type Refused = (Sources, Vec<Diagnostic>);

impl Drafted {
    /// Reads a spec. It needs no secret: the passwords of its files are stand-ins.
    ///
    /// # Errors
    /// What is wrong with the spec.
    pub fn read(input: &Input<'_>) -> Result<Self, Refused> {
        let mut sources = Sources::default();
        let id = sources.add(Source::new(input.name, input.bytes.clone()));
        let decoded = spec::decode(id, &input.bytes);
        decoded.spec.secrets().for_each(|span| sources.hide(span));
        let mut problems = decoded.problems;
        if !problems.is_empty() {
            return Err((sources, problems));
        }
        let placement = Placement { name: input.name, prefix: None };
        let draft = draft(&decoded.spec, &sources, &placement, &mut problems);
        if !problems.is_empty() {
            return Err((sources, problems));
        }
        let mut installed = Installed::over(input.files);
        for (path, lines) in &draft.texts {
            installed.add(path, Some(lines.text().as_bytes().into()), 0o600, &draft.user);
        }
        for path in &draft.planned {
            installed.add(path, None, 0o600, &draft.user);
        }
        let releases = if input.releases.is_empty() { &draft.releases } else { input.releases };
        let mut reader = Reader::new(&installed, input.environment.clone());
        reader.sources = sources;
        let mut texts: HashMap<SourceId, Lines> = HashMap::new();
        let mut main = None;
        for (path, lines) in draft.texts {
            let path = Path::new(&path);
            let shown = format!("{} (generated)", path.file_name().unwrap_or_default().to_string_lossy());
            let bytes: Arc<[u8]> = lines.text().as_bytes().into();
            let text = reader.sources.add(Source::new(shown, bytes));
            reader.know(path, text);
            main.get_or_insert(text);
            texts.insert(text, lines);
        }
        let Some(main) = main else { return Err((reader.sources, problems)) };
        let tree = conf::parse(main, reader.sources.get(main).bytes());
        let lowered = releases.iter().map(|release| conf::lower(&mut reader, &tree, *release)).collect();
        Ok(Self { spec: decoded.spec, sources: reader.sources, lowered, id, texts })
    }

    /// The place in the spec that a place in a generated file comes from; `None` in any other text.
    pub fn origin(&self, span: Span) -> Option<Span> {
        let lines = self.texts.get(&span.source)?;
        Some(lines.origin(self.sources.position(span).line).unwrap_or(Span::new(self.id, 0, 0)))
    }
}

/// A spec: its own problems, or else the findings on what it compiles to, at the places that they come from.
pub(super) fn spec(input: Input<'_>) -> Outcome {
    let drafted = match Drafted::read(&input) {
        Ok(drafted) => drafted,
        Err((sources, problems)) => return refused(input.name, sources, problems),
    };
    let mut waivers = Waivers::read(&drafted.sources);
    // What the generated texts waive stands in `accept`, where a wrong name is told once and in its place.
    waivers.mentions.retain(|(_, span)| !drafted.texts.contains_key(&span.source));
    for accepted in &drafted.spec.accept {
        waivers.mentions.push((accepted.rule.value.to_string(), accepted.rule.span));
    }
    let now = input.environment.now;
    let home = |span: Span| drafted.origin(span).unwrap_or(span);
    let none = Waivers::default();
    let mut outcome = conclude(input.name, Kind::Spec, drafted.sources.clone(), &drafted.lowered, now, &none);
    let findings = std::mem::take(&mut outcome.findings);
    for mut finding in findings {
        let sources = &outcome.sources;
        let is_waived = waivers.waives(&finding, sources);
        finding.primary.span = home(finding.primary.span);
        for related in &mut finding.related {
            related.span = home(related.span);
        }
        finding.related.retain(|related| related.span != finding.primary.span);
        if is_waived || waivers.waives(&finding, sources) {
            outcome.waived += 1;
        } else if !outcome.findings.contains(&finding) {
            outcome.findings.push(finding);
        }
    }
    outcome.findings.extend(super::waiver_findings(&waivers));
    outcome.findings.sort_by_key(|finding| finding.primary.span);
    for verdict in &mut outcome.verdicts {
        if let Some((span, _)) = &mut verdict.reason {
            *span = home(*span);
        }
    }
    outcome
}

/// A spec that cannot be compiled: nothing can be said of releases.
fn refused(name: &str, sources: Sources, findings: Vec<Diagnostic>) -> Outcome {
    Outcome {
        name: name.to_owned(),
        kind: Kind::Spec,
        sources,
        findings: shortened(findings, Vec::new()),
        waived: 0,
        verdicts: Vec::new(),
        not_checked: Vec::new(),
    }
}

/// A pack as it will be installed.
pub struct Packed<'a> {
    manifest: Manifest,
    /// Its files in their install paths.
    pub installed: Installed<'a>,
    /// The install path of its `mosquitto.conf`.
    pub main: PathBuf,
    /// The releases to judge it by: those that were asked for, or else its own.
    pub releases: Vec<Release>,
}

impl<'a> Packed<'a> {
    /// Reads a pack, whose manifest the input is.
    ///
    /// # Errors
    /// Why the manifest cannot be used, in words.
    pub fn read(input: &Input<'a>) -> Result<Self, String> {
        let manifest = Manifest::parse(&input.bytes).map_err(|error| format!("`{}`: {error}", input.name))?;
        let folder = Path::new(input.name).parent().unwrap_or(Path::new(""));
        let read = |path: &str| input.files.read(&folder.join(path)).ok();
        let installed = Installed::of_manifest(&manifest, folder, read, input.files);
        let targets = manifest.about.targets.iter().filter_map(|target| target.parse::<Target>().ok());
        let mut releases: Vec<Release> = targets.flat_map(|target| target.releases().to_vec()).collect();
        releases.sort();
        releases.dedup();
        let releases = if input.releases.is_empty() { releases } else { input.releases.to_vec() };
        let is_main = |path: &&str| path.ends_with("/mosquitto.conf");
        let main = manifest.installed().into_keys().find(is_main).map(PathBuf::from);
        let main = main.ok_or_else(|| format!("`{}` names no mosquitto.conf", input.name))?;
        Ok(Self { manifest, installed, main, releases })
    }

    /// The lines of its `mosquitto.conf`.
    ///
    /// # Errors
    /// That it cannot be read, in words.
    pub fn main(&self, reader: &mut Reader<'_>, folder: &Path) -> Result<Arc<conf::ConfTree>, String> {
        let shown = folder.join("mosquitto.conf");
        reader.conf(&self.main).map_err(|_| format!("`{}` cannot be read", shown.display()))
    }
}

/// A pack: `input.name` is its manifest.
pub(super) fn pack(input: Input<'_>) -> Result<Outcome, String> {
    let packed = Packed::read(&input)?;
    let folder = Path::new(input.name).parent().unwrap_or(Path::new(""));
    let mut reader = Reader::new(&packed.installed, input.environment.clone());
    let changed = changed(&packed.manifest, folder, &input, &mut reader.sources);
    let tree = packed.main(&mut reader, folder)?;
    let lowered: Vec<Lowered> =
        packed.releases.iter().map(|release| conf::lower(&mut reader, &tree, *release)).collect();
    let now = reader.environment.now;
    let waivers = Waivers::read(&reader.sources);
    let mut outcome = conclude(input.name, Kind::Pack, reader.sources, &lowered, now, &waivers);
    outcome.findings.splice(0..0, shortened(changed, Vec::new()));
    Ok(outcome)
}

/// Files of a pack that are not what its manifest says.
fn changed(manifest: &Manifest, folder: &Path, input: &Input<'_>, sources: &mut Sources) -> Vec<Diagnostic> {
    use sha2::{Digest, Sha256};
    let mut findings = Vec::new();
    let mut place = None;
    for (path, file) in &manifest.files {
        let message = match input.files.read(&folder.join(path)) {
            Err(_) => format!("`{path}` is missing from the pack"),
            Ok(bytes) if Sha256::digest(&bytes)[..] != file.sha256 => {
                format!("`{path}` was changed after the pack was made")
            }
            Ok(_) => continue,
        };
        let id = *place.get_or_insert_with(|| sources.add(Source::new(input.name, input.bytes.clone())));
        let quoted = format!("\"{path}\"");
        let at =
            input.bytes.windows(quoted.len()).position(|window| window == quoted.as_bytes()).unwrap_or(0);
        let span = Span::new(id, at, at + quoted.len().min(input.bytes.len()));
        let finding = Diagnostic::new("pack-changed", Severity::Warning, message, span);
        findings
            .push(finding.note("the next compile replaces it").help("change the spec and compile it again"));
    }
    findings
}
