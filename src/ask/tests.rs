//! What holds of every question, whatever the file.

use proptest::prelude::*;

use super::claim::claim;
use super::steps::walk;
use super::{Batch, Inquiry, Question, answers, read, remedy};
use crate::access::{Action, Client, Layer, decide};
use crate::catalogue::Release;
use crate::lang::Environment;
use crate::lint::{Input, Kind};
use crate::text::Memory;

fn inquiry(text: &str, release: Release) -> Inquiry {
    let files = Memory::new();
    let input = Input {
        name: "acl",
        bytes: text.as_bytes().into(),
        kind: Kind::Acl,
        files: &files,
        releases: &[release],
        environment: Environment { now: 0, started_by: "root".to_owned() },
    };
    match read(input) {
        Ok(inquiry) => inquiry,
        Err(_) => panic!("an ACL file can be asked"),
    }
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "$x", "", "%u", "%c", "x%c", "%u%c", "+"])
}

fn filter() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(level(), 1..4);
    (levels, any::<bool>()).prop_map(|(levels, has_rest)| {
        let text = levels.join("/");
        if has_rest { format!("{text}/#") } else { text }
    })
}

fn line() -> impl Strategy<Value = String> {
    let access = prop::sample::select(vec!["read", "write", "readwrite", "deny"]);
    let rule = (prop::sample::select(vec!["topic", "pattern"]), access, filter())
        .prop_map(|(keyword, access, filter)| format!("{keyword} {access} {filter}"));
    prop_oneof![4 => rule, 1 => prop::sample::select(vec!["user a", "user b", "user a/b"]).prop_map(str::to_owned)]
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "a/b", "$x", "a+", "xa", "new"])
}

fn topic() -> impl Strategy<Value = String> {
    let levels = prop::sample::select(vec!["a", "b", "$x", "xa", "ab", "new", "x"]);
    prop::collection::vec(levels, 1..4).prop_map(|levels| levels.join("/"))
}

fn release() -> impl Strategy<Value = Release> {
    prop::sample::select(vec![Release::new(2, 0, 11), Release::new(2, 0, 21), Release::new(2, 1, 2)])
}

proptest! {
    #[test]
    fn the_lines_that_are_told_are_those_that_decide(
        lines in prop::collection::vec(line(), 0..12),
        user in prop::option::of(name()),
        client_id in name(),
        topic in topic(),
        is_publish in any::<bool>(),
        release in release(),
    ) {
        let text = lines.join("\n");
        let inquiry = inquiry(&text, release);
        let reading = &inquiry.readings[0];
        let acl = reading.doors[0].rights.acl();
        let action = if is_publish { Action::Publish } else { Action::Receive };
        let question = Question {
            user: user.map(str::to_owned),
            client_id: Some(client_id.to_owned()),
            action,
            topic: topic.clone(),
        };
        if let Some(acl) = acl.filter(|_| reading.verdict.loads == Some(true)) {
            let client = Client { user: user.map(str::as_bytes), client_id: client_id.as_bytes() };
            let decision = decide(release, Some(acl), client, action, topic.as_bytes());
            if decision.layer != Layer::Broker {
                let walked = walk(release, acl, client, action, topic.as_bytes());
                prop_assert_eq!(walked.deciding(), decision.rule.map(|rule| (decision.layer, rule)), "{}", text);
                let stops = decision.rule.is_none() && walked.is_unsafe;
                prop_assert_eq!(decision.layer == Layer::UnsafeName, stops);
                let doors: Vec<_> = reading.doors.iter().collect();
                let found = answers(reading, &doors, &question);
                let ways = remedy(&inquiry, release, &found[0], action);
                prop_assert!(!ways.is_empty(), "{}\n{:?}", text, question);
            }
        }
    }

    #[test]
    fn an_id_that_changes_the_answer_is_found(
        lines in prop::collection::vec(line(), 0..8),
        user in prop::option::of(name()),
        topic in topic(),
        release in release(),
    ) {
        let text = lines.join("\n");
        let inquiry = inquiry(&text, release);
        let Some(acl) = inquiry.readings[0].doors[0].rights.shared() else { return Ok(()) };
        let user = user.map(str::as_bytes);
        let ask = |client_id: &[u8]| {
            decide(release, Some(&acl), Client { user, client_id }, Action::Publish, topic.as_bytes()).allowed
        };
        if ask(b"client") {
            return Ok(());
        }
        let found = claim(release, &acl, user, Action::Publish, topic.as_bytes(), b"");
        let parts = (0..topic.len()).flat_map(|start| (start + 1..=topic.len()).map(move |end| (start, end)));
        let is_there = parts.into_iter().any(|(start, end)| ask(&topic.as_bytes()[start..end]));
        prop_assert_eq!(found.is_some(), is_there, "{}\n{}", text, topic);
        if let Some(found) = found {
            prop_assert!(ask(&found.client_id));
        }
    }

    #[test]
    fn any_line_of_a_batch_is_answered_or_told_to_be_bad(noise in ".{0,60}", cut in 0usize..100) {
        let inquiry = inquiry("topic read a\npattern write %c/#\n", Release::newest());
        let mut batch = Batch::new(&inquiry, &inquiry.readings[0], None);
        let good = r#"{"user":null,"client_id":"é","action":"receive","topic":"a","listener":null}"#;
        let mut cut = cut.min(good.len());
        while !good.is_char_boundary(cut) {
            cut -= 1;
        }
        for line in [noise.clone(), format!("{}{noise}{}", &good[..cut], &good[cut..]), good.to_owned()] {
            if let Ok(answered) = batch.answer(&line) {
                let value: serde_json::Value = serde_json::from_str(&answered.line).unwrap();
                prop_assert!(value["allowed"].is_boolean() && value["layer"].is_string());
            }
        }
        prop_assert!(batch.answer(good).is_ok());
    }
}
