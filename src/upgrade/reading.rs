//! Reads a configuration for some releases, with some of its files as they would be after edits.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Question;
use super::keys::{self, Keys};
use crate::catalogue::Release;
use crate::lang::Reader;
use crate::lang::conf::{self, ConfTree, LineKind};
use crate::model::Lowered;
use crate::show::{self, View};
use crate::text::{FileError, FileFacts, Files, SourceId, Sources, Span};

/// Texts in the place of what files hold.
pub(super) type Texts = HashMap<PathBuf, Arc<[u8]>>;

struct Overlay<'a> {
    files: &'a dyn Files,
    texts: &'a Texts,
}

impl Files for Overlay<'_> {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.texts.get(path).map_or_else(|| self.files.read(path), |bytes| Ok(bytes.clone()))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, FileError> {
        self.files.list(directory)
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        self.files.facts(path)
    }

    fn is_partial(&self, path: &Path) -> bool {
        self.files.is_partial(path)
    }

    fn shown(&self, path: &Path) -> PathBuf {
        self.files.shown(path)
    }
}

/// What one release makes of the files.
pub(super) struct Side {
    pub(super) lowered: Lowered,
    pub(super) view: View,
    /// What the files of pre-shared keys hold.
    pub(super) keys: Keys,
}

/// Files, and what some releases make of them.
pub(super) struct Reading {
    pub(super) sources: Sources,
    /// The lines of every `mosquitto.conf` and included file.
    pub(super) trees: Vec<Arc<ConfTree>>,
    pub(super) paths: HashMap<SourceId, PathBuf>,
    /// One side a release.
    pub(super) sides: Vec<Side>,
}

/// A line of a `mosquitto.conf` that says something.
#[derive(Clone, Copy)]
pub(super) struct ConfigurationLine {
    pub(super) name: Span,
    pub(super) value: Span,
}

impl Reading {
    pub(super) fn of(question: &Question<'_>, texts: &Texts, releases: &[Release]) -> Result<Self, String> {
        let overlay = Overlay { files: question.files, texts };
        let path = Path::new(question.name);
        let bytes = texts.get(path).unwrap_or(&question.bytes).clone();
        let (mut reader, _) = Reader::of(question.name, bytes, &overlay, question.environment.clone());
        let tree = reader.conf(path).map_err(|_| format!("`{}` cannot be read", question.name))?;
        let lowered: Vec<Lowered> =
            releases.iter().map(|release| conf::lower(&mut reader, &tree, *release)).collect();
        let started_by = &question.environment.started_by;
        let side = |lowered: Lowered| {
            let view = show::view(&lowered, &reader.sources, started_by);
            let keys = keys::keys(&lowered, &reader.sources);
            Side { lowered, view, keys }
        };
        let sides = lowered.into_iter().map(side).collect();
        Ok(Self { sides, trees: reader.confs(), paths: reader.paths(), sources: reader.sources })
    }

    /// The line of a configuration file that a place lies in.
    pub(super) fn line(&self, span: Span) -> Option<ConfigurationLine> {
        let tree = self.trees.iter().find(|tree| tree.source == span.source)?;
        let index = tree.lines.partition_point(|line| line.span.start <= span.start).checked_sub(1)?;
        let line = tree.lines.get(index)?;
        match line.kind {
            LineKind::Directive { name, value } => Some(ConfigurationLine { name, value }),
            _ => None,
        }
    }
}
