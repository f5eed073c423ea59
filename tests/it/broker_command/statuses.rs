//! With which status a start ends.
//!
//! `tests/fixtures/statuses.tsv` was recorded from real brokers. With `UPDATE_EXPECT=1` the columns of the brokers of
//! this machine are recorded anew.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use moskit::catalogue::Release;
use rustix::process::Signal;

use super::{Program, is_root, rewrite, scene};
use crate::fixtures::certificates;
use crate::real::{brokers, say_missing};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/statuses.tsv");

/// A start.
#[derive(Debug)]
struct Case {
    /// The flags, `-c mosquitto.conf` among them where there is one.
    words: &'static str,
    /// The lines of `mosquitto.conf`.
    conf: &'static str,
}

const CONF: &str = "-c mosquitto.conf";

const fn of(conf: &'static str) -> Case {
    Case { words: CONF, conf }
}

const fn flags(words: &'static str, conf: &'static str) -> Case {
    Case { words, conf }
}

const CASES: &[Case] = &[
    flags("", ""),
    flags("-v", ""),
    flags("-p 1884", ""),
    flags("--port 1884", ""),
    flags("-p 0", ""),
    flags("-p x", ""),
    flags("-p 70000", ""),
    flags("-p", ""),
    flags("-c", ""),
    flags("--nonsense", ""),
    flags("-c gone.conf", ""),
    flags("-c .", ""),
    flags("--test-config", ""),
    flags("-c mosquitto.conf -v", "listener 1883"),
    flags("--config-file mosquitto.conf --verbose", "listener 1883"),
    flags("-c mosquitto.conf -p 1884", "listener 1883"),
    flags("-c mosquitto.conf --test-config", "listener 1883"),
    flags("-c mosquitto.conf --test-config", "listener 1883\nacl_file gone"),
    flags("-c mosquitto.conf --test-config", "listener 1883\nnonsense 1"),
    of(""),
    of("nonsense 1"),
    of("listener x"),
    of("max_qos 7"),
    of("include_dir gone"),
    of("listener 1883 192.0.2.1"),
    of("listener 1883\nlistener 1883"),
    of("listener 0 gone/socket"),
    of("listener 0 socket"),
    of("listener 8883\ncertfile server.crt\nkeyfile server.key"),
    of("listener 8883\ncertfile gone.crt\nkeyfile server.key"),
    of("listener 8883\ncertfile server.crt\nkeyfile other.key"),
    of("listener 8883\ncertfile server.crt"),
    of("listener 8883\ncertfile server.crt\nkeyfile server.key\ncafile gone.crt\nrequire_certificate true"),
    of("listener 8883\ncertfile server.crt\nkeyfile server.key\ntls_version tlsv9"),
    of("user no-such-account\nlistener 1883"),
    of("user root\nlistener 1883"),
    of("listener 1883\npassword_file passwords"),
    of("listener 1883\npassword_file gone"),
    of("listener 1883\npassword_file plain"),
    of("listener 1883\npassword_file private"),
    of("listener 1883\npassword_file link"),
    of("listener 1883\nacl_file acl"),
    of("listener 1883\nacl_file gone"),
    of("listener 1883\nacl_file nonsense"),
    of("listener 1883\nacl_file private"),
    of("listener 1883\npassword_file gone\nacl_file nonsense"),
    of("listener 1883\npassword_file plain\nacl_file gone"),
    of("listener 8883\npsk_hint h\npsk_file gone"),
    of("listener 1883\nplugin gone/p.so"),
    of("listener 1883\nplugin p.so"),
    of("listener 1883\npid_file pid"),
    of("listener 1883\npid_file gone/pid"),
    of("pid_file gone/pid\nlistener 1883\nacl_file gone"),
    of("user no-such-account\nlistener 1883\nacl_file gone"),
    of("listener 1883\nlog_type nonsense"),
    of("listener 1883\nlog_dest nonsense"),
];

impl Case {
    /// What it is called in the fixture.
    fn name(&self) -> String {
        format!("{}\t{}", self.words, self.conf.replace('\n', "\\n"))
    }

    /// Whether it hangs on being started by root.
    fn is_of_root(&self) -> bool {
        ["user ", "private"].iter().any(|word| self.conf.contains(word))
    }

    /// The status of a program that is ended by SIGTERM once it runs.
    fn run(&self, program: Program) -> String {
        let folder = scene(&[
            ("mosquitto.conf", &format!("{}\n", self.conf)),
            ("passwords", "bob:right"),
            ("acl", "topic a/#\n"),
            ("nonsense", "tropic a/#\n"),
        ]);
        certificates(folder.path());
        rewrite(folder.path(), "plain", "bob:right\n");
        let private = folder.path().join("private");
        fs::copy(folder.path().join("acl"), &private).unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("passwords", folder.path().join("link")).unwrap();
        let words: Vec<_> = self.words.split_whitespace().collect();
        let mut process = program.start(folder.path(), &words);
        if process.is_running() { process.end_by(Signal::TERM) } else { process.end() }
    }
}

/// The releases of the columns, and the statuses of each case.
fn fixture() -> (Vec<Release>, Vec<(String, Vec<String>)>) {
    let text = fs::read_to_string(FIXTURE).unwrap_or_default();
    let mut rows = text.lines().filter(|line| !line.starts_with('#'));
    let head = rows.next().unwrap_or("flags\tconfiguration\t2.0.11\t2.0.21\t2.1.2");
    let named = |name: &str| *Release::known().iter().find(|known| known.to_string() == name).unwrap();
    let releases: Vec<_> = head.split('\t').skip(2).map(named).collect();
    let of = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        (fields[..2].join("\t"), fields[2..].iter().map(|field| (*field).to_owned()).collect())
    };
    (releases, rows.map(of).collect())
}

/// The statuses of all cases, in their order.
fn run_all(program: Program) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![String::new(); CASES.len()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(case) = CASES.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if is_root() || !case.is_of_root() {
                        let place = CASES.iter().position(|other| std::ptr::eq(other, case)).unwrap();
                        let status = case.run(program);
                        found.lock().unwrap()[place] = status;
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Holds the statuses of a program against its column.
fn differences(program: Program, found: &[String]) -> Vec<String> {
    let (releases, recorded) = fixture();
    let column = releases.iter().position(|release| *release == program.release()).unwrap();
    let differs = |(case, status): (&Case, &String)| {
        let name = case.name();
        let expected =
            recorded.iter().find(|(recorded, _)| *recorded == name).map(|(_, all)| all[column].as_str());
        let is_run = is_root() || !case.is_of_root();
        (is_run && expected != Some(status))
            .then(|| format!("{} of {name}: {status}, recorded {expected:?}", program.release()))
    };
    CASES.iter().zip(found).filter_map(differs).collect()
}

#[test]
fn statuses_are_those_of_the_releases() {
    let run = |release: &Release| {
        let program = Program::Moskit(*release);
        differences(program, &run_all(program))
    };
    let wrong: Vec<_> = Release::known().iter().flat_map(run).collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn releases_end_as_recorded() {
    say_missing("statuses of real brokers");
    let is_updating = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for broker in brokers() {
        let (releases, recorded) = fixture();
        let Some(column) = releases.iter().position(|release| *release == broker.release) else { continue };
        let program = Program::Real(broker);
        let found = run_all(program);
        if !is_updating {
            wrong.extend(differences(program, &found));
            continue;
        }
        let mut text = String::from(
            "# With which status the observed releases of Mosquitto end that are started by root with some flags and a\n\
             # configuration (its lines joined by \\n), and are ended by SIGTERM where they run.\n\
             flags\tconfiguration\t2.0.11\t2.0.21\t2.1.2\n",
        );
        for (case, status) in CASES.iter().zip(found) {
            let name = case.name();
            let mut all = recorded
                .iter()
                .find(|(recorded, _)| *recorded == name)
                .map_or(vec![String::new(); releases.len()], |(_, all)| all.clone());
            all[column] = status;
            text += &format!("{name}\t{}\n", all.join("\t"));
        }
        fs::write(FIXTURE, text).unwrap();
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
