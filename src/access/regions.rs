//! All topics that one list allows and another does not, in the fewest filters and their exceptions.

use std::collections::{BTreeSet, HashSet};

use super::difference::{Above, Difference, Gap, Pair, Topics, size};
use super::filter::{Level, Placeholders, levels, meet};
use super::list::{DecisionList, Lookup};
use super::trie::{Outcome, Query, Trie};
use super::{Listing, Work};

/// Topics that one list allows and another does not: some, without exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// All of these,
    pub topics: Topics,
    /// without these, none of which holds another.
    pub except: Vec<Exception>,
    /// One of them, and what both lists say to it.
    pub witness: Difference,
    /// The lines of the first list that allow them, in order: more than one where filters could be joined.
    pub rules: Vec<usize>,
}

/// Topics that are taken out of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Their filter.
    pub filter: Vec<u8>,
    /// The line behind it: one that denies them in the first list, or allows them in the second.
    pub rule: Option<usize>,
    /// Whether the line is one of the first list.
    pub is_denied: bool,
}

/// All topics that `left` allows and `right` does not.
///
/// Where the listing is complete, the regions together are these topics exactly, and none can go. As with
/// [`super::difference`], what the broker refuses by itself counts for nothing.
pub fn differences(left: &DecisionList<'_>, right: &DecisionList<'_>) -> Listing<Region> {
    let work = Work::for_rules(size(left) + size(right));
    let pair = Pair::new(left, right);
    let mut candidates = Vec::new();
    let mut seen = HashSet::new();
    pair.gaps(&work, &mut |gap| {
        if seen.insert((gap.topics.clone(), gap.above)) {
            let rules = gap.rule.into_iter().collect();
            candidates.push(Candidate { gap, rules });
        }
        false
    });
    let lookups = [Lookup::new(left), Lookup::new(right)];
    let mut regions = Regions { pair, lookups, candidates, work };
    regions.widen();
    regions.into_listing()
}

/// All topics that a list allows.
pub fn minimal(list: &DecisionList<'_>) -> Listing<Region> {
    differences(list, &DecisionList::nothing(list.action))
}

struct Candidate {
    gap: Gap,
    rules: BTreeSet<usize>,
}

struct Regions<'s> {
    pair: Pair<'s>,
    lookups: [Lookup<'s>; 2],
    candidates: Vec<Candidate>,
    work: Work,
}

impl Regions<'_> {
    /// Adds what filters amount to together: `a/#` for `a` and `a/+/#`.
    fn widen(&mut self) {
        let mut set = Trie::new(Placeholders::Text);
        for (number, filter, _) in self.filters() {
            set.insert(&levels(filter, Placeholders::Text), number as u32);
        }
        let mut wider = Vec::new();
        for (_, filter, above) in self.filters() {
            let levels = levels(filter, Placeholders::Text);
            let [names @ .., Level::Rest] = &*levels else { continue };
            let wild = names.iter().rev().take_while(|level| **level == Level::Any).count();
            for kept in names.len() - wild..names.len() {
                let wanted = [&names[..kept], &[Level::Rest]].concat();
                let accept = |other: u32| self.candidates[other as usize].gap.above == above;
                let query = Query { levels: &wanted, user: None };
                let Outcome::By(by) = set.cover(query, &accept, &self.work) else { continue };
                // What one filter covers is nothing new.
                if let [first, _, ..] = &*by {
                    let first = &self.candidates[*first as usize];
                    let rules = by.iter().flat_map(|one| self.candidates[*one as usize].rules.clone());
                    let topics = Topics::Filter(text(&wanted));
                    let gap = Gap { topics, above, rule: None, topic: first.gap.topic.clone() };
                    wider.push(Candidate { gap, rules: rules.collect() });
                }
                break;
            }
        }
        self.candidates.extend(wider);
    }

    fn filters(&self) -> impl Iterator<Item = (usize, &[u8], Above)> {
        self.candidates.iter().enumerate().filter_map(|(number, candidate)| match &candidate.gap.topics {
            Topics::Filter(filter) => Some((number, &**filter, candidate.gap.above)),
            Topics::Dollar => None,
        })
    }

    /// The regions that others do not hold.
    fn into_listing(self) -> Listing<Region> {
        let mut set = Trie::new(Placeholders::Text);
        let members = self.pair.members.len() as u32;
        for (number, member) in (0..).zip(&self.pair.members) {
            set.insert(&levels(member.filter, Placeholders::Text), number);
        }
        for (number, filter, _) in self.filters() {
            set.insert(&levels(filter, Placeholders::Text), members + number as u32);
        }
        let mut gone = HashSet::new();
        let mut left: Vec<usize> = self.filters().map(|(number, ..)| number).collect();
        left.reverse();
        // What one other covers goes first, so that no wide filter is taken for the sum of narrow ones in it.
        for by_one in [true, false] {
            left.retain(|number| {
                let by = self.held_by(*number, &set, &gone);
                let is_needless = by.is_some_and(|by| !by_one || by.len() == 1);
                if is_needless {
                    gone.insert(*number);
                }
                !is_needless
            });
        }
        let kept: Vec<usize> = (0..self.candidates.len()).filter(|number| !gone.contains(number)).collect();
        let entries: Vec<Region> = kept.iter().filter_map(|number| self.region(*number)).collect();
        Listing { complete: entries.len() == kept.len() && !self.work.is_used_up(), entries }
    }

    /// The other candidates that hold all topics of one, if they do.
    ///
    /// A topic that a filter takes from some of the others lies in the meet with it, where only those count
    /// from which it takes nothing.
    fn held_by(&self, one: usize, set: &Trie<'_>, gone: &HashSet<usize>) -> Option<BTreeSet<usize>> {
        let Gap { topics: Topics::Filter(filter), above, .. } = &self.candidates[one].gap else {
            return None;
        };
        let mut by = BTreeSet::new();
        let whole = Above { left: usize::MAX, right: usize::MAX };
        self.part_is_held(filter, one, whole, set, gone, &mut by)?;
        let (mut lefts, mut rights) = (vec![None], vec![None]);
        let levels = levels(filter, Placeholders::Text);
        self.pair.set.meeting(Query { levels: &levels, user: None }, &self.work, &mut |member| {
            let member = &self.pair.members[member as usize];
            if !member.is_in(*above) {
                (if member.is_left { &mut lefts } else { &mut rights }).push(Some(member));
            }
            false
        });
        for (left, right) in lefts.iter().flat_map(|left| rights.iter().map(move |right| (left, right))) {
            if !self.work.spend(5) {
                return None;
            }
            let mut part = Some(filter.clone());
            let mut limit = whole;
            for member in [left, right].into_iter().flatten() {
                part = part.and_then(|part| meet(&part, member.filter));
                *(if member.is_left { &mut limit.left } else { &mut limit.right }) = member.tier;
            }
            if let Some(part) = part.filter(|_| limit != whole) {
                self.part_is_held(&part, one, limit, set, gone, &mut by)?;
            }
        }
        (!self.work.is_used_up()).then_some(by)
    }

    /// Adds the candidates that hold a part of one, of those that filters in front of `limit` do not touch.
    fn part_is_held(
        &self,
        part: &[u8],
        one: usize,
        limit: Above,
        set: &Trie<'_>,
        gone: &HashSet<usize>,
        by: &mut BTreeSet<usize>,
    ) -> Option<()> {
        let members = self.pair.members.len();
        let above = self.candidates[one].gap.above;
        let counts = |other: usize| {
            let untouched = self.candidates[other].gap.above;
            other != one
                && !gone.contains(&other)
                && untouched.left <= limit.left
                && untouched.right <= limit.right
        };
        let is_dollar =
            |other: &usize| self.candidates[*other].gap.topics == Topics::Dollar && counts(*other);
        if part.starts_with(b"$")
            && let Some(dollar) = (0..self.candidates.len()).find(is_dollar)
        {
            by.insert(dollar);
            return Some(());
        }
        let accept = |number: u32| match (number as usize).checked_sub(members) {
            None => self.pair.members[number as usize].is_in(above),
            Some(other) => counts(other),
        };
        let levels = levels(part, Placeholders::Text);
        match set.cover(Query { levels: &levels, user: None }, &accept, &self.work) {
            Outcome::By(found) => {
                by.extend(found.iter().filter_map(|number| (*number as usize).checked_sub(members)));
                Some(())
            }
            Outcome::Gap(_) => None,
        }
    }

    /// A region; nothing where the lists do not confirm its topic, or the work was used up.
    fn region(&self, number: usize) -> Option<Region> {
        let Candidate { gap, rules } = &self.candidates[number];
        let [left, right] = self.lookups.each_ref().map(|lookup| lookup.decide(&gap.topic, &self.work));
        let witness = Difference { topic: gap.topic.clone(), left: left?, right: right? };
        if !witness.left.allowed || witness.right.allowed {
            return None;
        }
        let mut found: Vec<Exception> = Vec::new();
        let mut add = |member: u32| {
            let member = &self.pair.members[member as usize];
            let common = match &gap.topics {
                _ if !member.is_in(gap.above) => None,
                Topics::Filter(filter) => meet(filter, member.filter),
                Topics::Dollar if !member.filter.starts_with(b"$") => None,
                Topics::Dollar => self.pair.left_of(member.filter).map(|part| part.into_owned()),
            };
            found.extend(common.map(|filter| Exception {
                filter,
                rule: member.rule,
                is_denied: member.is_left,
            }));
            false
        };
        match &gap.topics {
            Topics::Filter(filter) => {
                let levels = levels(filter, Placeholders::Text);
                self.pair.set.meeting(Query { levels: &levels, user: None }, &self.work, &mut add);
            }
            Topics::Dollar => (0..self.pair.members.len() as u32).for_each(|member| {
                add(member);
            }),
        }
        found.sort_by_key(|exception| (!exception.is_denied, exception.rule));
        let filters: Vec<&[u8]> = found.iter().map(|exception| &*exception.filter).collect();
        let gone = needless(&filters, &self.work);
        let except = (0..).zip(found).filter(|(place, _)| !gone.contains(place)).map(|(_, kept)| kept);
        let except = except.collect();
        Some(Region { topics: gap.topics.clone(), except, witness, rules: rules.iter().copied().collect() })
    }
}

/// The filters, by their place, that can all go, as the others cover them. Of equal ones the first stays.
fn needless(filters: &[&[u8]], work: &Work) -> HashSet<usize> {
    let mut set = Trie::new(Placeholders::Text);
    for (place, filter) in filters.iter().enumerate() {
        set.insert(&levels(filter, Placeholders::Text), place as u32);
    }
    let mut gone = HashSet::new();
    let mut left: Vec<usize> = (0..filters.len()).rev().collect();
    for by_one in [true, false] {
        left.retain(|place| {
            let levels = levels(filters[*place], Placeholders::Text);
            let accept = |other: u32| other as usize != *place && !gone.contains(&(other as usize));
            let is_needless = match set.cover(Query { levels: &levels, user: None }, &accept, work) {
                Outcome::By(by) => !by_one || by.len() == 1,
                Outcome::Gap(_) => false,
            };
            if is_needless {
                gone.insert(*place);
            }
            !is_needless
        });
    }
    gone
}

/// A filter as text.
fn text(levels: &[Level<'_>]) -> Vec<u8> {
    let texts: Vec<&[u8]> = levels
        .iter()
        .map(|level| match level {
            Level::Text(text) | Level::Names(text) => text,
            Level::Any => &b"+"[..],
            Level::Rest => b"#",
        })
        .collect();
    texts.join(&b'/')
}
