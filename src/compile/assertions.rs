//! Assertions of a spec, proved for all topics, all client ids and everybody who can log in.

use std::collections::{BTreeMap, HashSet};

use super::claims::widest;
use super::meaning::Person;
use super::proof::ACTIONS;
use super::reach::{Found, Reach};
use crate::access::{Action, Search};
use crate::catalogue::{Quirk, Release};
use crate::lang::spec::{AclEntry, Assertion, Claim, Member, Party, Spanned, Spec};
use crate::model::acl::Access;
use crate::report::{Diagnostic, Severity};
use crate::text::Span;

/// An assertion that does not hold, or says nothing.
const FAILED: &str = "spec-assertion";

/// What is tried of one `isolated`, at most.
const MOST_TRIES: usize = 100_000;

/// Proves the assertions of a spec; one that does not hold is an error at its place.
pub(super) fn check(spec: &Spec, releases: &[Release], problems: &mut Vec<Diagnostic>) {
    if spec.assertions.is_empty() {
        return;
    }
    let reach = Reach::new(spec, releases);
    let mut known: HashSet<(Option<&str>, bool, Person<'static>)> = HashSet::new();
    let persons = spec.listeners.iter().enumerate().map(|(index, listener)| {
        let mount = listener.mount_point.as_ref().map(|mount| &*mount.value);
        let takes_name = listener.use_username_as_clientid.as_ref().is_some_and(|told| told.value);
        let mut persons = reach.persons(index);
        // Users have the same rights on every listener that calls topics and clients the same.
        persons.retain(|person| *person == Person::Anonymous || known.insert((mount, takes_name, *person)));
        persons
    });
    let persons: Vec<_> = persons.collect();
    let checking = Checking { reach: &reach, persons: &persons };
    for assertion in &spec.assertions {
        match &assertion.claim {
            Claim::Only(parties, entries) => checking.parties(assertion, parties, entries, problems),
            Claim::Never(parties, entries) => checking.parties(assertion, parties, entries, problems),
            Claim::Isolated(member) => problems.extend(checking.isolated(member)),
        }
    }
}

struct Checking<'a, 's> {
    reach: &'a Reach<'s>,
    /// Whom each listener lets in.
    persons: &'a [Vec<Person<'static>>],
}

/// Whether an assertion forbids a person what it is about.
pub(super) fn is_forbidden(spec: &Spec, assertion: &Assertion, person: Person<'_>) -> bool {
    let is_named = |parties: &[Spanned<Party>]| {
        parties.iter().any(|party| match person {
            Person::Anonymous => party.value.is(None),
            Person::Listed(user) => party.value.is(Some(&spec.users[user])),
            Person::Other(_) => false,
        })
    };
    match &assertion.claim {
        Claim::Only(parties, _) => !is_named(parties),
        Claim::Never(parties, _) => is_named(parties),
        Claim::Isolated(_) => false,
    }
}

/// The actions that an entry of `may` is about.
pub(super) fn actions(access: Access) -> impl Iterator<Item = Action> {
    ACTIONS.into_iter().filter(move |action| match access {
        Access::Read => *action == Action::Receive,
        Access::Write => *action == Action::Publish,
        Access::ReadWrite => true,
        Access::Deny => false,
    })
}

impl Checking<'_, '_> {
    fn parties(
        &self,
        assertion: &Assertion,
        parties: &[Spanned<Party>],
        entries: &[AclEntry],
        problems: &mut Vec<Diagnostic>,
    ) {
        for entry in entries {
            match self.forbidden(assertion, entry) {
                Search::Nothing => {}
                Search::Found(found) => problems.push(self.broken(assertion, parties, entry, &found)),
                Search::GaveUp => problems.push(unproved(entry.filter.span)),
            }
        }
    }

    /// Somebody who may do what an assertion forbids.
    fn forbidden(&self, assertion: &Assertion, entry: &AclEntry) -> Search<Found> {
        let mut answer = Search::Nothing;
        for (listener, persons) in self.persons.iter().enumerate() {
            for release in &self.reach.releases {
                for person in
                    persons.iter().filter(|person| is_forbidden(self.reach.meaning.spec, assertion, **person))
                {
                    for action in actions(entry.access.value) {
                        match self.reach.find(listener, *release, *person, action, &entry.filter.value) {
                            Search::Nothing => {}
                            Search::GaveUp => answer = Search::GaveUp,
                            found => return found,
                        }
                    }
                }
            }
        }
        answer
    }

    fn broken(
        &self,
        assertion: &Assertion,
        parties: &[Spanned<Party>],
        entry: &AclEntry,
        found: &Found,
    ) -> Diagnostic {
        let (verb, filter) = (verb(found.action), &entry.filter.value);
        let who = who(found);
        let names: Vec<_> = parties.iter().map(|party| format!("`{}`", party.value.name())).collect();
        let only = matches!(assertion.claim, Claim::Only(..));
        let message = match (only, names.as_slice()) {
            (false, _) => format!("{who} may {verb} `{filter}`, or some of it"),
            (true, []) => format!("somebody may {verb} `{filter}`, or some of it: {who}"),
            (true, names) => {
                format!("not only {} may {verb} `{filter}`, or some of it: so may {who}", listed(names))
            }
        };
        let finding = Diagnostic::new(FAILED, Severity::Error, message, entry.filter.span);
        let help = match only {
            true => format!("deny it where it is granted, or name {who} in `only` if that is meant"),
            false => "deny it where it is granted, or take the assertion back".to_owned(),
        };
        self.explained(finding, found).help(help)
    }

    /// Adds how it comes about that somebody may do something.
    fn explained(&self, finding: Diagnostic, found: &Found) -> Diagnostic {
        let spec = self.reach.meaning.spec;
        let mut note = format!("{} `{}`", doing(found.action), found.topic);
        if found.is_claimed {
            note = format!("{note} with the client id `{}`", found.client_id);
        }
        if let Some(listener) = spec.listeners.get(found.listener) {
            note = format!("{note} on `{}`", listener.name.value);
            if listener.mount_point.is_some() {
                note += ", the mount point included";
            }
        }
        if found.is_claimed && self.reach.releases.len() > 1 {
            let line = if found.release.has(Quirk::WholeLevelSubstitution) { "2.1" } else { "2.0" };
            note = format!("{note}, with Mosquitto {} as every {line}", found.release);
        }
        match found.rule.and_then(|rule| self.reach.meaning.entry(rule)) {
            Some(entry) => finding.related(entry.filter.span, "this entry allows it").note(note),
            None => {
                finding.note(note).note("no entry says who may do what, so that everybody may do everything")
            }
        }
    }

    /// Looks for a member that reads or writes a topic of another.
    fn isolated(&self, group: &Spanned<Member>) -> Option<Diagnostic> {
        let spec = self.reach.meaning.spec;
        let name = &group.value.name();
        let users = spec.users.iter().enumerate();
        let members: Vec<usize> =
            users.filter(|(_, user)| group.value.is(user)).map(|(index, _)| index).collect();
        let index = self.own_topics(&members);
        if index.filters.is_empty() {
            let message = format!("`{name}` has no topics of its users' own, and this says nothing");
            let finding = Diagnostic::new(FAILED, Severity::Error, message, group.span);
            return Some(finding.help("give the role or fleet an entry with `%u`, or leave this out"));
        }
        let mut tries = 0;
        let mut answer = None;
        for (listener, persons) in self.persons.iter().enumerate() {
            for release in &self.reach.releases {
                for person in persons {
                    let Person::Listed(user) = *person else { continue };
                    if !group.value.is(&spec.users[user]) {
                        continue;
                    }
                    for action in ACTIONS {
                        let place = (listener, *release, *person, action);
                        match self.trespass(place, &index, &mut tries) {
                            Search::Nothing => {}
                            Search::GaveUp => answer = Some(unproved(group.span)),
                            Search::Found((owner, found)) => {
                                return Some(self.not_isolated(group, owner, &found));
                            }
                        }
                    }
                }
            }
        }
        answer
    }

    fn not_isolated(&self, group: &Spanned<Member>, owner: usize, found: &Found) -> Diagnostic {
        let owner = &self.reach.meaning.spec.users[owner].name.value;
        let message = format!(
            "the users of `{}` are not isolated: {} may {} topics of `{owner}`",
            group.value.name(),
            who(found),
            verb(found.action),
        );
        let finding = Diagnostic::new(FAILED, Severity::Error, message, group.span);
        let help = "grant only topics with `%u` in them, and give no user a name that holds another's topics";
        self.explained(finding, found).help(help)
    }

    /// What entries with `%u` grant each of some users.
    fn own_topics(&self, members: &[usize]) -> Index {
        let meaning = &self.reach.meaning;
        let mut index = Index::default();
        for member in members {
            let person = Person::Listed(*member);
            for (_, entry) in meaning.entries_of(0, person) {
                let filter = &*entry.filter.value;
                // What holds a client id is the user's in none but one of its levels.
                if entry.access.value != Access::Deny && filter.contains("%u") {
                    let filter = meaning.named(filter, person);
                    index.add(&filter.replace("%c", "+"), *member);
                }
            }
        }
        index
    }

    /// A topic of another member that a member reaches.
    fn trespass(
        &self,
        (listener, release, person, action): (usize, Release, Person<'_>, Action),
        index: &Index,
        tries: &mut usize,
    ) -> Search<(usize, Found)> {
        let Person::Listed(user) = person else { return Search::Nothing };
        let meaning = &self.reach.meaning;
        let by_level = release.has(Quirk::WholeLevelSubstitution);
        let mut answer = Search::Nothing;
        for (_, entry) in meaning.entries_of(listener, person) {
            if !actions(entry.access.value).any(|gives| gives == action) {
                continue;
            }
            let filter = meaning.named(&entry.filter.value, person);
            let widest = widest(&filter, by_level).unwrap_or_else(|| "#".to_owned());
            let mut found = Search::Nothing;
            let complete = index.meeting(&widest, &mut |number| {
                let (target, owner) = &index.filters[number];
                if *owner == user {
                    return false;
                }
                *tries += 1;
                match self.reach.find(listener, release, person, action, target) {
                    Search::Found(reached) => found = Search::Found((*owner, reached)),
                    Search::GaveUp => answer = Search::GaveUp,
                    Search::Nothing => {}
                }
                matches!(found, Search::Found(_)) || *tries >= MOST_TRIES
            });
            if matches!(found, Search::Found(_)) {
                return found;
            }
            if !complete {
                return Search::GaveUp;
            }
        }
        answer
    }
}

/// Filters and whose they are.
#[derive(Default)]
struct Index {
    filters: Vec<(String, usize)>,
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    children: BTreeMap<String, usize>,
    /// The filters that end here.
    ends: Vec<usize>,
}

impl Index {
    fn add(&mut self, filter: &str, owner: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for level in filter.split('/') {
            let next = self.nodes.len();
            let child = *self.nodes[at].children.entry(level.to_owned()).or_insert(next);
            if child == next {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        self.nodes[at].ends.push(self.filters.len());
        self.filters.push((filter.to_owned(), owner));
    }

    /// Shows every filter that may have a topic in common with this one, until `visit` says that it is enough; whether all
    /// were shown, or one was found.
    fn meeting(&self, filter: &str, visit: &mut dyn FnMut(usize) -> bool) -> bool {
        if self.nodes.is_empty() {
            return true;
        }
        let levels: Vec<&str> = filter.split('/').collect();
        let mut open = vec![(0, 0)];
        while let Some((node, at)) = open.pop() {
            let node = &self.nodes[node];
            let level = levels.get(at).copied();
            if matches!(level, None | Some("#")) && node.ends.iter().any(|number| visit(*number)) {
                return false;
            }
            if let Some(rest) = node.children.get("#")
                && self.nodes[*rest].ends.iter().any(|number| visit(*number))
            {
                return false;
            }
            match level {
                None => {}
                Some("#") => {
                    let below = node.children.iter().filter(|(name, _)| *name != "#");
                    open.extend(below.map(|(_, child)| (*child, at)));
                }
                Some("+") => {
                    let below = node.children.iter().filter(|(name, _)| *name != "#");
                    open.extend(below.map(|(_, child)| (*child, at + 1)));
                }
                Some(text) => {
                    let below = [node.children.get(text), node.children.get("+")];
                    open.extend(below.into_iter().flatten().map(|child| (*child, at + 1)));
                }
            }
        }
        true
    }
}

fn unproved(span: Span) -> Diagnostic {
    let message =
        "this cannot be proved: the entries that hold names of clients are too many or too involved";
    Diagnostic::new(FAILED, Severity::Error, message, span)
        .help("give each name a level of its own in the entries, and one name to an entry")
}

fn who(found: &Found) -> String {
    match &found.name {
        Some(name) => format!("`{name}`"),
        None => "`anonymous`".to_owned(),
    }
}

fn verb(action: Action) -> &'static str {
    if action == Action::Publish { "write" } else { "read" }
}

fn doing(action: Action) -> &'static str {
    if action == Action::Publish { "by publishing to" } else { "by receiving" }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
