//! The compiled rules against [`decide`]: the same answer, layer and rule included, for whatever is asked.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::sample::acl;
use super::tests::hold;
use super::*;
use crate::catalogue::Release;

const LEVELS: &[&str] = &["a", "b", "", "$x", "ab", "+", "+", "%u", "%c", "x%c", "%u%c", "%cb", "$SYS", "%"];
const NAMES: &[&str] = &["a", "b", "a/b", "$x", "%u", "%c", "a+", "#", "c", "ab", "/", "a/", "x"];
const TOPIC_LEVELS: &[&str] = &["a", "b", "", "$x", "ab", "x", "%u", "xa", "aa", "bb", "c", "$SYS", "xa/b"];

fn filter() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(select(LEVELS), 0..=4);
    (levels, any::<bool>()).prop_map(|(mut levels, rest)| {
        if rest {
            levels.push("#");
        }
        Some(levels.join("/")).filter(|filter| !filter.is_empty()).unwrap_or_else(|| "+/%u".to_owned())
    })
}

/// Sections of up to some thirty lines, so that nodes are divided.
fn policy() -> impl Strategy<Value = String> {
    let access = select(vec!["read", "write", "readwrite", "deny"]);
    let line = (select(vec!["topic", "topic", "pattern"]), access, filter())
        .prop_map(|(keyword, access, filter)| format!("{keyword} {access} {filter}\n"))
        .boxed();
    let section = (select(NAMES), prop::collection::vec(line.clone(), 0..30))
        .prop_map(|(name, lines)| format!("user {name}\n{}", lines.concat()));
    (prop::collection::vec(line, 0..20), prop::collection::vec(section, 0..4))
        .prop_map(|(lines, sections)| lines.concat() + &sections.concat())
}

type Asked = (Option<&'static str>, &'static str, Action, String);

fn requests() -> impl Strategy<Value = Vec<Asked>> {
    let topic = prop::collection::vec(select(TOPIC_LEVELS), 1..=5).prop_map(|levels| levels.join("/"));
    let user = prop::option::weighted(0.8, select(NAMES));
    let user = prop_oneof![10 => user, 1 => Just(Some(""))];
    let id = prop_oneof![10 => select(NAMES), 1 => Just("")];
    let action = prop_oneof![
        6 => Just(Action::Publish), 6 => Just(Action::Receive), 1 => Just(Action::Subscribe)
    ];
    prop::collection::vec((user, id, action, topic), 40)
}

#[test]
fn compiled_rules_decide_as_the_reference_does() {
    let counts = std::cell::RefCell::new(std::collections::BTreeMap::new());
    let inputs = (policy(), requests(), select(vec![1, 4]), select(Release::known().to_vec()));
    hold("compiled rules", 3000, inputs, |(text, requests, most, release)| {
        let acl = Arc::new(acl(&text));
        let compiled = Compiled::comparing(acl.clone(), release, most);
        for (user, id, action, topic) in &requests {
            let client = Client { user: user.map(str::as_bytes), client_id: id.as_bytes() };
            let expected = decide(release, Some(&acl), client, *action, topic.as_bytes());
            let found = compiled.decide(client, *action, topic.as_bytes());
            prop_assert_eq!(found, expected, "{} {:?} {} {:?} {}", release, user, id, action, topic);
            *counts.borrow_mut().entry(format!("{:?}", found.layer)).or_insert(0_u32) += 1;
        }
        Ok(())
    });
    let seen = counts.into_inner();
    let least = [
        "Broker",
        "Subscription",
        "OwnDeny",
        "OwnGrant",
        "UnsafeName",
        "PatternDeny",
        "PatternGrant",
        "Default",
    ];
    assert!(least.iter().all(|layer| seen.get(*layer).is_some_and(|count| *count > 300)), "{seen:?}");
}

/// Nobody says that a filter is one: what is none has no effect, and ends soon.
#[test]
fn filters_that_are_none() {
    let mut text =
        String::from("topic read #/a\ntopic read a+/b\ntopic read a/#/b\ntopic read a#\ntopic read /\n");
    for levels in 300..310 {
        text += &format!("topic write a{}\n", "/a".repeat(levels));
    }
    let acl = Arc::new(acl(&text));
    let deep = format!("a{}", "/a".repeat(305));
    for most in [1, 4] {
        let compiled = Compiled::comparing(acl.clone(), Release::newest(), most);
        for topic in ["a/b", "a", "a+/b", "/", "", "a/x/b", &deep] {
            for action in [Action::Publish, Action::Receive] {
                let client = Client { user: None, client_id: b"c" };
                let expected = decide(Release::newest(), Some(&acl), client, action, topic.as_bytes());
                assert_eq!(compiled.decide(client, action, topic.as_bytes()), expected, "{topic}");
            }
        }
    }
}

/// A topic that many filters match is still answered by a walk over what fits it only.
#[test]
fn one_of_many_rules_is_found() {
    let text: String = (0..20_000).map(|n| format!("topic read p/{}/q/{n}/#\n", n % 50)).collect();
    let text = format!("user u\n{text}topic deny p/+/q/77\ntopic write +/7/#\npattern read w/%u/{{}}\n");
    let acl = Arc::new(acl(&text));
    let compiled = Compiled::new(acl.clone(), Release::newest());
    for topic in ["p/7/q/7007/x", "p/27/q/77", "p/7/x", "w/u/{}", "p/9/q/10/x"] {
        for action in [Action::Publish, Action::Receive] {
            let client = Client { user: Some(b"u"), client_id: b"c" };
            let expected = decide(Release::newest(), Some(&acl), client, action, topic.as_bytes());
            assert_eq!(compiled.decide(client, action, topic.as_bytes()), expected, "{topic}");
        }
    }
}
