//! Malformed packets: what the brokers of the observed releases did with them, and what ours does.
//!
//! `tests/fixtures/malformed.tsv` was recorded from real brokers. With `UPDATE_EXPECT=1` the columns of the brokers of
//! this machine are recorded anew.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use moskit::broker::refusal::{self, Answer, Phase};
use moskit::broker::wire::{
    self, Connect, Packet, Properties, Property, Reason, Sender, Text, Version, decode, take_frame,
};
use moskit::catalogue::{Quirk, Release};

use crate::fixtures::open_folder;
use crate::random_packets::{Chance, damaged, framed_bytes};
use crate::real::{Broker, brokers, in_own_network, say_missing};
use crate::seeds;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/malformed.tsv");

/// How many columns stand before those of the releases.
const DESCRIPTION: usize = 4;

#[derive(Debug)]
struct Case {
    name: String,
    version: Version,
    phase: Phase,
    sent: Vec<u8>,
    /// In the order of the columns.
    answers: Vec<String>,
}

/// What came back.
struct Received {
    bytes: Vec<u8>,
    end: &'static str,
}

impl Received {
    fn line(&self) -> String {
        let hex: String = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hex} {}", self.end).trim_start().to_owned()
    }
}

fn bytes_of(text: &str) -> Vec<u8> {
    let byte = |hex: &str| u8::from_str_radix(hex, 16).unwrap();
    let mut bytes = Vec::new();
    for part in text.split_whitespace() {
        if let Some((one, times)) = part.split_once('x') {
            bytes.resize(bytes.len() + times.parse::<usize>().unwrap(), byte(one));
        } else {
            bytes.extend((0..part.len()).step_by(2).map(|at| byte(&part[at..at + 2])));
        }
    }
    bytes
}

/// The releases of the columns, and the cases.
fn fixture() -> (Vec<Release>, Vec<Case>) {
    let text = fs::read_to_string(FIXTURE).unwrap();
    let mut rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    let named = |name: &str| *Release::known().iter().find(|known| known.to_string() == name).unwrap();
    let releases = rows.next().unwrap().skip(DESCRIPTION).map(named).collect();
    let case = |mut fields: std::str::Split<'_, char>| {
        let name = fields.next().unwrap().to_owned();
        let version = match fields.next().unwrap() {
            "3.1" => Version::V31,
            "3.1.1" => Version::V311,
            _ => Version::V5,
        };
        let phase = match fields.next().unwrap() {
            "new" => Phase::New,
            _ => Phase::Connected(version),
        };
        let sent = bytes_of(fields.next().unwrap());
        Case { name, version, phase, sent, answers: fields.map(str::to_owned).collect() }
    };
    (releases, rows.map(case).collect())
}

/// What ours does with what is sent, as far as it does not hang on the state of the session.
#[derive(Debug, PartialEq)]
enum Ours {
    Refused(Answer),
    Waits,
    AllRead,
}

fn ours(release: Release, case: &Case, sent: &[u8]) -> Ours {
    let mut phase = case.phase;
    let mut has_alias = false;
    let mut buffer = BytesMut::from(sent);
    // The default of the releases that announce one.
    let max_packet_size = if release >= Release::new(2, 1, 0) { 2_000_000 } else { 0 };
    loop {
        let frame = match refusal::take_frame(release, phase, &mut buffer, max_packet_size) {
            Ok(Some(frame)) => frame,
            Ok(None) if buffer.is_empty() => return Ours::AllRead,
            Ok(None) => return Ours::Waits,
            Err(refused) => return Ours::Refused(refused.answer),
        };
        let packet = match refusal::read(release, phase, &frame) {
            Ok(packet) => packet,
            Err(refused) => return Ours::Refused(refused.answer),
        };
        if let Some(answer) = refused_by_session(release, &packet, has_alias) {
            return Ours::Refused(answer);
        }
        match packet {
            Packet::Connect(connect) => phase = Phase::Connected(connect.version),
            Packet::Publish(publish) => has_alias = !publish.properties.is_empty(),
            _ => {}
        }
    }
}

/// The same where a PINGREQ follows, which an incomplete packet takes for a part of it.
fn ours_with_pingreq(release: Release, case: &Case) -> Ours {
    match ours(release, case, &case.sent) {
        Ours::Waits => match ours(release, case, &[&case.sent, PINGREQ].concat()) {
            Ours::AllRead => Ours::Waits,
            other => other,
        },
        other => other,
    }
}

/// What is well formed and refused by what the broker knows beside it.
fn refused_by_session(release: Release, packet: &Packet, has_alias: bool) -> Option<Answer> {
    let has = |properties: &Properties, wanted: fn(&Property) -> bool| properties.iter().any(wanted);
    match packet {
        Packet::Connect(connect) => {
            let properties = &connect.properties;
            if has(properties, |property| matches!(property, Property::MaximumPacketSize(1))) {
                // The CONNACK does not fit.
                return Some(Answer::Close);
            }
            refusal::asks_for_authentication(release, connect)
                .then_some(Answer::ConnAck(Version::V5, Reason::BAD_AUTHENTICATION_METHOD))
        }
        Packet::Publish(publish) => {
            if has(&publish.properties, |property| matches!(property, Property::TopicAlias(11..))) {
                return Some(Answer::Disconnect(Reason::TOPIC_ALIAS_INVALID));
            }
            let is_unknown = publish.topic.is_empty() && !has_alias;
            is_unknown.then_some(Answer::Disconnect(Reason::PROTOCOL_ERROR))
        }
        Packet::Disconnect(disconnect) => {
            let expiry = |property: &Property| matches!(property, Property::SessionExpiryInterval(1..));
            let is_longer = has(&disconnect.properties, expiry);
            Some(if is_longer { Answer::Disconnect(Reason::PROTOCOL_ERROR) } else { Answer::Close })
        }
        _ => None,
    }
}

/// What a recorded answer amounts to: how the connection ended.
fn theirs(answer: &str, version: Version) -> Ours {
    let (sent, end) = answer.rsplit_once(' ').unwrap_or(("", answer));
    let bytes = bytes_of(sent);
    match end {
        "open" => return Ours::AllRead,
        "waits" => return Ours::Waits,
        _ => {}
    }
    if let [.., 0xe0, 1, code] = bytes[..] {
        return Ours::Refused(Answer::Disconnect(Reason(code)));
    }
    match bytes[..] {
        [0x20, 2, 0, code] if code != 0 => {
            let written = if version == Version::V31 { version } else { Version::V311 };
            Ours::Refused(Answer::ConnAck(written, Reason(code)))
        }
        [0x20, 3, 0, code, 0] if code != 0 => Ours::Refused(Answer::ConnAck(Version::V5, Reason(code))),
        _ => Ours::Refused(Answer::Close),
    }
}

/// The version in which a CONNACK is written matters only where it is that of MQTT 5.
fn on_the_wire(outcome: Ours) -> Ours {
    match outcome {
        Ours::Refused(Answer::ConnAck(Version::V31, code)) => {
            Ours::Refused(Answer::ConnAck(Version::V311, code))
        }
        other => other,
    }
}

#[test]
fn packets_are_refused_as_by_the_releases() {
    let (releases, cases) = fixture();
    let mut wrong = Vec::new();
    for case in &cases {
        assert_eq!(case.answers.len(), releases.len(), "{}", case.name);
        for (release, answer) in releases.iter().zip(&case.answers) {
            let (theirs, ours) =
                (on_the_wire(theirs(answer, case.version)), on_the_wire(ours(*release, case, &case.sent)));
            if ours != theirs {
                let Case { name, version, .. } = case;
                wrong.push(format!("{name}, {version:?}, {release}: `{answer:.40}`, ours {ours:?}"));
            }
        }
    }
    assert!(cases.len() > 1000);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len() * releases.len(), wrong.join("\n"));
}

#[test]
fn what_brokers_sent_can_be_read() {
    let (_, cases) = fixture();
    for case in &cases {
        for answer in &case.answers {
            let bytes = bytes_of(answer.rsplit_once(' ').map_or("", |(bytes, _)| bytes));
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Some(frame) = take_frame(&mut buffer, usize::MAX).unwrap() {
                let version = match (&frame.first, frame.body.len()) {
                    (0x20, 2) => Version::V311,
                    (0x20, _) => Version::V5,
                    _ => case.version,
                };
                let packet = decode(&frame, version, Sender::Broker);
                let packet = packet.unwrap_or_else(|error| panic!("{}: {answer}: {error}", case.name));
                let mut out = BytesMut::new();
                wire::encode(&packet, version, &mut out).unwrap();
                assert_eq!((out[0], &out[out.len() - frame.body.len()..]), (frame.first, &frame.body[..]));
            }
            assert!(buffer.is_empty(), "{}: {answer}", case.name);
        }
    }
}

/// A broker that listens on a socket in its folder.
struct Running {
    child: Child,
    socket: PathBuf,
    _alone: Option<std::sync::MutexGuard<'static, ()>>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(broker: &Broker) -> Self {
        let folder = open_folder();
        let socket = folder.path().join("socket");
        let conf = format!("listener 0 {}\nallow_anonymous true\n", socket.display());
        fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
        let (mut command, alone) = in_own_network(&broker.program);
        command.args(["-c", "mosquitto.conf"]).current_dir(folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "{} does not start", broker.release);
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, socket, _alone: alone, _folder: folder }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the end of the connection, until `is_enough`, or until nothing has come for a while.
fn receive(stream: &mut UnixStream, longest: Duration, is_enough: impl Fn(&[u8]) -> bool) -> Received {
    let began = Instant::now();
    let mut bytes = Vec::new();
    let mut part = [0; 70_000];
    while let Some(left) = longest.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut part) {
            Ok(0) => return Received { bytes, end: "closed" },
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(_) => return Received { bytes, end: "closed" },
        }
        if is_enough(&bytes) {
            return Received { bytes, end: "open" };
        }
    }
    Received { bytes, end: "waits" }
}

fn has_pingresp(bytes: &[u8]) -> bool {
    let mut buffer = BytesMut::from(bytes);
    std::iter::from_fn(|| take_frame(&mut buffer, usize::MAX).unwrap())
        .any(|frame| frame.first == PINGRESP[0])
}

const PINGREQ: &[u8] = b"\xc0\0";
const PINGRESP: &[u8] = b"\xd0\0";

/// Sends a case to a broker.
fn ask(socket: &Path, number: usize, case: &Case) -> Received {
    let mut stream = UnixStream::connect(socket).unwrap();
    if let Phase::Connected(version) = case.phase {
        let connect = Connect {
            version,
            is_bridge: false,
            clean_start: true,
            keep_alive: 60,
            properties: Properties::NONE,
            client_id: Text::new(Bytes::from(format!("case-{number}"))).unwrap(),
            will: None,
            user_name: None,
            password: None,
        };
        let mut out = BytesMut::new();
        wire::encode(&Packet::Connect(Box::new(connect)), version, &mut out).unwrap();
        stream.write_all(&out).unwrap();
        let answer = receive(&mut stream, Duration::from_secs(10), |bytes| bytes.len() > 3);
        assert_eq!((answer.bytes[0], answer.bytes[3]), (0x20, 0), "{}", case.name);
    }
    // What the broker has already closed is known by what it sent.
    let _ = stream.write_all(&case.sent);
    let answer = receive(&mut stream, Duration::from_millis(120), |_| false);
    if answer.end == "closed" {
        return answer;
    }
    let _ = stream.write_all(PINGREQ);
    let last = receive(&mut stream, Duration::from_millis(1500), has_pingresp);
    let mut bytes = answer.bytes;
    bytes.extend_from_slice(last.bytes.strip_suffix(PINGRESP).unwrap_or(&last.bytes));
    Received { bytes, end: last.end }
}

fn ask_all(running: &Running, cases: &[Case], at_once: usize) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let asked = std::sync::Mutex::new(vec![String::new(); cases.len()]);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(number) else { return };
                    let line = ask(&running.socket, number, case).line();
                    asked.lock().unwrap()[number] = line;
                }
            });
        }
    });
    asked.into_inner().unwrap()
}

#[test]
fn releases_refuse_packets_as_recorded() {
    say_missing("malformed packets against real brokers");
    let (releases, mut cases) = fixture();
    let mut wrong = Vec::new();
    for broker in brokers() {
        let Some(column) = releases.iter().position(|release| *release == broker.release) else { continue };
        let answers = ask_all(&Running::start(broker), &cases, 64);
        for (case, answer) in cases.iter_mut().zip(answers) {
            let recorded = std::mem::replace(&mut case.answers[column], answer);
            let answer = &case.answers[column];
            if *answer != recorded {
                wrong.push(format!("{}, {:?}, {}: `{answer:.40}`", case.name, case.version, broker.release));
            }
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let old = fs::read_to_string(FIXTURE).unwrap();
        let head = old.lines().take_while(|line| line.starts_with('#')).count() + 1;
        let mut new: String = old.lines().take(head).map(|line| format!("{line}\n")).collect();
        for (line, case) in old.lines().skip(head).zip(&cases) {
            let described: Vec<&str> = line.split('\t').take(DESCRIPTION).collect();
            new += &format!("{}\t{}\n", described.join("\t"), case.answers.join("\t"));
        }
        fs::write(FIXTURE, new).unwrap();
    } else {
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// Damaged packets, most of them over a connection that stands.
fn cases_by_chance(count: usize) -> Vec<Case> {
    // Always the same ones, unless others are asked for: a run against a program that is not ours is not to fail by
    // chance.
    let is_told = std::env::var_os("MOSKIT_SEED").is_some();
    let seed = if is_told { seeds::seed("damaged packets against real brokers") } else { 1 };
    let mut chance = Chance::new(seed);
    let versions = [Version::V31, Version::V311, Version::V5];
    let mut cases = Vec::new();
    for number in 0..count {
        let version = *chance.pick(&versions);
        let sent = match number % 4 {
            0 => framed_bytes(&mut chance),
            _ => damaged(&mut chance, version, Sender::Client),
        };
        let is_connect = sent.first().is_some_and(|first| first >> 4 == 1);
        let phase = if is_connect { Phase::New } else { Phase::Connected(version) };
        cases.push(Case { name: format!("{sent:02x?}"), version, phase, sent, answers: Vec::new() });
    }
    cases
}

#[test]
fn damaged_packets_are_refused_as_by_the_releases() {
    say_missing("damaged packets against real brokers");
    // A hundred in a second; what is asked for is mostly meant for the codec alone.
    const MOST: usize = 8_000;
    let told = std::env::var("MOSKIT_CASES").ok();
    let count = told.map_or(400, |text| text.parse().expect("MOSKIT_CASES is a number")).min(MOST);
    let cases = cases_by_chance(count);
    let (new, connected): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| case.phase == Phase::New);
    let mut wrong = Vec::new();
    for broker in brokers() {
        let running = Running::start(broker);
        // Clients with the same id would end each other's connections.
        for (cases, at_once) in [(&connected[..], 64), (&new[..new.len().min(count / 20)], 1)] {
            for (case, answer) in cases.iter().zip(ask_all(&running, cases, at_once)) {
                let theirs = on_the_wire(theirs(&answer, case.version));
                let ours = on_the_wire(ours_with_pingreq(broker.release, case));
                // Older releases drop a zero byte in front of a packet where nothing else has come with it.
                let is_lost = broker.release.has(Quirk::MalformedPacketsTolerated)
                    && self::ours(broker.release, case, &case.sent) == Ours::Waits;
                if ours != theirs && !is_lost {
                    let Case { name, version, .. } = case;
                    wrong.push(format!(
                        "{name}, {version:?}, {}: `{answer:.60}`, ours {ours:?}",
                        broker.release
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
