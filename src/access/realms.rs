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

/// Compares what everybody may do in two realms: an entry for each person and action for which they differ, or
/// may differ as the work was used up.
///
/// In releases where a name may span levels, names are not looked for that put a placeholder of one filter in
/// the place of a placeholder of another at a different level.
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
    for side in [&mut found.only_left, &mut found.only_right] {
        if !is_done && matches!(side, Search::Nothing) {
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
