//! Real brokers, where there are any: Debian's `mosquitto`, and whatever `MOSKIT_BROKERS` names.
//!
//! `MOSKIT_BROKERS` is a folder with programs called `mosquitto-2.0.21` and the like. With `MOSKIT_REQUIRE_BROKER=1`
//! a missing broker is a failure; otherwise the tests say what they did not run.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use moskit::catalogue::{Release, Target};

/// A program that is a broker of a known release.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) release: Release,
    pub(crate) program: PathBuf,
}

/// The brokers of this machine, oldest first.
pub(crate) fn brokers() -> &'static [Broker] {
    static FOUND: OnceLock<Vec<Broker>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut programs: Vec<PathBuf> =
            vec!["/usr/sbin/mosquitto".into(), "/usr/local/sbin/mosquitto".into()];
        if let Some(folder) = std::env::var_os("MOSKIT_BROKERS") {
            let entries = std::fs::read_dir(&folder).expect("MOSKIT_BROKERS is a folder");
            let paths = entries.map(|entry| entry.unwrap().path());
            let is_broker =
                |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("mosquitto-");
            programs.extend(paths.filter(is_broker));
        }
        let mut found: Vec<Broker> = Vec::new();
        for program in programs.into_iter().filter(|program| program.exists()) {
            let Some(release) = release_of(&program) else { continue };
            if found.iter().all(|broker| broker.release != release) {
                found.push(Broker { release, program });
            }
        }
        found.sort_by_key(|broker| broker.release);
        assert!(
            !is_required() || !found.is_empty(),
            "no broker is installed, and MOSKIT_REQUIRE_BROKER is set"
        );
        found
    })
}

/// Whether a test that cannot run fails.
pub(crate) fn is_required() -> bool {
    std::env::var("MOSKIT_REQUIRE_BROKER").is_ok_and(|value| value == "1")
}

/// Says once more that a test did not run for want of a broker.
pub(crate) fn say_missing(what: &str) {
    if brokers().is_empty() {
        eprintln!("not run: {what}: no mosquitto is installed");
    }
}

fn release_of(program: &Path) -> Option<Release> {
    let output = Command::new(program).arg("-h").output().ok()?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let version = text.lines().find_map(|line| line.strip_prefix("mosquitto version "))?;
    let target: Target = version.split_whitespace().next()?.parse().ok()?;
    target.releases().first().copied()
}

/// Whether a process may have a network of its own, so that ports of tests never meet.
fn has_namespaces() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let tried = Command::new("unshare")
            .args(["-n", "sh", "-c", "ip link set lo up"])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

/// A command in a network of its own; where that is not allowed, with the right to be the only one that opens
/// ports.
pub(crate) fn in_own_network(program: &Path) -> (Command, Option<MutexGuard<'static, ()>>) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if has_namespaces() {
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]).arg(program);
        return (command, None);
    }
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    (Command::new(program), Some(alone))
}

/// What a start came to.
#[derive(Debug)]
pub(crate) struct Start {
    /// Whether the broker said that it runs, and went on running.
    pub(crate) is_running: bool,
    /// What it said.
    pub(crate) log: Vec<String>,
}

/// Starts a broker in a folder on `mosquitto.conf`, waits until it runs or ends, and stops it.
pub(crate) fn try_start(broker: &Broker, folder: &Path) -> Start {
    let (mut command, _alone) = in_own_network(&broker.program);
    command.args(["-v", "-c", "mosquitto.conf"]).current_dir(folder);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let reading = std::thread::spawn(move || {
        for line in stderr.split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    let start = follow(&mut child, &lines);
    // Killed hard: a SIGTERM right after the start is lost by every observed release.
    let _ = child.kill();
    let _ = child.wait();
    drop(lines);
    let _ = reading.join();
    start
}

fn follow(child: &mut Child, lines: &mpsc::Receiver<String>) -> Start {
    const LONGEST: Duration = Duration::from_secs(10);
    const SETTLING: Duration = Duration::from_millis(150);
    let began = Instant::now();
    let mut log = Vec::new();
    let mut running_since = None;
    loop {
        if let Ok(line) = lines.recv_timeout(Duration::from_millis(20)) {
            let line = line.split_once(": ").map_or(line.clone(), |(_, rest)| rest.to_owned());
            if line.starts_with("mosquitto version") && line.ends_with("running") {
                running_since = Some(Instant::now());
            }
            log.push(line);
        }
        if child.try_wait().unwrap().is_some() {
            log.extend(lines.try_iter());
            return Start { is_running: false, log };
        }
        if running_since.is_some_and(|since| since.elapsed() > SETTLING) {
            return Start { is_running: true, log };
        }
        if began.elapsed() > LONGEST {
            // A broker whose log goes elsewhere says nothing here and runs.
            return Start { is_running: true, log };
        }
    }
}
