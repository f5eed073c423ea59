//! Where the log goes, and what is in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use moskit::broker::wire::{Packet, Properties, QoS, RetainHandling, Subscribe, Subscription};
use moskit::catalogue::Release;
use rustix::process::Signal;

use super::{Client, Process, Program, programs, scene, text};

const CONF: &str = "listener 0 socket\nallow_anonymous true\n";

fn serve(program: Program, folder: &Path, lines: &str) -> Process {
    fs::write(folder.join("mosquitto.conf"), format!("{CONF}{lines}")).unwrap();
    program.start(folder, &["-c", "mosquitto.conf"])
}

fn newest() -> Program {
    Program::Moskit(Release::newest())
}

/// Waits for a client to be let in, which is all that a broker whose log goes nowhere shows.
fn client(folder: &Path) -> Client {
    let began = std::time::Instant::now();
    loop {
        match Client::connect(&folder.join("socket"), "") {
            Ok(client) => return client,
            Err(error) => assert!(began.elapsed() < super::LONGEST, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn lines_are_there_at_once() {
    let folder = scene(&[]);
    let mut process = serve(newest(), folder.path(), "log_dest stderr\nlog_dest stdout\n").runs();
    let _client = client(folder.path());
    // The process runs on, and both pipes have the line.
    let began = std::time::Instant::now();
    while !(process.err().contains("New client connected") && process.out().contains("New client connected"))
    {
        assert!(began.elapsed() < super::LONGEST, "{}\n{}", process.err(), process.out());
        process.listen(std::time::Duration::from_millis(5));
    }
}

#[test]
fn destinations_are_those_of_the_configuration() {
    for program in programs() {
        let cases = [
            ("", [true, false, false]),
            ("log_dest stdout\n", [false, true, false]),
            ("log_dest file log\n", [false, false, true]),
            ("log_dest stderr\nlog_dest file log\n", [true, false, true]),
            ("log_dest none\n", [false, false, false]),
        ];
        for (lines, expected) in cases {
            let folder = scene(&[]);
            let mut process = serve(program, folder.path(), lines);
            drop(client(folder.path()));
            assert_eq!(process.end_by(Signal::TERM), "0", "{program:?}");
            let file = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            let found = [process.err(), process.out(), file].map(|log| log.contains("New client connected"));
            assert_eq!(found, expected, "{program:?}: {lines}{}", process.err());
        }
    }
}

#[test]
fn a_log_file_is_private_and_opened_anew_on_reload() {
    for program in programs() {
        let folder = scene(&[]);
        let (log, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut process = serve(program, folder.path(), "log_dest file log\nlog_dest stderr\n").runs();
        let mode = fs::metadata(&log).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{program:?}");
        fs::rename(&log, &old).unwrap();
        process.signal(Signal::HUP);
        assert!(process.says("Reloading config."), "{program:?}");
        drop(client(folder.path()));
        assert_eq!(process.end_by(Signal::TERM), "0");
        let has = |path: &Path, words: &str| fs::read_to_string(path).unwrap().contains(words);
        assert!(has(&old, "Reloading config.") && !has(&old, "New client connected"), "{program:?}");
        assert!(has(&log, "New client connected"), "{program:?}");
    }
}

#[test]
fn types_choose_lines() {
    for program in programs() {
        // Whether a subscription, a packet and the start are told.
        for (lines, expected) in [
            ("", [false, false, true]),
            ("log_type all\n", [true, true, true]),
            ("log_type subscribe\nlog_type information\n", [true, false, true]),
            ("log_type debug\nlog_type information\n", [false, true, true]),
        ] {
            let folder = scene(&[]);
            let mut process = serve(program, folder.path(), lines).runs();
            let mut client = client(folder.path());
            subscribe(&mut client, "a/b");
            assert_eq!(process.end_by(Signal::TERM), "0", "{program:?}");
            let said = process.err();
            let is_subscription =
                |line: &str| line.ends_with(" 0 a/b") && !line.contains("SUBSCRIBE") && !line.contains('\t');
            let found = [
                said.lines().any(is_subscription),
                said.contains("Received SUBSCRIBE from"),
                said.contains(" running"),
            ];
            assert_eq!(found, expected, "{program:?}: {lines}{said}");
        }
    }
}

fn subscribe(client: &mut Client, filter: &str) {
    client.send(&Packet::Subscribe(Subscribe {
        packet_id: 7,
        properties: Properties::NONE,
        subscriptions: vec![Subscription {
            filter: text(filter),
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }],
    }));
    // One who reads the log is told of itself first.
    while !matches!(client.receive().unwrap(), Packet::SubAck(_)) {}
}

#[test]
fn a_topic_has_the_log_too() {
    for program in programs() {
        let folder = scene(&[]);
        let mut process =
            serve(program, folder.path(), "log_dest topic\nlog_dest stderr\nlog_type all\n").runs();
        let mut reader = client(folder.path());
        subscribe(&mut reader, "$SYS/broker/log/#");
        let mut other = client(folder.path());
        subscribe(&mut other, "a/b");
        let mut topics = Vec::new();
        let wanted = ["$SYS/broker/log/N", "$SYS/broker/log/M/subscribe"];
        while !wanted.iter().all(|topic| topics.iter().any(|found| found == topic)) {
            let Some(Packet::Publish(publish)) = reader.receive() else {
                panic!("{program:?}: only {topics:?}");
            };
            assert_ne!(publish.payload, Bytes::new());
            topics.push(publish.topic.as_str().to_owned());
        }
        // Each message of the log would be told in another one.
        assert!(!topics.iter().any(|topic| topic.ends_with("/D")), "{program:?}: {topics:?}");
        assert_eq!(process.end_by(Signal::TERM), "0");
    }
}

#[test]
fn lines_are_stamped_as_told() {
    for program in programs() {
        for (lines, is_right) in [
            ("", (|stamp: &str| stamp.parse::<u32>().is_ok()) as fn(&str) -> bool),
            ("log_timestamp false\n", |stamp| stamp.parse::<u32>().is_err()),
            ("log_timestamp_format %Y-%m-%dT%H:%M\n", |stamp| {
                stamp.len() == 16 && stamp.as_bytes()[10] == b'T' && stamp.starts_with("20")
            }),
        ] {
            let folder = scene(&[]);
            let mut process = serve(program, folder.path(), lines).runs();
            let said = process.err();
            let line = said.lines().find(|line| line.ends_with(" running")).unwrap();
            let stamp = line.rsplit_once(": ").map_or("", |(stamp, _)| stamp);
            assert!(is_right(stamp), "{program:?}: {lines}{line}");
        }
    }
}

/// Nothing but errors is logged then, wherever else the log was to go.
#[test]
fn a_log_file_that_cannot_be_written_is_told() {
    for program in programs() {
        let folder = scene(&[]);
        let lines = "log_dest stdout\nlog_dest file gone/log\n";
        let mut process = serve(program, folder.path(), lines);
        drop(client(folder.path()));
        assert_eq!(process.end_by(Signal::TERM), "0");
        let is_about = |line: &str| {
            line.contains("og file `gone/log` cannot be written: ") || line.contains("open log file gone/log")
        };
        assert!(process.err().lines().any(is_about), "{program:?}: {}", process.err());
        assert_eq!(process.out(), "", "{program:?}");
        assert!(
            !process.err().lines().any(|line| line.ends_with(" running") || line.contains("connected")),
            "{program:?}"
        );
    }
}
