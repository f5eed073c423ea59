//! What tests come to on real brokers: every kind of expectation, met and not met, and every kind of configuration
//! that a private copy is made of. The cases are in `tests/verify`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::fixtures;
use crate::program::{self, limited};
use crate::real::{Broker, brokers, say_missing};
use crate::spec::{folder, is_updating};

/// The most that the tests of a case may take.
const LONGEST: Duration = Duration::from_secs(60);

/// A section of a file of cases.
struct Case {
    title: String,
    /// The blocks: what stands behind the three backticks, and the text.
    blocks: Vec<(String, String)>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            all.push(Case { title: title.to_owned(), blocks: Vec::new() });
        } else if let Some(head) = line.strip_prefix("```") {
            let body = lines.by_ref().take_while(|line| *line != "```");
            let body: String = body.map(|line| format!("{line}\n")).collect();
            all.last_mut().expect("a title comes first").blocks.push((head.to_owned(), body));
        }
    }
    all
}

impl Case {
    /// What is expected of a release: the block with its name, else the one for all.
    fn expected(&self, release: &str) -> Option<(&str, &str)> {
        let of = |name: &str| self.blocks.iter().find(|(head, _)| head == name);
        let found = of(&format!("text {release}")).or_else(|| of("text"));
        found.map(|(head, body)| (head.as_str(), body.as_str()))
    }

    /// Writes the files of the case: tests, and whatever a block has a path for.
    fn write(&self, folder: &Path) {
        for (head, body) in &self.blocks {
            let path = match head.split_once(' ') {
                _ if head == "yaml" => "a.test.yaml",
                Some(("file", path)) => path,
                _ => continue,
            };
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, body).unwrap();
        }
    }
}

/// Runs the tests of a folder on a broker; gives a line for each.
fn come(folder: &Path, words: &[&str], broker: &Broker) -> String {
    let engine = format!("mosquitto:{}", broker.program.display());
    let mut all = vec!["test", "--engine", &engine, "--format", "json", "--jobs", "2"];
    all.extend(words);
    let ran = program::run(&mut limited(folder, None, &all), LONGEST);
    let Ok(report) = serde_json::from_str::<Value>(&ran.out()) else { return ran.all() };
    let mut out = String::new();
    for result in report["results"].as_array().unwrap() {
        let (name, status) = (result["name"].as_str().unwrap(), result["status"].as_str().unwrap());
        let message = result["message"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
        writeln!(out, "{status}: {name}{message}").unwrap();
    }
    out.replace(&*folder.to_string_lossy(), "HERE")
}

/// Runs a file of cases on each broker, with `words` for the program; each case has a folder of its own, with
/// `files` in it.
fn check(file: &str, files: &[(&str, &str)], words: &[&str]) {
    say_missing(file);
    let path = folder(&format!("tests/verify/{file}.md"));
    let mut text = fs::read_to_string(&path).unwrap();
    let mut wrong = Vec::new();
    for case in cases(&text.clone()) {
        let scene = fixtures::open_folder();
        for (name, contents) in files {
            fs::write(scene.path().join(name), contents).unwrap();
        }
        case.write(scene.path());
        let mut came: BTreeMap<String, String> = BTreeMap::new();
        for broker in brokers() {
            came.insert(broker.release.to_string(), come(scene.path(), words, broker));
        }
        for (release, came) in came.iter().rev() {
            let Some((head, expected)) = case.expected(release) else { continue };
            if came == expected {
                continue;
            }
            let is_newest = brokers().last().is_some_and(|broker| broker.release.to_string() == *release);
            if is_updating() && (is_newest || head != "text") {
                let at = text.find(&format!("\n## {}\n", case.title)).unwrap();
                let (before, after) = text.split_at(at);
                let (old, new) = (format!("```{head}\n{expected}```"), format!("```{head}\n{came}```"));
                text = before.to_owned() + &after.replacen(&old, &new, 1);
            } else {
                wrong.push(format!("{file}: {} on {release}\n{}", case.title, difference(expected, came)));
            }
        }
    }
    if is_updating() {
        fs::write(&path, text).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn difference(expected: &str, came: &str) -> String {
    similar::TextDiff::from_lines(expected, came).unified_diff().context_radius(0).to_string()
}

#[test]
fn expectations() {
    let spec = fs::read_to_string(folder("tests/verify/plant.yaml")).unwrap();
    check("expectations", &[("plant.yaml", &spec)], &["plant.yaml", "--tests", "a.test.yaml"]);
}

#[test]
fn configurations() {
    check("configurations", &[], &["mosquitto.conf"]);
}
