//! Lists of decisions: what is in them, and how they relate.

use std::borrow::Cow;

use super::*;
use crate::access::difference::Topics as Claimed;
use crate::access::tests::hold;

/// Topics that the broker may keep to itself, and others that start with `$`.
const SPECIAL_TOPICS: [&str; 17] = [
    "$g",
    "$f",
    "$f/f",
    "$f/a",
    "$SYS",
    "$SYS/f",
    "$SYSf",
    "$SYSx",
    "$SYSx/a",
    "$share",
    "$share/a/b",
    "$sharef",
    "$SYS/broker/connection/a/state",
    "$SYS/broker/connection/b/state",
    "$SYS/broker/connection/f/state",
    "$SYS/broker/connection/f/f",
    "$SYS/broker/connection/a",
];

const SPECIAL_FILTERS: [&str; 10] = [
    "$SYS/#",
    "$SYSx/#",
    "$SYS/broker/#",
    "$SYS/broker/connection/+/state",
    "$SYS/broker/connection/a/#",
    "$SYS/+/+/a/+",
    "$SYS",
    "$share/#",
    "$f/#",
    "$x/#",
];

/// The topics of the alphabet and the special ones.
pub(super) fn topics() -> Topics {
    let mut topics = Topics::new();
    topics.all.extend(SPECIAL_TOPICS.map(|topic| topic.as_bytes().to_vec()));
    assert!(topics.all.len() <= 13 * 64);
    topics
}

/// The topics that a list allows, by the sets of its filters.
pub(super) fn allowed_by(topics: &Topics, list: &DecisionList<'_>) -> Bits {
    let mut allowed = Bits::default();
    let mut decided = topics.refused(list.action);
    for tier in &list.tiers {
        let hit = tier.filters.iter().fold(Bits::default(), |hit, listed| or(hit, topics.of(&listed.filter)));
        if tier.allows {
            allowed = or(allowed, minus(hit, decided));
        }
        decided = or(decided, hit);
    }
    if list.default_allows { or(allowed, minus(topics.everything(), decided)) } else { allowed }
}

impl Topics {
    fn everything(&self) -> Bits {
        self.that(b"\0all", |_| true)
    }

    /// The topics with a property; no filter is called by this key.
    fn that(&self, key: &[u8], is_in: impl Fn(&[u8]) -> bool) -> Bits {
        if let Some(bits) = self.matched.borrow().get(key) {
            return *bits;
        }
        let mut bits = Bits::default();
        for (index, _) in self.all.iter().enumerate().filter(|(_, topic)| is_in(topic)) {
            bits[index / 64] |= 1 << (index % 64);
        }
        self.matched.borrow_mut().insert(key.to_vec(), bits);
        bits
    }

    fn refused(&self, action: Action) -> Bits {
        let is_refused =
            |topic: &[u8]| decide(Release::newest(), None, NOBODY, action, topic).layer == Layer::Broker;
        self.that(&[0, action as u8], is_refused)
    }
}

const NOBODY: Client<'static> = Client { user: None, client_id: b"f" };

fn any_filter() -> impl Strategy<Value = String> {
    prop_oneof![5 => filter(FILTER_NAMES), 1 => select(SPECIAL_FILTERS.to_vec()).prop_map(str::to_owned)]
}

/// Tiers in order: whether each allows, and its filters.
type Tiers = Vec<(bool, Vec<String>)>;

/// Up to five tiers in any order, and what is the default.
fn tiers() -> impl Strategy<Value = (Tiers, bool)> {
    let tier = (any::<bool>(), prop::collection::vec(any_filter(), 1..=4));
    (prop::collection::vec(tier, 0..=5), prop::bool::weighted(0.25))
}

fn action() -> impl Strategy<Value = Action> {
    select(vec![Action::Publish, Action::Receive, Action::Publish, Action::Subscribe])
}

fn list_of(action: Action, (tiers, default_allows): &(Tiers, bool)) -> DecisionList<'static> {
    let mut rule = 0;
    let mut listed = |filter: &String| {
        rule += 1;
        ListedFilter { filter: Cow::Owned(filter.clone().into_bytes()), rule: Some(rule) }
    };
    let tiers = tiers.iter().map(|(allows, filters)| {
        let layer = if *allows { Layer::OwnGrant } else { Layer::OwnDeny };
        Tier { layer, allows: *allows, filters: filters.iter().map(&mut listed).collect() }
    });
    DecisionList::new(action, tiers.collect(), *default_allows)
}

/// Two lists for one action; the second is often the first with some filters less.
fn two_lists() -> impl Strategy<Value = (Action, (Tiers, bool), (Tiers, bool))> {
    let gone = prop::option::of(prop::collection::vec(any::<Index>(), 1..=2));
    (action(), tiers(), tiers(), gone).prop_map(|(action, left, other, gone)| {
        let mut right = if gone.is_some() { left.clone() } else { other };
        for index in gone.into_iter().flatten().filter(|_| !left.0.is_empty()) {
            let filters = &mut right.0[index.index(left.0.len())].1;
            if !filters.is_empty() {
                filters.remove(index.index(filters.len()));
            }
        }
        (action, left, right)
    })
}

#[test]
fn lists_are_what_files_decide() {
    let topics = topics();
    hold("lists", 5_000, (policy(3), release()), |(text, release)| {
        let acl = acl(&text);
        let policies = [Policy::new(release, Some(&acl)), Policy::new(release, None)];
        for client in clients() {
            for (policy, action) in policies.iter().flat_map(|policy| ACTIONS.map(|action| (policy, action)))
            {
                let list = policy.list(client, action);
                let bits = allowed_by(&topics, &list);
                for (index, topic) in topics.all.iter().enumerate().skip(text.len() % 97).step_by(97) {
                    let decision = decide(release, policy.acl(), client, action, topic);
                    prop_assert_eq!(list.decide(topic), decision, "{:?} {:?}", client, action);
                    prop_assert_eq!(bits[index / 64] >> (index % 64) & 1 == 1, decision.allowed);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn differences_are_found_or_proved_absent() {
    let topics = topics();
    hold("difference", 60_000, two_lists(), |(action, left, right)| {
        let (left, right) = (list_of(action, &left), list_of(action, &right));
        let (allows, other) = (allowed_by(&topics, &left), allowed_by(&topics, &right));
        let found = compare(&left, &right);
        for (search, only, sides) in [
            (&found.only_left, minus(allows, other), [true, false]),
            (&found.only_right, minus(other, allows), [false, true]),
        ] {
            match search {
                Search::Found(difference) => {
                    let decisions = [left.decide(&difference.topic), right.decide(&difference.topic)];
                    prop_assert_eq!(decisions, [difference.left, difference.right]);
                    prop_assert_eq!(decisions.map(|decision| decision.allowed), sides);
                }
                Search::Nothing => prop_assert!(only == Bits::default()),
                Search::GaveUp => prop_assert!(false, "gave up"),
            }
        }
        let back = compare(&right, &left);
        prop_assert_eq!(found.relation().map(Relation::reversed), back.relation());
        let topic = |search: &Search<Difference>| match search {
            Search::Found(difference) => Some(difference.topic.clone()),
            _ => None,
        };
        prop_assert_eq!(topic(&found.only_left), topic(&back.only_right));
        prop_assert_eq!(compare(&left, &left).relation(), Some(Relation::Equal));
        Ok(())
    });
}

#[test]
fn regions_are_the_difference() {
    let topics = topics();
    hold("regions", 30_000, two_lists(), |(action, left, right)| {
        let (left, right) = (list_of(action, &left), list_of(action, &right));
        let wanted = minus(allowed_by(&topics, &left), allowed_by(&topics, &right));
        let found = differences(&left, &right);
        prop_assert!(found.complete);
        let parts: Vec<Bits> =
            found.entries.iter().map(|region| of_region(&topics, region, left.action)).collect();
        let all = parts.iter().fold(Bits::default(), |all, part| or(all, *part));
        prop_assert!(all == wanted, "{:?}", found.entries);
        // No topic of the alphabet is as deep as some special filters.
        let is_deep = [&left, &right].iter().flat_map(|list| &list.tiers).any(|tier| {
            tier.filters.iter().any(|listed| listed.filter.split(|byte| *byte == b'/').count() > 4)
        });
        for (gone, region) in found.entries.iter().enumerate() {
            let topic = &region.witness.topic;
            prop_assert_eq!(left.decide(topic), region.witness.left);
            prop_assert_eq!(right.decide(topic), region.witness.right);
            prop_assert!(region.witness.left.allowed && !region.witness.right.allowed);
            if is_deep {
                continue;
            }
            let rest = parts.iter().enumerate().filter(|(at, _)| *at != gone);
            let rest = rest.fold(Bits::default(), |all, (_, part)| or(all, *part));
            prop_assert!(rest != wanted, "{:?} can go of {:?}", region, found.entries);
            let denied = |exception: &Exception| topics.of(&exception.filter);
            for needless in &region.except {
                let others = region.except.iter().filter(|other| *other != needless);
                let others = others.fold(Bits::default(), |all, other| or(all, denied(other)));
                prop_assert!(minus(denied(needless), others) != Bits::default(), "{:?}", region);
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_allowed_in_the_fewest_filters() {
    let topics = topics();
    hold("minimal", 10_000, (action(), tiers()), |(action, tiers)| {
        let list = list_of(action, &tiers);
        let found = minimal(&list);
        prop_assert!(found.complete);
        let parts = found.entries.iter().map(|region| of_region(&topics, region, list.action));
        let all = parts.fold(Bits::default(), or);
        prop_assert!(all == allowed_by(&topics, &list), "{:?}", found.entries);
        Ok(())
    });
}

/// The topics of a region.
fn of_region(topics: &Topics, region: &Region, action: Action) -> Bits {
    let all = match &region.topics {
        Claimed::Filter(filter) => topics.of(filter),
        Claimed::Dollar => {
            minus(topics.that(b"\0$", |topic| topic.starts_with(b"$")), topics.refused(action))
        }
    };
    region.except.iter().fold(all, |rest, exception| minus(rest, topics.of(&exception.filter)))
}
