//! What of an assertion can be tried: somebody who may, somebody who may not.

use super::assertions::{actions, is_forbidden};
use super::meaning::Person;
use super::proof::ACTIONS;
use super::reach::{Found, Reach};
use crate::access::{self, Action, Search};
use crate::lang::spec::{AclEntry, Assertion, Claim, Member, Password, Spec};
use crate::text::Span;

/// Something that a client tries, and what is to come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The filter, role or fleet that the assertion names.
    pub span: Span,
    /// The listener, as an index of [`Spec::listeners`].
    pub listener: usize,
    /// The user, as an index of [`Spec::users`]; `None` for a client without a user name.
    pub user: Option<usize>,
    /// The client id, where it matters.
    pub client_id: Option<String>,
    /// Publishing or receiving.
    pub action: Action,
    /// The topic, as the client calls it.
    pub topic: String,
    /// Whether it is to be allowed.
    pub is_allowed: bool,
}

/// Of each listener as many clients try what they may not, of each kind.
const MOST_DENIED: usize = 2;

/// A topic that every release publishes by itself, retained.
const BROKERS_OWN: &str = "$SYS/broker/version";

/// What can be tried of the assertions of a spec. Certificates of authorities that were brought cannot be had, nor
/// passwords of which only the hash is known; topics of the broker's own (`$SYS/…`) are tried for denials only.
pub fn attempts(spec: &Spec) -> Vec<Attempt> {
    let mut releases: Vec<_> =
        spec.mosquitto.iter().flat_map(|target| target.value.releases()).copied().collect();
    releases.sort();
    let reach = Reach::new(spec, &releases);
    let persons: Vec<Vec<Person<'static>>> = (0..spec.listeners.len())
        .map(|listener| {
            let persons = reach.persons(listener).into_iter();
            persons.filter(|person| is_known(spec, listener, *person)).collect()
        })
        .collect();
    let mut trying = Trying { reach, persons, attempts: Vec::new() };
    for assertion in &spec.assertions {
        match &assertion.claim {
            Claim::Only(_, entries) | Claim::Never(_, entries) => {
                for entry in entries {
                    for action in actions(entry.access.value) {
                        trying.entry(assertion, entry, action);
                    }
                }
            }
            Claim::Isolated(group) => trying.isolated(&group.value, group.span),
        }
    }
    trying.attempts
}

/// Whether a person can log in with what is known.
fn is_known(spec: &Spec, listener: usize, person: Person<'_>) -> bool {
    let user = match person {
        Person::Anonymous => return true,
        Person::Other(_) => return false,
        Person::Listed(user) => &spec.users[user],
    };
    let client = spec.listeners[listener].tls.as_ref().and_then(|tls| tls.client.as_ref());
    let has_password =
        user.password.as_ref().is_some_and(|password| !matches!(password.value, Password::Hash(_)));
    let is_ours = |authority: &str| {
        user.certificate.as_ref().is_some_and(|certificate| *certificate.authority.value == *authority)
    };
    match client {
        Some(client) if !is_ours(&client.authority.value) => false,
        Some(client) => client.username_from.is_some() || has_password,
        None => has_password,
    }
}

struct Trying<'s> {
    reach: Reach<'s>,
    /// Whom each listener lets in and who can log in with what is known.
    persons: Vec<Vec<Person<'static>>>,
    attempts: Vec<Attempt>,
}

impl Trying<'_> {
    /// One filter of an assertion: who may is tried, and who may not with the same topic, or with one of the filter.
    fn entry(&mut self, assertion: &Assertion, entry: &AclEntry, action: Action) {
        let filter = &*entry.filter.value;
        let spec = self.reach.meaning.spec;
        let allowed = self.first(action, filter, |person| !is_forbidden(spec, assertion, person));
        let broker_topic = match &allowed {
            _ if access::matches(filter.as_bytes(), BROKERS_OWN.as_bytes()) => BROKERS_OWN.to_owned(),
            Some((_, found)) => found.topic.clone(),
            None => sample(filter, &self.reach.fresh),
        };
        if let Some((person, found)) = allowed.filter(|_| !broker_topic.starts_with('$')) {
            let id = found.is_claimed.then(|| found.client_id.clone());
            self.add(entry.filter.span, (found.listener, person), id, action, (&found.topic, true));
        }
        for listener in 0..spec.listeners.len() {
            let forbidden = self.persons[listener].iter().copied();
            let forbidden: Vec<_> =
                forbidden.filter(|person| is_forbidden(spec, assertion, *person)).collect();
            let listed = forbidden.iter().filter(|person| **person != Person::Anonymous).take(MOST_DENIED);
            let anonymous = forbidden.iter().filter(|person| **person == Person::Anonymous);
            for person in listed.chain(anonymous).copied().collect::<Vec<_>>() {
                self.add(entry.filter.span, (listener, person), None, action, (&broker_topic, false));
            }
        }
    }

    /// Two of a group: the one reads and writes its own topic, the other may not.
    fn isolated(&mut self, group: &Member, span: Span) {
        let spec = self.reach.meaning.spec;
        for listener in 0..spec.listeners.len() {
            let members = self.persons[listener].iter().copied().filter(|person| match person {
                Person::Listed(user) => group.is(&spec.users[*user]),
                _ => false,
            });
            let members: Vec<_> = members.take(2).collect();
            let [owner, other] = members.as_slice() else { continue };
            let entries = self.reach.meaning.entries_of(listener, *owner);
            let own: Vec<_> = entries
                .filter(|(_, entry)| entry.filter.value.contains("%u"))
                .map(|(_, entry)| {
                    let filter = self.reach.meaning.named(&entry.filter.value, *owner).replace("%c", "+");
                    (entry.access.value, filter)
                })
                .collect();
            let Some(release) = self.reach.releases.first().copied() else { continue };
            for action in ACTIONS {
                let granted = own.iter().filter(|(access, _)| actions(*access).any(|gives| gives == action));
                let found = granted.filter_map(|(_, filter)| {
                    match self.reach.find(listener, release, *owner, action, filter) {
                        Search::Found(found) if !found.topic.starts_with('$') => Some(found),
                        _ => None,
                    }
                });
                let Some(found) = found.into_iter().next() else { continue };
                let id = found.is_claimed.then(|| found.client_id.clone());
                self.add(span, (listener, *owner), id, action, (&found.topic, true));
                for action in ACTIONS {
                    self.add(span, (listener, *other), None, action, (&found.topic, false));
                }
            }
        }
    }

    /// The first who may do something with a topic of a filter.
    fn first(
        &self,
        action: Action,
        filter: &str,
        is_meant: impl Fn(Person<'_>) -> bool,
    ) -> Option<(Person<'static>, Found)> {
        let release = self.reach.releases.first()?;
        for (listener, persons) in self.persons.iter().enumerate() {
            for person in persons.iter().filter(|person| is_meant(**person)) {
                if let Search::Found(found) = self.reach.find(listener, *release, *person, action, filter) {
                    return Some((*person, found));
                }
            }
        }
        None
    }

    fn add(
        &mut self,
        span: Span,
        (listener, person): (usize, Person<'_>),
        client_id: Option<String>,
        action: Action,
        (topic, is_allowed): (&str, bool),
    ) {
        let mount = self.reach.meaning.spec.listeners[listener].mount_point.as_ref();
        let local = topic.strip_prefix(mount.map_or("", |mount| &mount.value));
        let Some(local) = local.filter(|local| !local.is_empty()) else { return };
        let user = if let Person::Listed(user) = person { Some(user) } else { None };
        let topic = local.to_owned();
        let attempt = Attempt { span, listener, user, client_id, action, topic, is_allowed };
        if !self.attempts.contains(&attempt) {
            self.attempts.push(attempt);
        }
    }
}

/// A topic that a filter matches.
fn sample(filter: &str, fresh: &str) -> String {
    let levels = filter.split('/').map(|level| if level == "+" || level == "#" { fresh } else { level });
    levels.collect::<Vec<_>>().join("/")
}
