//! What is said of tests: the four formats, for one outcome that has everything.

use std::time::Duration;

use moskit::report::render::FullStyle;
use moskit::text::{Source, Sources, Span};
use moskit::verify::report::{full, json, junit, tap};
use moskit::verify::{Breakdown, Decision, Failure, Outcome, Status, TestResult};

const TEXT: &str = "moskit: 1\ntests:\n  - name: a\n  - name: b\n";

fn outcome(sources: &mut Sources) -> Outcome {
    let id = sources.add(Source::new("plant.test.yaml", TEXT.as_bytes()));
    let other = sources.add(Source::new("other<&>.test.yaml", *b"x"));
    let at = |word: &str| {
        let start = TEXT.find(word).unwrap();
        Span::new(id, start, start + 1)
    };
    let failure = |came: &str, decided: Option<Decision>| {
        Status::Failed(Box::new(Failure {
            span: at("name: b"),
            client: None,
            expected: "`plant/1/cmd` to be denied to `sensor-001`".to_owned(),
            came: came.to_owned(),
            decided,
        }))
    };
    let line = Decision {
        allows: true,
        file: Some("/etc/mosquitto/aclfile".to_owned()),
        line: Some((7, "topic readwrite plant/#".to_owned())),
        origin: Some(("plant.yaml".to_owned(), 19)),
    };
    let nothing = Decision { allows: false, file: Some("aclfile".to_owned()), line: None, origin: None };
    let no_file = Decision { allows: true, file: None, line: None, origin: None };
    let result = |name: &str, span, release: &str, status, milliseconds| TestResult {
        name: name.to_owned(),
        span,
        release: release.to_owned(),
        engine: "moskit".to_owned(),
        status,
        duration: Duration::from_millis(milliseconds),
    };
    let mut hostile = Failure {
        span: at("name: a"),
        client: Some("master".to_owned()),
        expected: "a message with `<x>` & \"y\" # z".to_owned(),
        came: "`\u{1b}[31m\u{202e}\u{fffe}\nnot ok 9` came".to_owned(),
        decided: Some(nothing),
    };
    let mut results = Vec::new();
    let mut add = |name: &str, span, milliseconds, status: &dyn Fn(&str) -> Status| {
        for release in ["2.0.21", "2.1.2"] {
            results.push(result(name, span, release, status(release), milliseconds));
        }
    };
    add("guests: reads free/a/b [mqtt, 5]", at("name: a"), 3, &|_| Status::Passed);
    let came = failure("the observer got it", Some(line.clone()));
    add("a sensor cannot command", at("name: b"), 12, &|_| came.clone());
    add("on one release only", at("name: b"), 1, &|release| match release {
        "2.1.2" => failure("it got through", Some(no_file.clone())),
        _ => Status::Passed,
    });
    let reason = "nobody can tell what arrives: name a user who may read everything as `observer`";
    add("who # knows", at("name: b"), 0, &|_| Status::Skipped(reason.to_owned()));
    hostile.client = None;
    add("hostile \u{1b}[2J <name> \\ # 1", Span::new(other, 0, 1), 1, &|_| {
        Status::Failed(Box::new(hostile.clone()))
    });
    let log = ["mosquitto version 2.1.2 running", "out of <order> \u{1b}[31m# \"1\"", &"long ".repeat(100)];
    let broken = Status::Broken(Breakdown {
        reason: "the broker ended (exit code 3)".to_owned(),
        log: log.map(str::to_owned).to_vec(),
    });
    results.push(result("restart", Span::new(other, 0, 1), "2.1.2", broken, 1500));
    Outcome { results, duration: Duration::from_millis(1234) }
}

const PLAIN: FullStyle = FullStyle { width: 80, is_coloured: false };

#[test]
fn for_people() {
    let mut sources = Sources::default();
    let outcome = outcome(&mut sources);
    let text = full(&outcome, &sources, PLAIN);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
    let coloured = full(&outcome, &sources, FullStyle { is_coloured: true, ..PLAIN });
    let without = coloured.replace("\u{1b}[31;1m", "").replace("\u{1b}[0m", "");
    assert_eq!(without, text);
}

#[test]
fn for_people_when_all_is_well() {
    let mut sources = Sources::default();
    let mut outcome = outcome(&mut sources);
    outcome.results.retain(|result| result.status == Status::Passed);
    insta::assert_snapshot!(full(&outcome, &sources, PLAIN));
}

#[test]
fn for_programs() {
    let mut sources = Sources::default();
    let outcome = outcome(&mut sources);
    insta::assert_snapshot!(format!("{:#}", json(&outcome, &sources)));
}

#[test]
fn for_continuous_integration() {
    let mut sources = Sources::default();
    let outcome = outcome(&mut sources);
    let text = junit(&outcome, &sources);
    let is_allowed = |character: char| character == '\n' || !character.is_control() && character < '\u{fffe}';
    assert!(text.chars().all(is_allowed), "{text:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn for_harnesses() {
    let mut sources = Sources::default();
    let outcome = outcome(&mut sources);
    let text = tap(&outcome, &sources);
    let points = text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
    assert_eq!(points.count(), outcome.results.len());
    insta::assert_snapshot!(text);
}

#[test]
fn counted() {
    let counts = outcome(&mut Sources::default()).counts();
    assert_eq!((counts.passed, counts.failed, counts.broken, counts.skipped), (3, 5, 1, 2));
}
