//! Whether a finished pack gives everybody the rights that its spec says: read back as each release reads it, and compared
//! for all topics, all users and all client ids.
//!
//! Client ids are proved at once. With an id that is part of nothing else, the filters that hold it are those with `%c`.
//! Where both sides have the same denials and the same grants, and no grant of a user's own meets a denial that it would win
//! over, whatever the id, no id makes a difference. Else the lists are compared topic by topic: without the filters that
//! hold the id both sides allow the same and deny the same, and with them they are the same.

use std::collections::BTreeSet;

use super::claims::{self, claims, widest};
use super::meaning::{Meaning, Person, may_log_in};
use crate::access::{self, Action, DecisionList, Difference, Layer, ListedFilter, Policy, Search, Tier};
use crate::catalogue::{OptionId, Quirk, Release, options};
use crate::lang::spec::{Anonymous, Listener as Place, Spec};
use crate::model::acl::Acl;
use crate::model::{Deployment, FileState, Listener};
use crate::report::{Diagnostic, Severity};
use crate::text::Span;

/// A pack that does not say what its spec says.
const DIFFERS: &str = "spec-pack-differs";

/// Both actions that ACL files are about.
pub(super) const ACTIONS: [Action; 2] = [Action::Publish, Action::Receive];

/// Where a line of the pack comes from in the spec.
pub(super) type Origin<'a> = &'a dyn Fn(Span) -> Option<Span>;

/// Compares a pack, as its releases read it, with its spec; each difference is an error at its place.
pub(super) fn prove(spec: &Spec, read: &[Deployment], origin: Origin<'_>) -> Vec<Diagnostic> {
    let mut proof = Proof { meaning: Meaning::new(spec), origin, problems: Vec::new() };
    let mut done: Vec<Done<'_>> = Vec::new();
    for deployment in read {
        if !proof.listeners(deployment) {
            continue;
        }
        for (index, listener) in deployment.listeners.iter().enumerate() {
            let acl = match &deployment.security_of(listener).acl {
                FileState::Loaded(acl) => Some(&**acl),
                FileState::Unnamed => None,
                FileState::Unknown | FileState::Failed => {
                    proof.differs(spec.listeners[index].span, "its ACL file cannot be read back", None);
                    continue;
                }
            };
            let asked = Done {
                acl,
                anonymous: proof.meaning.anonymous(index),
                by_level: deployment.release.has(Quirk::WholeLevelSubstitution),
            };
            if !done.iter().any(|known| known.answers(&asked)) {
                done.push(asked);
                proof.rights(index, deployment.release, acl);
            }
        }
    }
    proof.problems
}

/// What was compared: listeners and releases that have all of it in common need not be looked at again.
struct Done<'a> {
    acl: Option<&'a Acl>,
    anonymous: Option<&'a Anonymous>,
    by_level: bool,
}

impl Done<'_> {
    fn answers(&self, asked: &Done<'_>) -> bool {
        let is_same = match (self.acl, asked.acl) {
            (Some(left), Some(right)) => std::ptr::eq(left, right) || has_same_lines(left, right),
            (left, right) => left.is_none() && right.is_none(),
        };
        let told = |done: &Done<'_>| done.anonymous.map(|anonymous| anonymous.acl.clone());
        is_same && self.by_level == asked.by_level && told(self) == told(asked)
    }
}

/// Whether two files have the same lines.
fn has_same_lines(left: &Acl, right: &Acl) -> bool {
    let names = |acl: &Acl| acl.users.iter().map(|user| user.name.clone()).collect::<Vec<_>>();
    left.rules == right.rules
        && names(left) == names(right)
        && left.rules.iter().zip(&right.rules).all(|(a, b)| left.filter(a) == right.filter(b))
}

struct Proof<'a> {
    meaning: Meaning<'a>,
    origin: Origin<'a>,
    problems: Vec<Diagnostic>,
}

/// Enough differences to see what is wrong.
const MOST: usize = 20;

impl Proof<'_> {
    fn differs(&mut self, span: Span, what: &str, note: Option<&str>) {
        let message = format!("the pack differs from the spec: {what}");
        let mut finding = Diagnostic::new(DIFFERS, Severity::Error, message, span);
        finding.notes.extend(note.map(str::to_owned));
        let finding = finding.help("nothing is written; this is a mistake of moskit: please report it");
        if !self.problems.contains(&finding) && self.problems.len() < MOST {
            self.problems.push(finding);
        }
    }

    /// Compares who may log in where, and the mount points.
    fn listeners(&mut self, deployment: &Deployment) -> bool {
        let spec = self.meaning.spec;
        let release = deployment.release;
        if deployment.listeners.len() != spec.listeners.len() {
            let what = format!("Mosquitto {release} opens {} listeners", deployment.listeners.len());
            self.differs(spec.span.part(0, 1), &what, None);
            return false;
        }
        for (index, (place, listener)) in spec.listeners.iter().zip(&deployment.listeners).enumerate() {
            let name = &place.name.value;
            let allows = self.meaning.anonymous(index).is_some();
            if deployment.anonymous(listener).0 != allows {
                let verb = if allows { "keeps out" } else { "lets in" };
                let what = format!("Mosquitto {release} {verb} clients without a user name on `{name}`");
                self.differs(place.name.span, &what, None);
            }
            let mount = listener.settings.text(options::MOUNT_POINT).map(|told| told.value.to_owned());
            if mount.as_deref() != place.mount_point.as_ref().map(|told| &*told.value) {
                let found = mount.as_deref().unwrap_or("");
                let what = format!("on `{name}`, Mosquitto {release} puts `{found}` in front of topics");
                self.differs(place.name.span, &what, None);
            }
            self.logins(place, deployment, listener);
        }
        true
    }

    fn logins(&mut self, place: &Place, deployment: &Deployment, listener: &Listener) {
        let (release, name) = (deployment.release, &place.name.value);
        let client = place.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let by_certificate = client.is_some_and(|client| client.username_from.is_some());
        let takes_id = |option: OptionId| listener.settings.is_on(option);
        let read = [options::USE_IDENTITY_AS_USERNAME, options::USE_SUBJECT_AS_USERNAME].map(takes_id);
        let required = takes_id(options::REQUIRE_CERTIFICATE);
        if read.contains(&true) != by_certificate || required != client.is_some() {
            let what = format!("Mosquitto {release} takes certificates otherwise on `{name}`");
            self.differs(place.name.span, &what, None);
        }
        if by_certificate {
            return;
        }
        let Some(passwords) = deployment.security_of(listener).passwords.loaded() else {
            let what = format!("Mosquitto {release} asks for no password on `{name}`");
            return self.differs(place.name.span, &what, None);
        };
        let usable = passwords.entries.iter().filter(|entry| entry.is_usable).map(|entry| &*entry.name);
        let mut known: BTreeSet<&[u8]> = usable.collect();
        let spec = self.meaning.spec;
        for user in spec.users.iter().filter(|user| may_log_in(place, user)) {
            if !known.remove(user.name.value.as_bytes()) {
                let what = format!("`{}` cannot log in to `{name}` on Mosquitto {release}", user.name.value);
                self.differs(user.name.span, &what, None);
            }
        }
        for name in known {
            let name = String::from_utf8_lossy(name);
            let what = format!("`{name}` may log in to `{}` on Mosquitto {release}", place.name.value);
            self.differs(place.name.span, &what, None);
        }
    }

    /// Compares what everybody may do by one ACL file.
    fn rights(&mut self, listener: usize, release: Release, acl: Option<&Acl>) {
        let spec = self.meaning.spec;
        let policy = Policy::new(release, acl);
        if acl.is_some_and(|acl| acl.users.iter().any(|user| std::str::from_utf8(&user.name).is_err())) {
            let what = format!("Mosquitto {release} reads a user name that is not UTF-8");
            return self.differs(spec.span.part(0, 1), &what, None);
        }
        let sections: Vec<&str> = acl.map_or_else(Vec::new, |acl| {
            acl.users.iter().filter_map(|user| std::str::from_utf8(&user.name).ok()).collect()
        });
        let patterns = acl.into_iter().flat_map(|acl| acl.rules.iter().map(|rule| acl.filter(rule)));
        let patterns = patterns.filter_map(|filter| std::str::from_utf8(filter).ok());
        let filters = self.meaning.filters().chain(patterns);
        let names = spec.users.iter().map(|user| &*user.name.value).chain(sections.iter().copied());
        let fresh = claims::fresh(filters.chain(names));
        let (dollar, deep) = (format!("${fresh}"), format!("{fresh}/{fresh}"));
        let listed: BTreeSet<&str> = spec.users.iter().map(|user| &*user.name.value).collect();
        let mut persons: Vec<(Person<'_>, Option<&str>)> = Vec::new();
        let users = spec.users.iter().enumerate();
        persons.extend(users.map(|(index, user)| (Person::Listed(index), Some(&*user.name.value))));
        persons.extend(self.meaning.anonymous(listener).map(|_| (Person::Anonymous, None)));
        let others = sections.iter().copied().filter(|name| !listed.contains(name));
        let others =
            others.chain([&*dollar, &*deep, "other-name"].into_iter().filter(|name| !listed.contains(name)));
        persons.extend(others.map(|name| (Person::Other(name), Some(name))));
        for (person, name) in persons {
            for action in ACTIONS {
                let client =
                    Asking { listener, release, person, name, action, policy: &policy, fresh: &fresh };
                let found = client.difference(&self.meaning);
                if let Some((client_id, found)) = found {
                    self.tell(&client, acl, client_id.as_deref(), found.as_ref());
                }
                if self.problems.len() >= MOST {
                    return;
                }
            }
        }
    }

    fn tell(
        &mut self,
        asking: &Asking<'_, '_>,
        acl: Option<&Acl>,
        id: Option<&str>,
        found: Option<&Difference>,
    ) {
        let spec = self.meaning.spec;
        let who = match asking.name {
            Some(name) => format!("`{name}`"),
            None => "a client without a user name".to_owned(),
        };
        let verb = match asking.action {
            Action::Publish => "publish to",
            _ => "receive",
        };
        let place = &spec.listeners[asking.listener].name.value;
        let end = format!("on `{place}` with Mosquitto {}", asking.release);
        let Some(found) = found else {
            let span = self.place_of(asking.person, asking.listener);
            let what = format!("for some client id {who} may {verb} other topics {end}");
            return self.differs(span, &what, None);
        };
        let (told, made) = (found.left, found.right);
        let entry = told.rule.and_then(|rule| self.meaning.entry(rule)).map(|entry| entry.filter.span);
        let line =
            made.rule.zip(acl).and_then(|(rule, acl)| acl.rules.get(rule).map(|rule| acl.filter_span(rule)));
        let line = line.and_then(|span| (self.origin)(span));
        let span = entry.or(line).unwrap_or_else(|| self.place_of(asking.person, asking.listener));
        let topic = String::from_utf8_lossy(&found.topic).into_owned();
        let id = id.map(|id| format!(" as client `{id}`")).unwrap_or_default();
        let what = match made.allowed {
            true => format!("it lets {who}{id} {verb} `{topic}` {end}"),
            false => format!("it keeps {who}{id} from {} `{topic}` {end}", gerund(asking.action)),
        };
        let note = match (told.allowed, entry) {
            (true, Some(_)) => "this entry of the spec allows it",
            (false, Some(_)) => "this entry of the spec denies it",
            (true, None) => "no entry of the spec says who may do what",
            (false, None) => "no entry of the spec allows it",
        };
        self.differs(span, &what, Some(note));
    }

    fn place_of(&self, person: Person<'_>, listener: usize) -> Span {
        let spec = self.meaning.spec;
        match person {
            Person::Listed(user) => spec.users[user].name.span,
            Person::Anonymous => {
                self.meaning.anonymous(listener).map_or(spec.span.part(0, 1), |told| told.span)
            }
            Person::Other(_) => spec.listeners[listener].name.span,
        }
    }
}

fn gerund(action: Action) -> &'static str {
    if action == Action::Publish { "publishing to" } else { "receiving" }
}

/// One client and one action.
struct Asking<'a, 'p> {
    listener: usize,
    release: Release,
    person: Person<'a>,
    name: Option<&'a str>,
    action: Action,
    policy: &'a Policy<'p>,
    fresh: &'a str,
}

/// The client id where it matters, and what differs; `None` where no example was found.
type Differs = (Option<String>, Option<Difference>);

impl Asking<'_, '_> {
    fn told<'s>(&self, meaning: &Meaning<'s>, client_id: &str) -> DecisionList<'s> {
        meaning.list(self.listener, self.release, (self.person, client_id), self.action)
    }

    fn made(&self, client_id: &str) -> DecisionList<'_> {
        let user = self.name.map(str::as_bytes);
        self.policy.list(access::Client { user, client_id: client_id.as_bytes() }, self.action)
    }

    fn difference(&self, meaning: &Meaning<'_>) -> Option<Differs> {
        let is_unsafe = self.name.is_some_and(|name| name.contains(['+', '#']));
        let (told, made) = (self.told(meaning, self.fresh), self.made(self.fresh));
        // The broker asks no pattern for a client whose name or id holds a wildcard: it has its own rights at least.
        let id = if is_unsafe { self.fresh } else { "+" };
        let least = meaning.least(self.listener, self.release, (self.person, id), self.action);
        if !is_unsafe {
            if self.is_plainly_equal(&told, &made, &least) {
                return None;
            }
            if let Some(found) = first(&told, &made) {
                return Some((None, Some(found)));
            }
        }
        let made_of_own = self.made(id);
        let id = (!is_unsafe).then(|| id.to_owned());
        for (left, right, is_turned) in
            [(&least, &made_of_own, false), (&made_of_own, &self.told(meaning, self.fresh), true)]
        {
            if let Some(found) = missing(left, right) {
                let found = if is_turned { turned(found) } else { found };
                return Some((id, Some(found)));
            }
        }
        if is_unsafe || self.is_equal_for_all_ids(&told, &made) {
            return None;
        }
        let example = self.example(meaning, &told, &made);
        Some(match example {
            Some((id, found)) => (Some(id), Some(found)),
            None => (None, None),
        })
    }

    /// Whether two lists are equal at first sight, for every client id.
    fn is_plainly_equal(
        &self,
        told: &DecisionList<'_>,
        made: &DecisionList<'_>,
        least: &DecisionList<'_>,
    ) -> bool {
        let own_grants = filters(made, &[Layer::OwnGrant]);
        let own_denials = filters(made, &[Layer::OwnDeny]);
        let denials = filters(made, &[Layer::PatternDeny]);
        let grants: BTreeSet<&[u8]> = &own_grants | &filters(made, &[Layer::PatternGrant]);
        let holds =
            |filter: &&[u8]| filter.windows(self.fresh.len()).any(|part| part == self.fresh.as_bytes());
        told.default_allows == made.default_allows
            && filters(told, &[Layer::OwnGrant]) == grants
            && filters(told, &[Layer::OwnDeny]) == &own_denials | &denials
            && filters(least, &[Layer::OwnGrant]).is_subset(&own_grants)
            && !own_grants.iter().chain(&own_denials).any(holds)
            && !denials.difference(&own_denials).any(|denial| self.may_lose(denial, &own_grants))
    }

    /// Whether a denial of all clients may have a topic in common with a grant of the client's own, which wins over it.
    fn may_lose(&self, denial: &[u8], own_grants: &BTreeSet<&[u8]>) -> bool {
        let by_level = self.release.has(Quirk::WholeLevelSubstitution);
        let Ok(denial) = std::str::from_utf8(denial) else { return true };
        match widest(&denial.replace(self.fresh, "%c"), by_level) {
            Some(widest) => own_grants.iter().any(|grant| access::meet(widest.as_bytes(), grant).is_some()),
            None => !own_grants.is_empty(),
        }
    }

    /// Whether lists that are equal for a fresh client id are so for every other.
    fn is_equal_for_all_ids(&self, told: &DecisionList<'_>, made: &DecisionList<'_>) -> bool {
        let (told_claimed, told_plain) = parted(told, self.fresh);
        let (made_claimed, made_plain) = parted(made, self.fresh);
        if told_claimed != made_claimed
            || made_plain.tiers.iter().zip(&made.tiers).any(|(plain, whole)| {
                let is_own = matches!(whole.layer, Layer::OwnDeny | Layer::OwnGrant);
                is_own && plain.filters.len() < whole.filters.len()
            })
        {
            return false;
        }
        if told_claimed.is_empty() {
            return true;
        }
        let is_beaten = made_claimed.iter().any(|(allows, filter)| !allows && self.is_beaten(filter, made));
        // Where a line with the client id grants a topic, the denials decide.
        let by_level = self.release.has(Quirk::WholeLevelSubstitution);
        let granted = told_claimed.iter().filter(|(allows, _)| *allows);
        let granted: Option<Vec<String>> =
            granted.map(|(_, filter)| widest(&filter.replace(self.fresh, "%c"), by_level)).collect();
        let open = |list: &DecisionList<'_>| {
            let denials = list.tiers.iter().filter(|tier| !tier.allows).flat_map(|tier| tier.filters.clone());
            let listed = |filter: Vec<u8>| ListedFilter { filter: filter.into(), rule: None };
            let denials = denials.map(|denial| listed(denial.filter.into_owned())).collect();
            let grants = granted.iter().flatten().map(|filter| listed(filter.clone().into_bytes())).collect();
            let tiers = vec![
                Tier { layer: Layer::OwnDeny, allows: false, filters: denials },
                Tier { layer: Layer::OwnGrant, allows: true, filters: grants },
            ];
            DecisionList::new(self.action, tiers, granted.is_none())
        };
        !is_beaten
            && first(&told_plain, &made_plain).is_none()
            && first(&open(&told_plain), &open(&made_plain)).is_none()
    }

    /// Whether a grant of the client's own wins over a denial with a client id, for some id.
    fn is_beaten(&self, denial: &str, made: &DecisionList<'_>) -> bool {
        let by_level = self.release.has(Quirk::WholeLevelSubstitution);
        let pattern = denial.replace(self.fresh, "%c");
        let own = made.tiers.iter().filter(|tier| tier.layer == Layer::OwnGrant);
        own.flat_map(|tier| &tier.filters).any(|grant| {
            let Ok(grant) = std::str::from_utf8(&grant.filter) else { return true };
            let found = claims(&pattern, "%c", grant, by_level, self.fresh);
            !found.names.is_empty() || !found.complete
        })
    }

    /// A client id for which the lists differ, among those that let a line with `%c` meet another line.
    fn example(
        &self,
        meaning: &Meaning<'_>,
        told: &DecisionList<'_>,
        made: &DecisionList<'_>,
    ) -> Option<(String, Difference)> {
        let by_level = self.release.has(Quirk::WholeLevelSubstitution);
        let texts = |list: &DecisionList<'_>| -> BTreeSet<String> {
            let filters = list.tiers.iter().flat_map(|tier| &tier.filters);
            filters.map(|listed| String::from_utf8_lossy(&listed.filter).into_owned()).collect()
        };
        let all: BTreeSet<String> = texts(told).union(&texts(made)).cloned().collect();
        let mut tried = BTreeSet::new();
        for pattern in all.iter().filter(|text| text.contains(self.fresh)) {
            for target in &all {
                let pattern = pattern.replace(self.fresh, "%c");
                let target = target.replace(self.fresh, "+");
                for id in claims(&pattern, "%c", &target, by_level, self.fresh).names {
                    if tried.len() > 1000 || !tried.insert(id.clone()) {
                        continue;
                    }
                    if let Some(found) = first(&self.told(meaning, &id), &self.made(&id)) {
                        return Some((id, found));
                    }
                }
            }
        }
        None
    }
}

/// The first topic that two lists decide differently; also where that could not be found out.
fn first(told: &DecisionList<'_>, made: &DecisionList<'_>) -> Option<Difference> {
    missing(told, made).or_else(|| missing(made, told).map(turned))
}

fn missing(left: &DecisionList<'_>, right: &DecisionList<'_>) -> Option<Difference> {
    match access::difference(left, right) {
        Search::Nothing => None,
        Search::Found(found) => Some(found),
        // What cannot be proved is no proof.
        Search::GaveUp => {
            let topic = b"?".to_vec();
            Some(Difference { left: left.decide(&topic), right: right.decide(&topic), topic })
        }
    }
}

fn turned(found: Difference) -> Difference {
    Difference { topic: found.topic, left: found.right, right: found.left }
}

/// The filters of a list that hold a text, with what they do, and the list without them.
fn parted<'l>(list: &DecisionList<'l>, text: &str) -> (BTreeSet<(bool, String)>, DecisionList<'l>) {
    let mut held = BTreeSet::new();
    let mut rest = list.clone();
    for tier in &mut rest.tiers {
        tier.filters.retain(|listed| {
            let filter = String::from_utf8_lossy(&listed.filter);
            let is_held = filter.contains(text);
            if is_held {
                held.insert((tier.allows, filter.into_owned()));
            }
            !is_held
        });
    }
    (held, rest)
}

/// The filters of some layers.
fn filters<'l>(list: &'l DecisionList<'_>, layers: &[Layer]) -> BTreeSet<&'l [u8]> {
    let tiers = list.tiers.iter().filter(|tier| layers.contains(&tier.layer));
    tiers.flat_map(|tier| tier.filters.iter().map(|listed| &*listed.filter)).collect()
}
