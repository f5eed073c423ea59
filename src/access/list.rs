//! What one client may do with one action, as ordered sets of topics: the form that all exact answers take.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Work;
use super::decide::{Action, Client, Decision, Layer, broker_refuses, expand, gives, is_unsafe};
use super::filter::{Placeholders, check, levels, matches, meet};
use super::identities::Meaning;
use super::trie::{Query, Trie};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, Subject};

/// A filter without placeholders, and the line that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFilter<'a> {
    /// The filter; one that is not valid matches nothing.
    pub filter: Cow<'a, [u8]>,
    /// The line, as an index into [`Acl::rules`], or whatever the maker of the list counts.
    pub rule: Option<usize>,
}

/// Filters with one effect, asked together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier<'a> {
    /// The part of the procedure that it stands for.
    pub layer: Layer,
    /// Whether its filters allow; else they deny.
    pub allows: bool,
    /// In the order in which they are asked.
    pub filters: Vec<ListedFilter<'a>>,
}

/// What one client may do with one action.
///
/// The first tier with a filter that matches a topic decides. What the broker refuses by itself for the
/// action stands in front of all tiers (see [`Layer::Broker`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionList<'a> {
    /// What the client asks for.
    pub action: Action,
    /// In the order in which they are asked.
    pub tiers: Vec<Tier<'a>>,
    /// Whether a topic is allowed that no tier decides.
    pub default_allows: bool,
    /// The part of the procedure that such a topic comes to.
    pub default_layer: Layer,
}

impl<'a> DecisionList<'a> {
    /// A list whose tiers hold no broker's refusals; `default_allows` where none of them decides.
    pub fn new(action: Action, tiers: Vec<Tier<'a>>, default_allows: bool) -> Self {
        let default_layer = if default_allows { Layer::NoFile } else { Layer::Default };
        Self { action, tiers, default_allows, default_layer }
    }

    /// A list that allows nothing.
    pub fn nothing(action: Action) -> Self {
        Self::new(action, Vec::new(), false)
    }

    /// What an ACL file (`None`: no file) means for one client. For many clients of one file, see [`Policy`].
    pub fn of(release: Release, acl: Option<&'a Acl>, client: Client<'_>, action: Action) -> Self {
        Policy::new(release, acl).list(client, action)
    }

    /// Decides a topic: the same as [`super::decide`] where the list was made from a file.
    pub fn decide(&self, topic: &[u8]) -> Decision {
        if broker_refuses(self.action, topic) {
            return Decision { allowed: false, layer: Layer::Broker, rule: None };
        }
        for tier in &self.tiers {
            if let Some(found) = tier.filters.iter().find(|listed| matches(&listed.filter, topic)) {
                return Decision { allowed: tier.allows, layer: tier.layer, rule: found.rule };
            }
        }
        Decision { allowed: self.default_allows, layer: self.default_layer, rule: None }
    }

    /// Two lists that differ in few filters, without what cannot matter for what they decide differently:
    /// filters that meet none of those. `None` where the lists are not layered alike, or differ in many.
    pub(super) fn narrowed<'s>(
        &'s self,
        other: &'s DecisionList<'_>,
    ) -> Option<(DecisionList<'s>, DecisionList<'s>)> {
        const FEW: usize = 8;
        const ORDER: [(Layer, bool); 4] = [
            (Layer::OwnDeny, false),
            (Layer::OwnGrant, true),
            (Layer::PatternDeny, false),
            (Layer::PatternGrant, true),
        ];
        let place = |tier: &Tier<'_>| ORDER.iter().position(|known| *known == (tier.layer, tier.allows));
        let mut sets: [HashSet<(usize, &[u8])>; 2] = [HashSet::new(), HashSet::new()];
        for (list, set) in [self, other].into_iter().zip(&mut sets) {
            let mut next = 0;
            for tier in &list.tiers {
                let place = place(tier).filter(|place| *place >= next)?;
                next = place + 1;
                set.extend(tier.filters.iter().map(|listed| (place, &*listed.filter)));
            }
        }
        let differ: Vec<&[u8]> =
            sets[0].symmetric_difference(&sets[1]).take(FEW + 1).map(|(_, filter)| *filter).collect();
        if differ.len() > FEW || self.default_allows != other.default_allows {
            return None;
        }
        let counts = |listed: &&ListedFilter<'_>| {
            let meets = |filter: &&[u8]| **filter == *listed.filter || meet(filter, &listed.filter).is_some();
            check(&listed.filter).is_ok() && differ.iter().any(meets)
        };
        Some((self.only(&counts), other.only(&counts)))
    }

    /// The list without all other filters.
    fn only(&self, counts: &dyn Fn(&&ListedFilter<'_>) -> bool) -> DecisionList<'_> {
        let mut tiers = Vec::new();
        for tier in &self.tiers {
            let mut filters = Vec::new();
            for one in tier.filters.iter().filter(counts) {
                filters.push(ListedFilter { filter: Cow::Borrowed(&*one.filter), rule: one.rule });
            }
            tiers.push(Tier { layer: tier.layer, allows: tier.allows, filters });
        }
        DecisionList {
            action: self.action,
            tiers,
            default_allows: self.default_allows,
            default_layer: self.default_layer,
        }
    }

    /// Whether two lists have the same filters in the same order, and so the same meaning.
    pub(super) fn is_same(&self, other: &DecisionList<'_>) -> bool {
        let filters = |left: &Tier<'_>, right: &Tier<'_>| {
            left.filters.len() == right.filters.len()
                && left.filters.iter().zip(&right.filters).all(|(left, right)| left.filter == right.filter)
        };
        self.action == other.action
            && self.default_allows == other.default_allows
            && self.tiers.len() == other.tiers.len()
            && (self.tiers.iter().zip(&other.tiers))
                .all(|(left, right)| left.allows == right.allows && filters(left, right))
    }
}

/// A list whose filters are looked up, for many topics.
pub(super) struct Lookup<'s> {
    list: &'s DecisionList<'s>,
    /// All filters by their place, tier by tier.
    set: Trie<'s>,
    places: Vec<(usize, Option<usize>)>,
}

impl<'s> Lookup<'s> {
    pub(super) fn new(list: &'s DecisionList<'s>) -> Self {
        let (mut set, mut places) = (Trie::new(Placeholders::Text), Vec::new());
        for (tier, filters) in list.tiers.iter().enumerate() {
            for listed in &filters.filters {
                if check(&listed.filter).is_ok() {
                    set.insert(&levels(&listed.filter, Placeholders::Text), places.len() as u32);
                }
                places.push((tier, listed.rule));
            }
        }
        Self { list, set, places }
    }

    /// The same as [`DecisionList::decide`]; nothing where the work is used up.
    pub(super) fn decide(&self, topic: &[u8], work: &Work) -> Option<Decision> {
        if broker_refuses(self.list.action, topic) {
            return Some(Decision { allowed: false, layer: Layer::Broker, rule: None });
        }
        let levels = levels(topic, Placeholders::Text);
        let mut first: Option<u32> = None;
        self.set.meeting(Query { levels: &levels, user: None }, work, &mut |place| {
            first = Some(first.map_or(place, |first| first.min(place)));
            false
        });
        let list = self.list;
        let decision = match first.and_then(|place| self.places.get(place as usize)) {
            Some((tier, rule)) => {
                let tier = &list.tiers[*tier];
                Decision { allowed: tier.allows, layer: tier.layer, rule: *rule }
            }
            None => Decision { allowed: list.default_allows, layer: list.default_layer, rule: None },
        };
        (!work.is_used_up()).then_some(decision)
    }
}

/// An ACL file as a release reads it, with its lines sorted by subject.
pub struct Policy<'a> {
    release: Release,
    acl: Option<&'a Acl>,
    /// The lines by subject, and in the order of the file.
    rules: Vec<u32>,
    /// Where each subject's lines begin: the anonymous, everyone, each user; and the end.
    starts: Vec<u32>,
    users: HashMap<&'a [u8], u32>,
}

impl<'a> Policy<'a> {
    /// Sorts the lines of a file; `None` is no file, which allows everything.
    pub fn new(release: Release, acl: Option<&'a Acl>) -> Self {
        let mut users = HashMap::new();
        let (mut rules, mut starts) = (Vec::new(), Vec::new());
        if let Some(acl) = acl {
            for (index, user) in acl.users.iter().enumerate() {
                users.entry(&*user.name).or_insert(index as u32);
            }
            starts = vec![0; acl.users.len() + 3];
            let known =
                || (0u32..).zip(&acl.rules).filter(|(_, rule)| slot(rule.subject) + 1 < starts_len(acl));
            for (_, rule) in known() {
                starts[slot(rule.subject) + 1] += 1;
            }
            for at in 1..starts.len() {
                starts[at] += starts[at - 1];
            }
            let mut next = starts.clone();
            rules = vec![0; starts.last().copied().unwrap_or_default() as usize];
            for (index, rule) in known() {
                let place = &mut next[slot(rule.subject)];
                rules[*place as usize] = index;
                *place += 1;
            }
        }
        Self { release, acl, rules, starts, users }
    }

    /// The release.
    pub fn release(&self) -> Release {
        self.release
    }

    /// The file.
    pub fn acl(&self) -> Option<&'a Acl> {
        self.acl
    }

    /// The user with this name, as an index into [`Acl::users`].
    pub fn user(&self, name: &[u8]) -> Option<u32> {
        self.users.get(name).copied()
    }

    /// The lines of a subject, as indices into [`Acl::rules`].
    pub fn rules_of(&self, subject: Subject) -> &[u32] {
        let slot = slot(subject);
        match (self.starts.get(slot), self.starts.get(slot + 1)) {
            (Some(start), Some(end)) => &self.rules[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// What the file means for one client.
    pub fn list(&self, client: Client<'_>, action: Action) -> DecisionList<'a> {
        let mut list = DecisionList::nothing(action);
        let Some(acl) = self.acl else { return DecisionList::new(action, Vec::new(), true) };
        if action == Action::Subscribe {
            return DecisionList { default_allows: true, default_layer: Layer::Subscription, ..list };
        }
        let user = client.user.filter(|name| !name.is_empty());
        let client = Client { user, ..client };
        let section = match user {
            None => Some(Subject::Anonymous),
            Some(name) => self.user(name).map(Subject::User),
        };
        let mut add = |layer, subject: Subject| {
            let allows = matches!(layer, Layer::OwnGrant | Layer::PatternGrant);
            let mut filters = Vec::new();
            for index in self.rules_of(subject) {
                let rule = &acl.rules[*index as usize];
                if if allows { gives(rule.access, action) } else { rule.access == Access::Deny } {
                    let written = acl.filter(rule);
                    let filter = match subject {
                        Subject::Everyone if written.contains(&b'%') => {
                            expand(self.release, written, client).map(Cow::Owned)
                        }
                        _ => Some(Cow::Borrowed(written)),
                    };
                    let rule = Some(*index as usize);
                    filters.extend(filter.map(|filter| ListedFilter { filter, rule }));
                }
            }
            if !filters.is_empty() {
                list.tiers.push(Tier { layer, allows, filters });
            }
        };
        if let Some(section) = section {
            add(Layer::OwnDeny, section);
            add(Layer::OwnGrant, section);
        }
        let has_patterns = !self.rules_of(Subject::Everyone).is_empty();
        if has_patterns && (is_unsafe(client.client_id) || user.is_some_and(is_unsafe)) {
            list.default_layer = Layer::UnsafeName;
            return list;
        }
        add(Layer::PatternDeny, Subject::Everyone);
        add(Layer::PatternGrant, Subject::Everyone);
        list
    }
}

impl Meaning for Policy<'_> {
    fn names(&self) -> Vec<&[u8]> {
        self.acl.map(|acl| acl.users.iter().map(|user| &*user.name).collect()).unwrap_or_default()
    }

    fn filters(&self) -> Box<dyn Iterator<Item = &[u8]> + '_> {
        Box::new(self.acl.into_iter().flat_map(|acl| acl.rules.iter().map(|rule| acl.filter(rule))))
    }

    fn patterns(&self) -> Vec<&[u8]> {
        let pattern = |rule: &u32| self.acl.map(|acl| acl.filter(&acl.rules[*rule as usize]));
        self.rules_of(Subject::Everyone).iter().filter_map(pattern).collect()
    }

    fn placeholders(&self) -> Placeholders {
        Placeholders::in_patterns(self.release)
    }

    fn list(&self, client: Client<'_>, action: Action) -> DecisionList<'_> {
        Policy::list(self, client, action)
    }
}

/// The place of a subject in [`Policy::starts`].
fn slot(subject: Subject) -> usize {
    match subject {
        Subject::Anonymous => 0,
        Subject::Everyone => 1,
        Subject::User(user) => user as usize + 2,
    }
}

/// How many places [`Policy::starts`] has.
fn starts_len(acl: &Acl) -> usize {
    acl.users.len() + 3
}
