//! Rights of a spec against rights of its pack: who may do what is read off the spec by a naive reference, and off the
//! compiled ACL files by the procedure of the broker.

use moskit::access::{self, Action, Client, Layer};
use moskit::catalogue::Release;
use moskit::compile::state::MemoryState;
use moskit::compile::{self, Compiled};
use moskit::lang::spec::decode;
use moskit::report::Diagnostic;
use moskit::text::{Memory, Source, Sources};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};

use crate::fixtures::NOW;
use crate::mistakes::{MISTAKES, all_changed, mistakes};
use crate::{packs, seeds};

/// A word and a filter.
pub(crate) type Entry = (&'static str, String);

/// Clients without a user name: whether they are let in, and their rights.
pub(crate) type Anonymous = (bool, Vec<Entry>);

/// A spec that speaks of rights only.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) targets: Vec<&'static str>,
    /// What each listener says of clients without a user name, and which users it admits.
    pub(crate) listeners: Vec<(Option<Anonymous>, Option<Vec<&'static str>>)>,
    anonymous: Option<Anonymous>,
    roles: Vec<Vec<Entry>>,
    pub(crate) users: Vec<User>,
    all_clients: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    acl: Vec<Entry>,
    /// Indices of roles.
    roles: Vec<usize>,
}

pub(crate) const NAMES: &[&str] = &["alice", "a", "a/b", "$dev", "w+", "%c", "über"];
pub(crate) const CLIENT_IDS: &[&str] = &["c1", "alice", "a/b", "$SYS", "$dev", "c+", "b", "%u"];
const LEVELS: &[&str] = &["a", "b", "+", "+", "alice", "$dev", "c1", "x y", ""];

fn filter(placeholders: &'static [&'static str]) -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => select(LEVELS), 2 => select(placeholders)];
    let first = prop_oneof![6 => level.clone(), 1 => Just("$SYS"), 1 => Just("#")];
    (first, vec(level, 0..3), any::<bool>()).prop_filter_map("a filter", |(first, rest, is_open)| {
        let mut levels = vec![first];
        if first != "#" {
            levels.extend(rest);
            levels.extend(is_open.then_some("#"));
        }
        let filter = levels.join("/");
        (!filter.is_empty() && filter.trim() == filter).then_some(filter)
    })
}

fn entries(placeholders: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<Entry>> {
    let word = select(&["read", "write", "readwrite", "deny", "deny"][..]);
    vec((word, filter(placeholders)), 0..=most)
}

fn anonymous() -> impl Strategy<Value = Anonymous> {
    (prop::bool::weighted(0.8), entries(&["a", "b"], 3))
}

fn user(name: &'static str) -> impl Strategy<Value = User> {
    (entries(&["%u", "x%u", "a"], 3), subsequence(vec![0, 1], 0..=2)).prop_map(move |(acl, roles)| User {
        name,
        acl,
        roles,
    })
}

pub(crate) fn small() -> impl Strategy<Value = Small> {
    let targets = select(vec![vec!["2.0.11"], vec!["2.1.2"], vec!["2.0.11", "2.1.2"]]);
    let users =
        subsequence(NAMES, 0..=3).prop_flat_map(|names| names.into_iter().map(user).collect::<Vec<_>>());
    let admitted = option::weighted(0.2, subsequence(NAMES, 0..=3));
    let listeners = vec((option::weighted(0.5, anonymous()), admitted), 1..=3);
    let own = &["%u", "x%u", "b"];
    let all = &["%u", "%c", "%u", "%c", "%u-x", "a", "x%c"];
    let roles = vec(entries(own, 2), 2);
    (targets, listeners, option::weighted(0.5, anonymous()), roles, users, entries(all, 4)).prop_map(
        |(targets, mut listeners, anonymous, roles, users, all_clients)| {
            let is_listed = |name: &&str| users.iter().any(|user: &User| user.name == *name);
            for (_, admitted) in &mut listeners {
                if let Some(names) = admitted {
                    names.retain(is_listed);
                }
            }
            Small { targets, listeners, anonymous, roles, users, all_clients }
        },
    )
}

impl Small {
    /// The spec; what is JSON is YAML.
    pub(crate) fn text(&self) -> String {
        let acl = |entries: &[Entry]| {
            entries.iter().map(|(word, filter)| json!({ *word: filter })).collect::<Value>()
        };
        let anonymous = |(allowed, entries): &Anonymous| match allowed {
            true => json!({ "acl": acl(entries) }),
            false => json!(false),
        };
        let mut listeners = Map::new();
        for (index, (own, admitted)) in self.listeners.iter().enumerate() {
            let mut listener = json!({ "port": 1883 + index });
            if let Some(own) = own {
                listener["anonymous"] = anonymous(own);
            }
            if let Some(admitted) = admitted {
                listener["users"] = json!(admitted);
            }
            listeners.insert(format!("l{index}"), listener);
        }
        let roles = self
            .roles
            .iter()
            .enumerate()
            .map(|(index, role)| (format!("role{index}"), json!({ "acl": acl(role) })));
        let users = self.users.iter().map(|user| {
            let roles: Vec<_> = user.roles.iter().map(|index| format!("role{index}")).collect();
            let told = json!({ "password": { "plain": "x" }, "acl": acl(&user.acl), "roles": roles });
            (user.name.to_owned(), told)
        });
        let mut spec = json!({
            "moskit": 1,
            "mosquitto": self.targets,
            "listeners": listeners,
            "passwords": { "iterations": 1 },
            "roles": roles.collect::<Map<_, _>>(),
            "users": users.collect::<Map<_, _>>(),
            "all_clients": { "acl": acl(&self.all_clients) },
        });
        if let Some(told) = &self.anonymous {
            spec["anonymous"] = anonymous(told);
        }
        spec.to_string()
    }

    /// The filters of all lists.
    pub(crate) fn filters(&self) -> Vec<&str> {
        let own = self.listeners.iter().filter_map(|(told, _)| told.as_ref()).chain(&self.anonymous);
        let lists =
            self.roles.iter().chain(self.users.iter().map(|user| &user.acl)).chain([&self.all_clients]);
        lists.chain(own.map(|told| &told.1)).flatten().map(|(_, filter)| filter.as_str()).collect()
    }

    /// What a listener says of clients without a user name.
    pub(crate) fn anonymous_of(&self, listener: usize) -> Anonymous {
        self.listeners[listener].0.clone().or(self.anonymous.clone()).unwrap_or((false, Vec::new()))
    }

    /// Whether any list has an entry; where none has, everybody may do everything.
    pub(crate) fn has_rights(&self) -> bool {
        let own =
            self.listeners.iter().filter_map(|(anonymous, _)| anonymous.as_ref()).chain(&self.anonymous);
        let lists =
            self.roles.iter().chain(self.users.iter().map(|user| &user.acl)).chain([&self.all_clients]);
        lists.chain(own.filter(|told| told.0).map(|told| &told.1)).any(|list| !list.is_empty())
    }

    /// The reference: a denial wins, then any grant counts, else nothing is allowed.
    pub(crate) fn allows(
        &self,
        listener: usize,
        release: Release,
        client: Client<'_>,
        action: Action,
        topic: &str,
    ) -> bool {
        let name = client.user.map(|name| std::str::from_utf8(name).unwrap());
        let client_id = std::str::from_utf8(client.client_id).unwrap();
        let mut entries: Vec<Entry> = Vec::new();
        match name.and_then(|name| self.users.iter().find(|user| user.name == name)) {
            Some(user) => {
                let roles = user.roles.iter().flat_map(|index| &self.roles[*index]);
                let own = user.acl.iter().chain(roles);
                entries.extend(own.map(|(word, filter)| (*word, filter.replace("%u", user.name))));
            }
            None => entries.extend(self.anonymous_of(listener).1),
        }
        for (word, filter) in &self.all_clients {
            if name.is_none() && filter.contains("%u") {
                continue;
            }
            // A name is not looked at for placeholders again.
            let filter = filter.replace("%u", "\u{1}");
            let filter = with_client_id(release, &filter, client_id);
            let filter = filter.map(|filter| filter.replace('\u{1}', name.unwrap_or_default()));
            entries.extend(filter.map(|filter| (*word, filter)));
        }
        let meant = |wanted: &[&str]| {
            entries.iter().any(|(word, filter)| wanted.contains(word) && is_matched(filter, topic))
        };
        let grants: &[&str] =
            if action == Action::Publish { &["write", "readwrite"] } else { &["read", "readwrite"] };
        !meant(&["deny"]) && meant(grants)
    }
}

/// `%c` as the releases read it: 2.0 replaces text, 2.1 whole levels, and only by names that are one level.
fn with_client_id(release: Release, filter: &str, client_id: &str) -> Option<String> {
    if release < Release::new(2, 1, 0) {
        return Some(filter.replace("%c", client_id));
    }
    let is_first = filter.split('/').next() == Some("%c");
    let has_one = filter.split('/').any(|level| level == "%c");
    if has_one && (client_id.contains('/') || (is_first && client_id.starts_with('$'))) {
        return None;
    }
    let levels: Vec<_> =
        filter.split('/').map(|level| if level == "%c" { client_id } else { level }).collect();
    Some(levels.join("/"))
}

fn is_matched(filter: &str, topic: &str) -> bool {
    fn rest(filter: &[String], topic: &[String]) -> bool {
        match (filter, topic) {
            ([], []) => true,
            ([last], _) if last == "#" => true,
            ([first, filter @ ..], [level, topic @ ..]) => {
                (first == "+" || first == level) && rest(filter, topic)
            }
            _ => false,
        }
    }
    let levels = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    filter.starts_with('$') == topic.starts_with('$') && rest(&levels(filter), &levels(topic))
}

/// A topic that a filter, or one near to it, matches.
pub(crate) fn topic(filter: &str, picks: &[Index]) -> String {
    let names = ["a", "b", "alice", "$dev", "c1", "", "x y", "a-x", "%u", "$SYS", "über"];
    let mut picks = picks.iter().cycle();
    let mut pick = |from: &[&'static str]| *picks.next().unwrap().get(from);
    let mut topic = Vec::new();
    for level in filter.split('/') {
        match level {
            "+" => topic.push(pick(&names).to_owned()),
            "#" => (0..pick(&["", "x", "xx"]).len()).for_each(|_| topic.push(pick(&names).to_owned())),
            text => topic.push(text.replace("%u", pick(NAMES)).replace("%c", pick(CLIENT_IDS))),
        }
    }
    topic.join("/")
}

#[derive(Default)]
struct Tally {
    compiled: usize,
    refused: usize,
    asked: usize,
    allowed: usize,
    /// Packs that were changed, those that were found to be, and those that answer otherwise.
    broken: usize,
    found: usize,
    differ: usize,
}

fn check(small: &Small, picks: &[Index], tally: &mut Tally) -> Result<(), TestCaseError> {
    let text = small.text();
    let compiled = match compile(&text) {
        Ok(compiled) => compiled,
        Err(problems) => {
            for problem in problems {
                let is_meant = problem.rule == "spec-inexpressible"
                    || (problem.rule == "spec-bad-value" && problem.message.contains("w+"));
                prop_assert!(is_meant, "{}: {}\n{text}", problem.rule, problem.message);
            }
            tally.refused += 1;
            return Ok(());
        }
    };
    tally.compiled += 1;
    let filters = small.filters();
    let mut topics: Vec<String> = filters
        .iter()
        .flat_map(|filter| picks.windows(5).map(move |picks| topic(filter, picks)))
        .filter(|topic| !topic.is_empty() && !topic.contains(['+', '#']))
        .collect();
    topics.sort();
    topics.dedup();
    agree(small, &text, &compiled, &topics, tally)?;
    // A mistake of the printer has to be found if it changes the answer to any question.
    let mut broken = compile(&text).unwrap();
    for (kind, pack) in mistakes(&compiled, &picks[0]) {
        broken.pack = pack;
        let is_found = !proved(&text, &broken).is_empty();
        let differs = agree(small, &text, &broken, &topics, &mut Tally::default()).is_err();
        prop_assert!(is_found || !differs, "{kind} is not found\n{text}\n{}", files(&broken));
        tally.broken += 1;
        tally.found += usize::from(is_found);
        tally.differ += usize::from(differs);
    }
    Ok(())
}

pub(crate) fn compile(text: &str) -> Result<Compiled, Vec<Diagnostic>> {
    packs::compiled(text, &MemoryState::new(), 0).1
}

/// What the compiler says of a pack that was made of a spec.
fn proved(text: &str, compiled: &Compiled) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("deployment.yaml", text.as_bytes()));
    let spec = decode(id, text.as_bytes()).spec;
    compile::prove(&spec, (&compiled.pack, &compiled.about), &compiled.texts, &Memory::new(), NOW)
}

/// Compares the answers of a pack with those of the reference, for every client and some topics.
fn agree(
    small: &Small,
    text: &str,
    compiled: &Compiled,
    topics: &[String],
    tally: &mut Tally,
) -> Result<(), TestCaseError> {
    for release in &small.targets {
        let release = release.parse::<moskit::catalogue::Target>().unwrap().releases()[0];
        let deployment = packs::lowered(compiled, release);
        for (index, listener) in deployment.listeners.iter().enumerate() {
            let security = deployment.security_of(listener);
            let acl = security.acl.loaded().map(|acl| &**acl);
            prop_assert_eq!(acl.is_some(), small.has_rights(), "{}", text);
            prop_assert_eq!(deployment.anonymous(listener).0, small.anonymous_of(index).0, "{}", text);
            let mut users: Vec<Option<&str>> = Vec::new();
            for user in &small.users {
                let is_admitted =
                    small.listeners[index].1.as_ref().is_none_or(|names| names.contains(&user.name));
                let can_log_in =
                    security.passwords.loaded().is_some_and(|known| known.has_user(user.name.as_bytes()));
                prop_assert_eq!(can_log_in, is_admitted, "{} on {}: {}", user.name, index, text);
                users.extend(is_admitted.then_some(Some(user.name)));
            }
            users.extend(small.anonymous_of(index).0.then_some(None));
            for user in users {
                for client_id in CLIENT_IDS {
                    let client = Client { user: user.map(str::as_bytes), client_id: client_id.as_bytes() };
                    for action in [Action::Publish, Action::Receive] {
                        for topic in topics {
                            let ask = |acl| access::decide(release, acl, client, action, topic.as_bytes());
                            let wanted = ask(None).allowed
                                && (!small.has_rights()
                                    || small.allows(index, release, client, action, topic));
                            let found = ask(acl);
                            // The broker may refuse what patterns give to a client whose id is a wildcard.
                            if found.layer == Layer::UnsafeName {
                                continue;
                            }
                            tally.asked += 1;
                            tally.allowed += usize::from(wanted);
                            prop_assert_eq!(
                                found.allowed,
                                wanted,
                                "{:?} of `{}` by {:?} as `{}` on {} in {}: {:?}\n{}\n{}",
                                action,
                                topic,
                                user,
                                client_id,
                                index,
                                release,
                                found,
                                text,
                                files(compiled)
                            );
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn files(compiled: &Compiled) -> String {
    let texts = compiled
        .pack
        .files()
        .iter()
        .map(|file| format!("--- {}\n{}", file.path, String::from_utf8_lossy(&file.contents)));
    texts.collect()
}

#[test]
fn a_pack_gives_the_rights_that_its_spec_says() {
    let mut tally = Tally::default();
    let counted = std::cell::RefCell::new(&mut tally);
    let inputs = (small(), vec(any::<Index>(), 9));
    let result = seeds::runner("rights", 600)
        .run(&inputs, |(small, picks)| check(&small, &picks, &mut counted.borrow_mut()));
    if let Err(error) = result {
        panic!("{error}");
    }
    println!(
        "{} compiled, {} refused, {} of {} requests allowed",
        tally.compiled, tally.refused, tally.allowed, tally.asked
    );
    println!("{} mistakes, {} with another answer, {} found", tally.broken, tally.differ, tally.found);
    assert!(tally.compiled > tally.refused / 2, "most specs are refused: {}", tally.refused);
    assert!(tally.allowed * 50 > tally.asked, "hardly anything is allowed");
}

/// One spec in which each mistake of the printer changes what somebody may do.
const TOLD: &str = r#"{
  moskit: 1, mosquitto: ["2.0", "2.1"], passwords: { iterations: 1 },
  listeners: { l: { port: 1883, anonymous: { acl: [ { read: "free/#" } ] } } },
  roles: { reader: { acl: [ { read: "plant/#" }, { deny: "plant/secret/#" } ] } },
  users: { "eve x": { password: { plain: x }, roles: [ reader ], acl: [ { readwrite: "own/%u/#" } ] },
           bob: { password: { plain: x }, acl: [ { readwrite: "all/#" } ] } },
  all_clients: { acl: [ { write: "id/%c/#" }, { read: "all/+" }, { deny: "all/no" } ] },
}"#;

#[test]
fn mistakes_of_the_printer_are_found() {
    let compiled = compile(TOLD).unwrap();
    assert_eq!(proved(TOLD, &compiled), []);
    let (mut told, mut broken) = (Vec::new(), compile(TOLD).unwrap());
    for (kind, change) in MISTAKES {
        // Every line that the mistake could be made in.
        let packs = all_changed(&compiled, *change);
        assert!(!packs.is_empty(), "{kind} cannot be made");
        for pack in packs {
            broken.pack = pack;
            let found = proved(TOLD, &broken);
            assert!(!found.is_empty(), "{kind} is not found\n{}", files(&broken));
            told.push(format!("{kind}: {}", found[0].message));
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}
