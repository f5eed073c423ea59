//! Lines that never decide anything.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::cover::shortest_topic;
use super::decide::{Action, Client, Witness, expand, gives, is_unsafe, left_to_acl};
use super::filter::{self, Level, Placeholders, is_for_named, levels};
use super::trie::{Outcome, Query, Trie};
use super::{Listing, Work};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, Subject};

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
    /// A topic that the line matches; none for [`DeadKind::NeverMatches`].
    pub witness: Option<Witness>,
}

/// The lines that can go without any effect: all of them together, not just each by itself.
///
/// Removing them changes no decision for any client, save for clients with `+` or `#` in their id in the case
/// of [`DeadKind::GivenByPatterns`]. Of two equal lines the first stays. Lines whose effect hangs on what
/// `%u` and `%c` stand for are reported only where it is certain for all names.
pub fn dead_rules(acl: &Acl, release: Release) -> Listing<DeadRule> {
    let mut search = Search {
        acl,
        placeholders: Placeholders::in_patterns(release),
        found: vec![None; acl.rules.len()],
        work: Work::for_rules(acl.rules.len()),
    };
    search.mark_single_lines();
    let mut groups: HashMap<Subject, Vec<usize>> = HashMap::new();
    for (index, rule) in acl.rules.iter().enumerate() {
        if search.found[index].is_none() {
            groups.entry(rule.subject).or_default().push(index);
        }
    }
    let patterns =
        Group::new(&search, Subject::Everyone, groups.remove(&Subject::Everyone).unwrap_or_default());
    search.mark_group(&patterns, None);
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_unstable();
    for (subject, rules) in groups {
        let group = Group::new(&search, subject, rules);
        search.mark_group(&group, Some(&patterns));
    }
    search.into_listing(release)
}

/// What is known of a dead line.
type Finding = (DeadKind, Vec<usize>);

struct Search<'a> {
    acl: &'a Acl,
    placeholders: Placeholders,
    /// For each rule, why it is dead.
    found: Vec<Option<Finding>>,
    work: Work,
}

/// The lines of one subject that may be live, and sets of them.
struct Group<'a> {
    subject: Subject,
    /// The user name that `%u` stands for.
    user: Option<&'a [u8]>,
    rules: Vec<usize>,
    all: Trie<'a>,
    grants: Trie<'a>,
    denials: Trie<'a>,
}

impl<'a> Group<'a> {
    fn new(search: &Search<'a>, subject: Subject, rules: Vec<usize>) -> Self {
        let placeholders = search.placeholders_of(subject);
        let user = match subject {
            Subject::User(user) => search.acl.users.get(user as usize).map(|user| &*user.name),
            Subject::Anonymous | Subject::Everyone => None,
        };
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
        Self { subject, user, rules, all, grants, denials }
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
        let access = self.acl.rules[rule].access;
        let placeholders = self.placeholders_of(self.acl.rules[rule].subject);
        // A denial is about both actions, and what is left of it for receiving holds the rest.
        [Action::Receive, Action::Publish]
            .into_iter()
            .filter(|action| gives(access, *action) || access == Access::Deny && *action == Action::Receive)
            .filter_map(|action| Some((action, left_to_acl(self.filter(rule), placeholders, action)?)))
            .collect()
    }

    /// Marks what a line tells by itself, and repetitions.
    fn mark_single_lines(&mut self) {
        let mut first = HashMap::new();
        for (index, rule) in self.acl.rules.iter().enumerate() {
            let filter = self.acl.filter(rule);
            if !filter::can_match(filter) || self.parts(index).is_empty() {
                self.found[index] = Some((DeadKind::NeverMatches, Vec::new()));
            } else {
                let same = *first.entry((rule.subject, rule.access, filter)).or_insert(index);
                self.found[index] = (same != index).then(|| (DeadKind::Duplicate, vec![same]));
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
                self.found[*rule] = Some((DeadKind::NothingToDeny, Vec::new()));
            }
        }
        let given: BTreeMap<usize, Vec<usize>> = patterns
            .into_iter()
            .flat_map(|patterns| grants.iter().map(move |rule| (patterns, *rule)))
            .filter_map(|(patterns, rule)| Some((rule, self.given_by(group, patterns, rule)?)))
            .collect();
        let is_left = |rule: usize| !given.contains_key(&rule);
        let mut removed = self.remove_covered(group, &denials, &is_left);
        removed.extend(self.remove_covered(group, &grants, &is_left));
        for (rule, causes) in given {
            if self.is_live(rule) {
                self.found[rule] = Some((DeadKind::GivenByPatterns, causes));
            }
        }
        // Only now is it known which lines stay, and thus may be causes.
        for rule in removed {
            self.found[rule] = self.cause(group, rule);
        }
    }

    fn has_something_to_deny(&self, group: &Group<'a>, patterns: Option<&Group<'a>>, rule: usize) -> bool {
        let levels = self.levels(rule);
        let own = Query { levels: &levels, user: None };
        let bound = Query { levels: &levels, user: group.user };
        group.grants.meeting(own, &self.work, &mut |_| true)
            || patterns.is_some_and(|patterns| {
                patterns.grants.meeting(bound, &self.work, &mut |pattern| self.is_asked(group, pattern))
            })
            || self.work.is_used_up()
    }

    /// The live patterns that grant all that a grant of the group gives, where no pattern denies any of it.
    fn given_by(&self, group: &Group<'a>, patterns: &Group<'a>, rule: usize) -> Option<Vec<usize>> {
        let levels = self.levels(rule);
        let bound = Query { levels: &levels, user: group.user };
        let is_denied = || {
            patterns.denials.meeting(bound, &self.work, &mut |pattern| self.is_asked(group, pattern))
                || self.work.is_used_up()
        };
        let accept = |action, pattern: u32| {
            self.is_asked(group, pattern)
                && self.is_live(pattern as usize)
                && gives(self.acl.rules[pattern as usize].access, action)
        };
        let by = self.covered(rule, &patterns.grants, group.user, &accept)?;
        (!is_denied()).then(|| causes(by))
    }

    /// Whether a pattern is ever asked for clients of this subject.
    fn is_asked(&self, group: &Group<'_>, pattern: u32) -> bool {
        match group.subject {
            Subject::Anonymous => !is_for_named(self.filter(pattern as usize)),
            Subject::User(_) => !group.user.is_some_and(is_unsafe),
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
                        self.found[rule] = Some((DeadKind::Redundant, Vec::new()));
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

    fn into_listing(self, release: Release) -> Listing<DeadRule> {
        let unlisted = unlisted_name(self.acl);
        let entry = |rule: usize| {
            let mut finding = self.found[rule].as_ref()?;
            if let (DeadKind::Duplicate, [first]) = (finding.0, &*finding.1) {
                finding = self.found[*first].as_ref().unwrap_or(finding);
            }
            let (kind, causes) = finding.clone();
            Some(DeadRule { rule, kind, causes, witness: self.sample(rule, release, &unlisted) })
        };
        Listing {
            entries: (0..self.acl.rules.len()).filter_map(entry).collect(),
            complete: !self.work.is_used_up(),
        }
    }

    /// A client of a rule's subject and a topic that the rule matches.
    fn sample(&self, rule: usize, release: Release, unlisted: &[u8]) -> Option<Witness> {
        let subject = self.acl.rules[rule].subject;
        let user = match subject {
            Subject::Anonymous => None,
            Subject::User(user) => Some(&*self.acl.users.get(user as usize)?.name),
            Subject::Everyone => Some(unlisted),
        };
        let client = Client { user, client_id: b"client" };
        if !filter::can_match(self.filter(rule)) {
            return None;
        }
        let (_, part) = self.parts(rule).into_iter().next()?;
        let filter =
            if subject == Subject::Everyone { expand(release, &part, client)? } else { part.into_owned() };
        let levels = levels(&filter, Placeholders::Text);
        let topic = shortest_topic(&levels, b"x");
        Some(Witness { user: user.map(<[u8]>::to_vec), client_id: client.client_id.to_vec(), topic })
    }
}

/// The lines that cover the parts of another, each once, in the order of the file.
fn causes(by: Vec<Vec<u32>>) -> Vec<usize> {
    let lines: BTreeSet<u32> = by.into_iter().flatten().collect();
    lines.into_iter().map(|line| line as usize).collect()
}

/// A user name that has no section.
fn unlisted_name(acl: &Acl) -> Vec<u8> {
    let listed: HashSet<&[u8]> = acl.users.iter().map(|user| &*user.name).collect();
    let mut names =
        std::iter::once(b"someone".to_vec()).chain((1u32..).map(|n| format!("someone{n}").into_bytes()));
    names.find(|name| !listed.contains(&**name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::sample::acl;
    use super::*;

    #[test]
    fn lines_and_why_they_are_dead() {
        use DeadKind::{Duplicate, GivenByPatterns, NeverMatches, NothingToDeny, Overridden, Redundant};
        type Found = (usize, DeadKind, &'static [usize]);
        let cases: &[(&str, &[Found], &[Found])] = &[
            ("topic read a/b\ntopic read a/#", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
            ("topic read a/b\nuser u\ntopic read a/#", &[], &[]),
            ("topic readwrite a\ntopic read +", &[], &[]),
            (
                "topic readwrite a\ntopic read +\ntopic write #",
                &[(0, Redundant, &[1, 2])],
                &[(0, Redundant, &[1, 2])],
            ),
            (
                "topic read #\ntopic read $x/a\ntopic read +/#",
                &[(2, Redundant, &[0])],
                &[(2, Redundant, &[0])],
            ),
            (
                "topic read a\ntopic read a/+/#\ntopic read a/#",
                &[(0, Redundant, &[2]), (1, Redundant, &[2])],
                &[(0, Redundant, &[2]), (1, Redundant, &[2])],
            ),
            (
                "topic read a\ntopic write a/+/#\ntopic read a/+/#\ntopic deny a/b/#\ntopic read a/b/c",
                &[(4, Overridden, &[3])],
                &[(4, Overridden, &[3])],
            ),
            (
                "topic read a\nuser u\ntopic read a\ntopic read a\nuser u\ntopic read a",
                &[(2, Duplicate, &[1]), (3, Duplicate, &[1])],
                &[(2, Duplicate, &[1]), (3, Duplicate, &[1])],
            ),
            (
                "topic read a\ntopic read a\ntopic read #",
                &[(0, Redundant, &[2]), (1, Redundant, &[2])],
                &[(0, Redundant, &[2]), (1, Redundant, &[2])],
            ),
            ("topic read a\ntopic deny b/#", &[(1, NothingToDeny, &[])], &[(1, NothingToDeny, &[])]),
            ("topic deny b/#\npattern read b/%c", &[], &[]),
            ("topic deny b/#\npattern read b/%u", &[(0, NothingToDeny, &[])], &[(0, NothingToDeny, &[])]),
            (
                "user u\ntopic deny b/v\npattern read b/%u",
                &[(0, NothingToDeny, &[])],
                &[(0, NothingToDeny, &[])],
            ),
            (
                "pattern deny s/%u\nuser u\ntopic read #",
                &[(0, NothingToDeny, &[])],
                &[(0, NothingToDeny, &[])],
            ),
            (
                "topic write $SYS/#\ntopic write $SYS/x\ntopic read $share/#\ntopic read a\tb",
                &[(1, NeverMatches, &[]), (2, NeverMatches, &[]), (3, NeverMatches, &[])],
                &[(1, NeverMatches, &[]), (2, NeverMatches, &[]), (3, NeverMatches, &[])],
            ),
            ("topic readwrite $SYS/x\ntopic read $SYS/+", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
            (
                "user u\ntopic read a/u\npattern read a/%u",
                &[(0, GivenByPatterns, &[1])],
                &[(0, GivenByPatterns, &[1])],
            ),
            ("user u\ntopic read a\npattern read #\npattern deny a", &[], &[]),
            (
                "topic read a/b\npattern read a/+\npattern deny %u/#",
                &[(0, GivenByPatterns, &[1])],
                &[(0, GivenByPatterns, &[1])],
            ),
            ("user a+\ntopic read a\npattern read #", &[], &[]),
            ("user $x\ntopic read $x/f\npattern read %u/f", &[(0, GivenByPatterns, &[1])], &[]),
            (
                "topic read a/b\ntopic read a/#\npattern read a/#",
                &[(0, GivenByPatterns, &[2]), (1, GivenByPatterns, &[2])],
                &[(0, GivenByPatterns, &[2]), (1, GivenByPatterns, &[2])],
            ),
            (
                "topic read a/b\ntopic read a/#\npattern read a/b",
                &[(0, Redundant, &[1])],
                &[(0, Redundant, &[1])],
            ),
            ("pattern read p/%c/a\npattern read p/+/a", &[], &[(0, Redundant, &[1])]),
            ("pattern read p/%c/a\npattern read p/+/#", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
            ("pattern read %c/a\npattern read #", &[], &[(0, Redundant, &[1])]),
            ("pattern read p/%u/a\npattern read p/%u/#", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
            ("pattern read p/x%u\npattern read p/xa", &[], &[]),
        ];
        for (text, old, new) in cases {
            for (release, expected) in [(Release::new(2, 0, 21), old), (Release::new(2, 1, 2), new)] {
                let found = dead_rules(&acl(text), release);
                let found: Vec<_> =
                    found.entries.iter().map(|line| (line.rule, line.kind, line.causes.clone())).collect();
                let expected: Vec<_> =
                    expected.iter().map(|(rule, kind, causes)| (*rule, *kind, causes.to_vec())).collect();
                assert_eq!(found, expected, "{release}:\n{text}");
            }
        }
    }

    #[test]
    fn a_file_made_to_be_hard_ends() {
        let filter =
            |at: u32| (0..15).map(|bit| if at >> bit & 1 == 1 { "+" } else { "a" }).collect::<Vec<_>>();
        let text: String = (0..20_000).map(|at| format!("topic read {}\n", filter(at).join("/"))).collect();
        let found = dead_rules(&acl(&text), Release::newest());
        assert!(!found.complete && found.entries.iter().all(|line| line.kind == DeadKind::Redundant));
    }
}
