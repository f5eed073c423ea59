//! SIGHUP: what is in force then, for who is connected and for who comes.

use std::path::Path;

use moskit::boot::{Here, Main, load, reload};
use moskit::catalogue::{Quirk, Release};
use moskit::lang::Environment;
use moskit::model::Deployment;
use moskit::text::Memory;
use rustix::process::Signal;

use super::{Client, LONGEST, Program, programs, rewrite, scene};

/// A configuration that is changed while a broker serves it.
struct Case {
    name: &'static str,
    before: &'static [(&'static str, &'static str)],
    /// The files that are written anew; one without text is removed.
    after: &'static [(&'static str, &'static str)],
    login: &'static str,
    /// What becomes of a message to `a`: before, then of one who was connected and of one who comes; or the status with
    /// which the broker ends.
    old: &'static str,
    /// The same from 2.1 on, where it is something else.
    new: Option<&'static str>,
    /// What ours says.
    says: &'static str,
}

const PLAIN: &str = "listener 0 socket\nallow_anonymous true\n";
const RIGHTS: &str = "listener 0 socket\nallow_anonymous true\nacl_file acl\n";
const PASSWORDS: &str = "listener 0 socket\npassword_file passwords\n";
const BOTH: &str = "listener 0 socket\npassword_file passwords\nacl_file acl\n";
const EITHER: &str = "listener 0 socket\nallow_anonymous true\npassword_file passwords\nacl_file acl\n";
const OWN: &str = "per_listener_settings true\nlistener 0 socket\nallow_anonymous true\nacl_file acl\n";

const BOB: &str = "bob:right";
const GRANT: &str = "topic a\n";
const OTHER: &str = "topic b\n";
const NO_PASSWORDS: &str = "`passwords` counts for nothing any more: `allow_anonymous` alone says";
const OPEN: &str = "`acl` counts for nothing any more: whoever is connected may publish and read everything";

/// A case in which all releases do the same, and ours says nothing.
const fn case(
    name: &'static str,
    login: &'static str,
    before: &'static [(&'static str, &'static str)],
    after: &'static [(&'static str, &'static str)],
    old: &'static str,
) -> Case {
    Case { name, before, after, login, old, new: None, says: "" }
}

const CASES: &[Case] = &[
    case(
        "a right is given",
        "",
        &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
        &[("acl", GRANT)],
        "denied > allowed, allowed",
    ),
    case(
        "a right is taken",
        "",
        &[("mosquitto.conf", RIGHTS), ("acl", GRANT)],
        &[("acl", OTHER)],
        "allowed > denied, denied",
    ),
    case(
        "a right of a listener is taken",
        "",
        &[("mosquitto.conf", OWN), ("acl", GRANT)],
        &[("acl", OTHER)],
        "allowed > denied, denied",
    ),
    case(
        "a password is changed",
        BOB,
        &[("mosquitto.conf", PASSWORDS), ("passwords", BOB)],
        &[("passwords", "bob:other")],
        "allowed > closed, refused",
    ),
    case(
        "a user is added",
        BOB,
        &[("mosquitto.conf", PASSWORDS), ("passwords", "al:x")],
        &[("passwords", "al:x\nbob:right")],
        "refused > closed, allowed",
    ),
    case(
        "anonymous clients are shut out",
        "",
        &[("mosquitto.conf", PLAIN)],
        &[("mosquitto.conf", "listener 0 socket\nallow_anonymous false\n")],
        "allowed > closed, refused",
    ),
    case(
        "another file of rights is named",
        "",
        &[("mosquitto.conf", RIGHTS), ("acl", GRANT), ("other", OTHER)],
        &[("mosquitto.conf", "listener 0 socket\nallow_anonymous true\nacl_file other\n")],
        "allowed > denied, denied",
    ),
    Case {
        says: "the configuration counts as it was before; its password and ACL files are read again",
        ..case(
            "a line is not valid",
            "",
            &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
            &[("mosquitto.conf", "nonsense 1\nlistener 0 socket\nallow_anonymous true\n"), ("acl", GRANT)],
            "denied > allowed, allowed",
        )
    },
    Case {
        says: "only a restart opens listeners",
        ..case(
            "a listener is new",
            "",
            &[("mosquitto.conf", PLAIN)],
            &[("mosquitto.conf", "listener 0 socket\nlistener 1884\nallow_anonymous false\n")],
            "allowed > allowed, allowed",
        )
    },
    Case {
        says: "`mosquitto.conf` cannot be read: it does not exist",
        ..case(
            "the configuration is gone",
            "",
            &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
            &[("mosquitto.conf", "")],
            "denied > denied, denied",
        )
    },
    Case {
        new: Some("ends with 3"),
        says: OPEN,
        ..case(
            "a line of the rights is not valid",
            "",
            &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
            &[("acl", "tropic b\n")],
            "denied > allowed, allowed",
        )
    },
    Case {
        new: Some("ends with 13"),
        says: OPEN,
        ..case(
            "the rights are gone",
            "",
            &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
            &[("acl", "")],
            "denied > allowed, allowed",
        )
    },
    Case {
        new: Some("ends with 13"),
        says: NO_PASSWORDS,
        ..case(
            "the passwords are gone",
            BOB,
            &[("mosquitto.conf", BOTH), ("passwords", BOB), ("acl", OTHER)],
            &[("passwords", "")],
            "denied > closed, refused",
        )
    },
    Case {
        new: Some("ends with 13"),
        says: NO_PASSWORDS,
        ..case(
            "the passwords are gone where anonymous clients are let in",
            BOB,
            &[("mosquitto.conf", EITHER), ("passwords", "al:x"), ("acl", OTHER)],
            &[("passwords", "")],
            "refused > closed, allowed",
        )
    },
];

/// What becomes of a message of one who comes.
fn of_new(socket: &Path, login: &str) -> &'static str {
    Client::connect(socket, login).map_or("refused", |mut client| client.publish("a"))
}

/// What a program makes of the change, and what it says; it is given time to say `words`.
fn play(case: &Case, program: Program, words: &str) -> (String, String) {
    let folder = scene(case.before);
    let socket = folder.path().join("socket");
    let mut process = program.start(folder.path(), &["-v", "-c", "mosquitto.conf"]).runs();
    let before = of_new(&socket, case.login);
    let mut connected = Client::connect(&socket, case.login);
    for (name, text) in case.after {
        rewrite(folder.path(), name, text);
    }
    process.signal(Signal::HUP);
    assert!(process.says("Reloading config."), "{}, {program:?}", case.name);
    let is_end = case.new.is_some() && !program.release().has(Quirk::ReloadFailsOpen);
    let outcome = if is_end {
        format!("ends with {}", process.end())
    } else {
        let of_old = connected.as_mut().map_or("closed", |client| client.publish("a"));
        format!("{before} > {of_old}, {}", of_new(&socket, case.login))
    };
    process.says(words);
    (outcome, process.err())
}

#[test]
fn a_reload_does_what_it_does_in_the_releases() {
    let mut wrong = Vec::new();
    for case in CASES {
        for program in programs() {
            let is_old = program.release().has(Quirk::ReloadFailsOpen);
            let ours = matches!(program, Program::Moskit(_));
            let words = if case.new.is_some() && !is_old { "ends on such a reload" } else { case.says };
            let (outcome, said) = play(case, program, if ours { words } else { "" });
            let expected = case.new.filter(|_| !is_old).unwrap_or(case.old);
            if outcome != expected {
                wrong.push(format!("{}, {program:?}: {outcome}, not {expected}", case.name));
            }
            if ours && !said.contains(words) {
                wrong.push(format!("{}, {program:?}: it does not say `{words}`:\n{said}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not enforced any more is said on stderr wherever the log goes.
#[test]
fn holes_are_told_in_any_case() {
    let program = Program::Moskit(moskit::catalogue::Release::known()[0]);
    let conf = format!("{RIGHTS}log_dest none\n");
    let folder = scene(&[("mosquitto.conf", &conf), ("acl", OTHER)]);
    let socket = folder.path().join("socket");
    let mut process = program.start(folder.path(), &["-c", "mosquitto.conf", "--ready-file", "ready"]);
    let began = std::time::Instant::now();
    while !folder.path().join("ready").exists() {
        assert!(began.elapsed() < LONGEST, "{}", process.err());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(of_new(&socket, ""), "denied");
    rewrite(folder.path(), "acl", "");
    process.signal(Signal::HUP);
    assert!(process.says(OPEN), "{}", process.err());
    assert_eq!(of_new(&socket, ""), "allowed");
}

/// Real brokers let everybody in on such a listener before SIGHUP, and nobody behind it.
#[test]
fn the_default_listener_is_like_any_other_after_a_reload() {
    let mut files = Memory::new();
    files.insert("mosquitto.conf", &b"per_listener_settings true\nport 1883\n"[..]);
    let here = Here::of(&Main::Conf("mosquitto.conf".into()), &files).unwrap();
    let environment = || Environment { now: 0, started_by: "root".into() };
    for release in Release::known() {
        let Ok(loaded) = load(&here, *release, environment()) else { panic!("{release} does not start") };
        let Ok(reloaded) = reload(&here, &loaded.deployment, environment()) else { panic!("{release} ends") };
        let admits = |deployment: &Deployment| deployment.anonymous(&deployment.listeners[0]).0;
        assert_eq!(
            admits(&loaded.deployment),
            release.has(Quirk::DefaultListenerAdmitsAnonymous),
            "{release}"
        );
        assert!(!admits(&reloaded.deployment), "{release}");
    }
}
