//! How a run of tests goes: results come one by one, a signal ends it with all that it began, and what a broker said
//! last is told.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixtures;
use crate::program::{self, Ran, limited, moskit};
use crate::real::{brokers, say_missing};
use crate::verify::{Engine, has_ended, misbehaving};

/// The most that anything here may take.
const LONGEST: Duration = Duration::from_secs(60);

const CONF: &str = "listener 18830 127.0.0.1\nallow_anonymous true\n";

/// A test that fails, and one that nobody waits for.
const HELD: &str = "moskit: 1
tests:
  - { name: first, as: { listener: 18830 }, expect: refused }
  - name: held
    as: { listener: 18830 }
    steps: [ { client: client, publish: a }, { wait: 1m } ]
";

/// A folder with a configuration, tests, and a place for temporary files.
fn scene(tests: &str) -> tempfile::TempDir {
    let folder = fixtures::open_folder();
    fs::write(folder.path().join("mosquitto.conf"), CONF).unwrap();
    fs::write(folder.path().join("a.test.yaml"), tests).unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    folder
}

/// The command, with what it says on pipes.
fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = moskit(folder);
    command.args(["test", "mosquitto.conf"]).args(words).env("TMPDIR", folder.join("tmp"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that has begun; it is killed with its test.
struct Begun(Child);

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Begun {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Ends with a status, quickly, and leaves nothing.
    fn ends(mut self, status: i32, folder: &Path) -> String {
        let begun = Instant::now();
        let ended = self.0.wait().unwrap();
        assert_eq!(ended.code(), Some(status), "{:?}", ended.signal());
        assert!(begun.elapsed() < LONGEST, "it waited for the test to end");
        let left: Vec<_> = fs::read_dir(folder.join("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }

    /// The processes that it started.
    fn children(&self) -> Vec<String> {
        let mut found = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap() {
            let text = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
            found.extend(text.split_whitespace().map(str::to_owned));
        }
        found
    }
}

const SIGNALS: [(Signal, i32, &str); 2] =
    [(Signal::INT, 130, "moskit: stopped by SIGINT\n"), (Signal::TERM, 143, "moskit: stopped by SIGTERM\n")];

#[test]
fn results_are_told_as_they_come() {
    let heads = [
        ("tap", "TAP version 14\n1..2\nnot ok 1 - first (2.1.2)\n", "Bail out! stopped by a signal\n"),
        ("full", "failed: first\n", ""),
        ("json", "", ""),
    ];
    for (format, head, tail) in heads {
        for (signal, status, said) in SIGNALS {
            let folder = scene(HELD);
            let mut run = Begun(command(folder.path(), &["--format", format]).spawn().unwrap());
            let mut out = BufReader::new(run.0.stdout.take().unwrap());
            let mut came = String::new();
            while came.len() < head.len() {
                assert_ne!(out.read_line(&mut came).unwrap(), 0, "{format}: {came}");
            }
            assert_eq!(came, head, "{format}");
            if head.is_empty() {
                until(|| fs::read_dir(folder.path().join("tmp")).unwrap().count() > 0);
            }
            assert!(run.0.try_wait().unwrap().is_none(), "{format}: it has ended");
            run.signal(signal);
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            assert!(rest.ends_with(tail) && !rest.contains("held"), "{format}: {rest}");
            assert_eq!(run.ends(status, folder.path()), said, "{format}");
        }
    }
}

fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONGEST, "it does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_that_nobody_reads_ends() {
    for format in ["tap", "full"] {
        let folder = scene(HELD);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Begun(command(folder.path(), &["--format", format]).stdout(writer).spawn().unwrap());
        assert_eq!(run.ends(141, folder.path()), "", "{format}");
    }
}

#[test]
fn a_signal_ends_what_comes_before_the_run() {
    let folder = fixtures::open_folder();
    let spec = "moskit: 1
mosquitto: \"2.1\"
listeners: { main: { port: 18830, bind: 127.0.0.1 } }
users: { alice: { password: { command: \"echo $$ > pid; exec sleep 600\" } } }
tests: [ { name: one, as: alice, expect: connected } ]
";
    fs::write(folder.path().join("plant.yaml"), spec).unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    let mut command = moskit(folder.path());
    command.args(["test", "plant.yaml"]).env("TMPDIR", folder.path().join("tmp"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut run = Begun(command.spawn().unwrap());
    let pid = || fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
    until(|| pid().ends_with('\n'));
    run.signal(Signal::TERM);
    let status = run.0.wait().unwrap().code();
    let sleeping = pid().trim().parse().ok().and_then(Pid::from_raw).unwrap();
    kill_process(sleeping, Signal::KILL).unwrap();
    assert_eq!(status, Some(143));
    assert_eq!(run.ends(143, folder.path()), "moskit: stopped by SIGTERM\n");
}

#[test]
fn a_stopped_run_stops_its_brokers() {
    for (signal, status, _) in SIGNALS {
        let (folder, engine) = misbehaving("hang");
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let words: Vec<&str> = engine.words.iter().map(String::as_str).collect();
        let run = Begun(command(folder.path(), &words).spawn().unwrap());
        until(|| !fs::read_to_string(folder.path().join("pid")).unwrap_or_default().is_empty());
        assert!(!has_ended(folder.path()));
        run.signal(signal);
        run.ends(status, folder.path());
        assert!(has_ended(folder.path()));
    }
}

#[test]
fn a_stopped_run_stops_real_brokers() {
    say_missing("runs that are stopped");
    for broker in brokers() {
        let folder = scene(HELD);
        let engine = Engine::real(broker);
        let words: Vec<&str> = engine.words.iter().map(String::as_str).chain(["--format", "tap"]).collect();
        let mut run = Begun(command(folder.path(), &words).spawn().unwrap());
        let mut out = BufReader::new(run.0.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("not ok 1") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "{line}");
        }
        until(|| !run.children().is_empty());
        let children = run.children();
        run.signal(Signal::TERM);
        let said = run.ends(143, folder.path());
        assert_eq!(said, "moskit: stopped by SIGTERM\n");
        let left = children.iter().filter(|pid| Path::new("/proc").join(pid).join("exe").exists());
        assert_eq!(left.count(), 0, "{}", broker.release);
    }
}

fn run(folder: &Path, words: &[&str]) -> Ran {
    let all: Vec<&str> = ["test", "mosquitto.conf"].iter().chain(words).copied().collect();
    program::run(&mut limited(folder, None, &all), LONGEST)
}

#[test]
fn what_a_broker_said_last_is_told() {
    let (folder, engine) = misbehaving("die");
    let words: Vec<&str> = engine.words.iter().map(String::as_str).collect();
    for (format, part) in [
        ("full", "  the broker ended (exit code 7)\n  | mosquitto version 2.1.2 running\n  | out of order\n"),
        ("tap", "  log:\n    - \"mosquitto version 2.1.2 running\"\n    - \"out of order\"\n"),
        ("junit", "<system-err>mosquitto version 2.1.2 running\nout of order</system-err>"),
        ("json", "\"out of order\""),
    ] {
        let words = [&words[..], &["--format", format]].concat();
        let out = run(folder.path(), &words).exits(1).out();
        assert!(out.contains(part), "{format}: {out}");
    }
}

#[test]
fn tests_of_some_releases_are_skipped_on_others() {
    let folder = scene(
        "moskit: 1
tests:
  - { name: all, as: { listener: 18830 }, expect: connected }
  - { name: old, mosquitto: [ \"2.0\", 2.1.0 ], as: { listener: 18830 }, expect: connected }
",
    );
    let releases = ["--target", "2.0.18", "--target", "2.1.2"];
    let reason = "the test is for Mosquitto 2.0, 2.1.0 only";
    for (format, part) in [
        (
            "full",
            format!("skipped 1: {reason}\n3 passed, 1 skipped on moskit for Mosquitto 2.0.18, 2.1.2 in"),
        ),
        (
            "tap",
            format!(
                "1..4\nok 1 - all (2.0.18)\nok 2 - all (2.1.2)\nok 3 - old (2.0.18)\nok 4 - old (2.1.2) # SKIP {reason}\n"
            ),
        ),
        ("junit", format!("<skipped message=\"{reason}\"/>")),
        ("json", format!("\"message\": \"{reason}\"")),
    ] {
        let words = [&releases[..], &["--format", format]].concat();
        let out = run(folder.path(), &words).exits(0).out();
        assert!(out.contains(&part), "{format}: {out}");
    }
    let none = run(folder.path(), &["--target", "2.1.2", "--filter", "old"]).exits(2);
    assert_eq!(none.err(), "moskit: no test could be run\n");
}
