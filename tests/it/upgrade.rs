//! What `moskit upgrade` says and writes: case by case in `tests/upgrade/cases.md`, on real brokers, and on every small
//! configuration whose verdicts are recorded.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use moskit::catalogue::Release;
use moskit::lang::Environment;
use moskit::text::Memory;
use moskit::upgrade::{self, Question, upgrade};
use serde_json::Value as Json;

use crate::cases;
use crate::options::{rows, unescape};
use crate::real::{self, Broker};
use crate::show::scene;
use crate::spec::folder;

/// What `moskit upgrade` prints in a folder, and its exit code.
fn run(folder: &Path, arguments: &[&str]) -> (String, i32) {
    cases::run(folder, "upgrade", arguments)
}

fn document() -> PathBuf {
    folder("tests/upgrade/cases.md")
}

#[test]
fn what_is_said() {
    cases::compare(&document(), "upgrade", |case| {
        let scene = scene(&case.files);
        let (report, code) = run(scene.path(), &case.arguments);
        let (diff, _) = run(scene.path(), &[&case.arguments[..], &["--diff"]].concat());
        cases::assert_narrow(case.title, &report);
        let found = format!("{report}exit {code}\n{diff}");
        for secret in ["pw-of-up", "$7$", "0a1b2c"] {
            assert!(!found.contains(secret), "{found}");
        }
        found
    });
}

#[test]
fn the_schema_describes_what_is_said() {
    let text = fs::read_to_string(document()).unwrap();
    let report =
        |case: cases::Case<'_>| (case.title.to_owned(), as_json(scene(&case.files).path(), &case.arguments));
    let reports: Vec<_> = cases::cases(&text, "upgrade").into_iter().map(report).collect();
    cases::assert_schema(&folder("schemas/upgrade.schema.json"), &upgrade::schema(), &reports);
}

fn as_json(folder: &Path, arguments: &[&str]) -> Json {
    let (text, _) = run(folder, &[arguments, &["--format", "json"]].concat());
    let document = text.rsplit_once("}\n").unwrap().0.to_owned() + "}";
    serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The key of an item that stays the same when lines move.
fn items(report: &Json) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter();
    items.map(|item| format!("{} {}", item["kind"], item["message"])).collect()
}

#[test]
fn written_files_need_nothing_more() {
    let text = fs::read_to_string(document()).unwrap();
    let mut written = 0;
    for case in cases::cases(&text, "upgrade") {
        let scene = scene(&case.files);
        let before = as_json(scene.path(), &case.arguments);
        let done = as_json(scene.path(), &[&case.arguments[..], &["--write"]].concat());
        assert_eq!(items(&done), items(&before), "{}: the same is said when it is written", case.title);
        let to = case.arguments[3];
        let after = as_json(scene.path(), &["--from", to, "--to", to]);
        assert_eq!(after["to"]["loads"], before["loads_with_edits"], "{}", case.title);
        for item in after["items"].as_array().unwrap() {
            assert!(item["kind"] != "refused" || !item["edit"].is_string(), "{}: {item}", case.title);
        }
        written += before["edited_files"].as_array().unwrap().len();
    }
    assert!(written > 10, "{written} files are written");
}

/// Whether a broker starts in a folder, and the lines that its log blames.
fn starts(broker: &Broker, folder: &Path) -> (bool, String) {
    let start = real::try_start(broker, folder);
    (start.is_running, start.log.join("\n    "))
}

#[test]
fn real_brokers_start_as_is_said() {
    real::say_missing("the cases of upgrades on real brokers");
    let text = fs::read_to_string(document()).unwrap();
    let mut wrong = Vec::new();
    for case in cases::cases(&text, "upgrade") {
        let scene = scene(&case.files);
        let said = as_json(scene.path(), &case.arguments);
        let mut compare = |side: &str, said: &Json, release: &str| {
            let Some(broker) = real::brokers().iter().find(|broker| broker.release.to_string() == release)
            else {
                return;
            };
            let (is_running, log) = starts(broker, scene.path());
            if said.as_bool().is_some_and(|said| said != is_running) {
                wrong.push(format!(
                    "{} {side}: said {said}, {release} starts {is_running}\n    {log}",
                    case.title
                ));
            }
            let items = said_deprecated(&as_json(scene.path(), &case.arguments));
            for option in items.iter().filter(|_| side == "to" && is_running) {
                if !log.contains(option.as_str()) {
                    wrong.push(format!("{}: {release} says nothing of `{option}`\n    {log}", case.title));
                }
            }
        };
        compare("from", &said["from"]["loads"], case.arguments[1]);
        compare("to", &said["to"]["loads"], case.arguments[3]);
        run(scene.path(), &[&case.arguments[..], &["--write"]].concat());
        compare("written", &said["loads_with_edits"], case.arguments[3]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn said_deprecated(report: &Json) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "deprecated");
    items.map(|item| item["option"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn small_configurations_keep_their_meaning() {
    let environment = Environment { now: 0, started_by: "root".into() };
    let pairs = [[0, 2], [2, 1], [0, 1]].map(|pair| pair.map(|index: usize| Release::known()[index]));
    let mut edited = 0;
    for row in rows(include_str!("../fixtures/options.tsv")) {
        let bytes = unescape(row[1]);
        let question = |bytes: &[u8], from, to, files: &Memory| {
            let question = Question {
                name: "mosquitto.conf",
                bytes: bytes.into(),
                files,
                from,
                to,
                environment: environment.clone(),
            };
            upgrade(&question).unwrap()
        };
        for [from, to] in pairs {
            let files = Memory::new();
            let report = question(&bytes, from, to, &files);
            let Some(main) = report.edited.first() else { continue };
            edited += 1;
            let after = question(&main.bytes, to, to, &files);
            assert_eq!(after.to.loads, report.after, "{:?}", row[1]);
        }
    }
    assert!(edited > 50, "{edited} configurations are edited");
}

#[test]
fn files_keep_their_mode_and_links() {
    let scene = scene(&[("real.conf", "allow_anonymous true\nport 1883\n")]);
    let (real, link) = (scene.path().join("real.conf"), scene.path().join("mosquitto.conf"));
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    symlink("real.conf", &link).unwrap();
    let (text, code) = run(scene.path(), &["mosquitto.conf", "--from", "2.0.21", "--write"]);
    assert_eq!(code, 1, "{text}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_to_string(&real).unwrap(), "allow_anonymous true\nlistener 1883\n");
}

#[test]
fn what_cannot_be_answered() {
    let scene = scene(&[("mosquitto.conf", ""), ("deployment.yaml", "moskit: 1\n"), ("manifest.json", "{}")]);
    for (arguments, words) in [
        (&["mosquitto.conf", "--from", "2.0"][..], "names several releases"),
        (&["deployment.yaml", "--from", "2.0.11"], "compile it again"),
        (&[".", "--from", "2.0.11"], "compile it again"),
        (&["nowhere.conf", "--from", "2.0.11"], "it does not exist"),
        (&["passwd", "--from", "2.0.11"], "has no mosquitto.conf"),
    ] {
        let (text, code) = run(scene.path(), arguments);
        assert!(code == 2 && text.contains(words), "{arguments:?}: {code} {text}");
    }
}
