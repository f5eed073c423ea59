//! How fast whole configurations are judged, beside `mosquitto --test-config` of the same machine in the same run.
//!
//! `MOSKIT_BROKERS=FOLDER cargo bench --bench lint` compares with the newest broker of that folder; those before 2.1 know
//! no `--test-config`. `-- --short` makes one run of each, to see that it works. Each run is a process of its own; what is
//! told is its processor time, kernel included, and the most memory that was resident.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

/// What a run cost.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Cost {
    /// Milliseconds of processor time.
    computed: f64,
    /// Milliseconds from start to end.
    passed: f64,
}

fn main() {
    let is_short = std::env::args().any(|word| word == "--short");
    let runs = if is_short { 1 } else { 31 };
    let folder = tempfile::tempdir().unwrap();
    let cases = [("large", "1.9 MB in 201 files", large as fn(&Path)), ("small", "eight lines", small)];
    cases.iter().for_each(|(name, _, make)| {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        make(&folder.path().join(name));
    });
    // The first child, so that the most memory of all children is its own.
    run(&mut lint(&folder.path().join("large")));
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64 / 1024.0;
    let peer = newest_peer();
    println!("                              moskit lint    --test-config   ratio");
    println!("                            CPU ms     ms    CPU ms     ms     CPU");
    for (name, title, _) in cases {
        let place = folder.path().join(name);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(run(&mut lint(&place)));
            if let Some(peer) = &peer {
                let mut test = Command::new(peer);
                theirs.push(run(test.args(["--test-config", "-c", "mosquitto.conf"]).current_dir(&place)));
            }
        }
        let (ours, theirs) = (median(ours), median(theirs));
        print!("{title:26} {:7.1} {:6.1}", ours.computed, ours.passed);
        match &peer {
            Some(_) => {
                let ratio = theirs.computed / ours.computed;
                println!("   {:7.1} {:6.1} {ratio:7.2}", theirs.computed, theirs.passed);
            }
            None => println!("         -      -       -"),
        }
    }
    println!("most memory: {memory:.1} MiB");
}

fn lint(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
    command.args(["lint", "mosquitto.conf", "--target", "2.1.2"]).current_dir(place);
    command
}

/// What a home has.
fn small(place: &Path) {
    let text = "listener 1883 127.0.0.1\nallow_anonymous false\npassword_file passwd\nacl_file aclfile\n\
                persistence false\nlog_dest stderr\nmax_packet_size 4096\nmax_keepalive 600\n";
    std::fs::write(place.join("mosquitto.conf"), text).unwrap();
    std::fs::write(place.join("passwd"), "ann:$6$c2FsdHNhbHQ=$aGFzaA==\n").unwrap();
    std::fs::write(place.join("aclfile"), "user ann\ntopic readwrite plant/#\n").unwrap();
}

/// A hundred listeners and two thousand bridges, in a main file and two hundred included ones.
fn large(place: &Path) {
    const INCLUDES: usize = 200;
    let conf = place.join("conf.d");
    std::fs::create_dir(&conf).unwrap();
    let mut main = String::from("allow_anonymous false\nlog_dest stderr\n");
    for number in 0..50 {
        listener(&mut main, number);
    }
    writeln!(main, "include_dir {}", conf.display()).unwrap();
    std::fs::write(place.join("mosquitto.conf"), main).unwrap();
    for include in 0..INCLUDES {
        let mut text = String::new();
        if include % 4 == 0 {
            listener(&mut text, 50 + include / 4);
        }
        for bridge in 0..10 {
            let number = include * 10 + bridge;
            writeln!(text, "# bridge {number}\nconnection site-{number}\naddress 127.0.0.1:8883").unwrap();
            writeln!(text, "remote_clientid hub-{number}\ntry_private false\nkeepalive_interval 60").unwrap();
            for topic in 0..24 {
                let way = ["in", "out", "both"][topic % 3];
                writeln!(text, "topic area/{topic}/+ {way} {} site/{number}/ hub/", topic % 3).unwrap();
            }
        }
        std::fs::write(conf.join(format!("{include:03}.conf")), text).unwrap();
    }
}

fn listener(text: &mut String, number: usize) {
    writeln!(text, "# listener {number}\nlistener {} 127.0.0.1", 20_000 + number).unwrap();
    writeln!(text, "max_connections {}\nmax_qos 1\nmount_point m{number}/", 100 + number).unwrap();
}

/// The newest broker of `MOSKIT_BROKERS`, if it can test a configuration.
fn newest_peer() -> Option<PathBuf> {
    let folder = std::env::var_os("MOSKIT_BROKERS")?;
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let version = |path: &PathBuf| -> Option<Vec<u32>> {
        let name = path.file_name()?.to_str()?.strip_prefix("mosquitto-")?.to_owned();
        name.split('.').map(|part| part.parse().ok()).collect()
    };
    names
        .filter_map(|path| Some((version(&path)?, path)))
        .max()
        .filter(|(version, _)| version >= &vec![2, 1])
        .map(|(_, path)| path)
}

fn run(command: &mut Command) -> Cost {
    let began = Instant::now();
    let before = used();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.code().is_some_and(|code| code < 2), "{command:?}: {status}");
    Cost { computed: used() - before, passed: began.elapsed().as_secs_f64() * 1000.0 }
}

/// Milliseconds that children have computed so far.
fn used() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let milliseconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1000.0 + time.tv_usec() as f64 / 1000.0;
    milliseconds(usage.user_time()) + milliseconds(usage.system_time())
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|one, other| one.partial_cmp(other).unwrap());
    costs.get(costs.len() / 2).copied().unwrap_or(Cost { computed: 0.0, passed: 0.0 })
}
