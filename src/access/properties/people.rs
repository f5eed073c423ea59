//! Persons and the names that they can take: what is said of all of them, against many of them.

use super::sets::{allowed_by, topics};
use super::*;
use crate::access::identities::{ClientIds, Logins, Names, Person, Realm};
use crate::access::tests::hold;

/// User names to try: those of sections and others.
const TRIED_USERS: [&str; 10] = ["a", "b", "a/b", "f", "g", "$x", "f/f", "b/a", "f+", "$f/a"];
const TRIED_IDS: [&str; 17] = [
    "f", "g", "a", "b", "$x", "$f", "a/b", "b/a", "f/f", "f/g/f", "f/f/f/f", "a/f", "$x/f", "$f/f/f", "/a",
    "f+", "fa",
];
const QUESTIONS: [&str; 14] =
    ["#", "a/#", "+/b", "a", "+", "a/b", "$x/#", "b/+/a", "+/+/#", "$SYS/#", "/a/#", "a/+/#", "$x/+", "f/#"];

/// Who may log in, as words.
type Drawn = (Option<Vec<&'static str>>, bool, bool);

fn logins() -> impl Strategy<Value = Drawn> {
    let names =
        prop_oneof![2 => Just(None), 1 => subsequence(vec!["a", "b", "f", "a/b"], 0..=3).prop_map(Some)];
    (names, prop::bool::weighted(0.8), prop::bool::weighted(0.15))
}

fn logins_of((names, anonymous, by_name): &Drawn) -> Logins<'static> {
    Logins {
        names: match names {
            None => Names::Any,
            Some(names) => Names::Only(names.iter().map(|name| name.as_bytes()).collect()),
        },
        anonymous: *anonymous,
        client_ids: if *by_name { ClientIds::UserName } else { ClientIds::Chosen },
    }
}

/// Two files, the second often the first with some lines less.
fn two_files() -> impl Strategy<Value = (String, String)> {
    let gone = prop::option::weighted(0.7, prop::collection::vec(any::<Index>(), 0..=2));
    (policy(4), policy(4), gone).prop_map(|(left, right, gone)| {
        let Some(gone) = gone else { return (left, right) };
        let mut lines: Vec<&str> = left.lines().collect();
        for index in gone {
            let at = index.index(lines.len().max(1));
            if lines.get(at).is_some_and(|line| !line.starts_with("user")) {
                lines.remove(at);
            }
        }
        let right = lines.iter().map(|line| format!("{line}\n")).collect();
        (left, right)
    })
}

/// Clients to try, as the person that they are in these realms.
fn tried(realms: &[&Realm<'_>], person: &Person) -> Vec<(Option<&'static [u8]>, &'static [u8])> {
    let is_known = |name: &[u8]| {
        realms.iter().any(|realm| {
            realm.meaning.names().contains(&name)
                || matches!(&realm.logins.names, Names::Only(names) if names.contains(name))
        })
    };
    let users: Vec<Option<&[u8]>> = match person {
        Person::Anonymous => vec![None],
        Person::User(wanted) => {
            TRIED_USERS.iter().map(|name| name.as_bytes()).filter(|name| name == wanted).map(Some).collect()
        }
        Person::Others => {
            TRIED_USERS.iter().map(|name| name.as_bytes()).filter(|name| !is_known(name)).map(Some).collect()
        }
    };
    users.into_iter().flat_map(|user| TRIED_IDS.map(|id| (user, id.as_bytes()))).collect()
}

#[test]
fn realms_are_compared_for_everybody() {
    let topics = topics();
    let values =
        (two_files(), logins(), prop::option::weighted(0.2, logins()), release(), release(), any::<bool>());
    hold("realms", 4_000, values, |((first, second), login, other, release, newer, mixed)| {
        let (first, second) = (acl(&first), acl(&second));
        let releases = [release, if mixed { newer } else { release }];
        let policies = [Policy::new(releases[0], Some(&first)), Policy::new(releases[1], Some(&second))];
        let left = Realm { meaning: &policies[0], logins: logins_of(&login) };
        let right = Realm { meaning: &policies[1], logins: logins_of(other.as_ref().unwrap_or(&login)) };
        let found = compare_realms(&left, &right);
        let spans = releases.iter().any(|release| *release < Release::new(2, 1, 0));
        prop_assert!(found.complete || spans);
        let people = identities::People::new(&[&left, &right]).persons();
        for person in people {
            for action in ACTIONS {
                let entry =
                    found.entries.iter().find(|entry| entry.person == person && entry.action == action);
                for (at, (more, less)) in [(&left, &right), (&right, &left)].into_iter().enumerate() {
                    let side = entry.map(|entry| [&entry.found.only_left, &entry.found.only_right][at]);
                    if let Some(Search::Found(contrast)) = side {
                        let witness = &contrast.witness;
                        let said = [&left, &right]
                            .map(|realm| realm.decide(witness.client(), action, &witness.topic));
                        prop_assert_eq!(said, [contrast.left, contrast.right]);
                        prop_assert_eq!(said.map(|decision| decision.allowed), [at == 0, at == 1]);
                        continue;
                    }
                    if side == Some(&Search::GaveUp) {
                        continue;
                    }
                    for (user, client_id) in tried(&[&left, &right], &person) {
                        let client = Client { user, client_id };
                        let [more, less] =
                            [more, less].map(|realm| allowed_by(&topics, &realm.list(client, action)));
                        let only = minus(more, less);
                        prop_assert!(only == Bits::default(), "{:?} {:?} {:?}", client, action, side);
                    }
                }
            }
        }
        Ok(())
    });
}

#[test]
fn who_may_is_who_does() {
    let topics = topics();
    let values = (policy(4), logins(), release(), select(QUESTIONS.to_vec()), select(ACTIONS.to_vec()));
    hold("who", 3_000, values, |(text, login, release, question, action)| {
        let acl = acl(&text);
        let policy = Policy::new(release, Some(&acl));
        let realm = Realm { meaning: &policy, logins: logins_of(&login) };
        let found = who(&realm, action, question.as_bytes());
        let spans = release < Release::new(2, 1, 0);
        let is_known = |person: &Person| found.entries.iter().any(|holder| holder.person == *person);
        let people = identities::People::new(&[&realm]).persons();
        let unknown: Vec<Person> = people.into_iter().filter(|person| !is_known(person)).collect();
        prop_assert_eq!(found.complete, unknown.is_empty());
        prop_assert!(found.complete || spans && unknown == [Person::Others]);
        let asked = topics.of(question.as_bytes());
        for holder in &found.entries {
            for (judged, effect) in [(&holder.allowed, true), (&holder.denied, false)] {
                prop_assert_eq!(
                    judged.is_some(),
                    holder.share != if effect { Share::None } else { Share::All }
                );
                let Some(Judged { witness, decision }) = judged else { continue };
                prop_assert!(matches(question.as_bytes(), &witness.topic));
                prop_assert_eq!(realm.decide(witness.client(), action, &witness.topic), *decision);
                prop_assert_eq!(decision.allowed, effect, "{:?}", holder);
            }
            if let (Share::All, Some(judged)) = (holder.share, &holder.allowed) {
                let all = allowed_by(&topics, &realm.list(judged.witness.client(), action));
                prop_assert!(minus(asked, all) == Bits::default(), "{:?}", holder);
            }
            for (user, client_id) in tried(&[&realm], &holder.person) {
                let list = realm.list(Client { user, client_id }, action);
                let some = minus(asked, minus(asked, allowed_by(&topics, &list))) != Bits::default();
                prop_assert!(!some || holder.share != Share::None, "{:?} {:?}", holder, client_id);
            }
        }
        let any = found.entries.iter().any(|holder| holder.share != Share::None);
        let may = may(&realm, &|_| true, action, question.as_bytes());
        prop_assert!(matches!(may, Search::Found(_)) == any || !found.complete);
        prop_assert!(may != Search::GaveUp || !found.complete);
        Ok(())
    });
}

const FLEETS: [&[&str]; 6] =
    [&["a/%u"], &["a/%u/#"], &["%u/#"], &["a/%u/+", "b/%u"], &["+/%u/a"], &["a%u/#"]];

#[test]
fn fleets_are_isolated() {
    let topics = topics();
    let members = prop::option::of(subsequence(vec!["a", "b", "f", "g"], 1..=4));
    let pattern = (select(vec!["read", "write", "deny"]), filter(&["a", "a", "b", "%u", "%u", "%c", "+"]));
    let patterns = prop::collection::vec(pattern, 0..=3);
    let values = (policy(0), patterns, logins(), members, select(FLEETS.to_vec()), release(), any::<bool>());
    hold("fleets", 3_000, values, |(text, patterns, login, members, owned, release, own)| {
        let patterns = patterns.iter().map(|(access, filter)| format!("pattern {access} {filter}\n"));
        let acl = acl(&patterns.chain(own.then_some(text)).collect::<String>());
        let policy = Policy::new(release, Some(&acl));
        let realm = Realm { meaning: &policy, logins: logins_of(&login) };
        let names = logins_of(&(members.clone(), false, false)).names;
        let owned: Vec<&[u8]> = owned.iter().map(|filter| filter.as_bytes()).collect();
        let topics_of = |name: &[u8]| -> Vec<Vec<u8>> {
            let member = Client { user: Some(name), client_id: name };
            owned.iter().filter_map(|filter| expand(release, filter, member)).collect()
        };
        match isolated(&realm, &names, &owned) {
            Search::GaveUp => prop_assert!(names == Names::Any && release < Release::new(2, 1, 0)),
            Search::Found(found) => {
                prop_assert!(found.witness.user.as_deref() != Some(&*found.of));
                let said = realm.decide(found.witness.client(), found.action, &found.witness.topic);
                prop_assert!(said.allowed && said == found.decision, "{:?}", found);
                prop_assert!(topics_of(&found.of).iter().any(|filter| matches(filter, &found.witness.topic)));
            }
            Search::Nothing => {
                let is_member = |name: &&[u8]| match &names {
                    Names::Any => realm.lets_in(Some(*name)),
                    Names::Only(names) => names.contains(name),
                };
                let tried: Vec<&[u8]> =
                    TRIED_USERS.iter().map(|name| name.as_bytes()).filter(is_member).collect();
                let theirs = |of: &[u8]| {
                    topics_of(of).iter().fold(Bits::default(), |all, filter| or(all, topics.of(filter)))
                };
                let owned: Vec<Bits> = tried.iter().map(|name| theirs(name)).collect();
                for (at, id, action) in (0..tried.len()).flat_map(|at| {
                    TRIED_IDS.iter().flat_map(move |id| ACTIONS.map(|action| (at, id, action)))
                }) {
                    let client = Client { user: Some(tried[at]), client_id: id.as_bytes() };
                    let reached = allowed_by(&topics, &realm.list(client, action));
                    for (of, owned) in owned.iter().enumerate().filter(|(of, _)| *of != at) {
                        let both = minus(*owned, minus(*owned, reached));
                        prop_assert!(both == Bits::default(), "{:?} {:?}", client, tried[of]);
                    }
                }
            }
        }
        Ok(())
    });
}
