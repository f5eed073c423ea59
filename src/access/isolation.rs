//! Whether members of a fleet can reach each other's topics.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::decide::{Action, Client, Decision, Layer, Witness, put_names};
use super::difference::difference_within;
use super::filter::{Placeholders, split};
use super::identities::{Made, Names, People, Person, Realm};
use super::list::{DecisionList, ListedFilter, Tier};
use super::{Search, Work};

/// A member that reaches a topic of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intrusion {
    /// The member whose topic it is.
    pub of: Vec<u8>,
    /// What the intruder does with it.
    pub action: Action,
    /// The intruder and the topic.
    pub witness: Witness,
    /// The answer that allows it.
    pub decision: Decision,
}

/// Proves that no member can publish to, or receive, a topic of another member, whatever client id it takes.
///
/// `topics` are those of a member: filters in which `%u` and `%c` stand for its name, as they would in patterns
/// of the realm. With [`Names::Any`], whoever gets in with a user name is a member: then names are looked for
/// that overlap with another's, and where names may span levels and stand elsewhere in `topics` than in a
/// pattern, nothing is proved.
pub fn isolated(realm: &Realm<'_>, members: &Names<'_>, topics: &[&[u8]]) -> Search<Intrusion> {
    let realms = [realm];
    let people = People::new(&realms);
    let rules = realm.meaning.filters().count();
    let persons: Vec<Person> = match members {
        Names::Any => people.persons(),
        Names::Only(names) => names.iter().map(|name| Person::User(name.to_vec())).collect(),
    };
    let name = |person: &Person| match person {
        Person::User(name) => Some(name.clone()),
        Person::Anonymous | Person::Others => None,
    };
    let names: BTreeSet<Vec<u8>> = persons.iter().filter_map(name).collect();
    let another = people.another_name();
    let others = matches!(members, Names::Any).then_some(&another);
    let work = Work::for_everybody(rules + names.len());
    let is_plain = others.is_none() && names.iter().all(|name| !name.contains(&b'/'));
    let placeholders = realm.meaning.placeholders();
    let fleet = Fleet { people, names, others, topics, placeholders, is_plain, work };
    let mut is_sure = fleet.others.is_none() || !fleet.people.is_hard_for_any(topics);
    for person in persons.iter().filter(|person| **person != Person::Anonymous) {
        for action in [Action::Publish, Action::Receive] {
            match fleet.intrusion(person, action) {
                Search::Nothing => {}
                Search::GaveUp => is_sure = false,
                found => return found,
            }
        }
    }
    if is_sure { Search::Nothing } else { Search::GaveUp }
}

struct Fleet<'f, 'r, 'a> {
    people: People<'r, 'a>,
    /// The members that are known by name.
    names: BTreeSet<Vec<u8>>,
    /// A name that stands for all others, where any is a member.
    others: Option<&'f Vec<u8>>,
    topics: &'f [&'f [u8]],
    placeholders: Placeholders,
    /// Whether no known name holds several levels, and no unknown one counts.
    is_plain: bool,
    work: Work,
}

impl Fleet<'_, '_, '_> {
    /// The filters of a member's topics.
    fn topics_of(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let member = Client { user: Some(name), client_id: name };
        self.topics.iter().filter_map(|text| put_names(self.placeholders, text, member)).collect()
    }

    /// A topic of another member that a person can act on.
    fn intrusion(&self, person: &Person, action: Action) -> Search<Intrusion> {
        if let Person::User(name) = person
            && self.is_surely_isolated(person, name, action)
        {
            return Search::Nothing;
        }
        let mut owned: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for victim in self.names.iter().chain(self.others) {
            self.own(victim, &mut owned);
        }
        // Members of any name own what is the same but for the name.
        let anyone = if self.others.is_some() { self.topics.to_vec() } else { Vec::new() };
        let anyone: Vec<Vec<u8>> = anyone.into_iter().map(wildcards).collect();
        let asked = owned.iter().map(|(filter, _)| filter).chain(&anyone).map(|filter| &**filter);
        let asked: Vec<&[u8]> = asked.collect();
        let mut found = Search::Nothing;
        let is_done = self.people.each_client(person, action, &asked, &self.work, &mut |made, lists| {
            let Some(list) = lists.first() else { return true };
            found = self.reached(made, list, &owned);
            found != Search::Nothing
        });
        if is_done || found != Search::Nothing { found } else { Search::GaveUp }
    }

    fn own(&self, name: &[u8], owned: &mut Vec<(Vec<u8>, Vec<u8>)>) {
        owned.extend(self.topics_of(name).into_iter().map(|filter| (filter, name.to_vec())));
    }

    /// A topic of another member, of these and those whose names stand in the client's own filters.
    fn reached(
        &self,
        made: &Made,
        list: &DecisionList<'_>,
        owned: &[(Vec<u8>, Vec<u8>)],
    ) -> Search<Intrusion> {
        let mut owned = Cow::Borrowed(owned);
        if let Some(unknown) = self.others {
            let filters: Vec<&[u8]> =
                list.tiers.iter().flat_map(|tier| &tier.filters).map(|listed| &*listed.filter).collect();
            for name in self
                .topics
                .iter()
                .flat_map(|text| self.people.names_in(text, &filters, unknown, self.placeholders))
            {
                self.own(&name, owned.to_mut());
            }
        }
        if !self.work.spend(owned.len()) {
            return Search::GaveUp;
        }
        let others = owned.iter().enumerate().filter(|(_, (_, of))| made.0.as_ref() != Some(of));
        let filters = others.map(|(at, (filter, _))| listed(filter, Some(at)));
        let victims = DecisionList::new(list.action, vec![deny(filters.collect())], true);
        match difference_within(list, &victims, &self.work) {
            Search::Nothing => Search::Nothing,
            Search::GaveUp => Search::GaveUp,
            Search::Found(difference) => Search::Found(Intrusion {
                of: difference.right.rule.map(|at| owned[at].1.clone()).unwrap_or_default(),
                action: list.action,
                witness: witness(made, difference.topic),
                decision: difference.left,
            }),
        }
    }

    /// Whether a person reaches no topics but its own that any plain name could own: far cheaper than to look
    /// at each member.
    fn is_surely_isolated(&self, person: &Person, name: &[u8], action: Action) -> bool {
        if !self.is_plain {
            return false;
        }
        // A name inside a level: the wildcard that would stand for it is no filter.
        let anyone = self.topics_of(b"+");
        if anyone.iter().any(|filter| super::check(filter).is_err()) {
            return false;
        }
        let own = self.topics_of(name);
        let victims: Vec<DecisionList<'_>> =
            own.iter().zip(&anyone).map(|(own, anyone)| all_but_others(action, own, anyone)).collect();
        let asked: Vec<&[u8]> = anyone.iter().map(|filter| &**filter).collect();
        let mut reaches = false;
        let is_done = self.people.each_client(person, action, &asked, &self.work, &mut |_, lists| {
            reaches = victims.iter().any(|victims| {
                let reach = |list| difference_within(list, victims, &self.work);
                lists.iter().any(|list| reach(list) != Search::Nothing)
            });
            reaches
        });
        is_done && !reaches
    }
}

/// A filter with `+` for each level that holds a name.
fn wildcards(topics: &[u8]) -> Vec<u8> {
    let holds =
        |text: &[u8]| Placeholders::Anywhere.has_client_id(text) || Placeholders::Anywhere.has_user(text);
    let level = |text| if holds(text) { &b"+"[..] } else { text };
    split(topics).map(level).collect::<Vec<_>>().join(&b'/')
}

/// A list that denies what anyone owns, save what one owns.
fn all_but_others<'f>(action: Action, own: &'f [u8], anyone: &'f [u8]) -> DecisionList<'f> {
    let own = Tier { allows: true, ..deny(vec![listed(own, None)]) };
    DecisionList::new(action, vec![own, deny(vec![listed(anyone, None)])], true)
}

fn deny(filters: Vec<ListedFilter<'_>>) -> Tier<'_> {
    Tier { layer: Layer::OwnDeny, allows: false, filters }
}

fn listed(filter: &[u8], rule: Option<usize>) -> ListedFilter<'_> {
    ListedFilter { filter: Cow::Borrowed(filter), rule }
}

fn witness((user, client_id): &Made, topic: Vec<u8>) -> Witness {
    Witness { user: user.clone(), client_id: client_id.clone(), topic }
}

#[cfg(test)]
mod tests {
    use super::super::identities::{ClientIds, Logins};
    use super::super::list::Policy;
    use super::super::sample::acl;
    use super::*;
    use crate::catalogue::Release;

    fn intrusion(text: &str, release: Release, members: &Names<'_>) -> Option<String> {
        let file = acl(text);
        let policy = Policy::new(release, Some(&file));
        let logins = Logins { names: members.clone(), anonymous: false, client_ids: ClientIds::Chosen };
        let realm = Realm { meaning: &policy, logins };
        match isolated(&realm, members, &[b"devices/%u/#"]) {
            Search::Nothing => None,
            Search::GaveUp => Some("gave up".to_owned()),
            Search::Found(Intrusion { of, witness, .. }) => {
                let user = witness.user.unwrap_or_default();
                let texts = [&user, &witness.client_id, &witness.topic, &of];
                Some(texts.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).join(" "))
            }
        }
    }

    #[test]
    fn members_that_reach_others() {
        let (old, new) = (Release::new(2, 0, 21), Release::new(2, 1, 2));
        let own = "pattern readwrite devices/%u/#";
        let two = Names::Only([&b"d1"[..], b"d2"].into());
        assert_eq!(intrusion(own, new, &two), None);
        assert_eq!(intrusion(own, old, &two), None);
        assert_eq!(intrusion(own, new, &Names::Any), None);
        // A certificate name with a separator puts a member under another one.
        assert_eq!(
            intrusion(own, old, &Names::Any).as_deref(),
            Some("someone client devices/someone/another-someone someone/another-someone")
        );
        assert_eq!(
            intrusion(own, old, &Names::Only([&b"d"[..], b"d/e"].into())).as_deref(),
            Some("d client devices/d/e d/e")
        );
        let by_id = "pattern readwrite devices/%c/#";
        assert_eq!(intrusion(by_id, new, &two).as_deref(), Some("d1 d2 devices/d2 d2"));
        let grant = "user d1\ntopic read devices/+/state\npattern readwrite devices/%u/#";
        assert_eq!(intrusion(grant, new, &two).as_deref(), Some("d1 client devices/d2/state d2"));
        let unknown = "user d1\ntopic read devices/d3/state\npattern readwrite devices/%u/#";
        assert_eq!(intrusion(unknown, new, &two), None);
        assert_eq!(intrusion(unknown, new, &Names::Any).as_deref(), Some("d1 client devices/d3/state d3"));
    }

    #[test]
    fn a_large_fleet_is_quick() {
        let names: Vec<String> = (0..20_000).map(|number| format!("device-{number}")).collect();
        let members = Names::Only(names.iter().map(|name| name.as_bytes()).collect());
        assert_eq!(intrusion("pattern readwrite devices/%u/#", Release::newest(), &members), None);
    }
}
