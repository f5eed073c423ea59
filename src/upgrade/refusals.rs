//! What the new release refuses and the old one takes.

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;

use super::{Item, ItemKind, line_of};
use crate::lint;
use crate::model::Lowered;
use crate::model::notes::{Effect, Note};
use crate::rules;
use crate::text::Sources;

fn fatal(lowered: &Lowered) -> impl Iterator<Item = &Note> {
    lowered.notes.iter().filter(|note| note.effect == Effect::Fatal)
}

/// What stands for a refusal in whatever reading: the file, what is wrong, and the text.
fn key(note: &Note, sources: &Sources) -> String {
    let file = sources.get(note.span.source).name();
    format!("refused {file} {:?} {}", discriminant(&note.kind), sources.text(note.span))
}

/// How often each refusal stands in what a release makes of the files.
pub(super) fn keys(lowered: &Lowered, sources: &Sources) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for note in fatal(lowered) {
        *counts.entry(key(note, sources)).or_default() += 1;
    }
    counts
}

/// What the new release stops at, in the order in which it would, each line once.
pub(super) fn refused(from: &Lowered, to: &Lowered, sources: &Sources, now: i64) -> Vec<Item> {
    let known: HashSet<_> = fatal(from).map(|note| (note.span, discriminant(&note.kind))).collect();
    let (findings, _) = rules::check(std::slice::from_ref(to), sources, now);
    let mut lines = HashSet::new();
    let mut items = Vec::new();
    for note in fatal(to) {
        let is_known = known.contains(&(note.span, discriminant(&note.kind)));
        if is_known || !lines.insert(line_of(sources, note.span)) {
            continue;
        }
        let finding = lint::finding_on(note, &findings, to, sources, now);
        let release = to.deployment.release;
        let message =
            finding.map_or_else(|| format!("{release} refuses this"), |found| found.message.clone());
        let mut item = Item::new(ItemKind::Refused, key(note, sources), Some(note.span), message);
        item.why = finding.and_then(|found| found.notes.first().cloned());
        item.help = finding.and_then(|found| found.help.clone());
        items.push(item);
    }
    items
}
