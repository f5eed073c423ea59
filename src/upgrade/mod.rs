//! What becomes of a configuration on another release: what is refused, what changes without a word, what is
//! deprecated; and the edits that keep its meaning.

mod changes;
mod deprecated;
mod edits;
mod json;
mod keys;
mod logins;
mod operation;
mod proof;
mod reading;
mod refusals;
mod remedies;
mod rights;
mod schema;
mod text;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use json::json;
pub use schema::schema;
pub use text::text;

use crate::catalogue::{OptionId, Release};
use crate::lang::Environment;
use crate::lint::{self, ReleaseVerdict};
use crate::model::Lowered;
use crate::model::notes::{Effect, Note, Phase};
use crate::text::{Files, SourceId, Sources, Span};

use reading::{Reading, Side};

/// A configuration and the two releases.
pub struct Question<'a> {
    /// The name that the configuration is shown under.
    pub name: &'a str,
    /// Its text.
    pub bytes: Arc<[u8]>,
    /// The files that it names.
    pub files: &'a dyn Files,
    /// The release that runs with it.
    pub from: Release,
    /// The release that shall.
    pub to: Release,
    /// Time and starting account.
    pub environment: Environment,
}

/// What a finding of the comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// The new release does not start because of it.
    Refused,
    /// The new release does something else.
    Changed,
    /// The new release takes it, and calls it deprecated or does not read it.
    Deprecated,
    /// The releases differ in running or reloading with it; the configuration cannot change that.
    Note,
}

impl ItemKind {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Changed, Self::Deprecated, Self::Note];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Deprecated => "deprecated",
            Self::Note => "note",
        }
    }
}

/// One finding of the comparison.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Where; `None` where no line is to blame.
    pub span: Option<Span>,
    /// The option that it is about.
    pub option: Option<OptionId>,
    /// The fact.
    pub message: String,
    /// What held in the old release and what holds in the new one, where they can stand side by side.
    pub values: Option<(String, String)>,
    /// Why it matters.
    pub why: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// What the edits do about it, where they do something.
    pub fix: Option<String>,
    /// Tells the same finding in another reading of the files.
    key: String,
    remedies: Vec<remedies::Remedy>,
}

impl Item {
    fn new(kind: ItemKind, key: String, span: Option<Span>, message: String) -> Self {
        Self {
            kind,
            span,
            option: None,
            message,
            values: None,
            why: None,
            help: None,
            fix: None,
            key,
            remedies: Vec::new(),
        }
    }

    /// Whether something is to be done about it that the edits do not do.
    pub fn is_left(&self) -> bool {
        self.kind != ItemKind::Note && self.fix.is_none()
    }
}

/// A file as the edits leave it.
#[derive(Clone, Debug)]
pub struct Edited {
    /// Its path, as the configuration names it.
    pub path: PathBuf,
    /// Its text before.
    pub source: SourceId,
    /// Its text after.
    pub bytes: Arc<[u8]>,
    /// Whether it is a file of passwords, not a configuration.
    pub is_passwords: bool,
}

/// What becomes of a configuration on another release.
pub struct Upgrade {
    /// The name of the configuration.
    pub name: String,
    /// Every text that was read.
    pub sources: Sources,
    /// Whether the old release starts with it.
    pub from: ReleaseVerdict,
    /// Whether the new one does.
    pub to: ReleaseVerdict,
    /// Whether the old one reads the configuration to its end. Otherwise there is no meaning that could change or be kept.
    pub has_meaning: bool,
    /// Whether the new one starts with the edited files.
    pub after: Option<bool>,
    /// What was found: refusals first, then changes, deprecated lines, notes.
    pub items: Vec<Item>,
    /// The files that the edits change.
    pub edited: Vec<Edited>,
    /// Files that are named and could not be looked at, and the first part of the path that does not exist here.
    pub not_checked: Vec<(String, String)>,
}

/// Compares what two releases make of a configuration.
///
/// # Errors
/// Why nothing can be said, in words.
pub fn upgrade(question: &Question<'_>) -> Result<Upgrade, String> {
    let before = Reading::of(question, &Default::default(), &[question.from, question.to])?;
    let [from, to] = before.sides.as_slice() else { return Err("two releases are needed".to_owned()) };
    let now = question.environment.now;
    let mut items = refusals::refused(&from.lowered, &to.lowered, &before.sources, now);
    let mut hidden = HashMap::new();
    let has_meaning = is_read(&from.lowered);
    // A number that is only spelled for the old release would hide what else changes in its block.
    let respelled = if has_meaning { respelled(question, &before, &items) } else { None };
    if respelled.is_some() {
        without_consequences(&items, found(&before), &before.sources, &mut hidden);
    }
    let found = found(respelled.as_ref().unwrap_or(&before));
    items.extend(without_consequences(&items, found, &before.sources, &mut hidden));
    if has_meaning {
        remedies::propose(&before, &mut items);
    } else {
        items.retain(|item| item.kind != ItemKind::Changed);
    }
    let proven = proof::prove(question, &before, &mut items, &hidden);
    items.sort_by_key(|item| (item.kind, item.span));
    let lowered = [from.lowered.clone(), to.lowered.clone()];
    let mut verdicts = lint::verdicts(&lowered, &before.sources, now).into_iter();
    let (Some(first), Some(second)) = (verdicts.next(), verdicts.next()) else {
        return Err("two releases are needed".to_owned());
    };
    Ok(Upgrade {
        name: question.name.to_owned(),
        from: first,
        to: second,
        has_meaning,
        after: proven.loads,
        items,
        edited: proven.edited,
        not_checked: lint::not_checked(&lowered),
        sources: before.sources,
    })
}

/// Whether a release reads the configuration without a fatal problem; files and sockets come later.
fn is_read(lowered: &Lowered) -> bool {
    let is_early = |note: &Note| matches!(note.phase, Phase::Read | Phase::Check);
    !lowered.notes.iter().any(|note| note.effect == Effect::Fatal && is_early(note))
}

/// What the releases make of the files with each refused number spelled as the old release reads it. Blanks fill its place,
/// so that places stay what they are.
fn respelled(question: &Question<'_>, before: &Reading, refused: &[Item]) -> Option<Reading> {
    let from = before.sides.first()?;
    let edits = refused.iter().filter_map(|item| {
        let span = item.span?;
        let number = remedies::number(&from.lowered.deployment, before.line(span)?.name)?;
        edits::of(before, span, &remedies::Remedy::Number(number))
    });
    let mut edits: Vec<_> = edits.flat_map(|(edits, _)| edits).collect();
    for edit in &mut edits {
        edit.text = format!("{:<width$}", edit.text, width = edit.span.len());
    }
    if edits.is_empty() {
        return None;
    }
    let texts = edits::apply(before, &edits)?.into_iter();
    let texts = texts.map(|(source, bytes)| Some((before.paths.get(&source)?.clone(), bytes)));
    Reading::of(question, &texts.collect::<Option<_>>()?, &[question.from, question.to]).ok()
}

/// What is found without a refusal.
fn found(reading: &Reading) -> Vec<Item> {
    let [from, to] = reading.sides.as_slice() else { return Vec::new() };
    let mut items = differences(from, to);
    items.extend(deprecated::deprecated(&to.lowered, reading));
    items.extend(operation::notes(&from.lowered, &to.lowered));
    items
}

/// Every change of meaning between two sides, which may have been read from different files.
fn differences(from: &Side, to: &Side) -> Vec<Item> {
    let mut items = changes::changes(from, to);
    items.extend(rights::changes(from, to));
    items.extend(logins::changes(from, to));
    items.extend(keys::changes(from, to));
    items
}

/// Findings without those on lines that are refused, which go into `hidden` with the refusals.
fn without_consequences(
    refused: &[Item],
    found: Vec<Item>,
    sources: &Sources,
    hidden: &mut HashMap<String, String>,
) -> Vec<Item> {
    let lines: HashMap<LineStart, &str> =
        refused.iter().filter_map(|item| Some((line_of(sources, item.span?), item.key.as_str()))).collect();
    let mut kept = Vec::new();
    for item in found {
        match item.span.and_then(|span| lines.get(&line_of(sources, span))) {
            Some(refusal) => {
                hidden.insert(item.key, (*refusal).to_owned());
            }
            None => kept.push(item),
        }
    }
    kept
}

/// A line: its file, and where it begins.
type LineStart = (SourceId, u32);

fn line_of(sources: &Sources, span: Span) -> LineStart {
    let starts = sources.get(span.source).line_starts();
    let line = starts.partition_point(|start| *start <= span.start);
    (span.source, starts.get(line.saturating_sub(1)).copied().unwrap_or_default())
}
