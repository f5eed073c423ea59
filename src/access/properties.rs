//! Everything that is claimed for all topics, against brute force over all topics of a small alphabet.
//!
//! Filters have at most three names before a `#`, topics up to four, one of which (`f`) no filter holds; so
//! each generic topic has its counterpart among them.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::decide::{expand, gives, is_unsafe};
use super::sample::{acl, without};
use super::*;
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, AclRule, Subject};

mod people;
mod sets;

const TOPIC_NAMES: [&str; 5] = ["", "a", "b", "$x", "f"];
const USERS: [Option<&str>; 4] = [None, Some("a"), Some("a/b"), Some("f")];
const CLIENT_IDS: [&str; 6] = ["a", "f", "a+", "$x", "a/b", "$x/f/a"];
const ACTIONS: [Action; 2] = [Action::Publish, Action::Receive];

/// A set of the topics of the alphabet, by their place in [`Topics::all`].
type Bits = [u64; 13];

struct Topics {
    all: Vec<Vec<u8>>,
    matched: RefCell<HashMap<Vec<u8>, Bits>>,
}

impl Topics {
    fn new() -> Self {
        let mut all: Vec<String> = Vec::new();
        let mut longest: Vec<String> = TOPIC_NAMES.map(str::to_owned).to_vec();
        for _ in 0..4 {
            all.extend(longest.iter().cloned());
            longest =
                longest.iter().flat_map(|topic| TOPIC_NAMES.map(|name| format!("{topic}/{name}"))).collect();
        }
        let all = all.into_iter().filter(|topic| !topic.is_empty()).map(String::into_bytes).collect();
        Self { all, matched: RefCell::default() }
    }

    fn of(&self, filter: &[u8]) -> Bits {
        if let Some(bits) = self.matched.borrow().get(filter) {
            return *bits;
        }
        let mut bits = Bits::default();
        for (index, topic) in self.all.iter().enumerate().filter(|(_, topic)| matches(filter, topic)) {
            assert!(!topic.is_empty());
            bits[index / 64] |= 1 << (index % 64);
        }
        self.matched.borrow_mut().insert(filter.to_vec(), bits);
        bits
    }

    /// Each line as it is for one client: its layer (own before patterns, denials before grants), and its
    /// topics.
    fn lines(&self, release: Release, acl: &Acl, client: Client<'_>) -> Vec<Line> {
        let section = match client.user {
            None => Some(Subject::Anonymous),
            Some(name) => acl.user(name).map(Subject::User),
        };
        let line = |rule: &AclRule| {
            let filter = acl.filter(rule);
            let topics = match rule.subject {
                Subject::Everyone if is_unsafe(client.client_id) => None,
                Subject::Everyone => expand(release, filter, client).map(|filter| self.of(&filter)),
                subject => (Some(subject) == section).then(|| self.of(filter)),
            };
            let layer =
                2 * usize::from(rule.subject == Subject::Everyone) + usize::from(rule.access != Access::Deny);
            Line { layer, access: rule.access, topics: topics.unwrap_or_default() }
        };
        acl.rules.iter().map(line).collect()
    }
}

struct Line {
    layer: usize,
    access: Access,
    topics: Bits,
}

/// The topics that the lines allow without those whose index is listed.
fn allowed(lines: &[Line], gone: &[usize], action: Action) -> Bits {
    let mut layers = [Bits::default(); 4];
    for (index, line) in lines.iter().enumerate() {
        let counts = line.access == Access::Deny || gives(line.access, action);
        if counts && !gone.contains(&index) {
            layers[line.layer] = or(layers[line.layer], line.topics);
        }
    }
    let [own_denied, own_granted, denied, granted] = layers;
    minus(or(own_granted, minus(granted, denied)), own_denied)
}

fn or(left: Bits, right: Bits) -> Bits {
    std::array::from_fn(|at| left[at] | right[at])
}

fn minus(left: Bits, right: Bits) -> Bits {
    std::array::from_fn(|at| left[at] & !right[at])
}

fn union<'a>(topics: &Topics, filters: impl IntoIterator<Item = &'a String>) -> Bits {
    filters.into_iter().fold(Bits::default(), |all, filter| or(all, topics.of(filter.as_bytes())))
}

/// A filter with these names, at most three, and perhaps a `#`.
fn filter(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(select(names), 0..=3);
    (levels, any::<bool>()).prop_map(|(mut levels, rest)| {
        if rest {
            levels.push("#");
        }
        // What has no byte is no filter.
        Some(levels.join("/")).filter(|filter| !filter.is_empty()).unwrap_or_else(|| "+".to_owned())
    })
}

const FILTER_NAMES: &[&str] = &["a", "b", "", "$x", "+", "+"];
const PATTERN_NAMES: &[&str] = &["a", "b", "$x", "+", "%u", "%c", "a%c", "%u%c", "f%u"];

/// A file of some sections and patterns, in the order of the broker's grammar.
fn policy(pattern_share: u32) -> impl Strategy<Value = String> {
    let line = move || {
        let access = select(vec!["read", "write", "readwrite", "readwrite", "deny", "deny"]);
        prop_oneof![
            4 => (access.clone(), filter(FILTER_NAMES))
                .prop_map(|(access, filter)| format!("topic {access} {filter}\n")),
            pattern_share => (access, filter(PATTERN_NAMES))
                .prop_map(|(access, filter)| format!("pattern {access} {filter}\n")),
        ]
    };
    let section = move || prop::collection::vec(line(), 0..=5).prop_map(|lines| lines.concat());
    let users = subsequence(vec!["a", "b", "a/b"], 0..=2);
    (section(), section(), section(), users).prop_map(|(anonymous, first, second, users)| {
        let section = |(name, lines): (&&str, String)| format!("user {name}\n{lines}");
        let sections: String = users.iter().zip([first, second]).map(section).collect();
        anonymous + &sections
    })
}

fn release() -> impl Strategy<Value = Release> {
    select(Release::known().to_vec())
}

fn clients() -> impl Iterator<Item = Client<'static>> {
    let of = |user: Option<&'static str>| {
        CLIENT_IDS.map(|id| Client { user: user.map(str::as_bytes), client_id: id.as_bytes() })
    };
    USERS.into_iter().flat_map(of)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn check_by(
    name: &str,
    cases: u32,
    run: impl Fn(&Topics, &str, Release) -> Result<(), TestCaseError>,
    share: u32,
) {
    let topics = Topics::new();
    let mut runner = proptest::test_runner::TestRunner::new(config(cases));
    let outcome = runner.run(&(policy(share), release()), |(text, release)| run(&topics, &text, release));
    assert!(outcome.is_ok(), "{name}: {}", outcome.unwrap_err());
}

#[test]
fn covers_and_meets() {
    let topics = Topics::new();
    let filters = prop::collection::vec(filter(FILTER_NAMES), 0..6);
    let mut runner = proptest::test_runner::TestRunner::new(config(20_000));
    let outcome = runner.run(&(filters, filter(FILTER_NAMES)), |(filters, wanted)| {
        let bits = topics.of(wanted.as_bytes());
        let missing = |members: &[String]| minus(bits, union(&topics, members)) != Bits::default();
        match Union::new(filters.iter().map(String::as_bytes)).covers(wanted.as_bytes()) {
            Cover::Whole { by } => {
                let members: Vec<String> = by.iter().map(|member| filters[*member].clone()).collect();
                prop_assert!(!missing(&members), "{:?} does not cover", members);
                for gone in 0..members.len() {
                    let fewer = [&members[..gone], &members[gone + 1..]].concat();
                    prop_assert!(missing(&fewer), "{:?} would do", fewer);
                }
                let one = filters.iter().any(|filter| !missing(std::slice::from_ref(filter)));
                prop_assert_eq!(one, by.len() == 1);
            }
            Cover::Not { witness } => {
                prop_assert!(missing(&filters), "all of it is covered");
                prop_assert!(matches(wanted.as_bytes(), &witness));
                prop_assert!(!filters.iter().any(|filter| matches(filter.as_bytes(), &witness)));
            }
        }
        for filter in &filters {
            let common = meet(wanted.as_bytes(), filter.as_bytes());
            let both = minus(bits, minus(bits, topics.of(filter.as_bytes())));
            prop_assert_eq!(common.map_or_else(Bits::default, |common| topics.of(&common)), both);
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn decisions_are_those_of_the_sets() {
    let decides = |topics: &Topics, text: &str, release: Release| {
        let acl = acl(text);
        for client in clients() {
            let lines = topics.lines(release, &acl, client);
            for action in ACTIONS {
                let allowed = allowed(&lines, &[], action);
                for (index, topic) in topics.all.iter().enumerate().step_by(11) {
                    let decision = decide(release, Some(&acl), client, action, topic);
                    let expected = allowed[index / 64] >> (index % 64) & 1 == 1;
                    prop_assert_eq!(decision.allowed, expected, "{:?} {:?} {:?}", client, action, topic);
                    let effect = decision.rule.map(|rule| acl.rules[rule].access != Access::Deny);
                    prop_assert!(effect.is_none_or(|grants| grants == decision.allowed));
                }
            }
        }
        Ok(())
    };
    check_by("decide", 200, decides, 2);
}

#[test]
fn dead_lines_can_all_go() {
    let changes_nothing = |topics: &Topics, text: &str, release: Release| {
        let acl = acl(text);
        let dead = dead_rules(&acl, release);
        prop_assert!(dead.complete);
        let gone: Vec<usize> = dead.entries.iter().map(|line| line.rule).collect();
        let certain = dead.entries.iter().filter(|line| line.kind != DeadKind::GivenByPatterns);
        let certain: Vec<usize> = certain.map(|line| line.rule).collect();
        for client in clients() {
            let gone = if is_unsafe(client.client_id) { &certain } else { &gone };
            let lines = topics.lines(release, &acl, client);
            for action in ACTIONS {
                let (before, after) = (allowed(&lines, &[], action), allowed(&lines, gone, action));
                prop_assert!(before == after, "{:?} {:?}: {:?}", client, action, dead.entries);
            }
        }
        for line in &dead.entries {
            prop_assert!(line.causes.iter().all(|cause| !gone.contains(cause)), "{:?}", dead.entries);
            prop_assert_eq!(line.witness.is_none(), line.kind == DeadKind::NeverMatches);
            let Some(witness) = &line.witness else { continue };
            let hits = |rule: &usize| {
                let filter = acl.filter(&acl.rules[*rule]);
                match acl.rules[*rule].subject {
                    Subject::Everyone => expand(release, filter, witness.client())
                        .is_some_and(|filter| matches(&filter, &witness.topic)),
                    _ => matches(filter, &witness.topic),
                }
            };
            prop_assert!(hits(&line.rule));
            prop_assert!(line.causes.is_empty() || line.causes.iter().any(hits));
        }
        Ok(())
    };
    check_by("dead lines", 20_000, changes_nothing, 3);
}

#[test]
fn no_dead_line_stays_in_a_section() {
    let leaves_none = |topics: &Topics, text: &str, release: Release| {
        let acl = acl(text);
        let gone: Vec<usize> = dead_rules(&acl, release).entries.iter().map(|line| line.rule).collect();
        let rest = without(&acl, &gone);
        for (at, rule) in rest.rules.iter().enumerate() {
            let others = |action: Option<Action>| {
                let counts = |other: &Access| {
                    *other == Access::Deny || action.is_some_and(|action| gives(*other, action))
                };
                let same = rest.rules.iter().enumerate().filter(|(index, other)| {
                    *index != at && other.subject == rule.subject && counts(&other.access)
                });
                same.fold(Bits::default(), |all, (_, other)| or(all, topics.of(rest.filter(other))))
            };
            let bits = topics.of(rest.filter(rule));
            let decides = match rule.access {
                Access::Deny => minus(bits, others(None)) != Bits::default(),
                access => ACTIONS
                    .iter()
                    .filter(|action| gives(access, **action))
                    .any(|action| minus(bits, others(Some(*action))) != Bits::default()),
            };
            prop_assert!(decides, "{}", String::from_utf8_lossy(rest.filter(rule)));
        }
        Ok(())
    };
    check_by("live lines", 5_000, leaves_none, 0);
}

#[test]
fn beaten_denials_are_all_found() {
    let finds = |topics: &Topics, text: &str, release: Release| {
        let acl = acl(text);
        let beaten = beaten_pattern_denies(&acl, release).entries;
        for entry in &beaten {
            let client = entry.witness.client();
            let by_grant = ACTIONS.iter().any(|action| {
                let decision = decide(release, Some(&acl), client, *action, &entry.witness.topic);
                decision.allowed && decision.rule == Some(entry.grant)
            });
            prop_assert!(by_grant, "{:?}", entry);
            let denied = expand(release, acl.filter(&acl.rules[entry.deny]), client);
            prop_assert!(denied.is_some_and(|denied| matches(&denied, &entry.witness.topic)), "{:?}", entry);
        }
        let is_pattern = |rule: &usize| acl.rules[*rule].subject == Subject::Everyone;
        let patterns: Vec<usize> = (0..acl.rules.len()).filter(is_pattern).collect();
        let mut expected = BTreeSet::new();
        let mut with_effect = BTreeSet::new();
        let is_plain = |rule: &&usize| {
            let ids = acl.filter(&acl.rules[**rule]).windows(2).filter(|pair| pair == b"%c").count();
            acl.rules[**rule].access == Access::Deny && (ids < 2 || release == Release::newest())
        };
        for deny in patterns.iter().filter(is_plain) {
            for client in clients().filter(|client| !is_unsafe(client.client_id)) {
                let lines = topics.lines(release, &acl, client);
                let denied = lines[*deny].topics;
                for action in ACTIONS {
                    let given = allowed(&lines, &patterns, action);
                    if minus(denied, minus(denied, given)) != Bits::default() {
                        expected.insert((*deny, client.user.and_then(|user| acl.user(user))));
                    }
                    if allowed(&lines, &[*deny], action) != allowed(&lines, &[], action) {
                        with_effect.insert(*deny);
                    }
                }
            }
        }
        let found: BTreeSet<_> = beaten.iter().map(|entry| (entry.deny, entry.user)).collect();
        prop_assert!(expected.is_subset(&found), "{:?} {:?}", expected, found);
        prop_assert!(beaten.iter().all(|entry| entry.has_effect || !with_effect.contains(&entry.deny)));
        Ok(())
    };
    check_by("beaten denials", 3_000, finds, 4);
}

/// The ids with which a client could claim a topic: one that is nowhere, and each run of its levels.
fn ids_for(topic: &[u8]) -> Vec<Vec<u8>> {
    let levels: Vec<&[u8]> = topic.split(|byte| *byte == b'/').collect();
    let runs = (0..levels.len()).flat_map(|from| (from + 1..=levels.len()).map(move |to| (from, to)));
    let runs = runs.map(|(from, to)| levels[from..to].join(&b'/')).filter(|id| !id.is_empty());
    runs.chain([b"nowhere".to_vec()]).collect()
}

#[test]
fn whoever_reaches_all_is_allowed_all() {
    let allows = |topics: &Topics, text: &str, release: Release| {
        let acl = acl(text);
        let listed =
            (0..acl.users.len() as u32).map(|user| (Who::User(user), Some(&*acl.users[user as usize].name)));
        for (who, user) in listed.chain([(Who::Anonymous, None), (Who::Unlisted, Some(&b"new"[..]))]) {
            let reach = confinement(&acl, release, who);
            let claimed = [(Action::Receive, reach.reads_all), (Action::Publish, reach.writes_all)];
            for (action, all) in claimed {
                let has_class = (acl.rules.iter()).any(|rule| acl.filter(rule).contains(&b'%'));
                let allowed = |topic: &Vec<u8>| {
                    let by = |client_id: Vec<u8>| {
                        let client = Client { user, client_id: &client_id };
                        decide(release, Some(&acl), client, action, topic).allowed
                    };
                    ids_for(topic).into_iter().any(by)
                };
                let is_meant = |topic: &&Vec<u8>| {
                    let has_empty = topic.split(|byte| *byte == b'/').any(<[u8]>::is_empty);
                    !(topic.starts_with(b"$") || has_class && has_empty)
                };
                let is_whole = || topics.all.iter().filter(is_meant).all(allowed);
                if all || !has_class {
                    prop_assert_eq!(all, is_whole(), "{:?} {:?}", who, action);
                }
            }
        }
        Ok(())
    };
    check_by("reach", 3_000, allows, 4);
}

#[test]
fn no_text_breaks_anything() {
    let bytes = prop::collection::vec(prop_oneof![select(b"/+#$%ucab".to_vec()), any::<u8>()], 1..12);
    let lines = prop::collection::vec((bytes, 0..4usize, 0..3u32, any::<Index>()), 0..8);
    let outcome =
        proptest::test_runner::TestRunner::new(config(5_000)).run(&(lines, release()), |(lines, release)| {
            let text: Vec<u8> = lines.iter().flat_map(|(filter, ..)| filter.clone()).collect();
            let mut sources = crate::text::Sources::default();
            let mut acl =
                Acl::new(sources.add(crate::text::Source::new("acl", text.clone())), text.clone().into());
            let mut start = 0;
            for (filter, access, subject, _) in &lines {
                let access = [Access::Read, Access::Write, Access::ReadWrite, Access::Deny][*access];
                let subject = [Subject::Anonymous, Subject::Everyone, Subject::User(7)][*subject as usize];
                acl.push(subject, access, start, start + filter.len());
                start += filter.len();
            }
            dead_rules(&acl, release);
            beaten_pattern_denies(&acl, release);
            claims(&acl, release);
            confinement(&acl, release, Who::User(7));
            confinement(&acl, release, Who::AnyName);
            for (filter, _, _, _) in &lines {
                check(filter).ok();
                decide(
                    release,
                    Some(&acl),
                    Client { user: Some(filter), client_id: filter },
                    Action::Publish,
                    filter,
                );
                Union::new(lines.iter().map(|(filter, ..)| &**filter)).covers(filter);
            }
            Ok(())
        });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
