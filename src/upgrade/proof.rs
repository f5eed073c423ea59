//! Which edits keep the meaning: the edited files are read again, and compared with what the old release made of the
//! files as they were.

use std::collections::HashMap;

use super::edits::{self, Edit};
use super::reading::{Reading, Side, Texts};
use super::remedies::Remedy;
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
    prover.all_at_once(items, &wanted, |_| true);
    if prover.taken.is_empty() {
        // Numbers that are spelled for the old release hide what stands in their blocks, all of them together.
        let is_refused = |index: &usize| items[*index].kind == ItemKind::Refused;
        let refused: Vec<usize> = wanted.iter().copied().filter(is_refused).collect();
        prover.all_at_once(items, &refused, |remedy| matches!(remedy, Remedy::Number(_)));
    }
    for index in wanted {
        prover.one(items, index);
    }
    for taken in &prover.taken {
        items[taken.index].fix = Some(taken.words.clone());
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

/// Edits that are taken.
#[derive(Clone)]
struct Taken {
    /// The finding that they are for.
    index: usize,
    edits: Vec<Edit>,
    words: String,
    /// Whether all they do is to make comments of lines.
    is_silence: bool,
}

struct Prover<'a> {
    question: &'a Question<'a>,
    before: &'a Reading,
    old: Option<&'a Side>,
    /// The findings before any edit, and how often each stands there.
    known: Counts,
    hidden: &'a HashMap<String, String>,
    taken: Vec<Taken>,
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
    fn trial(&mut self, plan: &[Taken]) -> Option<State> {
        if self.trials == MOST_TRIALS || !self.is_silence_unheard(plan) {
            return None;
        }
        self.trials += 1;
        let edits: Vec<Edit> = plan.iter().flat_map(|taken| taken.edits.clone()).collect();
        let texts = self.texts(&edits)?;
        let after = Reading::of(self.question, &texts, &[self.question.to]).ok()?;
        let (old, new) = (self.old?, after.sides.first()?);
        let refused = refusals::keys(&new.lowered, &after.sources);
        let found = differences(old, new).into_iter().chain(deprecated::deprecated(&new.lowered, &after));
        let mut left = refused;
        for item in found {
            // What follows from a refusal is told by the refusal alone, as long as that stands.
            // What is merely deprecated there keeps its meaning.
            let refusal = self.hidden.get(&item.key).filter(|_| !self.known.contains_key(&item.key));
            let is_deprecated = item.kind == ItemKind::Deprecated;
            if refusal.is_some_and(|refusal| is_deprecated || left.contains_key(refusal)) {
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

    /// Whether the lines that become comments do nothing in the old release.
    fn is_silence_unheard(&self, plan: &[Taken]) -> bool {
        let silences = plan.iter().filter(|taken| taken.is_silence).flat_map(|taken| taken.edits.clone());
        let silences: Vec<Edit> = silences.collect();
        if silences.is_empty() {
            return true;
        }
        let read = self.texts(&silences);
        let read = read.and_then(|texts| Reading::of(self.question, &texts, &[self.question.from]).ok());
        let after = read.as_ref().and_then(|reading| reading.sides.first());
        self.old.zip(after).is_some_and(|(old, new)| differences(old, new).is_empty())
    }

    /// Tries the first remedy of every finding together, which mostly is all that is needed.
    fn all_at_once(&mut self, items: &[Item], wanted: &[usize], fits: fn(&Remedy) -> bool) {
        let first = |index: &usize| {
            let remedies = items[*index].remedies.iter().filter(|remedy| fits(remedy));
            remedies.into_iter().find_map(|remedy| self.plan(items, *index, remedy))
        };
        let plan: Vec<Taken> = wanted.iter().filter_map(first).collect();
        if plan.len() < 2 {
            return;
        }
        let Some(state) = self.trial(&plan) else { return };
        if plan.iter().all(|taken| !state.left.contains_key(&items[taken.index].key)) {
            self.taken = plan;
            self.state = Some(state);
        }
    }

    fn plan(&self, items: &[Item], index: usize, remedy: &Remedy) -> Option<Taken> {
        let (edits, words) = edits::of(self.before, items[index].span?, remedy)?;
        Some(Taken { index, edits, words, is_silence: matches!(remedy, Remedy::Silence(_)) })
    }

    /// Tries the remedies of one finding, one after the other.
    fn one(&mut self, items: &[Item], index: usize) {
        let item = &items[index];
        let is_done = self.taken.iter().any(|taken| taken.index == index) || self.count(&item.key) == 0;
        for remedy in item.remedies.iter().filter(|_| !is_done) {
            let Some(next) = self.plan(items, index, remedy) else { continue };
            let mut plan = self.taken.clone();
            plan.push(next);
            let Some(state) = self.trial(&plan) else { continue };
            if state.left.get(&item.key).copied().unwrap_or(0) < self.count(&item.key) {
                self.taken = plan;
                self.state = Some(state);
                return;
            }
        }
    }

    fn conclude(self) -> Proven {
        let edits: Vec<Edit> = self.taken.iter().flat_map(|taken| taken.edits.clone()).collect();
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
        let to = self.before.sides.get(1);
        let unchanged = to.and_then(|to| notes::verdict(self.question.to, &to.lowered.notes).loads);
        Proven { edited, loads: self.state.map_or(unchanged, |state| state.loads) }
    }
}
