//! What a spec says of rights, word by word: what packs and assertions are held against.
//!
//! It is written apart from [`super::rights`], which arranges the same for ACL files: a denial wins over every grant,
//! whatever lists the two stand in; nothing is allowed that is not granted; and a spec without any entry restricts nobody.
//! `%u` is the name of a user of the file, wherever it stands. What clients choose themselves (`%c`, and `%u` for a name
//! that the file does not list) is read as the release reads it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::access::{Action, DecisionList, Layer, ListedFilter, Tier};
use crate::catalogue::{Quirk, Release};
use crate::lang::spec::{AclEntry, Anonymous, Listener, Spec, User};
use crate::model::acl::Access;

/// Who a client is, seen from the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Person<'a> {
    /// It has no user name.
    Anonymous,
    /// The user with this index in [`Spec::users`].
    Listed(usize),
    /// It has a name that the spec does not list, from a certificate of a brought authority.
    Other(&'a str),
}

/// The rights of a spec, with all entries in one numbering: the `rule` of a list's filters.
pub(super) struct Meaning<'s> {
    pub(super) spec: &'s Spec,
    entries: Vec<&'s AclEntry>,
    all_clients: Range<usize>,
    users: Vec<Range<usize>>,
    roles: HashMap<&'s str, Range<usize>>,
    /// Of the top level, then of the listeners.
    anonymous: Vec<Range<usize>>,
    /// Whether some target knows `%u` only as a whole level, so that parts of levels are for the users of the file.
    is_by_level: bool,
}

impl<'s> Meaning<'s> {
    pub(super) fn new(spec: &'s Spec) -> Self {
        let mut entries: Vec<&'s AclEntry> = Vec::new();
        let mut add = |acl: &'s [AclEntry]| {
            entries.extend(acl);
            entries.len() - acl.len()..entries.len()
        };
        let of = |anonymous: &'s Option<Anonymous>| anonymous.as_ref().map_or(&[][..], |told| &told.acl);
        let all_clients = add(&spec.all_clients);
        let users = spec.users.iter().map(|user| add(&user.acl)).collect();
        let roles = spec.roles.iter().map(|role| (&*role.name.value, add(&role.acl))).collect();
        let own = spec.listeners.iter().map(|listener| &listener.anonymous);
        let anonymous = std::iter::once(&spec.anonymous).chain(own).map(|told| add(of(told))).collect();
        let mut releases = spec.mosquitto.iter().flat_map(|target| target.value.releases());
        let is_by_level = releases.any(|release| release.has(Quirk::WholeLevelSubstitution));
        Self { spec, entries, all_clients, users, roles, anonymous, is_by_level }
    }

    /// The entry that a list's filter comes from.
    pub(super) fn entry(&self, rule: usize) -> Option<&'s AclEntry> {
        self.entries.get(rule).copied()
    }

    /// The filters of all entries.
    pub(super) fn filters(&self) -> impl Iterator<Item = &'s str> + Clone {
        self.entries.iter().map(|entry| &*entry.filter.value)
    }

    /// What a listener says of clients without a user name, and whether they are let in.
    pub(super) fn anonymous(&self, listener: usize) -> Option<&'s Anonymous> {
        let own = self.spec.listeners.get(listener)?.anonymous.as_ref();
        own.or(self.spec.anonymous.as_ref()).filter(|told| told.allowed)
    }

    /// The numbers of the entries that are for a person, without those of `all_clients`.
    pub(super) fn own(&self, listener: usize, person: Person<'_>) -> Vec<usize> {
        match person {
            Person::Anonymous => {
                let says_itself =
                    self.spec.listeners.get(listener).is_some_and(|listener| listener.anonymous.is_some());
                self.anonymous[if says_itself { listener + 1 } else { 0 }].clone().collect()
            }
            Person::Listed(user) => {
                let roles = &self.spec.users[user].roles;
                let roles = roles.iter().filter_map(|role| self.roles.get(&*role.value));
                self.users[user].clone().chain(roles.cloned().flatten()).collect()
            }
            Person::Other(_) => Vec::new(),
        }
    }

    /// All entries that are for a person, with their numbers.
    pub(super) fn entries_of(
        &self,
        listener: usize,
        person: Person<'_>,
    ) -> impl Iterator<Item = (usize, &'s AclEntry)> {
        let rules = self.own(listener, person).into_iter().chain(self.all_clients.clone());
        rules.map(|rule| (rule, self.entries[rule]))
    }

    /// What the spec lets a client do.
    ///
    /// Of a client whose id or name holds a wildcard the broker asks no pattern: it may have less (see [`Self::least`]).
    pub(super) fn list(
        &self,
        listener: usize,
        release: Release,
        (person, client_id): (Person<'_>, &str),
        action: Action,
    ) -> DecisionList<'s> {
        let own = self.own(listener, person).into_iter();
        let own = own.map(|rule| (rule, Some(self.own_filter(rule, person))));
        let all = self.all_clients.clone();
        let all = all.map(|rule| (rule, self.filter(rule, release, person, client_id)));
        self.listed(own.chain(all), action)
    }

    /// What the spec gives a client of its own: what it may do even if the broker asks no pattern for it.
    pub(super) fn least(
        &self,
        listener: usize,
        release: Release,
        (person, client_id): (Person<'_>, &str),
        action: Action,
    ) -> DecisionList<'s> {
        let own = self.own(listener, person).into_iter();
        let own = own.map(|rule| (rule, Some(self.own_filter(rule, person))));
        let denials =
            self.all_clients.clone().filter(|rule| self.entries[*rule].access.value == Access::Deny);
        let denials = denials.map(|rule| (rule, self.filter(rule, release, person, client_id)));
        self.listed(own.chain(denials), action)
    }

    fn listed(
        &self,
        filters: impl Iterator<Item = (usize, Option<Cow<'s, str>>)>,
        action: Action,
    ) -> DecisionList<'s> {
        let (mut denials, mut grants) = (Vec::new(), Vec::new());
        for (rule, filter) in filters {
            let wanted = match (self.entries[rule].access.value, action) {
                (Access::Deny, _) => &mut denials,
                (Access::ReadWrite, _)
                | (Access::Read, Action::Receive)
                | (Access::Write, Action::Publish) => &mut grants,
                _ => continue,
            };
            let filter = filter.map(|filter| match filter {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            });
            wanted.extend(filter.map(|filter| ListedFilter { filter, rule: Some(rule) }));
        }
        let tiers = vec![
            Tier { layer: Layer::OwnDeny, allows: false, filters: denials },
            Tier { layer: Layer::OwnGrant, allows: true, filters: grants },
        ];
        DecisionList::new(action, tiers, self.entries.is_empty())
    }

    fn own_filter(&self, rule: usize, person: Person<'_>) -> Cow<'s, str> {
        let filter = &*self.entries[rule].filter.value;
        match person {
            Person::Listed(user) if filter.contains("%u") => {
                Cow::Owned(filter.replace("%u", &self.spec.users[user].name.value))
            }
            _ => Cow::Borrowed(filter),
        }
    }

    /// An entry of `all_clients` for a client; `None` where it is not for it.
    fn filter(
        &self,
        rule: usize,
        release: Release,
        person: Person<'_>,
        client_id: &str,
    ) -> Option<Cow<'s, str>> {
        let filter = &*self.entries[rule].filter.value;
        if !filter.contains(['%']) {
            return Some(Cow::Borrowed(filter));
        }
        if person == Person::Anonymous && filter.contains("%u") {
            return None;
        }
        let by_level = release.has(Quirk::WholeLevelSubstitution);
        let mut levels: Vec<Cow<'_, str>> = Vec::new();
        for level in filter.split('/') {
            let chosen = match (level, person) {
                ("%c", _) => Some(client_id),
                ("%u", Person::Other(name)) => Some(name),
                _ => None,
            };
            let is_partial = level.contains("%u") && level != "%u";
            levels.push(match (chosen, person) {
                (Some(name), _) if by_level && !is_one_level(name, levels.is_empty()) => return None,
                (Some(name), _) => Cow::Borrowed(name),
                (None, Person::Other(_)) if is_partial && self.is_by_level => return None,
                (None, Person::Other(name)) => Cow::Owned(replace(level, name, client_id, by_level)),
                (None, Person::Listed(user)) => {
                    Cow::Owned(replace(level, &self.spec.users[user].name.value, client_id, by_level))
                }
                (None, Person::Anonymous) => Cow::Owned(replace(level, "", client_id, by_level)),
            });
        }
        Some(Cow::Owned(levels.join("/")))
    }

    /// The entries of `all_clients` that hold a placeholder of what a client chooses.
    pub(super) fn claimed(&self, person: Person<'_>) -> impl Iterator<Item = &'s AclEntry> {
        let chooses = move |filter: &str| {
            filter.contains("%c") || (matches!(person, Person::Other(_)) && filter.contains("%u"))
        };
        let entries = self.all_clients.clone().map(|rule| self.entries[rule]);
        entries.filter(move |entry| chooses(&entry.filter.value))
    }

    /// The filter of an entry with the name of a listed user in place of `%u`; `%c` stays.
    pub(super) fn named<'f>(&self, filter: &'f str, person: Person<'_>) -> Cow<'f, str> {
        match person {
            Person::Listed(user) if filter.contains("%u") => {
                Cow::Owned(filter.replace("%u", &self.spec.users[user].name.value))
            }
            _ => Cow::Borrowed(filter),
        }
    }
}

/// Whether a name can stand for a placeholder that is a whole level.
fn is_one_level(name: &str, is_first: bool) -> bool {
    !(name.contains('/') || is_first && name.starts_with('$'))
}

/// Puts the names in place of `%u` and, as a part of a level, of `%c`. What is put in is not looked at again.
fn replace(level: &str, name: &str, client_id: &str, by_level: bool) -> String {
    let mut parts = level.split("%u").map(|part| match by_level {
        true => Cow::Borrowed(part),
        false => Cow::Owned(part.replace("%c", client_id)),
    });
    let mut replaced = parts.next().unwrap_or_default().into_owned();
    for part in parts {
        replaced.push_str(name);
        replaced.push_str(&part);
    }
    replaced
}

/// Whether a user may log in on a listener, by what it says of `users` and by what the user logs in with there.
pub(super) fn may_log_in(listener: &Listener, user: &User) -> bool {
    let client = listener.tls.as_ref().and_then(|tls| tls.client.as_ref());
    let has_certificate = |authority: &str| {
        user.certificate.as_ref().is_some_and(|certificate| *certificate.authority.value == *authority)
    };
    match client {
        Some(client) if client.username_from.is_some() => has_certificate(&client.authority.value),
        _ => user.password.is_some() && super::plan::admits(listener, user),
    }
}
