//! SIGHUP: what is in force then, for who is connected and for who comes.

use std::path::Path;

use moskit::catalogue::Quirk;
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

const CASES: &[Case] = &[
    Case {
        name: "a right is given",
        before: &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
        after: &[("acl", GRANT)],
        login: "",
        old: "denied > allowed, allowed",
        new: None,
        says: "",
    },
    Case {
        name: "a right is taken",
        before: &[("mosquitto.conf", RIGHTS), ("acl", GRANT)],
        after: &[("acl", OTHER)],
        login: "",
        old: "allowed > denied, denied",
        new: None,
        says: "",
    },
    Case {
        name: "a right of a listener is taken",
        before: &[("mosquitto.conf", OWN), ("acl", GRANT)],
        after: &[("acl", OTHER)],
        login: "",
        old: "allowed > denied, denied",
        new: None,
        says: "",
    },
    Case {
        name: "a password is changed",
        before: &[("mosquitto.conf", PASSWORDS), ("passwords", BOB)],
        after: &[("passwords", "bob:other")],
        login: BOB,
        old: "allowed > closed, refused",
        new: None,
        says: "",
    },
    Case {
        name: "a user is added",
        before: &[("mosquitto.conf", PASSWORDS), ("passwords", "al:x")],
        after: &[("passwords", "al:x\nbob:right")],
        login: BOB,
        old: "refused > closed, allowed",
        new: None,
        says: "",
    },
    Case {
        name: "anonymous clients are shut out",
        before: &[("mosquitto.conf", PLAIN)],
        after: &[("mosquitto.conf", "listener 0 socket\nallow_anonymous false\n")],
        login: "",
        old: "allowed > closed, refused",
        new: None,
        says: "",
    },
    Case {
        name: "another file of rights is named",
        before: &[("mosquitto.conf", RIGHTS), ("acl", GRANT), ("other", OTHER)],
        after: &[("mosquitto.conf", "listener 0 socket\nallow_anonymous true\nacl_file other\n")],
        login: "",
        old: "allowed > denied, denied",
        new: None,
        says: "",
    },
    Case {
        name: "a line is not valid",
        before: &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
        after: &[("mosquitto.conf", "nonsense 1\nlistener 0 socket\nallow_anonymous true\n"), ("acl", GRANT)],
        login: "",
        old: "denied > allowed, allowed",
        new: None,
        says: "the configuration counts as it was before; its password and ACL files are read again",
    },
    Case {
        name: "a listener is new",
        before: &[("mosquitto.conf", PLAIN)],
        after: &[("mosquitto.conf", "listener 0 socket\nlistener 1884\nallow_anonymous false\n")],
        login: "",
        old: "allowed > allowed, allowed",
        new: None,
        says: "only a restart opens listeners",
    },
    Case {
        name: "the configuration is gone",
        before: &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
        after: &[("mosquitto.conf", "")],
        login: "",
        old: "denied > denied, denied",
        new: None,
        says: "`mosquitto.conf` cannot be read: it does not exist",
    },
    Case {
        name: "a line of the rights is not valid",
        before: &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
        after: &[("acl", "tropic b\n")],
        login: "",
        old: "denied > allowed, allowed",
        new: Some("ends with 3"),
        says: OPEN,
    },
    Case {
        name: "the rights are gone",
        before: &[("mosquitto.conf", RIGHTS), ("acl", OTHER)],
        after: &[("acl", "")],
        login: "",
        old: "denied > allowed, allowed",
        new: Some("ends with 13"),
        says: OPEN,
    },
    Case {
        name: "the passwords are gone",
        before: &[("mosquitto.conf", BOTH), ("passwords", BOB), ("acl", OTHER)],
        after: &[("passwords", "")],
        login: BOB,
        old: "denied > closed, refused",
        new: Some("ends with 13"),
        says: NO_PASSWORDS,
    },
    Case {
        name: "the passwords are gone where anonymous clients are let in",
        before: &[("mosquitto.conf", EITHER), ("passwords", "al:x"), ("acl", OTHER)],
        after: &[("passwords", "")],
        login: BOB,
        old: "refused > closed, allowed",
        new: Some("ends with 13"),
        says: NO_PASSWORDS,
    },
];

/// What becomes of a message of one who comes.
fn of_new(socket: &Path, login: &str) -> &'static str {
    Client::connect(socket, login).map_or("refused", |mut client| client.publish("a"))
}

/// What a program makes of the change, and what it says.
fn play(case: &Case, program: Program) -> (String, String) {
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
    (outcome, process.err())
}

#[test]
fn a_reload_does_what_it_does_in_the_releases() {
    let mut wrong = Vec::new();
    for case in CASES {
        for program in programs() {
            let (outcome, said) = play(case, program);
            let is_old = program.release().has(Quirk::ReloadFailsOpen);
            let expected = case.new.filter(|_| !is_old).unwrap_or(case.old);
            if outcome != expected {
                wrong.push(format!("{}, {program:?}: {outcome}, not {expected}", case.name));
            }
            let ours = matches!(program, Program::Moskit(_));
            let words = if case.new.is_some() && !is_old { "ends on such a reload" } else { case.says };
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
