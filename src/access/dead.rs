//! Lines that never decide anything.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cover::shortest_topic;
use super::decide::{Action, Client, Witness, expand, gives, is_unsafe, left_to_acl};
use super::entangled::entangled;
use super::filter::{self, Level, Placeholders, is_for_named, levels};
use super::trie::{Outcome, Query, Trie};
use super::{Listing, Work};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, AclRule, Sections, Subject};

/// Why a line never decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadKind {
    /// No topic can match it, or the broker denies all of them by itself. It has no cause.
    NeverMatches,
    /// An earlier line of the same subject is the same.
    Duplicate,
    /// A denial of what no line grants. It has no cause.
    NothingToDeny,
    /// A grant of what denials of the same subject take away.
    Overridden,
    /// A grant or a denial of what other lines of the same subject grant or deny.
    Redundant,
    /// A grant to a user, or to clients without user name, of what patterns grant to them anyway.
    ///
    /// Removing it changes nothing for a client whose id holds no `+` or `#`: others are kept from every
    /// pattern.
    GivenByPatterns,
}

/// A line that never decides anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRule {
    /// The line, as an index into [`Acl::rules`].
    pub rule: usize,
    /// Why.
    pub kind: DeadKind,
    /// The lines that decide in its place, in the order of the file; each of them is live.
    pub causes: Vec<usize>,
}

impl DeadRule {
    /// A client of the line's subject and a topic that the line matches; none for [`DeadKind::NeverMatches`].
    pub fn witness(&self, acl: &Acl, release: Release) -> Option<Witness> {
        sample(acl, release, self.rule)
    }
}

/// The lines that can go without any effect: all of them together, not just each by itself.
///
/// Removing them changes no decision for any client, save for clients with `+` or `#` in their id in the case
/// of [`DeadKind::GivenByPatterns`]. Of two equal lines the first stays. Lines whose effect hangs on what
/// `%u` and `%c` stand for are reported only where it is certain for all names.
pub fn dead_rules(acl: &Acl, release: Release) -> Listing<DeadRule> {
    let sections = Sections::of(acl);
    let mut search = Search {
        acl,
        placeholders: Placeholders::in_patterns(release),
        found: vec![None; acl.rules.len()],
        causes: HashMap::new(),
        work: Work::for_rules(acl.rules.len()),
    };
    let patterns = search.matching(sections.rules(Subject::Everyone));
    let mut patterns = search.without_repetitions(patterns);
    if !search.allows(&patterns) {
        patterns.clear();
    }
    let patterns = Group::new(&search, Subject::Everyone, patterns);
    search.mark_group(&patterns, None);
    let users = (0..acl.users.len() as u32).map(Subject::User);
    for subject in std::iter::once(Subject::Anonymous).chain(users) {
        search.mark_section(subject, sections.rules(subject), &patterns);
    }
    search.into_listing()
}

/// What is known of a dead line.
type Finding = (DeadKind, Vec<usize>);

struct Search<'a> {
    acl: &'a Acl,
    placeholders: Placeholders,
    /// For each rule, why it is dead.
    found: Vec<Option<DeadKind>>,
    /// The causes of dead rules, where there are any.
    causes: HashMap<usize, Vec<usize>>,
    work: Work,
}

/// The lines of one subject that may be live, and sets of them.
struct Group<'a> {
    who: Who<'a>,
    rules: Vec<usize>,
    all: Trie<'a>,
    grants: Trie<'a>,
    denials: Trie<'a>,
}

/// Whose lines are looked at.
#[derive(Clone, Copy)]
struct Who<'a> {
    subject: Subject,
    /// The user name that `%u` stands for.
    user: Option<&'a [u8]>,
    /// Whether patterns are never asked for this name.
    is_unsafe: bool,
}

impl<'a> Group<'a> {
    fn new(search: &Search<'a>, subject: Subject, rules: Vec<usize>) -> Self {
        let placeholders = search.placeholders_of(subject);
        let [mut all, mut grants, mut denials] = [(); 3].map(|()| Trie::new(placeholders));
        // Only where there are denials, or patterns that are compared with sections, is each kind asked for.
        let is_mixed = subject == Subject::Everyone || rules.iter().any(|rule| search.is_denial(*rule));
        for index in &rules {
            let levels = search.levels(*index);
            let one_kind = if search.is_denial(*index) { &mut denials } else { &mut grants };
            if is_mixed {
                one_kind.insert(&levels, *index as u32);
            }
            all.insert(&levels, *index as u32);
        }
        Self { who: search.who(subject), rules, all, grants, denials }
    }
}

impl<'a> Search<'a> {
    fn placeholders_of(&self, subject: Subject) -> Placeholders {
        if subject == Subject::Everyone { self.placeholders } else { Placeholders::Text }
    }

    fn filter(&self, rule: usize) -> &'a [u8] {
        self.acl.filter(&self.acl.rules[rule])
    }

    fn levels(&self, rule: usize) -> Vec<Level<'a>> {
        levels(self.filter(rule), self.placeholders_of(self.acl.rules[rule].subject))
    }

    fn is_denial(&self, rule: usize) -> bool {
        self.acl.rules[rule].access == Access::Deny
    }

    /// The parts of a rule's filter that the broker leaves to the ACL, for each action that the rule is
    /// about.
    fn parts(&self, rule: usize) -> Vec<(Action, Cow<'a, [u8]>)> {
        let AclRule { access, subject, .. } = self.acl.rules[rule];
        parts(self.filter(rule), access, self.placeholders_of(subject))
    }

    fn who(&self, subject: Subject) -> Who<'a> {
        let user = match subject {
            Subject::User(user) => self.acl.users.get(user as usize).map(|user| &*user.name),
            Subject::Anonymous | Subject::Everyone => None,
        };
        Who { subject, user, is_unsafe: user.is_some_and(is_unsafe) }
    }

    fn mark(&mut self, rule: usize, (kind, causes): Finding) {
        self.found[rule] = Some(kind);
        if !causes.is_empty() {
            self.causes.insert(rule, causes);
        }
    }

    /// Marks the rules of which no topic is left for the ACL, and returns the others.
    fn matching(&mut self, rules: &[u32]) -> Vec<usize> {
        let mut matching = Vec::with_capacity(rules.len());
        for rule in rules {
            let rule = *rule as usize;
            let filter = self.filter(rule);
            let is_special = filter.first() == Some(&b'$');
            if !filter::can_match_of(self.acl.rules[rule].kinds(), filter)
                || is_special && self.parts(rule).is_empty()
            {
                self.mark(rule, (DeadKind::NeverMatches, Vec::new()));
            } else {
                matching.push(rule);
            }
        }
        matching
    }

    fn allows(&self, rules: &[usize]) -> bool {
        self.work.allows(rules.iter().map(|rule| self.filter(*rule)))
    }

    /// Marks repetitions, and returns the other rules.
    fn without_repetitions(&mut self, mut rules: Vec<usize>) -> Vec<usize> {
        let mut first = HashMap::with_capacity(rules.len());
        rules.retain(|rule| {
            let key = (self.acl.rules[*rule].access, self.filter(*rule));
            let same = *first.entry(key).or_insert(*rule);
            if same != *rule {
                self.mark(*rule, (DeadKind::Duplicate, vec![same]));
            }
            same == *rule
        });
        rules
    }

    /// Marks the dead lines of a section; `patterns` are those of everyone, live ones known.
    ///
    /// Lines that share no topic with another one of the section are only compared with the patterns.
    fn mark_section(&mut self, subject: Subject, rules: &[u32], patterns: &Group<'a>) {
        let rules = self.matching(rules);
        let is_wild = |rule: usize| self.acl.rules[rule].kinds().has_wildcard();
        let filters: Vec<_> = rules.iter().map(|rule| (self.filter(*rule), is_wild(*rule))).collect();
        let met = entangled(&filters);
        let who = self.who(subject);
        let mut next = met.iter().peekable();
        for (place, rule) in rules.iter().enumerate() {
            if next.next_if_eq(&&place).is_some() {
                continue;
            }
            if !self.is_denial(*rule) {
                if let Some(causes) = self.given_by(who, patterns, *rule) {
                    self.mark(*rule, (DeadKind::GivenByPatterns, causes));
                }
            } else if !self.patterns_grant(who, patterns, *rule) && !self.work.is_used_up() {
                self.mark(*rule, (DeadKind::NothingToDeny, Vec::new()));
            }
        }
        if !met.is_empty() {
            let rules = self.without_repetitions(met.into_iter().map(|place| rules[place]).collect());
            if self.allows(&rules) {
                let group = Group::new(self, subject, rules);
                self.mark_group(&group, Some(patterns));
            }
        }
    }

    fn is_live(&self, rule: usize) -> bool {
        self.found[rule].is_none()
    }

    /// Marks the dead lines of a subject; `patterns` are those of everyone, live ones known.
    fn mark_group(&mut self, group: &Group<'a>, patterns: Option<&Group<'a>>) {
        let (denials, grants): (Vec<usize>, Vec<usize>) =
            group.rules.iter().partition(|rule| self.is_denial(**rule));
        for rule in &denials {
            if !self.has_something_to_deny(group, patterns, *rule) {
                self.mark(*rule, (DeadKind::NothingToDeny, Vec::new()));
            }
        }
        let given: BTreeMap<usize, Vec<usize>> = patterns
            .into_iter()
            .flat_map(|patterns| grants.iter().map(move |rule| (patterns, *rule)))
            .filter_map(|(patterns, rule)| Some((rule, self.given_by(group.who, patterns, rule)?)))
            .collect();
        let is_left = |rule: usize| !given.contains_key(&rule);
        let mut removed = self.remove_covered(group, &denials, &is_left);
        removed.extend(self.remove_covered(group, &grants, &is_left));
        for (rule, causes) in given {
            if self.is_live(rule) {
                self.mark(rule, (DeadKind::GivenByPatterns, causes));
            }
        }
        // Only now is it known which lines stay, and thus may be causes.
        for rule in removed {
            let cause = self.cause(group, rule);
            self.found[rule] = None;
            cause.into_iter().for_each(|finding| self.mark(rule, finding));
        }
    }

    fn has_something_to_deny(&self, group: &Group<'a>, patterns: Option<&Group<'a>>, rule: usize) -> bool {
        let levels = self.levels(rule);
        let own = Query { levels: &levels, user: None };
        group.grants.meeting(own, &self.work, &mut |_| true)
            || patterns.is_some_and(|patterns| self.patterns_grant(group.who, patterns, rule))
            || self.work.is_used_up()
    }

    /// Whether patterns grant anything of what a rule of a section matches.
    fn patterns_grant(&self, who: Who<'a>, patterns: &Group<'a>, rule: usize) -> bool {
        patterns.grants.may_start(self.filter(rule)) && {
            let levels = self.levels(rule);
            let bound = Query { levels: &levels, user: who.user };
            patterns.grants.meeting(bound, &self.work, &mut |pattern| self.is_asked(who, pattern))
        }
    }

    /// The live patterns that grant all that a grant of a section gives, where no pattern denies any of it.
    fn given_by(&self, who: Who<'a>, patterns: &Group<'a>, rule: usize) -> Option<Vec<usize>> {
        if !patterns.grants.may_start(self.filter(rule)) {
            return None;
        }
        let levels = self.levels(rule);
        let bound = Query { levels: &levels, user: who.user };
        let is_denied = || {
            patterns.denials.meeting(bound, &self.work, &mut |pattern| self.is_asked(who, pattern))
                || self.work.is_used_up()
        };
        let accept = |action, pattern: u32| {
            self.is_asked(who, pattern)
                && self.is_live(pattern as usize)
                && gives(self.acl.rules[pattern as usize].access, action)
        };
        let by = self.covered(rule, &patterns.grants, who.user, &accept)?;
        (!is_denied()).then(|| causes(by))
    }

    /// Whether a pattern is ever asked for clients of this subject.
    fn is_asked(&self, who: Who<'_>, pattern: u32) -> bool {
        match who.subject {
            Subject::Anonymous => !is_for_named(self.filter(pattern as usize)),
            Subject::User(_) => !who.is_unsafe,
            Subject::Everyone => true,
        }
    }

    /// Marks those of `rules` that other live lines of the group cover, and returns them; causes are yet to
    /// come.
    ///
    /// Lines that one other covers go first, so that a wide line is never taken for the sum of narrow ones
    /// that it makes needless. Later lines go first, so that of two equal ones the first stays.
    fn remove_covered(
        &mut self,
        group: &Group<'a>,
        rules: &[usize],
        is_left: &dyn Fn(usize) -> bool,
    ) -> Vec<usize> {
        let mut removed = Vec::new();
        let mut candidates: Vec<usize> =
            rules.iter().rev().copied().filter(|rule| self.is_live(*rule)).collect();
        for by_one in [true, false] {
            let mut kept = Vec::new();
            for rule in candidates {
                let by = self.covered(rule, &group.all, None, &|action, other| {
                    let other = other as usize;
                    other != rule
                        && self.is_live(other)
                        && is_left(other)
                        && self.stands_for(other, rule, action)
                });
                match by {
                    Some(by) if by_one && by.iter().any(|part| part.len() > 1) => kept.push(rule),
                    Some(_) => {
                        self.found[rule] = Some(DeadKind::Redundant);
                        removed.push(rule);
                    }
                    None => {}
                }
            }
            candidates = kept;
        }
        removed
    }

    /// Whether a line, where it matches, makes another of the same subject needless for an action.
    fn stands_for(&self, other: usize, rule: usize, action: Action) -> bool {
        self.is_denial(other) || !self.is_denial(rule) && gives(self.acl.rules[other].access, action)
    }

    /// Why a line that is covered by live ones is dead; nothing where the work is used up, and it counts as
    /// live.
    fn cause(&self, group: &Group<'a>, rule: usize) -> Option<Finding> {
        let is_live = |other: u32| self.is_live(other as usize);
        if !self.is_denial(rule) {
            let denied = self.covered(rule, &group.denials, None, &|_, other| is_live(other));
            if let Some(by) = denied {
                return Some((DeadKind::Overridden, causes(by)));
            }
        }
        let accept = |action, other: u32| is_live(other) && self.stands_for(other as usize, rule, action);
        Some((DeadKind::Redundant, causes(self.covered(rule, &group.all, None, &accept)?)))
    }

    /// For each part of a rule, the accepted members of a set that cover it; nothing where a part is not
    /// covered.
    fn covered(
        &self,
        rule: usize,
        set: &Trie<'a>,
        user: Option<&[u8]>,
        accept: &dyn Fn(Action, u32) -> bool,
    ) -> Option<Vec<Vec<u32>>> {
        let placeholders = self.placeholders_of(self.acl.rules[rule].subject);
        let cover = |(action, filter): &(Action, Cow<'_, [u8]>)| {
            let levels = levels(filter, placeholders);
            let query = Query { levels: &levels, user };
            match set.cover(query, &|other| accept(*action, other), &self.work) {
                Outcome::By(by) => Some(by),
                Outcome::Gap(_) => None,
            }
        };
        self.parts(rule).iter().map(cover).collect()
    }

    fn into_listing(self) -> Listing<DeadRule> {
        let causes_of = |rule: usize| self.causes.get(&rule).cloned().unwrap_or_default();
        let entry = |rule: usize| {
            let (kind, causes) = (self.found[rule]?, causes_of(rule));
            // What repeats a dead line is dead for the same reason.
            match *causes {
                [first] if kind == DeadKind::Duplicate => Some(match self.found[first] {
                    Some(kind) => DeadRule { rule, kind, causes: causes_of(first) },
                    None => DeadRule { rule, kind, causes },
                }),
                _ => Some(DeadRule { rule, kind, causes }),
            }
        };
        Listing {
            entries: (0..self.acl.rules.len()).filter_map(entry).collect(),
            complete: !self.work.is_used_up(),
        }
    }
}

fn parts(filter: &[u8], access: Access, placeholders: Placeholders) -> Vec<(Action, Cow<'_, [u8]>)> {
    // A denial is about both actions, and what is left of it for receiving holds the rest.
    [Action::Receive, Action::Publish]
        .into_iter()
        .filter(|action| gives(access, *action) || access == Access::Deny && *action == Action::Receive)
        .filter_map(|action| Some((action, left_to_acl(filter, placeholders, action)?)))
        .collect()
}

/// A client of a rule's subject and a topic that the rule matches.
fn sample(acl: &Acl, release: Release, rule: usize) -> Option<Witness> {
    let rule = acl.rules.get(rule)?;
    let filter = acl.filter(rule);
    let unlisted = unlisted_name(acl);
    let user = match rule.subject {
        Subject::Anonymous => None,
        Subject::User(user) => Some(&*acl.users.get(user as usize)?.name),
        Subject::Everyone => Some(&*unlisted),
    };
    let client = Client { user, client_id: b"client" };
    if !filter::can_match(filter) {
        return None;
    }
    let is_pattern = rule.subject == Subject::Everyone;
    let placeholders = if is_pattern { Placeholders::in_patterns(release) } else { Placeholders::Text };
    let (_, part) = parts(filter, rule.access, placeholders).into_iter().next()?;
    let filter = if is_pattern { expand(release, &part, client)? } else { part.into_owned() };
    let levels = levels(&filter, Placeholders::Text);
    let topic = shortest_topic(&levels, b"x");
    Some(Witness { user: user.map(<[u8]>::to_vec), client_id: client.client_id.to_vec(), topic })
}

/// The lines that cover the parts of another, each once, in the order of the file.
fn causes(by: Vec<Vec<u32>>) -> Vec<usize> {
    let lines: BTreeSet<u32> = by.into_iter().flatten().collect();
    lines.into_iter().map(|line| line as usize).collect()
}

/// A user name that has no section.
fn unlisted_name(acl: &Acl) -> Vec<u8> {
    let mut names =
        std::iter::once(b"someone".to_vec()).chain((1u32..).map(|n| format!("someone{n}").into_bytes()));
    names.find(|name| acl.user(name).is_none()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
