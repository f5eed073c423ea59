//! What is said of mistakes: each message has what is wrong, and what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{LONGEST, Program, is_root, scene};
use crate::fixtures::certificates;
use crate::program::{self, limited};

const SPEC: &str = "moskit: 1
mosquitto: \"2.1\"
listeners: { main: { port: 18830, bind: 127.0.0.1 } }
users: { alice: { password: { plain: secret-1 }, acl: [ { write: a/b } ] } }
";

fn told(folder: &Path, words: &[&str], status: i32) -> String {
    let words = [&["broker"], words].concat();
    program::run(program::moskit(folder).args(&words), LONGEST).exits(status).err()
}

#[test]
fn what_is_no_configuration_or_pack_is_told() {
    let folder =
        scene(&[("plant.yaml", SPEC), ("mosquitto.conf", "listener 1883\n"), ("note.txt", "hello\n")]);
    for name in ["empty", "etc", "half"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("etc/mosquitto.conf"), "listener 1883\n").unwrap();
    fs::write(folder.path().join("half/manifest.json"), "{").unwrap();
    let compile = ["compile", "plant.yaml", "-o", "out"];
    program::run(program::moskit(folder.path()).args(compile), LONGEST).exits(0);
    let cases: [(&[&str], &str); 11] = [
        (&["-c", "gone.conf"], "`gone.conf` cannot be read: it does not exist"),
        (&["-c", "empty"], "`empty` is a folder; `-c` takes a file, mostly one called mosquitto.conf"),
        (&["-c", "out"], "`out` is the folder of a pack; run it without `-c`: `moskit broker out`"),
        (
            &["-c", "plant.yaml"],
            "`plant.yaml` is a spec; compile it first: `moskit compile plant.yaml -o DIR`",
        ),
        (&["gone"], "`gone` does not exist; give a pack, or a configuration with `-c`"),
        (&["empty"], "it has no manifest.json; `moskit compile SPEC -o DIR` makes a pack"),
        (
            &["etc"],
            "it has no manifest.json; `moskit broker -c etc/mosquitto.conf` runs the configuration in it",
        ),
        (&["half"], "`half/manifest.json`: "),
        (&["plant.yaml"], "compile it first: `moskit compile plant.yaml -o DIR`, then `moskit broker DIR`"),
        (&["mosquitto.conf"], "is a configuration, not a pack; run it with `-c mosquitto.conf`"),
        (&["note.txt"], "`note.txt` is no pack; give the folder of a pack, or a configuration with `-c`"),
    ];
    for (words, said) in cases {
        let err = told(folder.path(), words, 3);
        assert!(err.contains(said) && err.lines().count() == 1, "{words:?}: {err}");
    }
}

#[test]
fn what_may_not_be_read_is_told() {
    if !is_root() {
        return eprintln!("not run: files of root: not started by root");
    }
    let folder =
        scene(&[("mosquitto.conf", "listener 1883\npassword_file passwords\n"), ("passwords", "a:b")]);
    let private = |name| {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("passwords");
    let err = told(folder.path(), &["-c", "mosquitto.conf"], 13);
    assert!(err.contains("the password file `passwords` cannot be read by `mosquitto`"), "{err}");
    private("mosquitto.conf");
    let words = ["broker", "-c", "mosquitto.conf"];
    let ran = program::run(&mut limited(folder.path(), Some(65_534), &words), LONGEST).exits(3);
    assert!(ran.err().contains("`mosquitto.conf` cannot be read: permission denied"), "{}", ran.err());
}

#[test]
fn what_stops_a_release_is_told_with_its_place() {
    let cases: [(&str, i32, &[&str]); 8] = [
        ("listener 1883\nnonsense 1\n", 3, &["mosquitto.conf:2", "nonsense"]),
        ("listener 1883\nacl_file gone\n", 13, &["mosquitto.conf:2", "gone"]),
        ("listener 1883\nacl_file nonsense\n", 3, &["nonsense:1"]),
        ("listener 1883\npassword_file plain\n", 3, &["plain:1"]),
        ("listener 8883\ncertfile gone.crt\nkeyfile server.key\n", 1, &["gone.crt"]),
        ("listener 8883\ncertfile server.crt\nkeyfile other.key\n", 1, &["other.key"]),
        ("listener 1883 192.0.2.1\n", 1, &["192.0.2.1:1883"]),
        ("listener 0 gone/socket\n", 1, &["gone/socket"]),
    ];
    let folder = scene(&[("nonsense", "tropic a\n"), ("plain", "bob:right\n")]);
    certificates(folder.path());
    for (conf, status, said) in cases {
        fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
        let err = told(folder.path(), &["-c", "mosquitto.conf", "--target", "2.1"], status);
        for words in said {
            assert!(err.contains(words), "{conf}: {words}\n{err}");
        }
    }
}

/// What is not served stops the start where security hangs on it, until it is waived by name.
#[test]
fn what_is_not_served_is_listed_or_stops() {
    // The lines, the option, and the status that it ends the start with.
    let cases = [
        ("listener 0 socket\nplugin p.so\n", "plugin", Some(13)),
        ("plugin_load n p.so\nlistener 0 socket\nplugin_use n\n", "plugin_load", Some(13)),
        ("listener 0 socket\nlistener 8883\npsk_hint h\npsk_file keys\n", "psk_hint", Some(3)),
        ("listener 0 socket\nconnection b\naddress 127.0.0.1:9\ntopic a/#\n", "connection", None),
        ("listener 0 socket\npersistence true\n", "persistence", None),
    ];
    for (conf, name, status) in cases {
        let folder =
            scene(&[("mosquitto.conf", conf), ("p.so", "no program, but a file\n"), ("keys", "al:0123\n")]);
        let newest = Program::Moskit(moskit::catalogue::Release::newest());
        if let Some(status) = status {
            let err = told(folder.path(), &["-c", "mosquitto.conf"], status);
            let named = format!("moskit: error: `{name}`: ");
            let advice = format!("`--without {name}` starts a broker that leaves it out");
            assert!(err.contains(&named) && err.contains(&advice), "{conf}: {err}");
        }
        let waived = ["-c", "mosquitto.conf", "--without", name];
        let words = if status.is_some() { &waived[..] } else { &waived[..2] };
        let mut process = newest.start(folder.path(), words).runs();
        let named = format!("moskit: not served: `{name}`: ");
        assert!(process.says(&named), "{conf}: {}", process.err());
    }
}

#[test]
fn waived_names_are_checked() {
    let folder = scene(&[("mosquitto.conf", "listener 0 socket\n")]);
    let err = told(folder.path(), &["-c", "mosquitto.conf", "--without", "pluging"], 3);
    assert!(err.contains("no option has that name; did you mean `plugin`?"), "{err}");
    let err = told(folder.path(), &["-c", "mosquitto.conf", "--without", "elephant"], 3);
    assert!(err.contains("it takes one of ") && err.contains("psk_hint"), "{err}");
    let newest = Program::Moskit(moskit::catalogue::Release::newest());
    let words = ["-c", "mosquitto.conf", "--without", "plugin"];
    let mut process = newest.start(folder.path(), &words).runs();
    let said = "`--without plugin`: the configuration has nothing of that name";
    assert!(process.says(said), "{}", process.err());
}

#[test]
fn a_ready_file_that_cannot_be_written_is_told() {
    let folder = scene(&[("mosquitto.conf", "listener 0 socket\n")]);
    let err = told(folder.path(), &["-c", "mosquitto.conf", "--ready-file", "gone/ready"], 1);
    assert!(err.contains("cannot write the ready file `gone/ready`: "), "{err}");
    assert!(!folder.path().join("socket").exists(), "the socket stays behind");
}
