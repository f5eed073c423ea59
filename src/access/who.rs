//! Who may do something with the topics of a filter.

use std::borrow::Cow;
use std::collections::HashMap;

use super::cover::shortest_topic;
use super::decide::{Action, Decision, Layer, Witness, left_to_acl};
use super::difference::difference_within;
use super::filter::{Placeholders, can_match, levels};
use super::identities::{Made, People, Person, Realm};
use super::list::{DecisionList, ListedFilter, Tier};
use super::{Listing, Search, Work};

/// How many topics of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Share {
    /// None of them, whichever name and client id is chosen.
    None,
    /// Some of them.
    Some,
    /// Each of them, with one and the same name and client id.
    All,
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The client and the topic.
    pub witness: Witness,
    /// The answer.
    pub decision: Decision,
}

/// What a person may do with the topics of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Whom it is about; where names or client ids are chosen, as the client that may most.
    pub person: Person,
    /// How many of the topics.
    pub share: Share,
    /// One that is allowed; none where none is.
    pub allowed: Option<Judged>,
    /// One that is denied; none where all are allowed.
    pub denied: Option<Judged>,
}

/// What everybody who gets in may do with the topics of a filter. For a filter that matches no topic, there
/// is no entry.
///
/// In releases where names may span levels, there is none for unlisted names either where `%c` stands before
/// `%u` in a pattern, or in the same level, unless they may do it with all topics: the listing is then not
/// complete.
pub fn who(realm: &Realm<'_>, action: Action, filter: &[u8]) -> Listing<Holder> {
    let mut listing = Listing { entries: Vec::new(), complete: true };
    if !can_match(filter) {
        return listing;
    }
    let realms = [realm];
    let people = People::new(&realms);
    let work = Work::for_everybody(realm.meaning.filters().count());
    let named = people.named();
    let question = Question::new(action, filter);
    let mut known: HashMap<Vec<bool>, Holder> = HashMap::new();
    for person in people.persons() {
        let key = people.stand_in(&person, &named);
        let before = key.as_ref().and_then(|key| known.get(key));
        let found = match before {
            Some(holder) => Some(renamed(holder, &person)),
            None => question.holder(&people, &person, &work),
        };
        if let (Some(key), Some(holder)) = (key, &found) {
            known.entry(key).or_insert_with(|| holder.clone());
        }
        listing.complete &= found.is_some();
        listing.entries.extend(found);
    }
    listing
}

/// A topic of a filter that somebody may act on, of the persons that `is_asked` picks.
pub fn may(
    realm: &Realm<'_>,
    is_asked: &dyn Fn(&Person) -> bool,
    action: Action,
    filter: &[u8],
) -> Search<(Person, Judged)> {
    if !can_match(filter) {
        return Search::Nothing;
    }
    let realms = [realm];
    let people = People::new(&realms);
    let work = Work::for_everybody(realm.meaning.filters().count());
    let question = Question::new(action, filter);
    let mut is_sure = true;
    for person in people.persons().into_iter().filter(is_asked) {
        let mut found = None;
        is_sure &= people.each_client(&person, action, &[filter], &work, &mut |made, lists| {
            found = lists.first().and_then(|list| question.allowed(made, list, &work));
            found.is_some()
        });
        if let Some(judged) = found {
            return Search::Found((person, judged));
        }
        is_sure &= !people.is_tangled(&person);
    }
    if is_sure { Search::Nothing } else { Search::GaveUp }
}

/// A filter, as the lists that it is compared with.
struct Question<'q> {
    filter: &'q [u8],
    only: DecisionList<'q>,
    all_but: DecisionList<'q>,
    /// Whether the broker refuses some of its topics by itself.
    is_refused: bool,
}

impl<'q> Question<'q> {
    fn new(action: Action, filter: &'q [u8]) -> Self {
        let tier = |allows| {
            let layer = if allows { Layer::OwnGrant } else { Layer::OwnDeny };
            Tier { layer, allows, filters: vec![ListedFilter { filter: Cow::Borrowed(filter), rule: None }] }
        };
        let list = |allows| DecisionList::new(action, vec![tier(allows)], !allows);
        let left = left_to_acl(filter, Placeholders::Text, action);
        let is_refused = action != Action::Subscribe && left.as_deref() != Some(filter);
        Self { filter, only: list(true), all_but: list(false), is_refused }
    }

    /// A topic of the filter that a client may act on.
    fn allowed(&self, made: &Made, list: &DecisionList<'_>, work: &Work) -> Option<Judged> {
        match difference_within(list, &self.all_but, work) {
            Search::Found(found) => Some(judged(made, found.topic, found.left)),
            Search::Nothing | Search::GaveUp => None,
        }
    }

    /// A topic of the filter that a client may not act on; `Err` where the work was used up.
    fn denied(&self, made: &Made, list: &DecisionList<'_>, work: &Work) -> Result<Option<Judged>, ()> {
        match difference_within(&self.only, list, work) {
            Search::Found(found) => Ok(Some(judged(made, found.topic, found.right))),
            Search::Nothing if self.is_refused => {
                let topic = shortest_topic(&levels(self.filter, Placeholders::Text), b"z");
                let decision = list.decide(&topic);
                Ok(Some(judged(made, topic, decision)).filter(|judged| !judged.decision.allowed))
            }
            Search::Nothing => Ok(None),
            Search::GaveUp => Err(()),
        }
    }

    /// What a person may do, as the client that may most; nothing where the work was used up.
    fn holder(&self, people: &People<'_, '_>, person: &Person, work: &Work) -> Option<Holder> {
        let mut best: Option<Holder> = None;
        let mut is_sure = true;
        is_sure &= people.each_client(person, self.only.action, &[self.filter], work, &mut |made, lists| {
            let Some(list) = lists.first() else { return true };
            let allowed = self.allowed(made, list, work);
            if allowed.is_none() && best.is_some() {
                return false;
            }
            let Ok(denied) = self.denied(made, list, work) else {
                is_sure = false;
                return true;
            };
            let share = match (&allowed, &denied) {
                (None, _) => Share::None,
                (Some(_), None) => Share::All,
                (Some(_), Some(_)) => Share::Some,
            };
            if best.as_ref().is_none_or(|best| best.share < share) {
                best = Some(Holder { person: person.clone(), share, allowed, denied });
            }
            share == Share::All
        });
        let is_tangled = people.is_tangled(person);
        best.filter(|best| is_sure && !work.is_used_up() && (best.share == Share::All || !is_tangled))
    }
}

fn judged((user, client_id): &Made, topic: Vec<u8>, decision: Decision) -> Judged {
    Judged { witness: Witness { user: user.clone(), client_id: client_id.clone(), topic }, decision }
}

/// The same for another user, whose name does not count.
fn renamed(holder: &Holder, person: &Person) -> Holder {
    let mut holder = Holder { person: person.clone(), ..holder.clone() };
    for judged in [&mut holder.allowed, &mut holder.denied].into_iter().flatten() {
        if let Person::User(name) = person {
            judged.witness.user = Some(name.clone());
        }
    }
    holder
}

#[cfg(test)]
mod tests {
    use super::super::identities::{ClientIds, Logins, Names};
    use super::super::list::Policy;
    use super::super::sample::acl;
    use super::*;
    use crate::catalogue::Release;

    const FILE: &str = "\
topic read plant/#
user admin
topic readwrite plant/#
user half
topic write plant/+/cmd
topic deny plant/b/cmd
user empty
user a+
topic write plant/1/cmd
pattern write dev/%u/cmd
pattern write %c/x";

    fn text(judged: &Option<Judged>) -> String {
        let Some(Judged { witness, decision }) = judged else { return String::new() };
        let [id, topic] = [&witness.client_id, &witness.topic].map(|bytes| String::from_utf8_lossy(bytes));
        let rule = decision.rule.map_or("-".to_owned(), |rule| rule.to_string());
        format!("{id} {topic} {rule}")
    }

    fn found(release: Release, filter: &str, logins: Logins<'static>) -> Vec<String> {
        let file = acl(FILE);
        let policy = Policy::new(release, Some(&file));
        let realm = Realm { meaning: &policy, logins };
        let holder = |holder: &Holder| {
            let person = match &holder.person {
                Person::Anonymous => "-".into(),
                Person::User(name) => String::from_utf8_lossy(name),
                Person::Others => "others".into(),
            };
            format!("{person} {:?}: {}: {}", holder.share, text(&holder.allowed), text(&holder.denied))
        };
        who(&realm, Action::Publish, filter.as_bytes()).entries.iter().map(holder).collect()
    }

    #[test]
    fn all_some_or_none_of_a_filter() {
        let new = Release::new(2, 1, 2);
        assert_eq!(
            found(new, "plant/+/cmd", Logins::open()),
            [
                "- None: : client plant/z/cmd -",
                "admin All: client plant/z/cmd 1: ",
                "half Some: client plant/z/cmd 2: client plant/b/cmd 3",
                "empty None: : client plant/z/cmd -",
                "a+ Some: client plant/1/cmd 4: client plant/z/cmd -",
                "others None: : client plant/z/cmd -",
            ]
        );
        let only = |names: &[&'static [u8]]| Logins {
            names: Names::Only(names.iter().copied().collect()),
            anonymous: false,
            client_ids: ClientIds::Chosen,
        };
        let two = only(&[b"half", b"new"]);
        assert_eq!(
            found(new, "plant/x", two.clone()),
            ["half All: plant plant/x 6: ", "new All: plant plant/x 6: "]
        );
        assert_eq!(
            found(new, "dev/+/cmd", two),
            [
                "half Some: client dev/half/cmd 5: client dev/z/cmd -",
                "new Some: client dev/new/cmd 5: client dev/z/cmd -",
            ]
        );
        assert_eq!(found(new, "$CONTROL/x", only(&[b"new"])), ["new None: : client $CONTROL/x -"]);
        let old = Release::new(2, 0, 21);
        assert_eq!(found(old, "$CONTROL/x", only(&[b"new"])), ["new All: $CONTROL $CONTROL/x 6: "]);
        assert_eq!(
            found(old, "$SYS/#", only(&[b"admin"])),
            ["admin None: : client $SYS/broker/connection/z/state -"]
        );
        assert_eq!(found(old, "a/b+", Logins::open()), [""; 0]);
    }

    #[test]
    fn whether_anybody_else_may() {
        let file = acl(FILE);
        let policy = Policy::new(Release::newest(), Some(&file));
        let realm = Realm { meaning: &policy, logins: Logins::open() };
        let but = |names: &'static [&'static str]| move |person: &Person| !matches!(person, Person::User(name) if names.iter().any(|known| known.as_bytes() == name));
        let Search::Found((person, judged)) = may(&realm, &but(&["admin"]), Action::Publish, b"plant/+/cmd")
        else {
            panic!("half may")
        };
        assert_eq!((person, judged.decision.rule), (Person::User(b"half".to_vec()), Some(2)));
        let all = but(&["admin", "half", "a+"]);
        assert_eq!(may(&realm, &all, Action::Publish, b"plant/+/cmd"), Search::Nothing);
        assert!(matches!(
            may(&realm, &all, Action::Publish, b"dev/secret/cmd"),
            Search::Found((Person::Others, _))
        ));
    }
}
