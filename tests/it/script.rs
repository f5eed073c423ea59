//! The language of tests: what is refused, with which words, what is written out, and that the JSON Schema agrees.

use std::fmt::Write as _;
use std::fs;

use moskit::lang::spec::script::{
    self, Action, DecodedSuite, Expectation, Message, Payload, Setting, Step, Suite, Turn, schema,
};
use moskit::lang::spec::{self, Spec};
use moskit::text::{Source, Sources};
use proptest::prelude::*;

use crate::spec::{as_json, cases, folder, is_updating, listed};

fn setting() -> Spec {
    let text = fs::read(folder("tests/script/setting.yaml")).unwrap();
    let mut sources = Sources::default();
    let source = sources.add(Source::new("setting.yaml", text.clone()));
    let decoded = spec::decode(source, &text);
    assert_eq!(listed(&decoded.problems, &sources), "");
    decoded.spec
}

fn read(text: &[u8], spec: &Spec) -> (Sources, DecodedSuite) {
    let mut sources = Sources::default();
    let source = sources.add(Source::new("a.test.yaml", text));
    let decoded = script::decode(source, text, &Setting::of_spec(spec), 1);
    (sources, decoded)
}

/// A suite as text, complete but for spans.
fn written_out(suite: &Suite) -> String {
    let mut out = String::new();
    for user in &suite.users {
        writeln!(out, "user {} {:?}", user.name.value, user.password.as_ref().map(|told| &told.value))
            .unwrap();
        writeln!(
            out,
            "  {:?}",
            user.certificate.as_ref().map(|pair| (&pair.certificate.value, &pair.key.value))
        )
        .unwrap();
    }
    let trust: Vec<_> = suite.trust.iter().map(|path| &path.value).collect();
    if !trust.is_empty() {
        writeln!(out, "trust {trust:?}").unwrap();
    }
    for test in &suite.tests {
        let alone = if test.is_alone { " (alone)" } else { "" };
        let targets: Vec<_> = test.mosquitto.iter().map(|target| target.value.as_str()).collect();
        let only =
            if targets.is_empty() { String::new() } else { format!(" (Mosquitto {})", targets.join(", ")) };
        writeln!(out, "{}{alone}{only}", test.name).unwrap();
        for step in &test.steps {
            match step {
                Step::Wait(time) => writeln!(out, "  wait {:?}", time.value).unwrap(),
                Step::Turn(turn) => out += &format!("  {}\n", turn_line(turn)),
                Step::Parallel(rows) => {
                    for row in rows {
                        let row: Vec<_> = row.iter().map(turn_line).collect();
                        writeln!(out, "  | {}", row.join("\n    ")).unwrap();
                    }
                }
            }
        }
    }
    out
}

fn turn_line(turn: &Turn) -> String {
    let action = match &turn.action {
        None => String::new(),
        Some(Action::Connect(connection)) => {
            let listener = connection.listener.as_ref().map(|choice| choice.endpoint.to_string());
            let user = connection.user.as_ref().map(|name| &*name.value);
            let mut line = format!(
                "connect {} as {} id {:?} MQTT {}",
                listener.as_deref().unwrap_or("-"),
                user.unwrap_or("-"),
                connection.client_id.value,
                connection.version.value.as_str()
            );
            for (word, differs) in [
                (format!("{:?}", connection.password), connection.password != script::PasswordChoice::Right),
                (spanless(&connection.certificate), connection.certificate != script::CertificateChoice::Own),
                (spanless(&connection.trust), connection.trust != script::TrustChoice::Known),
                (spanless(&connection.server_name), connection.server_name.is_some()),
                (spanless(&connection.tls_version), connection.tls_version.is_some()),
                ("old session".to_owned(), !connection.clean_start),
                (format!("keepalive {}", connection.keep_alive), connection.keep_alive != 60),
                (format!("session {:?}", connection.session_expiry), connection.session_expiry.is_some()),
            ] {
                if differs {
                    line += &format!(" {}", spanless_text(&word));
                }
            }
            if let Some(will) = &connection.will {
                line += &format!(" will after {} {}", will.delay, message_line(&will.message));
            }
            line
        }
        Some(Action::Publish(message)) => format!("publish {}", message_line(message)),
        Some(Action::Subscribe(subscribe)) => {
            let filters: Vec<_> = subscribe
                .subscriptions
                .iter()
                .map(|one| format!("{} qos {}", one.filter.value, one.qos))
                .collect();
            format!("subscribe {}", filters.join(", "))
        }
        Some(Action::Unsubscribe(filters)) => {
            let filters: Vec<_> = filters.iter().map(|filter| &*filter.value).collect();
            format!("unsubscribe {}", filters.join(", "))
        }
        Some(Action::Read { filter, topic }) => format!("read {} by {topic:?}", filter.value),
        Some(Action::Disconnect(end)) => format!("disconnect {end:?}"),
    };
    let expect = match turn.expect.as_ref().map(|expect| &expect.value) {
        None => String::new(),
        Some(Expectation::Refused(reasons)) => {
            let words: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
            format!(" => refused {words:?}")
        }
        Some(other) => format!(" => {}", spanless(other)),
    };
    let within = turn.within.as_ref().map(|time| format!(" within {:?}", time.value)).unwrap_or_default();
    format!("{}: {action}{expect}{within}", turn.client)
}

fn message_line(message: &Message) -> String {
    let payload = match &message.payload {
        Payload::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        other => spanless(other),
    };
    let retain = if message.retain { " retained" } else { "" };
    let properties = match message.properties == script::MessageProperties::default() {
        true => String::new(),
        false => format!(" {}", spanless(&message.properties)),
    };
    format!("{} {payload} qos {}{retain}{properties}", message.topic.value, message.qos)
}

/// Debug output without places.
fn spanless(value: &impl std::fmt::Debug) -> String {
    spanless_text(&format!("{value:?}"))
}

fn spanless_text(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(", span: Span {") {
        out += &rest[..at];
        rest = rest[at..].split_once('}').unwrap().1;
    }
    let mut out = (out + rest).replace("Spanned { value: ", "");
    for empty in [": None, ", ": None"] {
        while let Some(at) = out.find(empty) {
            let start = out[..at].rfind([' ', '{']).map_or(0, |at| at + 1);
            out.replace_range(start..at + empty.len(), "");
        }
    }
    out
}

fn check_document(name: &str, describe: impl Fn(&str) -> String) {
    let path = folder(name);
    let document = fs::read_to_string(&path).unwrap();
    let mut updated = document.clone();
    for case in cases(&document) {
        let found = describe(case.text);
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
fn what_is_wrong_is_said_at_its_place() {
    let spec = setting();
    check_document("tests/script/refused.md", |text| {
        let (sources, decoded) = read(text.as_bytes(), &spec);
        assert!(!decoded.problems.is_empty(), "nothing was found in\n{text}");
        listed(&decoded.problems, &sources)
    });
}

#[test]
fn what_is_short_is_written_out() {
    let spec = setting();
    check_document("tests/script/accepted.md", |text| {
        let (sources, decoded) = read(text.as_bytes(), &spec);
        assert_eq!(listed(&decoded.problems, &sources), "", "{text}");
        written_out(&decoded.suite)
    });
}

#[test]
fn the_schema_says_the_same() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    for name in ["tests/script/refused.md", "tests/script/accepted.md"] {
        for case in cases(&fs::read_to_string(folder(name)).unwrap()) {
            let found = match as_json(case.text) {
                Some(json) if validator.is_valid(&json) => "accepted",
                Some(_) => "refused",
                None => "-",
            };
            assert_eq!(found, case.schema, "{}", case.title);
        }
    }
}

#[test]
fn the_schema_is_fresh() {
    let path = folder("schemas/test.schema.json");
    let fresh = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if is_updating() {
        fs::write(&path, &fresh).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == fresh, "schemas/test.schema.json is stale: run the tests with UPDATE_EXPECT=1");
    assert!(jsonschema::meta::is_valid(&schema()));
}

/// Test files of the examples, each with its spec.
const EXAMPLES: [(&str, &str); 2] = [
    ("examples/first-steps/deployment.yaml", "examples/first-steps/deployment.test.yaml"),
    ("examples/first-steps/mutual.yaml", "examples/first-steps/mutual.test.yaml"),
];

#[test]
fn the_examples_are_read() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    for (spec_name, name) in EXAMPLES {
        let mut sources = Sources::default();
        let text = fs::read(folder(spec_name)).unwrap();
        let source = sources.add(Source::new(spec_name, text.clone()));
        let spec = spec::decode(source, &text);
        assert_eq!(listed(&spec.problems, &sources), "", "{spec_name}");
        let text = fs::read_to_string(folder(name)).unwrap();
        let source = sources.add(Source::new(name, text.as_bytes()));
        let decoded = script::decode(source, text.as_bytes(), &Setting::of_spec(&spec.spec), 1);
        assert_eq!(listed(&decoded.problems, &sources), "", "{name}");
        let faults: Vec<_> =
            validator.iter_errors(&as_json(&text).unwrap()).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{name}");
        println!("{name}: {} tests", decoded.suite.tests.len());
        assert!(decoded.suite.tests.len() >= 100, "{name}: {}", decoded.suite.tests.len());
    }
}

#[test]
fn what_makes_many_tests_is_read_in_bounded_time() {
    let spec = setting();
    let values = (0..100).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let variables = ["a", "b", "c", "d", "e"].map(|name| format!("{name}: [ {values} ]")).join(", ");
    let forms =
        ["expect: connected", "rights: {}", "rights: { read: \"${a}/${b}\" }", "steps: []", "publish: x"];
    for form in forms {
        let one = format!("moskit: 1\ntests:\n  - {{ as: alice, each: {{ {variables} }}, {form} }}\n");
        // Many entries of which none becomes a test.
        let entry = format!("  - {{ as: alice, each: {{ a: [ {values} ], b: [ {values} ] }}, {form} }}\n");
        for text in [one, format!("moskit: 1\ntests:\n{}", entry.repeat(200))] {
            let begin = std::time::Instant::now();
            let (_, decoded) = read(text.as_bytes(), &spec);
            assert!(!decoded.problems.is_empty(), "{form}");
            assert!(decoded.suite.tests.len() <= script::MAX_TESTS, "{form}");
            assert!(begin.elapsed().as_secs() < 30, "{form}: {:?}", begin.elapsed());
            println!("{form}: {:?}", begin.elapsed());
        }
    }
}

/// Words that are put into test files to break them.
const WORDS: [&str; 22] = [
    "#", " #", "${", "${a}", "*", "&a", "[", "]", "{", "}", ": ", "\n", "  ", "- ", "\"", "each", "steps",
    "as", "expect", "5", "é", "alice",
];

/// A part of a test file is taken out and a word put in its place, several times.
fn mutated() -> impl Strategy<Value = String> {
    let document = fs::read_to_string(folder("tests/script/accepted.md")).unwrap();
    let texts: Vec<String> = cases(&document).iter().map(|case| case.text.to_owned()).collect();
    let change = (any::<prop::sample::Index>(), 0..12usize, prop::sample::select(&WORDS[..]));
    (prop::sample::select(texts), prop::collection::vec(change, 1..4)).prop_map(|(mut text, changes)| {
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
    fn broken_files_are_read_and_the_schema_agrees(text in mutated()) {
        let spec = setting();
        let (sources, decoded) = read(text.as_bytes(), &spec);
        for problem in &decoded.problems {
            prop_assert!(problem.primary.span.end as usize <= text.len());
            sources.position(problem.primary.span);
        }
        if decoded.problems.is_empty() && let Some(json) = as_json(&text) {
            let validator = jsonschema::draft202012::new(&schema()).unwrap();
            let faults: Vec<_> = validator.iter_errors(&json).map(|fault| fault.to_string()).collect();
            prop_assert_eq!(faults, Vec::<String>::new());
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes, &setting());
    }
}

/// The broker that the manual's examples are for.
const MANUAL: &str = "moskit: 1
listeners:
  local: { port: 1883 }
  tls: { port: 8883, tls: { certificate: b } }
  mutual: { port: 8884, tls: { certificate: b, client_certificate: required, client_authority: c } }
users: { alice: { password: { generate: true }, certificate: true }, admin: { password: { generate: true } } }
pki:
  authorities: { c: { common_name: C } }
  certificates: { b: { authority: c, names: [ localhost ] } }
";

#[test]
fn the_manual_is_right() {
    let mut sources = Sources::default();
    let source = sources.add(Source::new("manual.yaml", MANUAL.as_bytes()));
    let decoded = spec::decode(source, MANUAL.as_bytes());
    assert_eq!(listed(&decoded.problems, &sources), "");
    let text = fs::read_to_string(folder("docs/tests.md")).unwrap();
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let fences: Vec<_> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(fences.len(), 6);
    for fence in fences {
        let (sources, decoded) = read(fence.as_bytes(), &decoded.spec);
        assert_eq!(listed(&decoded.problems, &sources), "", "{fence}");
        assert!(validator.is_valid(&as_json(fence).unwrap()), "{fence}");
    }
}
