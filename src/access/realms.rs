//! Two realms compared: for each person and action, who may more.

use std::collections::HashMap;

use super::decide::{Action, Decision, Witness};
use super::difference::{Comparison, Difference, difference_within};
use super::identities::{Made, People, Person, Realm};
use super::{Listing, Search, Work};

/// A request that two realms decide differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contrast {
    /// The client and the topic.
    pub witness: Witness,
    /// What the first says.
    pub left: Decision,
    /// What the second says.
    pub right: Decision,
}

/// How two realms relate for one person and action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Whom it is about, as any client that they can be.
    pub person: Person,
    /// For what.
    pub action: Action,
    /// What they may in one realm only.
    pub found: Comparison<Contrast>,
}

/// Compares what everybody may do in two realms: an entry for each person and action for which they differ,
/// or may differ as the work was used up.
///
/// In releases where a name may span levels, what a `pattern deny` takes away is left unknown where
/// placeholders stand at other places in a pattern that allows, and so is all for unlisted names where `%c`
/// stands before `%u`, or in the same level: no bound is known for such names.
pub fn compare_realms(left: &Realm<'_>, right: &Realm<'_>) -> Listing<Compared> {
    let realms = [left, right];
    let people = People::new(&realms);
    let work = Work::for_everybody(realms.iter().map(|realm| realm.meaning.filters().count()).sum());
    let named = people.named();
    let mut known: HashMap<(Vec<bool>, Action), Comparison<Contrast>> = HashMap::new();
    let mut listing = Listing { entries: Vec::new(), complete: true };
    for person in people.persons() {
        for action in [Action::Publish, Action::Receive] {
            let key = people.stand_in(&person, &named).map(|gets_in| (gets_in, action));
            let before = key.as_ref().and_then(|key| known.get(key));
            let found = match before {
                Some(found) => renamed(found, &person),
                None => compare_person(&people, &person, action, &work),
            };
            if let Some(key) = key {
                known.entry(key).or_insert_with(|| found.clone());
            }
            listing.complete &= found.relation().is_some();
            if !matches!((&found.only_left, &found.only_right), (Search::Nothing, Search::Nothing)) {
                listing.entries.push(Compared { person: person.clone(), action, found });
            }
        }
    }
    listing
}

fn compare_person(
    people: &People<'_, '_>,
    person: &Person,
    action: Action,
    work: &Work,
) -> Comparison<Contrast> {
    let mut found = Comparison { only_left: Search::Nothing, only_right: Search::Nothing };
    let [left, right] = &*people.lists(&people.plain(person), action) else { return found };
    work.spend(2);
    if people.are_alike(left, right) {
        return found;
    }
    let is_hard = [(left, right), (right, left)]
        .map(|(left, right)| people.is_tangled(person) || people.is_hard(left, right));
    let is_done = people.each_client(person, action, &[], work, &mut |made, lists| {
        let [left, right] = lists else { return true };
        let sides = [(&mut found.only_left, left, right), (&mut found.only_right, right, left)];
        for (at, (side, allows, other)) in sides.into_iter().enumerate() {
            if !matches!(side, Search::Found(_)) {
                match difference_within(allows, other, work) {
                    Search::Found(difference) => *side = Search::Found(contrast(made, difference, at == 1)),
                    Search::GaveUp => *side = Search::GaveUp,
                    Search::Nothing => {}
                }
            }
        }
        matches!((&found.only_left, &found.only_right), (Search::Found(_), Search::Found(_)))
    });
    for (side, is_hard) in [&mut found.only_left, &mut found.only_right].into_iter().zip(is_hard) {
        if (is_hard || !is_done) && matches!(side, Search::Nothing) {
            *side = Search::GaveUp;
        }
    }
    found
}

fn contrast((user, client_id): &Made, found: Difference, is_reversed: bool) -> Contrast {
    let Difference { topic, left, right } = found;
    let (left, right) = if is_reversed { (right, left) } else { (left, right) };
    let witness = Witness { user: user.clone(), client_id: client_id.clone(), topic };
    Contrast { witness, left, right }
}

/// The same for another user, whose name does not count.
fn renamed(found: &Comparison<Contrast>, person: &Person) -> Comparison<Contrast> {
    let mut found = found.clone();
    for side in [&mut found.only_left, &mut found.only_right] {
        if let (Search::Found(contrast), Person::User(name)) = (side, person) {
            contrast.witness.user = Some(name.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::difference::Relation;
    use super::super::identities::{ClientIds, Logins, Names};
    use super::super::list::Policy;
    use super::super::sample::acl;
    use super::*;
    use crate::catalogue::Release;

    const OLD: Release = Release::new(2, 0, 21);
    const NEW: Release = Release::new(2, 1, 2);

    fn compared(left: (&str, Release), right: (&str, Release), logins: &Logins<'_>) -> Vec<String> {
        let files = [acl(left.0), acl(right.0)];
        let [left, right] = [(&files[0], left.1), (&files[1], right.1)]
            .map(|(file, release)| Policy::new(release, Some(file)));
        let [left, right] = [&left, &right].map(|meaning| Realm { meaning, logins: logins.clone() });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let side = |side: &Search<Contrast>| match side {
            Search::Found(Contrast { witness, .. }) => {
                let user = witness.user.as_deref().map_or("-".to_owned(), text);
                format!("{user} {} {}", text(&witness.client_id), text(&witness.topic))
            }
            Search::Nothing => String::new(),
            Search::GaveUp => "?".to_owned(),
        };
        let entry = |entry: &Compared| {
            let person = match &entry.person {
                Person::Anonymous => "anonymous".to_owned(),
                Person::User(name) => text(name),
                Person::Others => "others".to_owned(),
            };
            let relation = match entry.found.relation() {
                Some(Relation::Wider) => '>',
                Some(Relation::Narrower) => '<',
                _ => '#',
            };
            let found = [&entry.found.only_left, &entry.found.only_right].map(side);
            format!("{person} {:?} {relation} {}", entry.action, found.join("|"))
        };
        compare_realms(&left, &right).entries.iter().map(entry).collect()
    }

    #[test]
    fn who_may_more_where() {
        type Case<'t> = (&'t str, Release, &'t str, Release, &'t [&'t str]);
        let cases: &[Case<'_>] = &[
            ("user u\ntopic read a/#", NEW, "user u\ntopic read a\ntopic read a/+/#", NEW, &[]),
            ("user u\ntopic read a/#", NEW, "user u\ntopic read a/+", NEW, &["u Receive > u client a|"]),
        ];
        for (left, old, right, new, expected) in cases {
            assert_eq!(compared((left, *old), (right, *new), &Logins::open()), *expected, "{left} {right}");
        }
        let only = Logins {
            names: Names::Only([&b"u"[..], b"v"].into()),
            anonymous: false,
            client_ids: ClientIds::Chosen,
        };
        let cases: &[Case<'_>] = &[
            (
                "user u\ntopic read a/u\nuser v\ntopic read a/v",
                NEW,
                "pattern read a/%u",
                NEW,
                // Only the own section serves a client with such an id.
                &["u Receive > u client+ a/u|", "v Receive > v client+ a/v|"],
            ),
            (
                "pattern write d/%c/x",
                NEW,
                "pattern write d/+/x",
                NEW,
                &["u Publish < |u client d/z/x", "v Publish < |v client d/z/x"],
            ),
            (
                "pattern write d/%c/x",
                NEW,
                "pattern write d/+/x\npattern deny d/a/#",
                NEW,
                &["u Publish # u a d/a/x|u client d/z/x", "v Publish # v a d/a/x|v client d/z/x"],
            ),
            (
                "pattern read %c/x",
                OLD,
                "pattern read %c/x",
                NEW,
                &["u Receive > u client/x client/x/x|", "v Receive > v client/x client/x/x|"],
            ),
            (
                "pattern read #\npattern deny a/%u",
                NEW,
                "pattern read #\npattern deny a/v",
                NEW,
                &["u Receive # u client a/v|u client a/u"],
            ),
        ];
        for (left, old, right, new, expected) in cases {
            assert_eq!(compared((left, *old), (right, *new), &only), *expected, "{left} {right}");
        }
    }

    #[test]
    fn a_client_id_that_is_the_user_name() {
        let by_name =
            |names: Names<'static>| Logins { names, anonymous: true, client_ids: ClientIds::UserName };
        let (left, right) = (("pattern read d/%u", NEW), ("pattern read d/%c", NEW));
        assert_eq!(compared(left, right, &by_name(Names::Any)), [""; 0]);
        let open = compared(left, right, &Logins::open());
        assert_eq!(
            open,
            [
                "anonymous Receive < |- client d/client",
                "others Receive # someone client d/someone|someone client d/client"
            ]
        );
    }
}
