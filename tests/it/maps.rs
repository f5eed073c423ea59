//! Paths of another machine: what `--map`, `--root` and neither of them make of the verdict, where files are there and
//! where they are not.

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::fixtures;

/// A configuration as containers have it.
const CONTAINER: &str = "listener 1883\npersistence true\npersistence_location /mq/data/\n\
    log_dest file /mq/log/mosquitto.log\npassword_file /mq/config/users\n";

/// Lines that name a file below `/mq`, in a listener where that is needed.
const NAMING: &[&str] = &[
    "listener 1883\npassword_file /mq/config/gone\n",
    "listener 1883\nallow_anonymous true\nacl_file /mq/config/gone\n",
    "listener 1883\npsk_hint h\npsk_file /mq/config/gone\n",
    "listener 1883\nallow_anonymous true\ncertfile /mq/config/gone\nkeyfile /mq/config/gone\n",
    "listener 1883\nallow_anonymous true\ncafile /mq/config/gone\ncertfile /mq/config/c\nkeyfile /mq/config/k\n",
    "listener 1883\nallow_anonymous true\nplugin /mq/config/gone\n",
    "listener 1883\nallow_anonymous true\nprotocol websockets\nhttp_dir /mq/config/gone\nlistener 1884\n",
    "listener 1883\nallow_anonymous true\ninclude_dir /mq/config/gone\n",
    "listener 1883\nallow_anonymous true\npid_file /mq/gone/pid\n",
    "listener 0 /mq/gone/socket\nallow_anonymous true\n",
];

/// What `moskit lint` says of a configuration with some flags, for the three releases.
fn lint(folder: &Path, conf: &str, flags: &[&str]) -> Json {
    std::fs::write(folder.join("mosquitto.conf"), conf).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
    command.args(["lint", "mosquitto.conf", "--format", "json"]).args(flags).current_dir(folder);
    for release in moskit::catalogue::Release::known() {
        command.args(["--target", &release.to_string()]);
    }
    let output = command.output().unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    report["inputs"][0].clone()
}

/// The three verdicts, as one value where they are the same.
fn loads(input: &Json) -> Json {
    let all: Vec<Json> =
        input["releases"].as_array().unwrap().iter().map(|one| one["loads"].clone()).collect();
    assert!(all.iter().all(|one| *one == all[0]), "the releases differ: {input:#}");
    all[0].clone()
}

/// An empty folder, and one that has what containers have in `/mq`.
fn scene() -> tempfile::TempDir {
    let folder = fixtures::open_folder();
    for name in ["empty", "full/config", "full/data", "full/log"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("full/config/users"), "").unwrap();
    folder
}

#[test]
fn what_is_not_in_a_mapped_folder_leaves_the_verdict_open() {
    let folder = scene();
    let verdict = |conf: &str, flags: &[&str]| loads(&lint(folder.path(), conf, flags));
    assert_eq!(verdict(CONTAINER, &[]), Json::Null, "nothing is known of the path");
    assert_eq!(verdict(CONTAINER, &["--map", "/mq=full"]), true);
    assert_eq!(verdict(CONTAINER, &["--map", "/mq/config=full/config"]), true);
    for map in ["/mq=empty", "/mq/config=empty", "/mq=gone", "/mq/config=full/log"] {
        assert_eq!(verdict(CONTAINER, &["--map", map]), Json::Null, "{map}");
    }
    for conf in NAMING {
        for map in ["/mq=empty", "/mq=full", "/mq/config=empty"] {
            assert_eq!(verdict(conf, &["--map", map]), Json::Null, "{map} with\n{conf}");
        }
    }
}

/// Whoever maps one path has a broker elsewhere: a folder of the same name on this machine, or the one that moskit is
/// started in, says nothing of what is missing.
#[test]
fn what_is_not_mapped_is_elsewhere_too() {
    let folder = scene();
    for path in ["/etc/moskit-gone", "moskit-gone", "./config/moskit-gone"] {
        let conf = format!("listener 1883\npassword_file {path}\n");
        let expected = if path.contains("config") { Json::Null } else { Json::Bool(false) };
        assert_eq!(loads(&lint(folder.path(), &conf, &[])), expected, "{path}");
        assert_eq!(loads(&lint(folder.path(), &conf, &["--map", "/mq=full"])), Json::Null, "{path}");
    }
}

#[test]
fn what_is_missing_below_a_root_stops_the_broker() {
    let folder = scene();
    std::fs::create_dir_all(folder.path().join("root/mq/config")).unwrap();
    for conf in NAMING.iter().chain([&CONTAINER]).filter(|conf| !conf.contains("http_dir")) {
        let input = lint(folder.path(), conf, &["--root", "root"]);
        assert_eq!(loads(&input), false, "{conf}");
    }
}

#[test]
fn a_text_that_is_wrong_is_wrong_whatever_is_mapped() {
    let folder = scene();
    let conf = format!("{CONTAINER}allow_anonymous perhaps\n");
    for map in ["/mq=empty", "/mq=full"] {
        let input = lint(folder.path(), &conf, &["--map", map]);
        assert_eq!(loads(&input), false, "{map}");
        assert_eq!(input["releases"][0]["reason"]["line"], 6, "{map}");
    }
}

/// A mistyped name is told all the same, where its folder is there; a folder that is not there is one note.
#[test]
fn what_is_missing_is_told_where_its_folder_is_there() {
    let folder = scene();
    let told = |map: &str| {
        let input = lint(folder.path(), NAMING[0], &["--map", map]);
        let found =
            input["findings"].as_array().unwrap().iter().any(|one| one["rule"] == "passwd-unreadable");
        (found, input["not_checked"].as_array().unwrap().len())
    };
    assert_eq!(told("/mq=full"), (true, 0));
    assert_eq!(told("/mq=empty"), (false, 1));
}
