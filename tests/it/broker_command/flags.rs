//! What the flags do.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use moskit::catalogue::Release;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use super::{LONGEST, Program, programs, scene};
use crate::fixtures::certificates;
use crate::program;

const NEWEST: &str = "2.1";

fn newest() -> Program {
    Program::Moskit(Release::newest())
}

/// The ready file, once it is there.
fn ready(folder: &Path) -> Value {
    let began = Instant::now();
    loop {
        if let Ok(text) = fs::read(folder.join("ready.json")) {
            // It is there as a whole or not at all.
            return serde_json::from_slice(&text).unwrap();
        }
        assert!(began.elapsed() < LONGEST, "it does not get ready");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_ready_file_says_where_listeners_are() {
    let folder = scene(&[(
        "mosquitto.conf",
        "listener 1883\nlistener 9883\nprotocol websockets\ncertfile server.crt\nkeyfile server.key\n\
         listener 0 socket\nlistener 1884 192.0.2.1\n",
    )]);
    certificates(folder.path());
    let words = ["-c", "mosquitto.conf", "--ephemeral-ports", "--ready-file", "ready.json"];
    let mut process = newest().start(folder.path(), &words);
    let found = ready(folder.path());
    let all = found["listeners"].as_array().unwrap();
    for (index, protocol, tls) in
        [(0, "mqtt", false), (1, "websockets", true), (2, "mqtt", false), (3, "mqtt", false)]
    {
        let of_it: Vec<_> = all.iter().filter(|entry| entry["index"] == index).collect();
        assert!(!of_it.is_empty(), "{index}: {found:#}");
        for entry in of_it {
            assert_eq!((&entry["protocol"], &entry["tls"]), (&json!(protocol), &json!(tls)), "{found:#}");
            match entry["socket"].as_str() {
                Some(path) => {
                    assert_eq!(index, 2);
                    UnixStream::connect(path).unwrap();
                }
                None => {
                    let address = entry["address"].as_str().unwrap();
                    assert!(["127.0.0.1", "::1"].contains(&address), "{found:#}");
                    assert!(entry["port"].as_u64().unwrap() > 1023, "{found:#}");
                }
            }
        }
    }
    assert!(!folder.path().join("socket").exists(), "the configured place is not used");
    assert_eq!(process.end_by(Signal::TERM), "0");
    let socket = all.iter().find_map(|entry| entry["socket"].as_str()).unwrap();
    assert!(!Path::new(socket).exists(), "the socket stays behind");
}

#[test]
fn ephemeral_ports_can_be_connected_to() {
    let folder = scene(&[("mosquitto.conf", "listener 1883\n")]);
    let mut command = program::moskit(folder.path());
    command.args(["broker", "-c", "mosquitto.conf", "--ephemeral-ports", "--ready-file", "ready.json"]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    for entry in ready(folder.path())["listeners"].as_array().unwrap() {
        let address = entry["address"].as_str().unwrap().parse().unwrap();
        let port = entry["port"].as_u64().unwrap().try_into().unwrap();
        TcpStream::connect(SocketAddr::new(address, port)).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn ports_are_those_of_the_flag() {
    // With a listener in the configuration the flag counts for nothing.
    let cases: [(&str, &[&str], &[u64]); 4] = [
        ("# none\n", &[], &[1883]),
        ("# none\n", &["-p", "1885"], &[1885]),
        ("listener 1886\n", &["-p", "1885"], &[1886]),
        ("# none\n", &["-p", "1885", "-p", "1887"], &[1885, 1887]),
    ];
    for (conf, flags, ports) in cases {
        let folder = scene(&[("mosquitto.conf", conf)]);
        let words = [&["-c", "mosquitto.conf", "--ready-file", "ready.json"], flags].concat();
        let mut process = newest().start(folder.path(), &words);
        let found = ready(folder.path());
        let all = found["listeners"].as_array().unwrap();
        let mut opened: Vec<_> = all.iter().map(|entry| entry["port"].as_u64().unwrap()).collect();
        opened.dedup();
        assert_eq!(opened, ports, "{flags:?} {conf}");
        let is_unused = conf.starts_with("listener") && !flags.is_empty();
        let has_words = process.err().contains("`-p` is not used");
        assert_eq!(has_words, is_unused, "{}", process.err());
    }
}

#[test]
fn verbosity_shows_what_clients_do() {
    for program in programs() {
        for (flags, is_shown) in [(&["-v"][..], true), (&[], false)] {
            let folder = scene(&[("mosquitto.conf", "listener 0 socket\nallow_anonymous true\n")]);
            let words = [&["-c", "mosquitto.conf"], flags].concat();
            let mut process = program.start(folder.path(), &words).runs();
            super::Client::connect(&folder.path().join("socket"), "").unwrap().publish("a");
            process.end_by(Signal::TERM);
            assert_eq!(process.err().contains("Sending CONNACK to"), is_shown, "{program:?}");
        }
    }
}

#[test]
fn a_quiet_one_says_nothing() {
    let folder = scene(&[("mosquitto.conf", "listener 1883\n")]);
    let mut process =
        newest().start(folder.path(), &["-q", "-c", "mosquitto.conf", "--ready-file", "ready.json"]);
    ready(folder.path());
    assert_eq!(process.end_by(Signal::TERM), "0");
    assert_eq!(process.err(), "");
}

/// The first process ends at once; the one in the background says in the pid file who it is, and takes the file away.
#[test]
fn in_the_background_it_goes_on() {
    for program in programs() {
        let folder = scene(&[]);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let conf = format!(
            "listener 0 {}\nallow_anonymous true\npid_file {}\nlog_dest file {}\n",
            path("socket"),
            path("pid"),
            path("log")
        );
        fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
        let mut first = program.start(folder.path(), &["-d", "-c", &path("mosquitto.conf")]);
        let began = Instant::now();
        let pid = loop {
            assert!(began.elapsed() < LONGEST, "{program:?} writes no pid file: {}", first.err());
            let text = fs::read_to_string(path("pid")).unwrap_or_default();
            if let Ok(number) = text.trim().parse::<i32>() {
                break Pid::from_raw(number).unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(first.end(), "0", "{program:?}");
        let mut client = super::Client::connect(Path::new(&path("socket")), "");
        while client.is_err() && began.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(5));
            client = super::Client::connect(Path::new(&path("socket")), "");
        }
        assert_eq!(client.unwrap().publish("a"), "allowed", "{program:?}");
        while Path::new(&path("pid")).exists() && test_kill_process(pid).is_ok() {
            assert!(began.elapsed() < LONGEST, "{program:?} does not end");
            let _ = kill_process(pid, Signal::TERM);
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!Path::new(&path("pid")).exists(), "{program:?} leaves its pid file behind");
        assert!(fs::read_to_string(path("log")).unwrap().contains(" terminating"), "{program:?}");
    }
}

#[test]
fn what_the_flags_ask_for_is_checked() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let conf = format!("listener {} {}\n", address.port(), address.ip());
    let in_use = format!("cannot listen on `{address}`: Address already in use");
    let cases: [(&[&str], i32, &str); 5] = [
        (&["-c", "mosquitto.conf", "--target", NEWEST], 1, &in_use),
        (&["-p", "1", "-p", "2", "--target", "2.0"], 3, "Mosquitto 2.0.21 crashes with more than one `-p`"),
        (&["-q", "--target", "2.0"], 3, "Mosquitto 2.0.21 does not know `-q`"),
        (&["--target", "3.0"], 3, "3.0"),
        (&["-p", "0"], 3, "invalid value '0' for '--port <PORT>'"),
    ];
    let folder = scene(&[("mosquitto.conf", &conf)]);
    for (flags, status, words) in cases {
        let words_of = [&["broker"], flags].concat();
        let ran = program::run(program::moskit(folder.path()).args(&words_of), LONGEST).exits(status);
        assert!(ran.err().contains(words), "{flags:?}: {}", ran.err());
    }
}
