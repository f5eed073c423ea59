//! The manual pages of the rules hold what they say: bad examples report, good ones do not, and what a page says
//! of a release's start is what moskit and the real broker say of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use moskit::catalogue::Release;
use moskit::lang::Environment;
use moskit::lint::{self, Input, Kind, Outcome};
use moskit::rules::{self, Rule};
use moskit::text::disk::Disk;

use crate::fixtures;
use crate::real::{self, Broker};

/// The files of one of the two examples of a page.
type Example = BTreeMap<String, String>;

/// The fences of a page whose info string is `FILE bad` or `FILE good`.
fn example(rule: &Rule, which: &str) -> Example {
    let text = rule.text();
    let mut files = Example::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let (file, kind) = info.split_once(' ').unwrap_or((info, ""));
                open = Some(if kind == which { file.to_owned() } else { String::new() });
            }
            (Some(_), Some(_)) => open = None,
            (Some(file), None) if !file.is_empty() => {
                let entry = files.entry(file.clone()).or_default();
                // What cannot stand in a page is written by its name.
                *entry += &line.replace("<NUL>", "\0").replace("<BOM>", "\u{feff}").replace("<TAB>", "\t");
                entry.push('\n');
            }
            _ => {}
        }
    }
    files
}

/// What the page says of the start: a release and whether it starts; `None` where it says that it hangs on more.
fn releases(rule: &Rule) -> Vec<(Release, Option<bool>)> {
    let text = rule.text();
    let lines = text
        .lines()
        .skip_while(|line| *line != "## Releases")
        .skip(1)
        .take_while(|line| !line.starts_with('#'));
    let claims = lines.filter_map(|line| line.strip_prefix("- ")).map(|claim| {
        let (name, words) =
            claim.split_once(": ").unwrap_or_else(|| panic!("{}: bad line `{claim}`", rule.name));
        let release = Release::known().iter().find(|release| release.to_string() == name);
        let release = release.unwrap_or_else(|| panic!("{}: no release `{name}`", rule.name));
        let starts = match words {
            _ if words.starts_with("starts") => Some(true),
            _ if words.starts_with("does not start") => Some(false),
            _ if words.starts_with("depends") => None,
            _ => panic!("{}: say `starts`, `does not start` or `depends` of {name}", rule.name),
        };
        (*release, starts)
    });
    claims.collect()
}

fn lay_out(files: &Example, folder: &Path) {
    fixtures::certificates(folder);
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
}

fn lint_folder(files: &Example, folder: &Path) -> Outcome {
    let main = ["mosquitto.conf", "aclfile", "passwd"].into_iter().find(|name| files.contains_key(*name));
    let main = main.expect("an example has a mosquitto.conf, an aclfile or a passwd");
    let kind = match main {
        "mosquitto.conf" => Kind::Conf,
        "aclfile" => Kind::Acl,
        _ => Kind::Passwd,
    };
    lint::lint(Input {
        name: main,
        bytes: files[main].as_bytes().into(),
        kind,
        files: &Disk::new(folder),
        releases: Release::known(),
        environment: Environment { now: fixtures::NOW, started_by: "root".into() },
    })
    .unwrap()
}

fn show(outcome: &Outcome) -> String {
    let all: Vec<String> = Release::known().iter().map(ToString::to_string).collect();
    moskit::report::render::concise(&outcome.findings, &outcome.sources, &all)
}

#[test]
fn examples_do_what_their_pages_say() {
    let mut wrong = Vec::new();
    for rule in rules::all() {
        let (bad, good) = (example(rule, "bad"), example(rule, "good"));
        if bad.is_empty() || good.is_empty() {
            wrong.push(format!("{}: the page needs a bad and a good example", rule.name));
            continue;
        }
        let folder = fixtures::open_folder();
        lay_out(&bad, folder.path());
        let outcome = lint_folder(&bad, folder.path());
        if !outcome.findings.iter().any(|finding| finding.rule == rule.name) {
            wrong.push(format!("{}: the bad example does not report:\n{}", rule.name, show(&outcome)));
        }
        let claims = releases(rule);
        if claims.len() != Release::known().len() {
            wrong.push(format!("{}: the page does not say what each release does", rule.name));
        }
        for (release, starts) in claims {
            let verdict = outcome.verdicts.iter().find(|verdict| verdict.release == release).unwrap();
            if verdict.loads != starts {
                let reason = verdict.reason.as_ref().map(|(_, reason)| reason);
                wrong.push(format!(
                    "{}: {release} starts: page {starts:?}, verdict {:?} {reason:?}",
                    rule.name, verdict.loads
                ));
            }
        }
        let folder = fixtures::open_folder();
        lay_out(&good, folder.path());
        let outcome = lint_folder(&good, folder.path());
        if outcome.findings.iter().any(|finding| finding.rule == rule.name) {
            wrong.push(format!("{}: the good example reports:\n{}", rule.name, show(&outcome)));
        }
        if outcome.verdicts.iter().any(|verdict| verdict.loads == Some(false)) {
            wrong.push(format!("{}: the good example does not start:\n{}", rule.name, show(&outcome)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An example as a broker needs it: a mosquitto.conf around a lone ACL or password file.
fn runnable(files: &Example) -> Example {
    let mut files = files.clone();
    if !files.contains_key("mosquitto.conf") {
        let mut conf = "listener 21883 127.0.0.1\nallow_anonymous true\n".to_owned();
        for (name, option) in [("aclfile", "acl_file"), ("passwd", "password_file")] {
            if files.contains_key(name) {
                conf += &format!("{option} {name}\n");
            }
        }
        files.insert("mosquitto.conf".into(), conf);
    }
    files
}

fn starts(broker: &Broker, files: &Example) -> (bool, String) {
    let folder = fixtures::open_folder();
    lay_out(&runnable(files), folder.path());
    let start = real::try_start(broker, folder.path());
    (start.is_running, start.log.join("\n    "))
}

#[test]
fn real_brokers_do_what_the_pages_say() {
    real::say_missing("the examples of the rule pages on real brokers");
    let mut wrong = Vec::new();
    for broker in real::brokers() {
        for rule in rules::all() {
            let claim = releases(rule).into_iter().find(|(release, _)| *release == broker.release);
            let Some((_, expected)) = claim else { continue };
            for (which, expected) in [("bad", expected), ("good", Some(true))] {
                let Some(expected) = expected else { continue };
                let (is_running, log) = starts(broker, &example(rule, which));
                if is_running != expected {
                    wrong.push(format!(
                        "{} {which} on {}: starts {is_running}\n    {log}",
                        rule.name, broker.release
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
