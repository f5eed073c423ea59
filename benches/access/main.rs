//! What rights cost: to read and analyse them all, and to ask for one; beside the newest Mosquitto of `MOSKIT_BROKERS` in the same run.
//!
//! `MOSKIT_BROKERS=FOLDER cargo bench --bench access`; `-- --short` with small files, to see that it works; `-- --write FOLDER` only
//! writes the large files. Times are of computing, kernel included, since other work may go on; those of a broker that starts are
//! what it took until it listens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod broker;
mod workload;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use moskit::access::{Action, Client, Compiled, decide};
use moskit::catalogue::Release;
use moskit::lang::acl;
use moskit::text::{Source, Sources};
use nix::sys::resource::{Usage, UsageWho, getrusage};

use broker::{Broker, free_port, newest_peer};
use workload::Size;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let is_short = words.iter().any(|word| word == "--short");
    let (part, runs) = if is_short { (20, 1) } else { (1, 11) };
    let large = Size { rules: 1_000_000 / part, users: 50_000 / part, patterns: 200, mistakes: 0 };
    if let Some(at) = words.iter().position(|word| word == "--write") {
        let folder = std::path::absolute(words.get(at + 1).expect("a folder")).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        return workload::write(&folder, large, 18_830);
    }
    analysis(large, runs);
    requests(if is_short { &[100, 1000] } else { &[100, 1000, 10_000, 100_000] });
}

/// Milliseconds of computing.
fn milliseconds(usage: Usage) -> f64 {
    let time = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    time(usage.user_time()) + time(usage.system_time())
}

/// What `moskit lint` computes, in milliseconds.
fn lint(folder: &Path) -> f64 {
    let used = || milliseconds(getrusage(UsageWho::RUSAGE_CHILDREN).unwrap());
    let before = used();
    let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
    command.args(["lint", "mosquitto.conf", "--target", "2.1.2"]).current_dir(folder);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.code().is_some_and(|code| code < 2), "{status}");
    used() - before
}

/// Reading and analysing large files, beside a broker that loads them.
fn analysis(large: Size, runs: usize) {
    let peer = newest_peer();
    let other = peer.as_ref().map_or("-", |(_, release)| release);
    println!("                                 moskit lint    {other:>7} until it listens");
    println!("                            best  median  MiB     best  median  MiB   ratio");
    let mistaken = Size { mistakes: 10_000.min(large.rules / 100), ..large };
    let made =
        [("rights of a large site", large), ("with 10,000 mistakes", mistaken)].map(|(title, size)| {
            let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
            workload::write(folder.path(), size, port);
            let first = lint(folder.path());
            // Of all that ran so far: no broker, and the later file needs more.
            let memory = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64 / 1024.0;
            (title, folder, port, first, memory)
        });
    for (title, folder, port, first, memory) in made {
        let (mut ours, mut theirs, mut their_memory) = (vec![first], Vec::new(), 0.0);
        for _ in 0..runs {
            ours.push(lint(folder.path()));
            if let Some((program, _)) = &peer {
                let broker = Broker::start(Command::new(program), folder.path(), port);
                theirs.push(broker.computed());
                their_memory = broker.memory();
            }
        }
        let (ours, theirs) = (best_and_median(ours), best_and_median(theirs));
        print!("{title:24} {:7.0} {:7.0} {memory:4.0}", ours.0, ours.1);
        println!("  {:7.0} {:7.0} {their_memory:4.0} {:7.2}", theirs.0, theirs.1, theirs.1 / ours.1);
    }
}

fn best_and_median(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place).copied().unwrap_or(f64::NAN);
    (at(0), at(times.len() / 2))
}

/// One request of a client with more and more rules: as a function, and for each message that a broker gets.
fn requests(sizes: &[usize]) {
    let peer = newest_peer();
    let other = peer.as_ref().map_or("-", |(_, release)| release);
    println!("\none request           moskit, µs for one        each message, µs of the broker");
    println!("with so many rules    compiled   one by one       moskit    {other:>7}   ratio");
    for rules in sizes {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let size = Size { rules: *rules, users: 1, patterns: 0, mistakes: 0 };
        // For clients without a user name, as they need no password.
        let text = workload::acl(size).replace("user u000000\n", "") + "topic write bench/+/last\n";
        let topic = "bench/1/last";
        let (compiled, plain) = library(&text, topic);
        std::fs::write(folder.path().join("aclfile"), text).unwrap();
        let conf = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {}/aclfile\nuser root\nlog_dest none\n\
             set_tcp_nodelay true\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
        let mut moskit = Command::new(env!("CARGO_BIN_EXE_moskit"));
        moskit.arg("broker");
        let ours = Broker::start(moskit, folder.path(), port).cost_of_messages(topic, 5000);
        print!("{rules:18} {compiled:11.3} {plain:12.2} {ours:12.1}");
        match &peer {
            Some((program, _)) => {
                let theirs = Broker::start(Command::new(program), folder.path(), port);
                let theirs = theirs.cost_of_messages(topic, 500);
                println!(" {theirs:10.1} {:7.1}", theirs / ours);
            }
            None => println!("          -       -"),
        }
    }
}

/// Microseconds of a request with compiled rules, and of one that goes through the rules. Half the topics are those of rules.
fn library(text: &str, topic: &str) -> (f64, f64) {
    let bytes: Arc<[u8]> = text.as_bytes().into();
    let source = Sources::default().add(Source::new("aclfile", bytes.clone()));
    let (acl, _) = acl::read(source, &bytes, Release::newest());
    let acl = Arc::new(acl);
    let compiled = Compiled::new(acl.clone(), Release::newest());
    let step = (acl.rules.len() / 512).max(1);
    let known = acl.rules.iter().step_by(step).map(|rule| {
        let filter = String::from_utf8_lossy(acl.filter(rule));
        filter.replace(['+', '#'], "x")
    });
    let topics: Vec<String> =
        known.flat_map(|filter| [filter.clone(), filter + "y"]).chain([topic.to_owned()]).collect();
    let client = Client { user: None, client_id: b"bench" };
    let ask = |topic: &String| {
        std::hint::black_box(compiled.decide(client, Action::Publish, topic.as_bytes()));
    };
    let walk = |topic: &String| {
        std::hint::black_box(decide(
            Release::newest(),
            Some(&acl),
            client,
            Action::Publish,
            topic.as_bytes(),
        ));
    };
    (each(&topics, 400, ask), each(&topics[..topics.len().min(64)], 1, walk))
}

fn each(topics: &[String], rounds: usize, ask: impl Fn(&String)) -> f64 {
    let used = || milliseconds(getrusage(UsageWho::RUSAGE_SELF).unwrap());
    let before = used();
    (0..rounds).for_each(|_| topics.iter().for_each(&ask));
    (used() - before) * 1000.0 / (rounds * topics.len()) as f64
}
