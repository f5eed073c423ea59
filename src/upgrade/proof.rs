//! Which edits keep the meaning: the edited files are read again, and compared with what the old release made of the
//! files as they were.

use std::collections::HashMap;

use super::edits::{self, Edit};
use super::reading::{Reading, Side, Texts};
use super::{Edited, Item, ItemKind, Question, deprecated, differences, refusals};
use crate::model::notes;

/// At most so many trials are made: each reads everything again.
const MOST_TRIALS: usize = 200;

/// What the edits come to.
pub(super) struct Proven {
    pub(super) edited: Vec<Edited>,
    /// Whether the new release starts with them; `None` also where there are none and nothing is known.
    pub(super) loads: Option<bool>,
}

/// Finds the edits that keep the meaning, and marks the findings that they do away with.
///
/// `hidden` are findings that follow from refusals, and the refusals.
pub(super) fn prove(
    question: &Question<'_>,
    before: &Reading,
    items: &mut [Item],
    hidden: &HashMap<String, String>,
) -> Proven {
    let mut prover = Prover::new(question, before, items, hidden);
    let wanted: Vec<usize> = (0..items.len())
        .filter(|index| items[*index].span.is_some() && !items[*index].remedies.is_empty())
        .collect();
    prover.all_at_once(items, &wanted);
    for index in wanted {
        prover.one(items, index);
    }
    let gone: Vec<(usize, String)> =
        prover.taken.iter().map(|(index, _, words)| (*index, words.clone())).collect();
    for (index, words) in gone {
        items[index].fix = Some(words);
    }
    // What another edit did away with is done, too.
    for item in items.iter_mut().filter(|item| item.is_left()) {
        if !prover.taken.is_empty() && prover.count(&item.key) == 0 {
            item.fix = Some("is done away with by the other edits".to_owned());
        }
    }
    prover.conclude()
}

/// How often each finding stands somewhere, by its key.
type Counts = HashMap<String, usize>;

/// What is left with some edits.
struct State {
    /// The findings that are left, and how often.
    left: Counts,
    loads: Option<bool>,
}

struct Prover<'a> {
    question: &'a Question<'a>,
    before: &'a Reading,
    old: Option<&'a Side>,
    /// The findings before any edit, and how often each stands there.
    known: Counts,
    hidden: &'a HashMap<String, String>,
    /// The edits that are taken: the finding, the edits, what they do.
    taken: Vec<(usize, Vec<Edit>, String)>,
    state: Option<State>,
    trials: usize,
}

impl<'a> Prover<'a> {
    fn new(
        question: &'a Question<'a>,
        before: &'a Reading,
        items: &[Item],
        hidden: &'a HashMap<String, String>,
    ) -> Self {
        // Of the refusals all are known, also those of which a line has several.
        let mut known = match before.sides.get(1) {
            Some(to) => refusals::keys(&to.lowered, &before.sources),
            None => Counts::new(),
        };
        for item in items.iter().filter(|item| item.kind != ItemKind::Refused) {
            *known.entry(item.key.clone()).or_default() += 1;
        }
        let old = before.sides.first();
        Self { question, before, old, known, hidden, taken: Vec::new(), state: None, trials: 0 }
    }

    /// How often a finding stands there now.
    fn count(&self, key: &str) -> usize {
        let counts = self.state.as_ref().map_or(&self.known, |state| &state.left);
        counts.get(key).copied().unwrap_or(0)
    }

    /// The texts of the files with some edits.
    fn texts(&self, edits: &[Edit]) -> Option<Texts> {
        let texts = edits::apply(self.before, edits)?;
        texts
            .into_iter()
            .map(|(source, bytes)| Some((self.before.paths.get(&source)?.clone(), bytes)))
            .collect()
    }

    /// What is left with some edits, unless they bring anything new.
    fn trial(&mut self, edits: &[Edit]) -> Option<State> {
        if self.trials == MOST_TRIALS {
            return None;
        }
        self.trials += 1;
        let texts = self.texts(edits)?;
        let after = Reading::of(self.question, &texts, &[self.question.to]).ok()?;
        let (old, new) = (self.old?, after.sides.first()?);
        let refused = refusals::keys(&new.lowered, &after.sources);
        let found = differences(old, new).into_iter().chain(deprecated::deprecated(&new.lowered, &after));
        let mut left = refused;
        for item in found {
            // What follows from a refusal is told by the refusal alone, as long as that stands.
            if self.hidden.get(&item.key).is_some_and(|refusal| left.contains_key(refusal)) {
                continue;
            }
            *left.entry(item.key).or_default() += 1;
        }
        let is_known =
            |(key, count): (&String, &usize)| self.known.get(key).is_some_and(|before| count <= before);
        if !left.iter().all(is_known) {
            return None;
        }
        let loads = notes::verdict(self.question.to, &new.lowered.notes).loads;
        Some(State { left, loads })
    }

    fn edits_with(&self, more: &[Edit]) -> Vec<Edit> {
        self.taken.iter().flat_map(|(_, edits, _)| edits).chain(more).cloned().collect()
    }

    /// Tries the first remedy of every finding together, which mostly is all that is needed.
    fn all_at_once(&mut self, items: &[Item], wanted: &[usize]) {
        let first = |index: &usize| {
            let item = &items[*index];
            let (edits, words) =
                item.remedies.iter().find_map(|remedy| edits::of(self.before, item.span?, remedy))?;
            Some((*index, edits, words))
        };
        let plan: Vec<_> = wanted.iter().filter_map(first).collect();
        if plan.len() < 2 {
            return;
        }
        let edits: Vec<Edit> = plan.iter().flat_map(|(_, edits, _)| edits.clone()).collect();
        let Some(state) = self.trial(&edits) else { return };
        if plan.iter().all(|(index, ..)| !state.left.contains_key(&items[*index].key)) {
            self.taken = plan;
            self.state = Some(state);
        }
    }

    /// Tries the remedies of one finding, one after the other.
    fn one(&mut self, items: &[Item], index: usize) {
        let item = &items[index];
        let is_done = self.taken.iter().any(|(taken, ..)| *taken == index) || self.count(&item.key) == 0;
        let Some(span) = item.span.filter(|_| !is_done) else { return };
        for remedy in &item.remedies {
            let Some((edits, words)) = edits::of(self.before, span, remedy) else { continue };
            let Some(state) = self.trial(&self.edits_with(&edits)) else { continue };
            if state.left.get(&item.key).copied().unwrap_or(0) < self.count(&item.key) {
                self.taken.push((index, edits, words));
                self.state = Some(state);
                return;
            }
        }
    }

    fn conclude(self) -> Proven {
        let edits = self.edits_with(&[]);
        let texts = edits::apply(self.before, &edits).unwrap_or_default();
        let mut edited: Vec<Edited> = texts
            .into_iter()
            .filter_map(|(source, bytes)| {
                let path = self.before.paths.get(&source)?.clone();
                let is_passwords = self.before.trees.iter().all(|tree| tree.source != source);
                Some(Edited { path, source, bytes, is_passwords })
            })
            .collect();
        edited.sort_by_key(|edited| edited.source);
        let unchanged =
            self.before.sides.get(1).and_then(|to| notes::verdict(self.question.to, &to.lowered.notes).loads);
        Proven { edited, loads: self.state.map_or(unchanged, |state| state.loads) }
    }
}
