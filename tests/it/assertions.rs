//! Assertions: what is said of them against a naive search, and the deployment that shows them.

use std::fs;
use std::time::{Duration, Instant};

use moskit::access::{self, Action, Client};
use moskit::catalogue::{Release, Target};
use moskit::report::Diagnostic;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::program::{moskit, run};
use crate::rights::{CLIENT_IDS, NAMES, Small, compile, small, topic};
use crate::seeds;
use crate::spec::folder;

/// A client of a small spec and what it does.
#[derive(Clone, Debug)]
struct Request<'a> {
    listener: usize,
    release: Release,
    user: Option<&'a str>,
    client_id: &'a str,
    action: Action,
    topic: &'a str,
}

impl Request<'_> {
    fn is_allowed(&self, small: &Small) -> bool {
        let client = Client { user: self.user.map(str::as_bytes), client_id: self.client_id.as_bytes() };
        let topic = self.topic;
        // What the broker refuses by itself nobody may.
        access::decide(self.release, None, client, self.action, topic.as_bytes()).allowed
            && (!small.has_rights() || small.allows(self.listener, self.release, client, self.action, topic))
    }
}

fn releases(small: &Small) -> Vec<Release> {
    small.targets.iter().map(|target| target.parse::<Target>().unwrap().releases()[0]).collect()
}

/// Whom a listener lets in.
fn admitted(small: &Small, listener: usize) -> Vec<Option<&'static str>> {
    let names = small.listeners[listener].1.as_ref();
    let users = small.users.iter().map(|user| user.name);
    let mut users: Vec<_> =
        users.filter(|name| names.is_none_or(|names| names.contains(name))).map(Some).collect();
    users.extend(small.anonymous_of(listener).0.then_some(None));
    users
}

/// The text between the `number`th pair of back quotes.
fn quoted(text: &str, number: usize) -> &str {
    text.split('`').nth(2 * number + 1).unwrap()
}

/// The witness that a finding tells.
fn witness<'a>(small: &Small, problem: &'a Diagnostic, user: &'a str) -> Request<'a> {
    let note = &problem.notes[0];
    let is_claimed = note.contains("with the client id");
    let place = quoted(note, if is_claimed { 2 } else { 1 });
    let told = note.split(", with Mosquitto ").nth(1).map(|rest| rest.split(' ').next().unwrap());
    let release = told.map(|told| told.parse::<Target>().unwrap().releases()[0]);
    Request {
        listener: place[1..].parse().unwrap(),
        release: release.unwrap_or(*releases(small).last().unwrap()),
        user: (user != "anonymous").then_some(user),
        client_id: if is_claimed { quoted(note, 1) } else { "any-other" },
        action: if note.starts_with("by publishing") { Action::Publish } else { Action::Receive },
        topic: quoted(note, 0),
    }
}

#[derive(Default)]
struct Tally {
    asked: usize,
    held: usize,
    broken: usize,
    /// Broken ones of which the naive search found an example, too.
    seen: usize,
}

type Said = (Vec<&'static str>, bool, &'static str);

fn check(
    small: &Small,
    (names, is_only, word): &Said,
    picks: &[Index],
    tally: &mut Tally,
) -> Result<(), TestCaseError> {
    let text = small.text();
    if compile(&text).is_err() || small.filters().is_empty() {
        return Ok(());
    }
    let is_party = |name: &&&str| **name == "anonymous" || small.users.iter().any(|user| user.name == **name);
    let names: Vec<&str> = names.iter().filter(is_party).copied().collect();
    let filters = small.filters();
    let (name, id): (&str, &str) = (picks[1].get::<&str>(NAMES), picks[2].get::<&str>(CLIENT_IDS));
    let filter = picks[0].get(&filters).replace("%u", name).replace("%c", id);
    if filter.contains(['%', '+', '#']) && picks[3].index(3) == 0 || filter.contains(['%']) {
        return Ok(());
    }
    if filter.split('/').any(|level| level.len() > 1 && level.contains('+')) {
        return Ok(());
    }
    let mut spec: Value = serde_json::from_str(&text).unwrap();
    let key = if *is_only { "only" } else { "never" };
    spec["assertions"] = json!([{ key: names, "may": { *word: filter } }]);
    let problems = compile(&spec.to_string()).err().unwrap_or_default();
    tally.asked += 1;

    let topics: Vec<String> = picks.windows(5).map(|picks| topic(&filter, picks)).collect();
    let topics = topics.iter().filter(|topic| !topic.is_empty() && !topic.contains(['+', '#']));
    let topics: Vec<&String> =
        topics.filter(|topic| topic.starts_with('$') == filter.starts_with('$')).collect();
    let actions: &[Action] = match *word {
        "read" => &[Action::Receive],
        "write" => &[Action::Publish],
        _ => &[Action::Publish, Action::Receive],
    };
    let is_forbidden = |user: Option<&str>| names.contains(&user.unwrap_or("anonymous")) != *is_only;
    let mut example = None;
    for listener in 0..small.listeners.len() {
        for release in releases(small) {
            for user in admitted(small, listener).into_iter().filter(|user| is_forbidden(*user)) {
                for client_id in CLIENT_IDS.iter().filter(|id| !id.contains(['+', '#'])) {
                    for (action, topic) in
                        actions.iter().flat_map(|action| topics.iter().map(move |topic| (action, topic)))
                    {
                        let request = Request { listener, release, user, client_id, action: *action, topic };
                        if request.is_allowed(small) {
                            example = Some(request);
                        }
                    }
                }
            }
        }
    }
    if problems.is_empty() {
        tally.held += 1;
        prop_assert!(example.is_none(), "not found: {example:?}\n{spec}");
        return Ok(());
    }
    tally.broken += 1;
    tally.seen += usize::from(example.is_some());
    let problem = &problems[0];
    prop_assert_eq!(problem.rule, "spec-assertion", "{}\n{}", problem.message, spec);
    if problem.message.starts_with("this cannot be proved") {
        return Ok(());
    }
    let last = problem.message.split('`').collect::<Vec<_>>();
    let user = if *is_only { last[last.len() - 2] } else { quoted(&problem.message, 0) };
    let found = witness(small, problem, user);
    prop_assert!(found.is_allowed(small), "no example: {found:?}\n{problem:?}\n{spec}");
    prop_assert!(is_forbidden(found.user), "{found:?}\n{spec}");
    prop_assert!(access::matches(filter.as_bytes(), found.topic.as_bytes()), "{found:?}\n{spec}");
    Ok(())
}

#[test]
fn assertions_hold_or_have_an_example() {
    let mut tally = Tally::default();
    let counted = std::cell::RefCell::new(&mut tally);
    let said = (
        vec(select(&["anonymous", "alice", "a", "a/b", "$dev"][..]), 0..3),
        any::<bool>(),
        select(&["read", "write", "readwrite"][..]),
    );
    let inputs = (small(), said, vec(any::<Index>(), 12));
    let result = seeds::runner("assertions", 600)
        .run(&inputs, |(small, said, picks)| check(&small, &said, &picks, &mut counted.borrow_mut()));
    if let Err(error) = result {
        panic!("{error}");
    }
    let Tally { asked, held, broken, seen } = tally;
    println!("{asked} assertions: {held} hold, {broken} do not, {seen} of those by the naive search");
    assert!(held > asked / 20 && broken > asked / 20);
}

#[test]
fn the_fleet_is_proved_and_tried() {
    let home = tempfile::tempdir().unwrap();
    let example = folder("examples/fleet/deployment.yaml");
    fs::copy(example, home.path().join("deployment.yaml")).unwrap();
    let told = run(moskit(home.path()).args(["test", "deployment.yaml", "--list"]), Duration::from_secs(60));
    assert!(told.exits(0).out().contains("asserted: "));
    let tried = run(
        moskit(home.path()).args(["test", "deployment.yaml", "--format", "tap"]),
        Duration::from_secs(300),
    );
    let report = tried.exits(0).out();
    assert!(!report.contains("SKIP") && report.contains("does not write"), "{report}");
}

/// What fifty thousand users cost: lists of their own, a denial and a grant for all, and three assertions.
#[test]
fn large_specs_are_proved_in_time() {
    let users = if std::env::var_os("MOSKIT_LARGE").is_some() { 49_999 } else { 4_999 };
    let text = format!(
        r##"{{ moskit: 1, mosquitto: ["2.0", "2.1"], passwords: {{ iterations: 1 }},
        listeners: {{ a: {{ port: 1883 }}, b: {{ port: 1884, anonymous: {{ acl: [ {{ read: "free/#" }} ] }} }} }},
        users: {{ admin: {{ password: {{ plain: x }}, acl: [ {{ readwrite: "#" }} ] }} }},
        fleets: {{ d: {{ name: "d{{00001..{users:05}}}",
          password: {{ hash: "$7$101$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaA==" }},
          acl: [ {{ readwrite: "devices/%u/#" }}, {{ read: "all/#" }}, {{ deny: "devices/%u/secret" }} ] }} }},
        all_clients: {{ acl: [ {{ deny: "all/no" }}, {{ write: "id/%c" }} ] }},
        assertions: [ {{ isolated: d }}, {{ only: admin, may: {{ write: "all/#" }} }}, {{ never: d, may: {{ read: "all/no" }} }} ] }}"##
    );
    let begun = Instant::now();
    let problems = compile(&text).err().unwrap_or_default();
    println!("{users} users: {:?}", begun.elapsed());
    assert_eq!(problems, []);
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}
