//! Who can be whom: persons, and the names and client ids that can make a difference for them.
//!
//! A client id is any text that its client chooses, and so is a user name where any may log in. Filters look
//! at each level by itself, so of all names only these differ: one that no filter holds, and those that a
//! filter holds where the placeholder stands in another one. In 2.0 a name may span levels: there it is a run
//! of a filter's levels, or any number of unknown ones.

use std::collections::{BTreeSet, HashSet};

use super::Work;
use super::decide::{Action, Client, Decision, put_names};
use super::difference::size;
use super::filter::{CLIENT_ID, MAX_LEVELS, Placeholders, USER, is_for_named, split};
use super::list::DecisionList;
use super::names::{Distinct, Place, Runs, is_odd, is_tangled, place, unused};

/// What every client may do: an ACL file as a release reads it, or whatever else decides.
///
/// Names may make a difference only through [`Self::patterns`], and for the names that it lists.
pub trait Meaning {
    /// The user names that have rules of their own.
    fn names(&self) -> Vec<&[u8]>;

    /// All filters as they are written.
    fn filters(&self) -> Box<dyn Iterator<Item = &[u8]> + '_>;

    /// The filters that hold for everyone, with placeholders. Clients with `+` or `#` in a name are kept from
    /// them.
    fn patterns(&self) -> Vec<&[u8]>;

    /// Where placeholders in them are put in their place.
    fn placeholders(&self) -> Placeholders;

    /// What one client may do with one action.
    fn list(&self, client: Client<'_>, action: Action) -> DecisionList<'_>;
}

/// Which user names clients can come with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names<'a> {
    /// Any: there is no password file, or any certificate of an authority will do.
    Any,
    /// These.
    Only(BTreeSet<&'a [u8]>),
}

/// Which client ids clients can come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientIds {
    /// Any: clients choose them.
    Chosen,
    /// The user name (`use_username_as_clientid`); a client without one is refused.
    UserName,
}

/// Who can log in at a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logins<'a> {
    /// With which user names.
    pub names: Names<'a>,
    /// Whether also without one.
    pub anonymous: bool,
    /// With which client ids.
    pub client_ids: ClientIds,
}

impl Logins<'_> {
    /// Anybody as anybody.
    pub fn open() -> Self {
        Self { names: Names::Any, anonymous: true, client_ids: ClientIds::Chosen }
    }
}

/// A listener: who can log in there, and what the ACL gives to whom.
pub struct Realm<'a> {
    /// What clients may do.
    pub meaning: &'a dyn Meaning,
    /// Who they can be.
    pub logins: Logins<'a>,
}

impl<'a> Realm<'a> {
    /// Whether a client with this user name gets in.
    pub fn lets_in(&self, user: Option<&[u8]>) -> bool {
        match (user.filter(|name| !name.is_empty()), &self.logins.names) {
            (None, _) => self.logins.anonymous && self.logins.client_ids == ClientIds::Chosen,
            (Some(_), Names::Any) => true,
            (Some(name), Names::Only(names)) => names.contains(name),
        }
    }

    /// What a client may do here: nothing where it does not get in.
    pub fn list(&self, client: Client<'_>, action: Action) -> DecisionList<'a> {
        if self.lets_in(client.user) {
            self.meaning.list(self.as_seen(client), action)
        } else {
            DecisionList::nothing(action)
        }
    }

    /// Decides a request of a client.
    pub fn decide(&self, client: Client<'_>, action: Action, topic: &[u8]) -> Decision {
        self.list(client, action).decide(topic)
    }

    /// The client with the id that counts.
    fn as_seen<'c>(&self, client: Client<'c>) -> Client<'c> {
        match (self.logins.client_ids, client.user) {
            (ClientIds::UserName, Some(user)) => Client { client_id: user, ..client },
            _ => client,
        }
    }
}

/// Clients that are told apart by their user name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Person {
    /// Clients without user name.
    Anonymous,
    /// Those with this user name.
    User(Vec<u8>),
    /// Those with a name without rules of its own, which they choose.
    Others,
}

/// A client that a search made up.
pub(super) type Made = (Option<Vec<u8>>, Vec<u8>);

/// A client of owned names.
pub(super) fn client((user, client_id): &Made) -> Client<'_> {
    Client { user: user.as_deref(), client_id }
}

/// Who can be whom in some realms that are looked at together.
pub(super) struct People<'r, 'a> {
    realms: &'r [&'r Realm<'a>],
    /// Names that have rules, or that log in where not any name does.
    known: HashSet<&'r [u8]>,
    /// A user name that nobody has, and a client id that no filter holds.
    someone: Vec<u8>,
    client_id: Vec<u8>,
    /// What patterns hold, of any of the realms.
    pub(super) holds: Holds,
}

/// What the patterns of realms hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holds {
    /// Any pattern.
    any: bool,
    /// A client id that its client chooses.
    ids: bool,
    /// A user name.
    pub(super) users: bool,
    /// A name that may span levels.
    spans: bool,
    /// A user name that an id before it hides, where both are chosen and may span levels.
    is_tangled: bool,
    /// A name, in realms that do not read placeholders, or know clients, in the same way.
    is_mixed: bool,
}

/// How a pattern is written with a name yet to be put in its place; nothing where it matches nothing.
type Template<'t> = &'t dyn Fn(Placeholders, &[u8]) -> Option<Vec<u8>>;

/// Which odd names can make a difference.
#[derive(Clone, Copy)]
struct Odd {
    /// Of how many levels at most: one more than any filter tells apart behind a placeholder.
    longest: usize,
    /// Whether one can stand at the front of a filter.
    in_front: bool,
}

impl Default for Odd {
    fn default() -> Self {
        Self { longest: 1, in_front: false }
    }
}

impl<'r, 'a> People<'r, 'a> {
    pub(super) fn new(realms: &'r [&'r Realm<'a>]) -> Self {
        let mut known: HashSet<&[u8]> = HashSet::new();
        let mut holds = Holds::default();
        for realm in realms {
            known.extend(realm.meaning.names());
            if let Names::Only(names) = &realm.logins.names {
                known.extend(names);
            }
            let placeholders = realm.meaning.placeholders();
            let is_chosen = realm.logins.client_ids == ClientIds::Chosen;
            for pattern in realm.meaning.patterns() {
                let has_id = placeholders.has_client_id(pattern);
                let has_user = placeholders.has_user(pattern) || has_id && !is_chosen;
                holds.any = true;
                holds.ids |= has_id && is_chosen;
                holds.users |= has_user;
                let spans = placeholders == Placeholders::Anywhere;
                holds.spans |= (has_id || has_user) && spans;
                holds.is_tangled |= spans && is_chosen && is_tangled(pattern);
            }
        }
        let mut ways = realms.iter().map(|realm| realm.meaning.placeholders());
        let first = ways.next();
        holds.is_mixed = (holds.ids || holds.users) && ways.any(|way| Some(way) != first)
            || holds.any && realms.iter().any(|realm| realm.logins.client_ids != realms[0].logins.client_ids);
        let texts = || realms.iter().flat_map(|realm| realm.meaning.filters()).chain(known.iter().copied());
        let (someone, client_id) = (unused(b"someone", texts()), unused(b"client", texts()));
        Self { realms, known, someone, client_id, holds }
    }

    /// Everybody who gets in somewhere: users with rules in the order of the files, then others by name.
    pub(super) fn persons(&self) -> Vec<Person> {
        let gets_in = |user| self.realms.iter().any(|realm| realm.lets_in(user));
        let mut persons: Vec<Person> = gets_in(None).then_some(Person::Anonymous).into_iter().collect();
        let mut seen = HashSet::new();
        let named = self.realms.iter().flat_map(|realm| realm.meaning.names());
        let logins = self.realms.iter().filter_map(|realm| match &realm.logins.names {
            Names::Any => None,
            Names::Only(names) => Some(names.iter().copied()),
        });
        for name in named.chain(logins.flatten()) {
            if !name.is_empty() && seen.insert(name) && gets_in(Some(name)) {
                persons.push(Person::User(name.to_vec()));
            }
        }
        persons.extend(gets_in(Some(&self.someone)).then_some(Person::Others));
        persons
    }

    /// A user name that nobody has, and that is not [`Self::plain`]'s.
    pub(super) fn another_name(&self) -> Vec<u8> {
        [b"another-", &*self.someone].concat()
    }

    /// The plainest client that a person can be.
    pub(super) fn plain(&self, person: &Person) -> Made {
        let user = match person {
            Person::Anonymous => None,
            Person::User(name) => Some(name.clone()),
            Person::Others => Some(self.someone.clone()),
        };
        (user, self.client_id.clone())
    }

    /// Whether two lists of a person's plainest client are written alike, so that they are for each client
    /// that the person can be: the names that were put in their place stand nowhere else.
    pub(super) fn are_alike(&self, left: &DecisionList<'_>, right: &DecisionList<'_>) -> bool {
        let layers = |list: &DecisionList<'_>| list.tiers.iter().map(|tier| tier.layer).collect::<Vec<_>>();
        !self.holds.is_mixed && left.is_same(right) && layers(left) == layers(right)
    }

    /// Whether a name of several levels may be needed that nobody looks for: one that stands at one place in a
    /// filter that allows and at another in a filter that denies. The lists are those of [`Self::plain`].
    pub(super) fn is_hard(&self, allows: &DecisionList<'_>, denies: &DecisionList<'_>) -> bool {
        let names: &[&[u8]] = &[&self.client_id, &self.someone];
        let places = |list: &DecisionList<'_>, wanted: bool| {
            let filters =
                list.tiers.iter().filter(|tier| tier.allows == wanted).flat_map(|tier| &tier.filters);
            filters.filter_map(|listed| place(&listed.filter, names)).collect::<HashSet<_>>()
        };
        if !self.holds.spans {
            return false;
        }
        let (allowing, denying) = (places(allows, true), places(denies, false));
        let is_hard = |left: &Place, right: &Place| left != right || left.is_first_of_many;
        allowing.iter().any(|left| denying.iter().any(|right| is_hard(left, right)))
    }

    /// Whether not all names of a person are looked for that may make a difference.
    pub(super) fn is_tangled(&self, person: &Person) -> bool {
        *person == Person::Others && self.holds.is_tangled
    }

    /// The same for members of any name: where patterns and the filters of their topics hold a name at another
    /// place.
    pub(super) fn is_hard_for_any(&self, topics: &[&[u8]]) -> bool {
        let place = |text: &&[u8]| place(text, &[USER, CLIENT_ID]);
        let owned: HashSet<_> = topics.iter().filter_map(place).collect();
        let patterns = self.realms.iter().flat_map(|realm| realm.meaning.patterns());
        let mut places = patterns.filter(|pattern| pattern.contains(&b'%')).filter_map(|text| place(&text));
        self.holds.is_tangled
            || self.holds.spans && places.any(|place| owned.iter().any(|other| *other != place))
    }

    /// Whether all that is true for a person is so for any other user of whom this tells the same: where they
    /// get in. Nothing where a user has rules or a name that counts.
    pub(super) fn stand_in(&self, person: &Person, named: &HashSet<&[u8]>) -> Option<Vec<bool>> {
        let Person::User(name) = person else { return None };
        let counts = self.holds.users || named.contains(&**name) || is_odd(name);
        (!counts).then(|| self.realms.iter().map(|realm| realm.lets_in(Some(name))).collect())
    }

    /// The names that have rules in any of the realms.
    pub(super) fn named(&self) -> HashSet<&'r [u8]> {
        self.realms.iter().flat_map(|realm| realm.meaning.names()).collect()
    }

    /// The clients that a person can be, as far as they can differ; plain ones first.
    ///
    /// `asked` are filters that they are compared with, beside those of the realms.
    pub(super) fn clients(&self, person: &Person, action: Action, asked: &[&[u8]], work: &Work) -> Vec<Made> {
        let users = match person {
            Person::Anonymous => vec![None],
            Person::User(name) => vec![Some(name.clone())],
            Person::Others => self.user_names(action, asked, work).into_iter().map(Some).collect(),
        };
        let plainest = users.first().cloned();
        let with_ids = |user: Option<Vec<u8>>| {
            let is_plain = Some(&user) == plainest.as_ref();
            let ids = self.client_ids(user.as_deref(), is_plain, action, asked, work);
            ids.into_iter().map(move |id| (user.clone(), id)).collect::<Vec<_>>()
        };
        let mut made: Vec<Made> = users.into_iter().flat_map(with_ids).collect();
        // Stable, so that what is most like everyday names stays in front.
        made.sort_by_key(|(user, id)| user.as_deref().is_some_and(is_odd) || is_odd(id));
        made
    }

    /// The names that clients without rules of their own can choose.
    fn user_names(&self, action: Action, asked: &[&[u8]], work: &Work) -> Vec<Vec<u8>> {
        let mut names = Distinct::of(self.someone.clone());
        let client = Client { user: Some(&self.someone), client_id: &self.client_id };
        let mut odd = Odd::default();
        if self.holds.users {
            let template = |_: Placeholders, pattern: &[u8]| Some(pattern.to_vec());
            odd = self.add_runs(&mut names, client, action, asked, (&[USER, CLIENT_ID], &template), work);
        }
        self.add_odd(&mut names, odd);
        names.list.retain(|name| !self.known.contains(&**name));
        names.list
    }

    /// The client ids that a user can choose; long unknown ones only where the user name is a plain one.
    fn client_ids(
        &self,
        user: Option<&[u8]>,
        is_plain: bool,
        action: Action,
        asked: &[&[u8]],
        work: &Work,
    ) -> Vec<Vec<u8>> {
        let mut ids = Distinct::of(self.client_id.clone());
        if self.realms.iter().all(|realm| realm.logins.client_ids == ClientIds::UserName) {
            return ids.list;
        }
        let client = Client { user, client_id: &self.client_id };
        let mut odd = Odd::default();
        if self.holds.ids {
            // With the id standing for itself, the pattern has the user name in its place already.
            let itself = Client { user, client_id: CLIENT_ID };
            let template =
                |placeholders: Placeholders, pattern: &[u8]| put_names(placeholders, pattern, itself);
            odd = self.add_runs(&mut ids, client, action, asked, (&[CLIENT_ID], &template), work);
        }
        self.add_odd(
            &mut ids,
            Odd { longest: if is_plain { odd.longest } else { odd.longest.min(2) }, ..odd },
        );
        ids.list
    }

    /// Adds the names that filters of one realm hold where patterns of another have a placeholder.
    fn add_runs(
        &self,
        names: &mut Distinct,
        client: Client<'_>,
        action: Action,
        asked: &[&[u8]],
        (wanted, template): (&[&[u8]], Template<'_>),
        work: &Work,
    ) -> Odd {
        let lists: Vec<DecisionList<'_>> =
            self.realms.iter().map(|realm| realm.list(client, action)).collect();
        let deepest = self.deepest(&lists, asked);
        let unknown = &names.list[0].clone();
        let mut odd = Odd::default();
        for (at, realm) in self.realms.iter().enumerate() {
            let placeholders = realm.meaning.placeholders();
            let made = &[&*self.someone, &*self.client_id];
            let runs = Runs { placeholders, wanted, unknown, made, deepest };
            for pattern in realm.meaning.patterns() {
                if client.user.is_none() && is_for_named(pattern) || !pattern.contains(&b'%') {
                    continue;
                }
                let Some(pattern) = template(placeholders, pattern) else { continue };
                odd.in_front |= wanted.iter().any(|name| pattern.starts_with(name));
                for (other, list) in lists.iter().enumerate() {
                    for listed in list.tiers.iter().flat_map(|tier| &tier.filters) {
                        let mut add = |run| {
                            if other != at {
                                names.add(run)
                            }
                        };
                        odd.longest = odd.longest.max(runs.of(&pattern, &listed.filter, &mut add));
                    }
                    if !work.spend(5 * (size(list) + 1)) {
                        return odd;
                    }
                }
                for filter in asked {
                    odd.longest = odd.longest.max(runs.of(&pattern, filter, &mut |run| names.add(run)));
                }
                if !work.spend(5 * asked.len()) {
                    return odd;
                }
            }
        }
        odd
    }

    /// Adds names of several levels, names that start with `$`, and a name that is kept from patterns.
    fn add_odd(&self, names: &mut Distinct, odd: Odd) {
        let unknown = &names.list[0].clone();
        let several = |count: usize| vec![&**unknown; count].join(&b'/');
        if self.holds.spans || self.holds.is_mixed {
            for count in 1..=odd.longest {
                names.add(several(count));
                if odd.in_front {
                    names.add([b"$", &*several(count)].concat());
                }
            }
        }
        if self.holds.any {
            names.add([&**unknown, b"+"].concat());
        }
    }

    /// More levels than any filter tells apart.
    fn deepest(&self, lists: &[DecisionList<'_>], asked: &[&[u8]]) -> usize {
        let listed = lists.iter().flat_map(|list| &list.tiers).flat_map(|tier| &tier.filters);
        let filters = listed.map(|listed| &*listed.filter).chain(asked.iter().copied());
        let deepest = filters.map(|filter| split(filter).count()).max().unwrap_or_default();
        (deepest + 1).min(MAX_LEVELS)
    }

    /// What a client may do in each realm.
    pub(super) fn lists(&self, made: &Made, action: Action) -> Vec<DecisionList<'a>> {
        self.realms.iter().map(|realm| realm.list(client(made), action)).collect()
    }

    /// The names with which a filter that holds placeholders meets others.
    pub(super) fn names_in(
        &self,
        text: &[u8],
        filters: &[&[u8]],
        unknown: &[u8],
        placeholders: Placeholders,
    ) -> Vec<Vec<u8>> {
        let deepest = self.deepest(&[], filters);
        let made = &[&*self.someone, &*self.client_id];
        let runs = Runs { placeholders, wanted: &[USER, CLIENT_ID], unknown, made, deepest };
        let mut names = Distinct::of(unknown.to_vec());
        for filter in filters {
            runs.of(text, filter, &mut |run| names.add(run));
        }
        names.list
    }

    /// Looks at the lists of each client that a person can be, until `visit` returns true; false where the
    /// work is used up first.
    pub(super) fn each_client(
        &self,
        person: &Person,
        action: Action,
        asked: &[&[u8]],
        work: &Work,
        visit: &mut dyn FnMut(&Made, &[DecisionList<'a>]) -> bool,
    ) -> bool {
        for made in self.clients(person, action, asked, work) {
            let lists = self.lists(&made, action);
            if !work.spend(lists.iter().map(size).sum::<usize>() + 5) {
                return false;
            }
            if visit(&made, &lists) {
                return true;
            }
        }
        !work.is_used_up()
    }
}
