//! Topics that one list allows and another does not.
//!
//! Such a topic is matched by an allowing filter of the one and by a denying filter of the other (or falls to
//! a default), and by nothing that stands above the two and decides otherwise. So it lies in the meet of the
//! two filters, and the meet holds such a topic if and only if what stands above does not cover it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::cover::generic_topic;
use super::decide::{Action, BRIDGE_STATE, Decision, left_to_acl};
use super::filter::{Level, Placeholders, can_match, levels, meet, split};
use super::list::DecisionList;
use super::trie::{Outcome, Query, Trie, is_candidate};
use super::{Search, Work};

/// A topic that two lists decide differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The topic.
    pub topic: Vec<u8>,
    /// What the first list says.
    pub left: Decision,
    /// What the second list says.
    pub right: Decision,
}

/// How two lists relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// They allow the same topics.
    Equal,
    /// The first allows all that the second does, and more.
    Wider,
    /// The second allows all that the first does, and more.
    Narrower,
    /// Each allows something that the other does not.
    Incomparable,
}

impl Relation {
    /// The same, seen from the other side.
    pub fn reversed(self) -> Self {
        match self {
            Self::Wider => Self::Narrower,
            Self::Narrower => Self::Wider,
            same => same,
        }
    }
}

/// What each of two lists allows and the other does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison<D = Difference> {
    /// What only the first allows.
    pub only_left: Search<D>,
    /// What only the second allows.
    pub only_right: Search<D>,
}

impl<D> Comparison<D> {
    /// How the lists relate; `None` where the work was used up before that was known.
    pub fn relation(&self) -> Option<Relation> {
        match (&self.only_left, &self.only_right) {
            (Search::Nothing, Search::Nothing) => Some(Relation::Equal),
            (Search::Found(_), Search::Nothing) => Some(Relation::Wider),
            (Search::Nothing, Search::Found(_)) => Some(Relation::Narrower),
            (Search::Found(_), Search::Found(_)) => Some(Relation::Incomparable),
            (Search::GaveUp, _) | (_, Search::GaveUp) => None,
        }
    }
}

/// A topic that `left` allows and `right` does not.
///
/// Topics that the broker refuses by itself for the action of either count for nothing. For filters within a
/// few bytes of [`super::MAX_BYTES`], where no room is left for names, the answer may be
/// [`Search::GaveUp`].
pub fn difference(left: &DecisionList<'_>, right: &DecisionList<'_>) -> Search<Difference> {
    difference_within(left, right, &Work::for_rules(size(left) + size(right)))
}

/// Compares two lists: [`difference`] both ways.
pub fn compare(left: &DecisionList<'_>, right: &DecisionList<'_>) -> Comparison {
    compare_within(left, right, &Work::for_rules(size(left) + size(right)))
}

pub(super) fn compare_within(left: &DecisionList<'_>, right: &DecisionList<'_>, work: &Work) -> Comparison {
    let only_left = difference_within(left, right, work);
    let only_right = match difference_within(right, left, work) {
        Search::Found(Difference { topic, left, right }) => {
            Search::Found(Difference { topic, left: right, right: left })
        }
        other => other,
    };
    Comparison { only_left, only_right }
}

pub(super) fn difference_within(
    left: &DecisionList<'_>,
    right: &DecisionList<'_>,
    work: &Work,
) -> Search<Difference> {
    if left.is_same(right) {
        return Search::Nothing;
    }
    let narrowed = left.narrowed(right);
    let (left, right) = narrowed.as_ref().map_or((left, right), |(left, right)| (left, right));
    let mut found = Search::Nothing;
    let pair = Pair::new(left, right);
    pair.gaps(work, &mut |gap| {
        found = pair.difference(&gap.topic).map_or(Search::GaveUp, Search::Found);
        matches!(found, Search::Found(_))
    });
    if work.is_used_up() && matches!(found, Search::Nothing) { Search::GaveUp } else { found }
}

/// How many filters a list has.
pub(super) fn size(list: &DecisionList<'_>) -> usize {
    list.tiers.iter().map(|tier| tier.filters.len()).sum()
}

/// Some topics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topics {
    /// Those of a filter.
    Filter(Vec<u8>),
    /// All that start with `$`, save those that the broker keeps to itself for the action: no filter says so,
    /// only where there is no file are they allowed.
    Dollar,
}

/// Up to which tier the filters of the two lists stand above a place: those on the left that deny, those on
/// the right that allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Above {
    pub(super) left: usize,
    pub(super) right: usize,
}

/// The topics that an allowing filter of the left list and a denying one of the right share, not all of which
/// the filters above cover.
pub(super) struct Gap {
    pub(super) topics: Topics,
    pub(super) above: Above,
    /// The line of the filter on the left.
    pub(super) rule: Option<usize>,
    /// One that is not covered.
    pub(super) topic: Vec<u8>,
}

/// A filter that stands above others.
pub(super) struct Member<'s> {
    pub(super) is_left: bool,
    pub(super) tier: usize,
    pub(super) filter: &'s [u8],
    pub(super) rule: Option<usize>,
}

impl Member<'_> {
    pub(super) fn is_in(&self, above: Above) -> bool {
        self.tier < if self.is_left { above.left } else { above.right }
    }
}

/// Two lists, prepared to be asked what the left one allows and the right one does not.
pub(super) struct Pair<'s> {
    pub(super) left: &'s DecisionList<'s>,
    pub(super) right: &'s DecisionList<'s>,
    /// The filters on the left that deny and those on the right that allow.
    pub(super) members: Vec<Member<'s>>,
    /// The same by their number.
    pub(super) set: Trie<'s>,
    /// The filters on the right that deny, by number.
    denials: Vec<(usize, &'s [u8])>,
    denied: Trie<'s>,
    /// A level name that no filter holds, not even behind a `$`.
    fresh: Vec<u8>,
}

impl<'s> Pair<'s> {
    pub(super) fn new(left: &'s DecisionList<'s>, right: &'s DecisionList<'s>) -> Self {
        let mut pair = Self {
            left,
            right,
            members: Vec::new(),
            set: Trie::new(Placeholders::Text),
            denials: Vec::new(),
            denied: Trie::new(Placeholders::Text),
            fresh: fresh_name(&[left, right]),
        };
        for (is_left, list) in [(true, left), (false, right)] {
            for (tier, filters) in list.tiers.iter().enumerate() {
                let stands_above = filters.allows != is_left;
                for listed in filters.filters.iter().filter(|listed| can_match(&listed.filter)) {
                    let filter = &*listed.filter;
                    if stands_above {
                        pair.set.insert(&levels(filter, Placeholders::Text), pair.members.len() as u32);
                        pair.members.push(Member { is_left, tier, filter, rule: listed.rule });
                    } else if !is_left {
                        pair.denied.insert(&levels(filter, Placeholders::Text), pair.denials.len() as u32);
                        pair.denials.push((tier, filter));
                    }
                }
            }
        }
        pair
    }

    /// A topic with what both lists say; `None` where the left one does not allow it or the right one does.
    pub(super) fn difference(&self, topic: &[u8]) -> Option<Difference> {
        let (left, right) = (self.left.decide(topic), self.right.decide(topic));
        (left.allowed && !right.allowed).then(|| Difference { topic: topic.to_vec(), left, right })
    }

    /// Shows each gap to `visit` until it returns true.
    ///
    /// Where the work is used up, the rest is not shown.
    pub(super) fn gaps(&self, work: &Work, visit: &mut dyn FnMut(Gap) -> bool) {
        for (tier, filters) in self.left.tiers.iter().enumerate().filter(|(_, tier)| tier.allows) {
            for listed in filters.filters.iter().filter(|listed| can_match(&listed.filter)) {
                let Some(part) = self.left_of(&listed.filter) else { continue };
                if self.gaps_of(&part, (tier, listed.rule), work, visit) {
                    return;
                }
            }
        }
        if !self.left.default_allows {
            return;
        }
        let all = Above { left: self.left.tiers.len(), right: self.right.tiers.len() };
        // There is always a first level that starts with `$` and that no filter holds.
        let dollar = || [b"$", &*self.fresh].concat();
        if !self.right.default_allows
            && visit(Gap { topics: Topics::Dollar, above: all, rule: None, topic: dollar() })
        {
            return;
        }
        let is_publish = [self.left.action, self.right.action].contains(&Action::Publish);
        let bridges = is_publish.then_some(BRIDGE_STATE);
        let stopped = [Some(&b"#"[..]), bridges]
            .into_iter()
            .flatten()
            .any(|filter| self.gaps_of(filter, (all.left, None), work, visit));
        if stopped {
            return;
        }
        for (tier, filter) in self.denials.iter().filter(|(_, filter)| filter.starts_with(b"$")) {
            let Some(part) = self.left_of(filter) else { continue };
            if self.gap(&part, Above { right: *tier, ..all }, None, work).is_some_and(&mut *visit) {
                return;
            }
        }
    }

    /// The part of a filter that the broker does not refuse for the action of either list.
    pub(super) fn left_of<'f>(&self, filter: &'f [u8]) -> Option<Cow<'f, [u8]>> {
        let mut part = Cow::Borrowed(filter);
        for action in [self.left.action, self.right.action] {
            // It refuses no subscription.
            if action != Action::Subscribe {
                part = Cow::Owned(left_to_acl(&part, Placeholders::Text, action)?.into_owned());
            }
        }
        Some(part)
    }

    /// The gaps in what the left list allows by `part` in this tier; returns whether `visit` stopped.
    fn gaps_of(
        &self,
        part: &[u8],
        (tier, rule): (usize, Option<usize>),
        work: &Work,
        visit: &mut dyn FnMut(Gap) -> bool,
    ) -> bool {
        let above = |right| Above { left: tier, right };
        let by_default = above(self.right.tiers.len());
        if !self.right.default_allows && self.gap(part, by_default, rule, work).is_some_and(&mut *visit) {
            return true;
        }
        let levels = levels(part, Placeholders::Text);
        self.denied.meeting(Query { levels: &levels, user: None }, work, &mut |number| {
            let (tier, denial) = self.denials[number as usize];
            let common = meet(part, denial);
            common.and_then(|common| self.gap(&common, above(tier), rule, work)).is_some_and(&mut *visit)
        })
    }

    /// The gap in a filter, if what stands above does not cover it.
    fn gap(&self, filter: &[u8], above: Above, rule: Option<usize>, work: &Work) -> Option<Gap> {
        let levels = levels(filter, Placeholders::Text);
        let accept = |number: u32| self.members[number as usize].is_in(above);
        match self.set.cover(Query { levels: &levels, user: None }, &accept, work) {
            Outcome::Gap(tail) if !work.is_used_up() => Some(Gap {
                topics: Topics::Filter(filter.to_vec()),
                above,
                rule,
                topic: self.topic(&levels, tail),
            }),
            _ => None,
        }
    }

    /// The topic of a filter with a name in place of its wildcards that no filter holds.
    pub(super) fn topic(&self, levels: &[Level<'_>], tail: usize) -> Vec<u8> {
        generic_topic(levels, tail, &self.fresh)
    }
}

/// A level name that no filter of the lists holds, neither as it is nor behind `$`.
pub(super) fn fresh_name(lists: &[&DecisionList<'_>]) -> Vec<u8> {
    let mut taken: HashSet<&[u8]> = HashSet::new();
    for listed in lists.iter().flat_map(|list| &list.tiers).flat_map(|tier| &tier.filters) {
        for level in split(&listed.filter) {
            let level = level.strip_prefix(b"$").unwrap_or(level);
            if is_candidate(level) {
                taken.insert(level);
            }
        }
    }
    let letters = (b'a'..=b'z').rev().map(|letter| vec![letter]);
    let numbered = (1u32..).map(|number| format!("x{number}").into_bytes());
    letters.chain(numbered).find(|name| !taken.contains(&**name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::decide::{Client, Layer};
    use super::super::list::{ListedFilter, Tier};
    use super::super::sample::acl;
    use super::super::{MAX_BYTES, MAX_LEVELS, compare};
    use super::*;
    use crate::catalogue::Release;

    fn list(action: Action, tiers: &[(bool, &[&str])], default_allows: bool) -> DecisionList<'static> {
        let listed = |text: &&str| ListedFilter {
            filter: Cow::Owned(text.as_bytes().to_vec()),
            rule: Some(text.len()),
        };
        let tier = |(allows, filters): &(bool, &[&str])| Tier {
            layer: if *allows { Layer::OwnGrant } else { Layer::OwnDeny },
            allows: *allows,
            filters: filters.iter().map(listed).collect(),
        };
        DecisionList::new(action, tiers.iter().map(tier).collect(), default_allows)
    }

    fn only(found: &Search<Difference>) -> Option<&str> {
        match found {
            Search::Found(found) => str::from_utf8(&found.topic).ok(),
            Search::Nothing => None,
            Search::GaveUp => Some("gave up"),
        }
    }

    type Sides<'t> = (&'t [(bool, &'t [&'t str])], bool);

    #[test]
    fn what_one_allows_and_the_other_does_not() {
        use Action::{Publish, Receive, Subscribe};
        let (last, deep) = (["+"; MAX_LEVELS].join("/"), ["+"; MAX_LEVELS - 1].join("/"));
        let to_the_end = format!("{deep}/#");
        type Case<'t> = (Action, Sides<'t>, Sides<'t>, Option<&'t str>, Option<&'t str>);
        let cases: &[Case<'_>] = &[
            (Receive, (&[(true, &["a/#"])], false), (&[(true, &["a", "a/+/#"])], false), None, None),
            (Receive, (&[(true, &["a/#"])], false), (&[(true, &["a/+/#"])], false), Some("a"), None),
            (Receive, (&[(true, &["+/#"])], false), (&[(true, &["#"])], false), None, None),
            (Receive, (&[(true, &["+"])], false), (&[(true, &["/", "a"])], false), Some("z"), Some("/")),
            (
                Receive,
                (&[(true, &["#"])], false),
                (&[(false, &["a/+"]), (true, &["#"])], false),
                Some("a/z"),
                None,
            ),
            (
                Receive,
                (&[(false, &["a/b"]), (true, &["#"])], false),
                (&[(true, &["a/+"]), (false, &["+/b"]), (true, &["#"])], false),
                Some("z/b"),
                Some("a/b"),
            ),
            (Receive, (&[], true), (&[(true, &["#"])], false), Some("$z"), None),
            (
                Publish,
                (&[(true, &["$SYS/#"])], false),
                (&[], false),
                Some("$SYS/broker/connection/z/state"),
                None,
            ),
            (Publish, (&[(true, &["$SYS/a", "$SYSx"])], false), (&[], false), None, None),
            (Receive, (&[(true, &["$SYS/a", "$share/a"])], false), (&[], false), Some("$SYS/a"), None),
            (Subscribe, (&[(true, &["$share/a"])], false), (&[], false), Some("$share/a"), None),
            (
                Publish,
                (&[], true),
                (&[(false, &["$SYS/#"])], true),
                Some("$SYS/broker/connection/z/state"),
                None,
            ),
            (Receive, (&[(true, &[&to_the_end])], false), (&[(true, &[&last, &deep])], false), None, None),
            (Receive, (&[(true, &["a\tb", "c/b+"])], false), (&[], false), None, None),
        ];
        for (action, left, right, more, less) in cases {
            let (left, right) = (list(*action, left.0, left.1), list(*action, right.0, right.1));
            let found = compare(&left, &right);
            assert_eq!(only(&found.only_left), *more, "{left:?} {right:?}");
            assert_eq!(only(&found.only_right), *less, "{left:?} {right:?}");
            let expected = match (more, less) {
                (None, None) => Relation::Equal,
                (Some(_), None) => Relation::Wider,
                (None, Some(_)) => Relation::Narrower,
                (Some(_), Some(_)) => Relation::Incomparable,
            };
            assert_eq!(found.relation(), Some(expected));
            assert_eq!(compare(&right, &left).relation(), Some(expected.reversed()));
        }
    }

    #[test]
    fn names_that_do_not_fit_any_more() {
        let long = "l".repeat(MAX_BYTES - 2);
        let (one, any) = (format!("{long}/+"), format!("{long}/#"));
        let all = list(Action::Receive, &[(true, &[&any])], false);
        let two = format!("{long}//");
        let both = list(Action::Receive, &[(true, &[&long, &one, &two])], false);
        assert_eq!(difference(&both, &all), Search::Nothing);
        assert_eq!(difference(&all, &both), Search::GaveUp);
    }

    #[test]
    fn deciding_lines_of_both_sides() {
        let file = acl("user u\ntopic deny a/b\ntopic read a/#\npattern deny c/%c\npattern read c/#");
        let list = |user: &'static str| {
            let client = Client { user: Some(user.as_bytes()), client_id: b"i" };
            DecisionList::of(Release::newest(), Some(&file), client, Action::Receive)
        };
        let Search::Found(found) = difference(&list("u"), &list("v")) else { panic!("u reads a/#") };
        assert_eq!(
            (found.left.rule, found.left.layer, found.right.layer),
            (Some(1), Layer::OwnGrant, Layer::Default)
        );
        assert_eq!(difference(&list("v"), &list("u")), Search::Nothing);
        let all = DecisionList::new(Action::Receive, Vec::new(), true);
        let Search::Found(found) = difference(&all, &list("u")) else { panic!("all is more") };
        assert_eq!(found.topic, b"$z");
    }

    #[test]
    fn lists_made_to_be_hard_end() {
        let filter = |at: u32, wild: &'static str| {
            (0..12).map(|bit| if at >> bit & 1 == 1 { "+" } else { wild }).collect::<Vec<_>>().join("/")
        };
        let texts = |wild| (0..4_000).map(|at| filter(at, wild)).collect::<Vec<_>>();
        let (left, right) = (texts("a"), texts("b"));
        let tier = |allows, texts: &[String]| Tier {
            layer: Layer::OwnGrant,
            allows,
            filters: texts
                .iter()
                .map(|text| ListedFilter { filter: Cow::Owned(text.clone().into_bytes()), rule: None })
                .collect(),
        };
        let allows = DecisionList::new(Action::Receive, vec![tier(true, &left)], false);
        let other = DecisionList::new(Action::Receive, vec![tier(false, &right), tier(true, &left)], false);
        assert_ne!(difference(&allows, &other), Search::Nothing);
        let found = super::super::differences(&allows, &other);
        assert!(!found.complete);
    }
}
