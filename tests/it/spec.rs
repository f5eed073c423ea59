//! The deployment language: what is refused, with which words, and that the JSON Schema says the same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use moskit::lang::spec::{self, AuthorityOrigin, Decoded, Endpoint, Member, Password, decode, rules};
use moskit::report::Diagnostic;
use moskit::text::{Source, Sources};
use proptest::prelude::*;
use serde_json::Value as Json;

const PLANT: &str = include_str!("../spec/plant.yaml");

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn is_updating() -> bool {
    env::var_os("UPDATE_EXPECT").is_some()
}

fn read(text: &[u8]) -> (Sources, Decoded) {
    let mut sources = Sources::default();
    let source = sources.add(Source::new("deployment.yaml", text));
    let decoded = decode(source, text);
    (sources, decoded)
}

fn findings(text: &[u8]) -> String {
    let (sources, decoded) = read(text);
    listed(&decoded.problems, &sources)
}

/// Findings, one per line, each with what it says beside its message.
pub(crate) fn listed(problems: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for problem in problems {
        let at = sources.position(problem.primary.span);
        writeln!(out, "{}:{} {} {}", at.line, at.column, problem.rule, problem.message).unwrap();
        for related in &problem.related {
            let at = sources.position(related.span);
            writeln!(out, "  {}:{} {}", at.line, at.column, related.text).unwrap();
        }
        for note in &problem.notes {
            writeln!(out, "  note: {note}").unwrap();
        }
        if let Some(help) = &problem.help {
            writeln!(out, "  help: {help}").unwrap();
        }
    }
    out
}

/// A YAML text as an editor sees it when it holds it against the schema.
pub(crate) fn as_json(text: &str) -> Option<Json> {
    fn convert(value: serde_yaml::Value) -> Json {
        use serde_yaml::Value;
        match value {
            Value::Mapping(map) => {
                let key = |key: Value| match convert(key) {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                Json::Object(map.into_iter().map(|(name, value)| (key(name), convert(value))).collect())
            }
            Value::Sequence(items) => Json::Array(items.into_iter().map(convert).collect()),
            Value::Tagged(tagged) => convert(tagged.value),
            scalar => serde_json::to_value(scalar).unwrap(),
        }
    }
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    value.apply_merge().ok()?;
    Some(convert(value))
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&spec::schema()).unwrap()
}

/// A case of a document: a block of YAML, then a block with what is said of it.
pub(crate) struct Case<'t> {
    pub(crate) title: &'t str,
    /// What the schema makes of it: `refused`, `accepted`, or `-` where the text is no YAML.
    pub(crate) schema: &'t str,
    pub(crate) text: &'t str,
    pub(crate) expected: &'t str,
}

impl Case<'_> {
    /// The two blocks, with something that is said.
    pub(crate) fn blocks(&self, says: &str) -> String {
        format!("```yaml {}\n{}```\n\n```text\n{says}```", self.schema, self.text)
    }
}

pub(crate) fn cases(document: &str) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for section in document.split("\n## ").skip(1) {
        let (title, rest) = section.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("```yaml ").unwrap_or_else(|| panic!("no YAML in `{title}`"));
        let (schema, rest) = rest.split_once('\n').unwrap();
        let (text, rest) = rest.split_once("```\n").unwrap();
        let (_, rest) = rest.split_once("```text\n").unwrap_or_else(|| panic!("no findings in `{title}`"));
        let (expected, _) = rest.split_once("```").unwrap();
        cases.push(Case { title, schema, text, expected });
    }
    cases
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let path = folder("tests/spec/refused.md");
    let document = fs::read_to_string(&path).unwrap();
    let mut updated = document.clone();
    for case in cases(&document) {
        let found = findings(case.text.as_bytes());
        assert!(!found.is_empty(), "{}: nothing was found", case.title);
        if is_updating() {
            updated = updated.replace(&case.blocks(case.expected), &case.blocks(&found));
        } else {
            assert_eq!(found, case.expected, "{}", case.title);
        }
    }
    if is_updating() {
        fs::write(path, updated).unwrap();
    }
}

#[test]
fn every_rule_has_a_case() {
    let document = fs::read_to_string(folder("tests/spec/refused.md")).unwrap();
    let all = [
        rules::SYNTAX,
        rules::UNQUOTED,
        rules::DUPLICATE_KEY,
        rules::UNKNOWN_KEY,
        rules::MISSING_KEY,
        rules::WRONG_TYPE,
        rules::BAD_VALUE,
        rules::UNKNOWN_NAME,
        rules::CONFLICT,
    ];
    for rule in all {
        let has_rule = |case: &Case| case.expected.contains(&format!(" {rule} "));
        assert!(cases(&document).iter().any(has_rule), "{rule}");
    }
}

#[test]
fn the_schema_refuses_what_it_can() {
    let (document, validator) = (fs::read_to_string(folder("tests/spec/refused.md")).unwrap(), validator());
    for case in cases(&document) {
        let found = match as_json(case.text) {
            Some(json) if validator.is_valid(&json) => "accepted",
            Some(_) => "refused",
            None => "-",
        };
        assert_eq!(found, case.schema, "{}", case.title);
    }
}

/// Specs with one fault each, of those that hang on no other place of the file.
const ONE_FAULT: [&str; 38] = [
    "name: x",
    "moskit: 2",
    "moskit: 1\nbridges: {}",
    "moskit: 1\nusers: { a: { role: [] } }",
    "moskit: 1\nlimits: { max_x: 1 }",
    "moskit: 1\nlisteners: { a: { port: 0 } }",
    "moskit: 1\nlisteners: { a: { port: 65536 } }",
    "moskit: 1\nlisteners: { a: { port: 1.5 } }",
    "moskit: 1\nlisteners: { a: {} }",
    "moskit: 1\nlisteners: { a: { port: 1, socket: /x } }",
    "moskit: 1\nlisteners: { a: { socket: /x, bind: y } }",
    "moskit: 1\nlisteners: { a: { socket: x } }",
    "moskit: 1\nlisteners: { a: { port: 1, protocol: http } }",
    "moskit: 1\nlisteners: { a: { port: 1, max_qos: 1, maximum_qos: 1 } }",
    "moskit: 1\nlisteners: { a: { port: 1, tls: {} } }",
    "moskit: 1\nlisteners: { a: { port: 1, users: b } }",
    "moskit: 1\nlisteners: { a: { port: 1, anonymous: maybe } }",
    "moskit: 1\nlisteners: [ { port: 1 } ]",
    "moskit: 1\nmosquitto: new",
    "moskit: 1\nmosquitto: []",
    "moskit: 1\nroles: { r: {} }",
    "moskit: 1\nusers:",
    "moskit: 1\nusers: { ' a': {} }",
    "moskit: 1\nusers: { a: { password: {} } }",
    "moskit: 1\nusers: { a: { password: { env: A, file: b } } }",
    "moskit: 1\nusers: { a: { password: { generate: false } } }",
    "moskit: 1\nall_clients: { acl: [ { read: a, write: b } ] }",
    "moskit: 1\nall_clients: { acl: [ { read: a+ } ] }",
    "moskit: 1\nall_clients: { acl: [ { read: [] } ] }",
    "moskit: 1\npki: { authorities: { a: { certificate: c, valid_for: 1y } } }",
    "moskit: 1\npki: { certificates: { a: { chain: c } } }",
    "moskit: 1\npki: { authorities: { a: { common_name: A, valid_for: 1 } } }",
    "moskit: 1\npasswords: { iterations: many }",
    "moskit: 1\nfleets: { a: { name: b } }",
    "moskit: 1\nfleets: { a: {} }",
    "moskit: 1\nassertions: [ { only: [] } ]",
    "moskit: 1\nassertions: [ { isolated: ' a' } ]",
    "moskit: 1\nlogging: { to: [ { path: /x, file: y } ] }",
];

#[test]
fn the_schema_refuses_each_fault_by_itself() {
    let validator = validator();
    for text in ONE_FAULT {
        assert_eq!(read(text.as_bytes()).1.problems.len(), 1, "{text}\n{}", findings(text.as_bytes()));
        let json = as_json(text).unwrap_or_else(|| panic!("no YAML: {text}"));
        assert!(!validator.is_valid(&json), "{text}");
    }
}

#[test]
fn the_schema_is_fresh() {
    let path = folder("schemas/deployment.schema.json");
    let fresh = serde_json::to_string_pretty(&spec::schema()).unwrap() + "\n";
    if is_updating() {
        fs::write(&path, &fresh).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == fresh, "schemas/deployment.schema.json is stale: run the tests with UPDATE_EXPECT=1");
    assert!(jsonschema::meta::is_valid(&spec::schema()));
}

#[test]
fn a_large_spec_is_read() {
    assert_eq!(findings(PLANT.as_bytes()), "");
    let json = as_json(PLANT).unwrap();
    let faults: Vec<_> = validator().iter_errors(&json).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new());

    let (sources, Decoded { spec, .. }) = read(PLANT.as_bytes());
    let targets: Vec<_> = spec.mosquitto.iter().map(|target| target.value.as_str()).collect();
    assert_eq!(targets, ["2.0", "2.1"]);
    assert_eq!((&*spec.install.data.value, &*spec.install.user.value), ("/var/lib/mosquitto", "mosquitto"));
    let names: Vec<_> = spec.listeners.iter().map(|listener| &*listener.name.value).collect();
    assert_eq!(names, ["local", "tls", "web", "mutual", "inside"]);
    let mutual = &spec.listeners[3];
    let Endpoint::Port { port, bind: None } = &mutual.endpoint else { panic!("{:?}", mutual.endpoint) };
    assert_eq!((port.value, sources.text(port.span)), (8884, "\"8884\"".to_owned()));
    let members: Vec<_> = mutual.users.iter().flatten().map(|member| member.value.clone()).collect();
    assert_eq!(members, [Member::User("sensor-1".into()), Member::Role("operator".into())]);
    let users: Vec<_> = spec.users.iter().map(|user| &*user.name.value).collect();
    assert_eq!(users[1..5], ["alice", "bob", "carol of plant 1", "no"]);
    // What an alias brings stands where it was written.
    assert_eq!(spec.users[2].acl, spec.roles[1].acl);
    let single = spec.users.iter().filter(|user| user.fleet.is_none());
    let authorities = single.filter_map(|user| user.certificate.as_ref());
    let authorities: Vec<_> = authorities.map(|certificate| &*certificate.authority.value).collect();
    assert_eq!(authorities, ["ca", "devices", "devices"]);
    let Some(Password::Plain(secret)) = spec.users[5].password.as_ref().map(|password| &password.value)
    else {
        panic!("{:?}", spec.users[5].password)
    };
    assert_eq!(secret.expose(), "pw-000001");
    assert!(!format!("{spec:?}").contains("pw-000001"));
    let AuthorityOrigin::Own { valid_for, .. } = &spec.pki.authorities[1].origin else { panic!() };
    assert_eq!(valid_for.value, 10 * 365 * 86_400);
    assert_eq!(spec.roles[0].acl.len(), 4);
    let fleet: Vec<_> = spec.users.iter().filter(|user| user.fleet.as_deref() == Some("meters")).collect();
    assert_eq!((fleet.len(), spec.fleets[0].size), (20, 20));
    assert_eq!((&*fleet[0].name.value, &*fleet[19].name.value), ("meter-001", "meter-020"));
    assert!(
        fleet.iter().all(|user| user.certificate.is_some() && user.roles.len() == 1 && user.acl.len() == 1)
    );
    assert_eq!(spec.assertions.len(), 3);
}

#[test]
fn every_default_stands_in_the_schema() {
    let (_, Decoded { spec, problems }) = read(b"moskit: 1\npasswords: {}\n");
    assert_eq!(problems, []);
    let schema = spec::schema();
    let default = |object: &str, key: &str| schema["$defs"][object]["properties"][key]["default"].clone();
    assert_eq!(default("install", "directory"), *spec.install.directory.value);
    assert_eq!(default("install", "data"), *spec.install.data.value);
    assert_eq!(spec.mosquitto.len(), 1);
}

#[test]
fn a_spec_of_ten_megabytes_is_read_in_bounded_time() {
    let mut text =
        "moskit: 1\nname: bench\nmosquitto: \"2.1\"\nlisteners:\n  main: { port: 18830 }\n".to_owned();
    text += "all_clients:\n  acl:\n    - readwrite: \"dev/%c/p0/#\"\nusers:\n";
    let mut rule = 0;
    for user in 1.. {
        if text.len() > 10_000_000 {
            break;
        }
        writeln!(text, "  u{user:06}:\n    password: {{ plain: pw-{user:06} }}\n    acl:").unwrap();
        for _ in 0..20 {
            rule += 1;
            writeln!(text, "      - write: \"plant/3/line/17/n{rule:06}\"").unwrap();
        }
    }
    let begin = Instant::now();
    let (_, decoded) = read(text.as_bytes());
    assert_eq!(decoded.problems, []);
    assert_eq!(decoded.spec.users.iter().map(|user| user.acl.len()).sum::<usize>(), rule);
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());

    // As many mistakes as users, each of which asks for the nearest of as many names.
    let wrong = text.replace("    acl:", "    roles: [ u000002 ]\n    acl:");
    let begin = Instant::now();
    let (_, decoded) = read(wrong.as_bytes());
    assert_eq!(decoded.problems.len(), decoded.spec.users.len());
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}

#[test]
fn bombs_are_refused() {
    let mut laughs = "moskit: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    for text in [laughs, "[".repeat(100_000)] {
        let found = findings(text.as_bytes());
        assert!(found.contains("spec-syntax") && found.lines().count() == 2, "{found}");
    }
}

/// Words that are put into specs to break them.
const WORDS: [&str; 24] = [
    "#", " #", "%u", "%c", "*", "&a", "[", "]", "{", "}", ": ", "\n", "  ", "- ", "\"", "'", "true", "1",
    "-7", "port", "acl", "read", "é", "ca",
];

/// A part of a spec is taken out and a word put in its place, several times.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..12usize, prop::sample::select(&WORDS[..]));
    prop::collection::vec(change, 1..4).prop_map(|changes| {
        let mut text = PLANT.to_owned();
        for (at, length, word) in changes {
            let letters: Vec<char> = text.chars().collect();
            let at = at.index(letters.len());
            let end = (at + length).min(letters.len());
            text =
                letters[..at].iter().collect::<String>() + word + &letters[end..].iter().collect::<String>();
        }
        text
    })
}

proptest! {
    #[test]
    fn broken_specs_are_read_and_the_schema_agrees(text in mutated()) {
        let (sources, decoded) = read(text.as_bytes());
        for problem in &decoded.problems {
            prop_assert!(problem.primary.span.end as usize <= text.len());
            sources.position(problem.primary.span);
        }
        if decoded.problems.is_empty() && let Some(json) = as_json(&text) {
            let faults: Vec<_> = validator().iter_errors(&json).map(|fault| fault.to_string()).collect();
            prop_assert_eq!(faults, Vec::<String>::new());
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }
}
