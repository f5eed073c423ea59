//! Signals: which of them end a broker, and with what.

use std::time::Duration;

use moskit::catalogue::Quirk;
use rustix::process::Signal;

use super::{Client, Program, programs, scene};

const CONF: &str = "listener 0 socket\nallow_anonymous true\n";

#[test]
fn signals_end_it_or_do_not() {
    for program in programs() {
        for ending in [Signal::TERM, Signal::INT] {
            let folder = scene(&[("mosquitto.conf", CONF)]);
            let socket = folder.path().join("socket");
            let mut process = program.start(folder.path(), &["-v", "-c", "mosquitto.conf"]).runs();
            let mut client = Client::connect(&socket, "").unwrap();
            for harmless in [Signal::HUP, Signal::USR1, Signal::USR2] {
                process.signal(harmless);
                assert_eq!(client.publish("a"), "allowed", "{program:?} after {harmless:?}");
            }
            assert!(process.says("Reloading config."), "{program:?}");
            assert_eq!(process.end_by(ending), "0", "{program:?}");
            // Nothing is left of what it held.
            assert_eq!(client.publish("a"), "closed", "{program:?}");
            assert!(Client::connect(&socket, "").is_err(), "{program:?}");
            assert!(process.err().contains(" terminating"), "{program:?}\n{}", process.err());
        }
    }
}

#[test]
fn a_signal_right_after_the_start_is_heeded() {
    for number in 0..10 {
        let folder = scene(&[("mosquitto.conf", CONF)]);
        let program = Program::Moskit(moskit::catalogue::Release::newest());
        let mut process = program.start(folder.path(), &["-c", "mosquitto.conf"]).runs();
        process.signal(Signal::TERM);
        assert_eq!(process.end(), "0", "try {number}");
    }
}

/// What the rule `reload-crashes-default-listener` says of real brokers; ours goes on.
#[test]
fn lines_at_which_a_reload_crashes() {
    let cases = [
        ("port 21883\nmax_connections 50\n", true),
        ("max_qos 2\nlistener 21884 127.0.0.1\n", true),
        ("listener 21884 127.0.0.1\nport 21883\nmax_qos 1\n", false),
        ("listener 21883 127.0.0.1\nmax_connections 50\n", false),
    ];
    for program in programs() {
        let has_quirk = program.release().has(Quirk::DefaultListenerBreaksReload);
        for (conf, crashes) in cases {
            let folder = scene(&[("mosquitto.conf", conf)]);
            let mut process = program.start(folder.path(), &["-v", "-c", "mosquitto.conf"]).runs();
            if crashes && has_quirk && process.is_real {
                let status = process.end_by(Signal::HUP);
                assert!(status.starts_with("signal "), "{program:?} {conf:?}: {status}");
                continue;
            }
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(200));
                process.signal(Signal::HUP);
            }
            assert!(process.says("Reloading config."), "{program:?} {conf:?}");
            assert_eq!(process.end_by(Signal::TERM), "0", "{program:?} {conf:?}");
        }
    }
}
