//! A finished pack is read as each of its releases does, before anything is written.

use std::collections::HashMap;
use std::path::Path;

use super::manifest::About;
use super::pack::Pack;
use super::rights::INEXPRESSIBLE;
use super::{Installed, Lines, proof};
use crate::catalogue::Release;
use crate::lang::spec::Spec;
use crate::lang::{Environment, Reader, conf};
use crate::model::notes::verdict;
use crate::report::{Diagnostic, Severity};
use crate::text::{Files, Source, SourceId, Span};

/// Reads a pack back, as each release that its spec names does, and compares it with the spec: every release starts with
/// it, lets in whom the spec names, and gives everybody the rights that the spec says: each user of the file, clients
/// without a user name and those with any other one, for all topics and all client ids.
///
/// `texts` are installed paths and lines of the generated files, mosquitto.conf first, and tell where in the spec a line
/// comes from; `files` is what lies beside the pack, `now` is in seconds since 1970. What differs is an error at its place,
/// with an example; without one the pack is as the spec says.
pub fn prove(
    spec: &Spec,
    (pack, about): (&Pack, &About),
    texts: &[(String, Lines)],
    files: &dyn Files,
    now: i64,
) -> Vec<Diagnostic> {
    let installed = Installed::of_pack(pack, about, files);
    let mut reader = Reader::new(&installed, Environment { now, started_by: "root".to_owned() });
    let mut lines: HashMap<SourceId, &Lines> = HashMap::new();
    let mut main = None;
    for (path, text) in texts {
        let made = pack.files().iter().find(|file| file.install_path.as_deref() == Some(path));
        let Some(made) = made else { continue };
        let id = reader.sources.add(Source::new(path.clone(), made.contents.as_slice()));
        reader.know(Path::new(path), id);
        lines.insert(id, text);
        main.get_or_insert(id);
    }
    let Some(main) = main else { return Vec::new() };
    let mut releases: Vec<Release> = Vec::new();
    for release in spec.mosquitto.iter().flat_map(|target| target.value.releases()) {
        if !releases.contains(release) {
            releases.push(*release);
        }
    }
    let tree = conf::parse(main, reader.sources.get(main).bytes());
    let lowered: Vec<_> = releases.iter().map(|release| conf::lower(&mut reader, &tree, *release)).collect();
    let origin = |span: Span| {
        let line = reader.sources.position(span).line;
        lines.get(&span.source).and_then(|lines| lines.origin(line))
    };
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (release, lowered) in releases.iter().zip(&lowered) {
        let found = verdict(*release, &lowered.notes);
        if let (Some(false), Some(note)) = (found.loads, found.reason) {
            let text = reader.sources.text(note.span);
            let message = format!("Mosquitto {release} would not start with this: `{text}`");
            let place = origin(note.span).unwrap_or(spec.span.part(0, 1));
            let finding = Diagnostic::new(INEXPRESSIBLE, Severity::Error, message, place);
            problems.push(finding.help("lint of the spec should have said so before: please report this"));
        }
    }
    if problems.is_empty() {
        let deployments: Vec<_> = lowered.into_iter().map(|lowered| lowered.deployment).collect();
        problems = proof::prove(spec, &deployments, &origin);
    }
    problems
}
