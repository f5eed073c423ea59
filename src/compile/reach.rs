//! Whether some client of a spec may do something with a topic of a filter: over all client ids, listener by listener.

use std::collections::HashSet;

use super::claims::{self, claims};
use super::meaning::{Meaning, Person, may_log_in};
use crate::access::{self, Action, DecisionList, Layer, ListedFilter, Search, Tier, difference};
use crate::catalogue::{Quirk, Release};
use crate::lang::spec::{AuthorityOrigin, Listener, Spec};
use crate::model::acl::Access;

/// A client that may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) listener: usize,
    pub(super) release: Release,
    /// The user name.
    pub(super) name: Option<String>,
    pub(super) client_id: String,
    /// Whether the client id was chosen for it.
    pub(super) is_claimed: bool,
    pub(super) action: Action,
    /// The topic, with the listener's mount point in front.
    pub(super) topic: String,
    /// The entry that allows it, in the numbering of [`Meaning::entry`].
    pub(super) rule: Option<usize>,
}

/// Clients of a spec and what they reach.
pub(super) struct Reach<'s> {
    pub(super) meaning: Meaning<'s>,
    /// One release of each kind that the spec names.
    pub(super) releases: Vec<Release>,
    /// A text that is part of no name and no filter of the spec.
    pub(super) fresh: String,
    /// The names of the users of the file.
    listed: HashSet<&'s str>,
}

impl<'s> Reach<'s> {
    pub(super) fn new(spec: &'s Spec, releases: &[Release]) -> Self {
        let acls = spec.users.iter().map(|user| &user.acl).chain(spec.roles.iter().map(|role| &role.acl));
        let listeners = spec.listeners.iter().filter_map(|listener| listener.anonymous.as_ref());
        let anonymous = listeners.chain(&spec.anonymous).map(|anonymous| &anonymous.acl);
        let entries = acls.chain(anonymous).chain([&spec.all_clients]).flatten();
        let filters = entries.map(|entry| &*entry.filter.value);
        let names = spec.users.iter().map(|user| &*user.name.value);
        let fresh = claims::fresh(filters.chain(names.clone()));
        let mut kinds = Vec::new();
        let is_new = |release: &&Release| {
            let kind = release.has(Quirk::WholeLevelSubstitution);
            let is_new = !kinds.contains(&kind);
            kinds.push(kind);
            is_new
        };
        let mut releases: Vec<Release> = releases.iter().rev().filter(is_new).copied().collect();
        // Without names of clients in entries all releases read them in the same way.
        if spec.all_clients.iter().all(|entry| !entry.filter.value.contains('%')) {
            releases.truncate(1);
        }
        Self { meaning: Meaning::new(spec), releases, fresh, listed: names.collect() }
    }

    /// Whom a listener lets in: users of the file, clients without a name, and any other name.
    pub(super) fn persons(&self, listener: usize) -> Vec<Person<'static>> {
        let spec = self.meaning.spec;
        let Some(place) = spec.listeners.get(listener) else { return Vec::new() };
        let open = is_open(spec, place);
        let listed = spec.users.iter().enumerate().filter(|(_, user)| open || may_log_in(place, user));
        let mut persons: Vec<_> = listed.map(|(index, _)| Person::Listed(index)).collect();
        persons.extend(self.meaning.anonymous(listener).map(|_| Person::Anonymous));
        persons.extend(open.then_some(Person::Other("")));
        persons
    }

    /// Finds a client id with which a person may do `action` with a topic of `target`; for [`Person::Other`] also the name.
    pub(super) fn find(
        &self,
        listener: usize,
        release: Release,
        person: Person<'_>,
        action: Action,
        target: &str,
    ) -> Search<Found> {
        let mut complete = true;
        let mut names = vec![String::new()];
        if matches!(person, Person::Other(_)) {
            names = self.chosen("%u", person, release, (action, target), &mut complete);
            // Who has the name of a user of the file is that user.
            names.retain(|name| !self.listed.contains(&**name));
        }
        for name in &names {
            let person = if let Person::Other(_) = person { Person::Other(name) } else { person };
            let shown = self.name(person);
            let place = self.meaning.spec.listeners.get(listener);
            let takes_name = place
                .is_some_and(|place| place.use_username_as_clientid.as_ref().is_some_and(|told| told.value));
            let ids = match shown.filter(|_| takes_name) {
                Some(name) => vec![name.to_owned()],
                None => self.chosen("%c", person, release, (action, target), &mut complete),
            };
            for client_id in &ids {
                match self.try_one(listener, release, (person, client_id), action, target) {
                    Search::Nothing => {}
                    other => return other,
                }
            }
        }
        if complete { Search::Nothing } else { Search::GaveUp }
    }

    pub(super) fn name<'a>(&self, person: Person<'a>) -> Option<&'a str>
    where
        's: 'a,
    {
        match person {
            Person::Anonymous => None,
            Person::Listed(user) => Some(&self.meaning.spec.users[user].name.value),
            Person::Other(name) => Some(name),
        }
    }

    /// Names for a placeholder with which grants of all clients may reach the target; the first one is fresh.
    fn chosen(
        &self,
        placeholder: &str,
        person: Person<'_>,
        release: Release,
        (action, target): (Action, &str),
        complete: &mut bool,
    ) -> Vec<String> {
        let by_level = release.has(Quirk::WholeLevelSubstitution);
        let mut names = vec![self.fresh.clone()];
        for entry in self.meaning.claimed(person) {
            let gives = match entry.access.value {
                Access::Deny => false,
                Access::ReadWrite => true,
                Access::Read => action == Action::Receive,
                Access::Write => action == Action::Publish,
            };
            let filter = match (placeholder, person) {
                ("%c", Person::Other(name)) => entry.filter.value.replace("%u", name).into(),
                _ => self.meaning.named(&entry.filter.value, person),
            };
            let is_for_nobody = person == Person::Anonymous && filter.contains("%u");
            if !gives || is_for_nobody || !filter.contains(placeholder) {
                continue;
            }
            let found = claims(&filter, placeholder, target, by_level, &self.fresh);
            *complete &= found.complete;
            names.extend(found.names);
        }
        names.dedup();
        names
    }

    fn try_one(
        &self,
        listener: usize,
        release: Release,
        (person, client_id): (Person<'_>, &str),
        action: Action,
        target: &str,
    ) -> Search<Found> {
        let list = self.meaning.list(listener, release, (person, client_id), action);
        let mount = self.meaning.spec.listeners.get(listener).and_then(|place| place.mount_point.as_ref());
        let reaches = |listed: &ListedFilter<'_>| access::meet(&listed.filter, target.as_bytes()).is_some();
        let mut grants = list.tiers.iter().filter(|tier| tier.allows).flat_map(|tier| &tier.filters);
        if !list.default_allows && !grants.any(reaches) {
            return Search::Nothing;
        }
        let window = window(target, mount.map(|mount| &*mount.value), &list, &self.fresh);
        let difference = match difference(&list, &window) {
            Search::Nothing => return Search::Nothing,
            Search::GaveUp => return Search::GaveUp,
            Search::Found(difference) => difference,
        };
        let entry = difference.left.rule.and_then(|rule| self.meaning.entry(rule));
        let holds_id = entry.is_some_and(|entry| entry.filter.value.contains("%c"));
        Search::Found(Found {
            listener,
            release,
            name: self.name(person).map(str::to_owned),
            client_id: client_id.to_owned(),
            is_claimed: client_id != self.fresh || holds_id,
            action,
            topic: String::from_utf8_lossy(&difference.topic).into_owned(),
            rule: difference.left.rule,
        })
    }
}

/// Whether a listener lets in names that the spec does not list: whoever has a certificate of a brought authority.
pub(super) fn is_open(spec: &Spec, listener: &Listener) -> bool {
    let client = listener.tls.as_ref().and_then(|tls| tls.client.as_ref());
    let Some(client) = client.filter(|client| client.username_from.is_some()) else { return false };
    let mut authorities = spec.pki.authorities.iter();
    let authority = authorities.find(|authority| authority.name.value == client.authority.value);
    authority.is_some_and(|found| matches!(found.origin, AuthorityOrigin::Brought { .. }))
}

/// A list that denies the topics of a filter that begin with a mount point, and allows all others.
fn window(target: &str, mount: Option<&str>, list: &DecisionList<'_>, fresh: &str) -> DecisionList<'static> {
    let tier = |allows, filters: Vec<Vec<u8>>| {
        let listed = |filter: Vec<u8>| ListedFilter { filter: filter.into(), rule: None };
        let layer = if allows { Layer::OwnGrant } else { Layer::OwnDeny };
        Tier { layer, allows, filters: filters.into_iter().map(listed).collect() }
    };
    let Some(mount) = mount else {
        let tiers = vec![tier(false, vec![target.as_bytes().to_vec()])];
        return DecisionList::new(list.action, tiers, true);
    };
    let (base, begin) = mount.rsplit_once('/').map_or((None, mount), |(base, begin)| (Some(base), begin));
    let below = |level: Option<&str>| {
        let levels: Vec<_> = base.into_iter().chain(level).chain(["#"]).collect();
        levels.join("/")
    };
    // The mount point alone is no topic of a client, nor is the level above its last slash.
    let mut edges = vec![mount.as_bytes().to_vec()];
    let mut parts = Vec::new();
    if begin.is_empty() {
        edges.extend(base.map(|base| base.as_bytes().to_vec()));
        parts.push(below(None));
    } else {
        // A name stands for all that no filter holds.
        let at = mount.matches('/').count();
        let texts = list.tiers.iter().flat_map(|tier| &tier.filters);
        let texts = texts.filter_map(|listed| std::str::from_utf8(&listed.filter).ok()).chain([target]);
        let mut names: Vec<String> =
            texts.filter_map(|text| text.split('/').nth(at)).map(str::to_owned).collect();
        names.retain(|name| name.starts_with(begin));
        names.extend([begin.to_owned(), format!("{begin}{fresh}")]);
        names.sort();
        names.dedup();
        parts.extend(names.iter().map(|name| below(Some(name))));
    }
    edges.retain(|edge| !edge.is_empty());
    let parts = parts.iter().filter_map(|part| access::meet(part.as_bytes(), target.as_bytes())).collect();
    DecisionList::new(list.action, vec![tier(true, edges), tier(false, parts)], true)
}
