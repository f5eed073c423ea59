//! Real brokers on cases: many side by side, each worker in a network of its own.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moskit::text::Account;

use super::case::{Case, Entry, Item, Owner, Verdict};
use super::{classes, pool};
use crate::real::Broker;

/// Brokers side by side. Most of their time they wait for the disk and for us.
const WORKERS: usize = 6;

/// A broker that neither serves nor ends within this time hangs.
const LONGEST: Duration = Duration::from_secs(20);

/// So does one that has computed for so many hundredths of a second.
const MOST_COMPUTED: u64 = 150;

/// Puts the files of a case into a folder.
pub(super) fn lay_out(case: &Case, folder: &Path, account: &Account) {
    for entry in &case.files {
        let path = folder.join(&entry.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match &entry.item {
            Item::Text(text) => fs::write(&path, text).unwrap(),
            Item::Pool(name) => fs::write(&path, pool::bytes(name)).unwrap(),
            Item::Link(target) => symlink(target, &path).unwrap(),
            Item::Folder => fs::create_dir_all(&path).unwrap(),
            Item::Socket => drop(UnixListener::bind(&path).unwrap()),
        }
        if entry.owner == Owner::Mosquitto {
            chown(&path, Some(account.uid), Some(account.gid)).unwrap();
        }
    }
    // Folders last, so that a closed one does not keep its own files out.
    let is_folder = |entry: &&Entry| entry.item == Item::Folder;
    let is_link = |entry: &&Entry| matches!(entry.item, Item::Link(_));
    let files = case.files.iter().filter(|entry| !is_folder(entry) && !is_link(entry));
    for entry in files.chain(case.files.iter().filter(is_folder)) {
        fs::set_permissions(folder.join(&entry.path), Permissions::from_mode(entry.mode)).unwrap();
    }
}

/// Gives the calling thread, and the processes that it starts, a network of their own.
fn leave_network() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root may have networks");
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip runs");
    assert!(status.success(), "the loopback interface comes up");
}

/// What a broker does with each of the cases, `see`n in the folder before the broker gets there.
pub(super) fn ask<T: Send>(
    broker: &Broker,
    cases: &[Case],
    account: &Account,
    see: impl Fn(&Case, &Path) -> T + Sync,
) -> Vec<(Verdict, T)> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                leave_network();
                while let Some((index, case)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|index| Some((index, cases.get(index)?)))
                {
                    let folder = crate::fixtures::open_folder();
                    lay_out(case, folder.path(), account);
                    let seen = see(case, folder.path());
                    let verdict = start(broker, folder.path());
                    answers.lock().unwrap().push((index, verdict, seen));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(index, ..)| *index);
    answers.into_iter().map(|(_, verdict, seen)| (verdict, seen)).collect()
}

/// Starts a broker in a folder, waits until it serves or ends, and says what came of it.
fn start(broker: &Broker, folder: &Path) -> Verdict {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(&broker.program)
        .args(["-v", "-c", "mosquitto.conf"])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::options().append(true).open(log.path()).unwrap())
        .spawn()
        .unwrap();
    let loads = follow(&mut child);
    // Killed hard: a SIGTERM right after the start is lost by every observed release.
    let _ = child.kill();
    let _ = child.wait();
    let log = fs::read(log.path()).unwrap();
    let mut verdict = verdict_of(&String::from_utf8_lossy(&log));
    verdict.loads = loads.unwrap_or(false);
    if loads.is_none() {
        verdict.message = "(neither serves nor ends)".to_owned();
    }
    verdict
}

/// How long a process has computed, in ticks of a hundredth of a second.
fn computed(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse().ok()).unwrap_or(0_u64);
    ticks(12) + ticks(13)
}

/// Whether the broker comes to wait for events, or ends; neither, where it hangs.
fn follow(child: &mut Child) -> Option<bool> {
    let waits_in = format!("/proc/{}/wchan", child.id());
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        if child.try_wait().unwrap().is_some() {
            return Some(false);
        }
        // Nothing before the main loop waits for events.
        let waits = fs::read_to_string(&waits_in).unwrap_or_default();
        if waits.contains("epoll") || waits.contains("ep_poll") {
            return Some(true);
        }
        if computed(child.id()) > MOST_COMPUTED {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

/// The place that a log names, its worst line, and the kinds of messages in it.
fn verdict_of(log: &str) -> Verdict {
    let without_time = |line: &str| line.split_once(": ").map_or(line, |(_, rest)| rest).to_owned();
    let lines: Vec<String> = log.lines().filter(|line| !line.is_empty()).map(without_time).collect();
    let named = lines.iter().find_map(|line| line.strip_prefix("Error found at "));
    let place = named.and_then(|place| place.trim_matches(['.', '\'']).rsplit_once(':'));
    let is_error = |line: &&String| {
        (line.starts_with("Error") || line.contains(" Error")) && !line.starts_with("Error found at")
    };
    let worst = lines.iter().find(is_error).or(lines.last());
    Verdict {
        loads: false,
        place: place.and_then(|(file, line)| Some((file.to_owned(), line.parse().ok()?))),
        message: worst.map(|line| line.chars().take(90).collect()).unwrap_or_default(),
        classes: classes::of(&lines),
    }
}
