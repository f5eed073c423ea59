//! What tests come to on real brokers: every kind of expectation, met and not met, and every kind of configuration
//! that a private copy is made of. The cases are in `tests/verify`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use moskit::catalogue::Release;
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

/// What tests are run on.
pub(crate) struct Engine {
    release: Release,
    pub(crate) words: Vec<String>,
    is_real: bool,
}

impl Engine {
    pub(crate) fn real(broker: &Broker) -> Self {
        let words = vec!["--engine".to_owned(), format!("mosquitto:{}", broker.program.display())];
        Self { release: broker.release, words, is_real: true }
    }

    /// The built-in broker, which does as a release does.
    fn built_in(release: Release) -> Self {
        let words = ["--engine", "moskit", "--target", &release.to_string()].map(str::to_owned).to_vec();
        Self { release, words, is_real: false }
    }
}

/// Real brokers, oldest first, then the built-in one for each release.
fn engines() -> Vec<Engine> {
    let built_in = Release::known().iter().map(|release| Engine::built_in(*release));
    let has_broker =
        program::moskit(Path::new(".")).args(["broker", "--help"]).output().unwrap().status.success();
    brokers().iter().map(Engine::real).chain(built_in.filter(|_| has_broker)).collect()
}

/// Runs the tests of a folder on a broker; gives a line for each.
fn come(folder: &Path, words: &[&str], engine: &Engine) -> String {
    let mut all = vec!["test", "--format", "json", "--jobs", "2"];
    all.extend(engine.words.iter().map(String::as_str));
    all.extend(words);
    let ran = program::run(&mut limited(folder, None, &all), LONGEST);
    let Ok(report) = serde_json::from_str::<Value>(&ran.out()) else { return ran.all() };
    let mut out = String::new();
    for result in report["results"].as_array().unwrap() {
        let (name, status) = (result["name"].as_str().unwrap(), result["status"].as_str().unwrap());
        let message = result["message"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
        writeln!(out, "{status}: {name}{message}").unwrap();
        for line in result["log"].as_array().into_iter().flatten() {
            writeln!(out, "  | {}", line.as_str().unwrap()).unwrap();
        }
    }
    out.replace(&*folder.to_string_lossy(), "HERE")
}

/// Runs a file of cases on each broker, with `words` for the program; each case has a folder of its own, with
/// `files` in it. `is_for_built_in` tells which cases are for the built-in broker, too.
fn check(file: &str, files: &[(&str, &str)], words: &[&str], is_for_built_in: impl Fn(&str) -> bool) {
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
        let newest = brokers().last().map(|broker| broker.release);
        for engine in engines().iter().filter(|engine| engine.is_real || is_for_built_in(&case.title)) {
            let release = engine.release.to_string();
            let came = come(scene.path(), words, engine);
            let Some((head, expected)) = case.expected(&release) else { continue };
            if came == expected {
                continue;
            }
            let is_newest = newest == Some(engine.release);
            if is_updating() && engine.is_real && (is_newest || head != "text") {
                let at = text.find(&format!("\n## {}\n", case.title)).unwrap();
                let (before, after) = text.split_at(at);
                let (old, new) = (format!("```{head}\n{expected}```"), format!("```{head}\n{came}```"));
                text = before.to_owned() + &after.replacen(&old, &new, 1);
            } else {
                let kind = if engine.is_real { "mosquitto" } else { "moskit as" };
                wrong.push(format!(
                    "{file}: {} on {kind} {release}\n{}",
                    case.title,
                    difference(expected, &came)
                ));
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
    check("expectations", &[("plant.yaml", &spec)], &["plant.yaml", "--tests", "a.test.yaml"], |_| true);
}

#[test]
fn configurations() {
    // What does not start is said in other words.
    check("configurations", &[], &["mosquitto.conf"], |title| title != "what does not start");
}

/// A folder with the configuration and test of a broker that misbehaves.
pub(crate) fn misbehaving(behaviour: &str) -> (tempfile::TempDir, Engine) {
    let scene = fixtures::open_folder();
    let pid = scene.path().join("pid");
    let conf =
        format!("# does {behaviour}\n# pid in {}\nlistener 1883\nallow_anonymous true\n", pid.display());
    fs::write(scene.path().join("mosquitto.conf"), conf).unwrap();
    let test = "moskit: 1\ntests: [ { name: it, as: anonymous, publish: a } ]\n";
    fs::write(scene.path().join("a.test.yaml"), test).unwrap();
    let program = folder("tests/verify/misbehaving.py");
    (scene, Engine::real(&Broker { release: Release::newest(), program }))
}

#[test]
fn brokers_that_misbehave() {
    let expected = "expected the message on `a` to be allowed, but";
    let cases = [
        ("hang", format!("failed: it: {expected} PUBACK did not come within 5 s\n")),
        (
            "die",
            "broken: it: the broker ended (exit code 7)\n  | mosquitto version 2.1.2 running\n  | out of order\n"
                .into(),
        ),
        ("close", format!("failed: it: {expected} the broker closed the connection\n")),
        (
            "babble",
            format!("failed: it: {expected} the broker sent a bad packet: there is no packet of kind 0\n"),
        ),
    ];
    for (behaviour, line) in cases {
        let (scene, engine) = misbehaving(behaviour);
        assert_eq!(come(scene.path(), &["mosquitto.conf"], &engine), line, "{behaviour}");
        assert!(has_ended(scene.path()), "{behaviour}");
    }
}

/// Whether the broker that wrote its process id into a folder is gone.
pub(crate) fn has_ended(folder: &Path) -> bool {
    let pid = fs::read_to_string(folder.join("pid")).unwrap();
    !Path::new("/proc").join(pid).join("exe").exists()
}

/// Five ways in which a pack can be worse than its spec: the tests of the example notice each.
#[test]
fn tests_notice_what_goes_wrong() {
    say_missing("mutations");
    let Some(engine) = engines().pop() else { return };
    let scene = fixtures::open_folder();
    let root = folder("");
    let example = root.join("examples/first-steps");
    let path = |name: &str| scene.path().join(name).to_str().unwrap().to_owned();
    let compile = |pack: &str, state: &str| {
        let spec = example.join("deployment.yaml").to_str().unwrap().to_owned();
        let (pack, state) = (path(pack), path(state));
        let words = ["compile", &spec, "-o", &pack, "--install-prefix", &pack, "--state", &state];
        program::run(&mut limited(scene.path(), None, &words), LONGEST).exits(0);
    };
    compile("pack", "state");
    compile("other", "other-state");
    let replace = |file: &str, from: &str, to: &str| {
        let path = scene.path().join("pack").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        let line = |line: &str| if line.contains(from) { line.replace(from, to) } else { line.to_owned() };
        fs::write(path, text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n").unwrap();
    };
    let mutations: [(&str, &dyn Fn()); 6] = [
        ("nothing", &|| {}),
        ("a widened filter", &|| replace("aclfile", "read free/+/+", "read #")),
        ("a lost user", &|| replace("passwd", "freeuser:", "#freeuser:")),
        ("anonymous on", &|| replace("mosquitto.conf", "password_file", "#password_file")),
        ("TLS off", &|| {
            replace("mosquitto.conf", "certfile", "#certfile");
            replace("mosquitto.conf", "keyfile", "#keyfile");
            replace("mosquitto.conf", "tls_version", "#tls_version");
        }),
        ("a wrong CA", &|| {
            for file in ["certs/broker.crt", "certs/broker.key"] {
                fs::copy(scene.path().join("other").join(file), scene.path().join("pack").join(file))
                    .unwrap();
            }
        }),
    ];
    let tests = example.join("deployment.test.yaml").to_str().unwrap().to_owned();
    let (pack, state) = (path("pack"), path("state"));
    for (mutation, mutate) in mutations {
        fs::remove_dir_all(scene.path().join("pack")).unwrap();
        compile("pack", "state");
        mutate();
        let came = come(scene.path(), &[&pack, "--tests", &tests, "--state", &state], &engine);
        let failures = came.lines().filter(|line| line.starts_with("failed: ")).count();
        assert!(came.lines().count() > 100, "{mutation}: {came}");
        assert_eq!(failures == 0, mutation == "nothing", "{mutation}: {failures} failures");
    }
}
