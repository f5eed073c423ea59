//! Whom an ACL file confines: who can read or write everything, and which patterns trust the client id.

use std::collections::BTreeSet;

use super::cover::{Cover, Union};
use super::decide::{Action, Client, expand, gives, is_unsafe, left_to_acl};
use super::filter::{CLIENT_ID, Placeholders, USER, can_match, is_for_named, split};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, AclRule, Sections, Subject};

/// Whose reach is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// A client without user name.
    Anonymous,
    /// The user with this index in [`Acl::users`].
    User(u32),
    /// A user without a section, whose name is given to it.
    Unlisted,
    /// A client that may choose its user name freely among those without a section.
    AnyName,
}

/// What a client can do with the topics that do not start with `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// It can be sent the messages of each of them.
    pub reads_all: bool,
    /// It can publish to each of them.
    pub writes_all: bool,
    /// The lines that give this, in the order of the file; none where neither holds.
    pub by: Vec<usize>,
}

/// Whether a client can read, or write, every topic outside `$`, where it may take any client id, another one
/// for each topic. `sections` are those of the file.
///
/// Where this says that it can, it can, save for topics with an empty level in the place of a whole-level
/// `%c` or `%u`, as no name is empty. Patterns that hold the same placeholder twice are taken to give
/// nothing.
pub fn confinement(acl: &Acl, sections: &Sections, release: Release, who: Who) -> Reach {
    let mut by = BTreeSet::new();
    let mut all = |action| {
        let lines = whole(acl, sections, release, who, action);
        let is_whole = lines.is_some();
        by.extend(lines.into_iter().flatten());
        is_whole
    };
    let (reads_all, writes_all) = (all(Action::Receive), all(Action::Publish));
    Reach { reads_all, writes_all, by: by.into_iter().collect() }
}

/// The patterns that give a client which chooses its id the topics of others: grants with a `%c` that is put
/// in its place, and without `%u`, which would keep the client to topics with its own name.
pub fn claims(acl: &Acl, release: Release) -> Vec<usize> {
    let placeholders = Placeholders::in_patterns(release);
    let is_claim = |rule: &AclRule| {
        let filter = acl.filter(rule);
        rule.subject == Subject::Everyone
            && rule.access != Access::Deny
            && can_match(filter)
            && [Action::Receive, Action::Publish].iter().any(|action| {
                gives(rule.access, *action) && left_to_acl(filter, placeholders, *action).is_some()
            })
            && placeholders.has_client_id(filter)
            && !placeholders.has_user(filter)
    };
    acl.rules.iter().enumerate().filter(|(_, rule)| is_claim(rule)).map(|(index, _)| index).collect()
}

/// The lines that let a client do this with every topic outside `$`; `None` where it surely or possibly
/// cannot.
fn whole(acl: &Acl, sections: &Sections, release: Release, who: Who, action: Action) -> Option<Vec<usize>> {
    let section = match who {
        Who::Anonymous => Some(Subject::Anonymous),
        Who::User(user) => Some(Subject::User(user)),
        Who::Unlisted | Who::AnyName => None,
    };
    let lines = |subject: Option<Subject>, denials: bool| {
        let rules = subject.map(|subject| sections.rules(subject)).unwrap_or_default();
        rules.iter().filter_map(move |index| {
            let rule = &acl.rules[*index as usize];
            let is_kind = if denials { rule.access == Access::Deny } else { gives(rule.access, action) };
            let filter = acl.filter(rule);
            let is_outside = || !filter.starts_with(b"$") && can_match(filter);
            (is_kind && is_outside()).then_some((*index as usize, filter))
        })
    };
    if lines(section, true).next().is_some() {
        return None;
    }
    // A name in a filter keeps it from any share in matching everything.
    let is_wild = |filter: &[u8]| filter.iter().all(|byte| matches!(byte, b'+' | b'#' | b'/'));
    let own = lines(section, false).filter(|(_, filter)| is_wild(filter));
    let (mut rules, mut filters): (Vec<usize>, Vec<Vec<u8>>) =
        own.map(|(index, filter)| (index, filter.to_vec())).unzip();
    if let Some(by) = all_of(&rules, &filters) {
        return Some(by);
    }
    let name = match who {
        Who::Anonymous => None,
        Who::User(user) => Some(&*acl.users.get(user as usize)?.name),
        Who::Unlisted | Who::AnyName => Some(&b"x"[..]),
    };
    if name.is_some_and(is_unsafe) {
        return None;
    }
    for (index, pattern) in lines(Some(Subject::Everyone), false) {
        if let Some(filter) = in_wildcards(pattern, release, who) {
            rules.push(index);
            filters.push(filter);
        }
    }
    let by = all_of(&rules, &filters)?;
    let takes_a_name = by.iter().any(|rule| chooses_name(acl.filter(&acl.rules[*rule]), release, who));
    let mut denials = lines(Some(Subject::Everyone), true).peekable();
    if denials.peek().is_none() {
        return Some(by);
    }
    let own = Union::new(lines(section, false).map(|(_, filter)| filter));
    let is_harmless = |pattern: &[u8]| {
        if chooses_name(pattern, release, who) {
            // A client whose name is free takes one that the denial does not hit.
            return !takes_a_name;
        }
        let denied = expand(release, pattern, Client { user: name, client_id: b"x" });
        denied.is_none_or(|denied| matches!(own.covers(&denied), Cover::Whole { .. }))
    };
    denials.all(|(_, pattern)| is_harmless(pattern)).then_some(by)
}

/// The lines whose filters together match every topic outside `$`.
fn all_of(rules: &[usize], filters: &[Vec<u8>]) -> Option<Vec<usize>> {
    match Union::new(filters.iter().map(|filter| &**filter)).covers(b"#") {
        Cover::Whole { by } => Some(by.into_iter().map(|member| rules[member]).collect()),
        Cover::Not { .. } => None,
    }
}

/// Whether a pattern holds a name that the client may choose.
fn chooses_name(pattern: &[u8], release: Release, who: Who) -> bool {
    let placeholders = Placeholders::in_patterns(release);
    placeholders.has_client_id(pattern) || who == Who::AnyName && placeholders.has_user(pattern)
}

/// A pattern of nothing but wildcards and names that the client may choose, as the filter that it amounts to.
///
/// `None` for any other pattern: beside it, something is needed that matches whatever it matches.
fn in_wildcards(pattern: &[u8], release: Release, who: Who) -> Option<Vec<u8>> {
    if who == Who::Anonymous && is_for_named(pattern) {
        return None;
    }
    let spans = Placeholders::in_patterns(release) == Placeholders::Anywhere;
    let mut chosen: Vec<&[u8]> = Vec::new();
    let mut levels: Vec<&[u8]> = Vec::new();
    for level in split(pattern) {
        match level {
            b"+" | b"#" => levels.push(level),
            CLIENT_ID | USER if chosen.contains(&level) => return None,
            USER if who != Who::AnyName => return None,
            CLIENT_ID | USER => {
                chosen.push(level);
                levels.push(b"+");
            }
            _ => return None,
        }
    }
    if spans && !chosen.is_empty() && levels.last() != Some(&&b"#"[..]) {
        levels.push(b"#");
    }
    Some(levels.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::super::sample::acl;
    use super::*;

    fn reach(text: &str, release: Release, who: Who) -> (bool, bool, Vec<usize>) {
        let acl = acl(text);
        let reach = confinement(&acl, &Sections::of(&acl), release, who);
        (reach.reads_all, reach.writes_all, reach.by)
    }

    #[test]
    fn who_reaches_everything() {
        const OLD: Release = Release::new(2, 0, 21);
        const NEW: Release = Release::new(2, 1, 2);
        type Case = (&'static str, Release, Who, bool, bool, &'static [usize]);
        let cases: &[Case] = &[
            ("topic read #", NEW, Who::Anonymous, true, false, &[0]),
            ("topic read #", NEW, Who::Unlisted, false, false, &[]),
            ("topic readwrite #\ntopic deny $SYS/#", NEW, Who::Anonymous, true, true, &[0]),
            ("topic readwrite #\ntopic deny a", NEW, Who::Anonymous, false, false, &[]),
            ("user u\ntopic write +\ntopic write +/+/#", NEW, Who::User(0), false, true, &[0, 1]),
            ("user u\ntopic write +/+\ntopic write +/+/+/#", NEW, Who::User(0), false, false, &[]),
            ("user u\ntopic read #\npattern write #", NEW, Who::User(0), true, true, &[0, 1]),
            ("user a+\npattern write #", NEW, Who::User(0), false, false, &[]),
            ("pattern write #\npattern deny a/#", NEW, Who::Unlisted, false, false, &[]),
            (
                "user u\ntopic write a/#\npattern write #\npattern deny a/#",
                NEW,
                Who::User(0),
                false,
                true,
                &[1],
            ),
            ("pattern write #\npattern deny %c/#", NEW, Who::Unlisted, false, true, &[0]),
            ("pattern write #\npattern deny %u/#", NEW, Who::Unlisted, false, false, &[]),
            ("pattern write #\npattern deny %u/#", NEW, Who::Anonymous, false, true, &[0]),
            ("pattern write #\npattern deny %u/#", NEW, Who::AnyName, false, true, &[0]),
            ("pattern write %c/#", NEW, Who::Unlisted, false, true, &[0]),
            ("pattern write %c/#\npattern deny %c/x", NEW, Who::Unlisted, false, false, &[]),
            ("pattern write %u/#", NEW, Who::Unlisted, false, false, &[]),
            ("pattern write %u/#", NEW, Who::AnyName, false, true, &[0]),
            ("pattern write %c/+\npattern write +", OLD, Who::Unlisted, false, true, &[0, 1]),
            ("pattern write %c/+\npattern write +", NEW, Who::Unlisted, false, false, &[]),
            ("pattern readwrite %c", OLD, Who::Anonymous, true, true, &[0]),
            ("pattern readwrite %c/%c/#\ntopic write +", OLD, Who::Anonymous, false, false, &[]),
        ];
        for (text, release, who, reads, writes, by) in cases {
            assert_eq!(
                reach(text, *release, *who),
                (*reads, *writes, by.to_vec()),
                "{release} {who:?}: {text}"
            );
        }
    }

    #[test]
    fn patterns_that_trust_the_client_id() {
        let text = "pattern write d/%c/#\npattern write d/%u/%c\npattern deny d/%c\npattern read x%c/a\n\
                    pattern read d/+\n\
                    pattern write $SYS/%c/x\npattern read $share/%c\ntopic read d/%c";
        assert_eq!(claims(&acl(text), Release::new(2, 0, 11)), [0, 3, 5]);
        assert_eq!(claims(&acl(text), Release::new(2, 1, 2)), [0]);
    }
}
