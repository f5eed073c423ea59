//! What `moskit show` says: case by case in `tests/show/cases.md`, its JSON against the schema, and what it says of who
//! may connect against real brokers.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use moskit::show;
use serde_json::Value as Json;

use crate::real::{self, Broker};
use crate::spec::folder;
use crate::{cases, fixtures};

/// A user `alice` with the password `secret`.
const PASSWD: &str = "alice:$7$101$HO53YNctBIGP9Oc9$W3hL+otboLAuLeSQeqfHlYNgJ7uIG574BEu0CC4i3S2414aXhUShHCaE42ErbLfHsc+T1hMP6SFugf1uQoEjSw==\n";
const KEYS: &str = "dev:00112233445566778899aabbccddeeff\n";
const TARGETS: [&str; 4] = ["--target", "2.0", "--target", "2.1"];

/// A folder with certificates, keys and passwords, and some files.
pub(crate) fn scene(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = fixtures::open_folder();
    fixtures::certificates(folder.path());
    for (name, text) in [("passwd", PASSWD), ("psk", KEYS)].iter().chain(files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// What `moskit show` prints in a folder, and its exit code.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let (text, code) = cases::run(folder, "show", arguments);
    format!("{text}exit {code}\n")
}

fn shown_as_json(folder: &Path, arguments: &[&str]) -> Json {
    let text = run(folder, &[arguments, &["--format", "json"]].concat());
    let (document, _) = text.rsplit_once("exit ").unwrap();
    serde_json::from_str(document).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn document() -> PathBuf {
    folder("tests/show/cases.md")
}

#[test]
fn what_is_shown() {
    cases::compare(&document(), "show", |case| {
        let scene = scene(&case.files);
        let arguments = if case.arguments.is_empty() { &TARGETS } else { &case.arguments[..] };
        let found = run(scene.path(), arguments);
        assert_eq!(run(scene.path(), arguments), found, "{}: twice the same", case.title);
        cases::assert_narrow(case.title, &found);
        found
    });
}

#[test]
fn the_schema_describes_what_is_shown() {
    let text = fs::read_to_string(document()).unwrap();
    let mut reports = Vec::new();
    for case in cases::cases(&text, "show") {
        for arguments in [&TARGETS[..], &["--all", "--target", "2.0", "--target", "2.1"]] {
            reports.push((case.title.to_owned(), shown_as_json(scene(&case.files).path(), arguments)));
        }
    }
    cases::assert_schema(&folder("schemas/show.schema.json"), &show::schema(), &reports);
}

#[test]
fn for_programs() {
    let conf = "listener 1883 127.0.0.1\npassword_file passwd\nmax_connections 5\nmax_connections 6\n\
        connection up\naddress example.org\ntopic #\nremote_username u\nremote_password pw-of-up\n";
    let text = run(scene(&[("mosquitto.conf", conf)]).path(), &["--format", "json"]);
    assert!(!text.contains("pw-of-up"));
    insta::assert_snapshot!(text);
}

#[test]
fn secrets_are_never_shown() {
    let conf = "listener 1883\nremote_passwd typo-secret\nremote_password lost-secret\n\
        plugin /x.so\nplugin_opt_token plugin-secret\nconnection b\naddress x\ntopic #\nbridge_psk ab12cd\n\
        bridge_identity i\nremote_password first-secret\nremote_password pw-secret # comment\n";
    let scene = scene(&[("mosquitto.conf", conf)]);
    for arguments in [&["--format", "json"][..], &["--all"], &["--target", "2.0"]] {
        let text = run(scene.path(), arguments);
        assert!(text.contains("plugin_opt_token"), "{text}");
        for secret in ["lost-secret", "plugin-secret", "ab12cd", "first-secret", "pw-secret", "typo-secret"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[test]
fn what_cannot_be_shown() {
    let scene =
        scene(&[("mosquitto.conf", "listener 1883\n"), ("aclfile", "topic a\n"), ("d.yaml", "moskit: 1\n")]);
    fs::create_dir(scene.path().join("empty")).unwrap();
    for argument in ["nowhere", "aclfile", "d.yaml", "empty", "passwd"] {
        let text = run(scene.path(), &[argument]);
        assert!(text.starts_with("moskit: ") && text.ends_with("exit 2\n"), "{argument}: {text}");
    }
    assert!(run(scene.path(), &[]).ends_with("exit 0\n"));
}

/// Configurations whose first listener, or local-only mode, is on port 1883, with the ways into it that matter.
const WAYS_IN: &[&str] = &[
    "",
    "allow_anonymous false\n",
    "password_file passwd\n",
    "password_file passwd\nallow_anonymous false\n",
    "password_file passwd\nallow_anonymous false\nmax_connections 300\n",
    "certfile server.crt\nkeyfile server.key\n",
    "certfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\n",
    "listener 1883\n",
    "listener 1883\nallow_anonymous true\n",
    "listener 1883\npassword_file passwd\n",
    "listener 1883\npassword_file passwd\nallow_anonymous true\n",
    "listener 1883\npassword_file none\n",
    "listener 1883\nallow_anonymous true\nlistener_allow_anonymous false\n",
    "listener 1883\nlistener_allow_anonymous true\n",
    "per_listener_settings true\nlistener 1883\nlistener 1884\npassword_file passwd\nallow_anonymous true\n",
    "per_listener_settings true\nlistener 1883\npassword_file passwd\nlistener 1884\n",
    "per_listener_settings true\nlistener 1883\npassword_file passwd\nallow_anonymous true\nper_listener_settings false\n",
    "per_listener_settings true\nport 1883\n",
    "per_listener_settings true\nport 1883\npassword_file passwd\n",
    "per_listener_settings true\nport 1883\npassword_file passwd\nallow_anonymous false\n",
    "per_listener_settings true\nport 1883\nper_listener_settings false\n",
    "listener 1883\nCERT\nallow_anonymous true\n",
    "listener 1883\nCERT\npassword_file passwd\nrequire_certificate true\n",
    "listener 1883\nCERT\ncafile ca.crt\npassword_file passwd\nrequire_certificate true\n",
    "listener 1883\nCERT\ncafile ca.crt\nrequire_certificate true\n",
    "listener 1883\nCERT\ncafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\n",
    "listener 1883\nCERT\ncafile ca.crt\nrequire_certificate true\nuse_subject_as_username true\npassword_file passwd\n",
    "listener 1883\nCERT\ncafile ca.crt\nuse_identity_as_username true\nallow_anonymous true\n",
    "listener 1883\nCERT\ntls_version tlsv1.3\npsk_file psk\nallow_anonymous true\n",
    "psk_file psk\nlistener 1883\nCERT\ntls_version tlsv1.3\nallow_anonymous true\n",
    "listener 1883\npsk_hint h\npsk_file psk\nallow_anonymous true\n",
    "listener 1883\npsk_hint h\npsk_file psk\npassword_file passwd\n",
    "listener 1883\npsk_hint h\npsk_file psk\nuse_identity_as_username true\n",
    "listener 1883\npsk_hint h\npsk_file psk\nuse_subject_as_username true\nallow_anonymous true\n",
    "listener 1883\npsk_hint h\nallow_anonymous true\n",
    "listener 1883\npsk_hint h\npsk_file psk\ntls_version tlsv1.3\nallow_anonymous true\n",
    "listener 1883\npsk_hint h\npsk_file psk\nrequire_certificate true\nuse_identity_as_username true\n",
    "listener 1883\npsk_file psk\nallow_anonymous true\n",
    "psk_file psk\nlistener 1883\nCERT\npsk_hint h\nallow_anonymous true\n",
    "psk_file psk\nlistener 1883\nCERT\ncafile ca.crt\npsk_hint h\nuse_identity_as_username true\n",
    "psk_file psk\nlistener 1883\nCERT\ncafile ca.crt\nrequire_certificate true\npsk_hint h\nuse_identity_as_username true\n",
    "psk_file psk\nlistener 1883\nCERT\ncafile ca.crt\nrequire_certificate true\npsk_hint h\nallow_anonymous true\n",
    "listener 1883\nuse_identity_as_username true\nrequire_certificate true\nallow_anonymous true\n",
    "listener 1883\nuse_subject_as_username true\nrequire_certificate true\npassword_file passwd\n",
    "listener 1883\nuse_identity_as_username true\npassword_file passwd\n",
    "listener 1883\nrequire_certificate true\nallow_anonymous true\n",
    "listener 1883\ncertfile server.crt\nallow_anonymous true\n",
    "listener 1883\nenable_proxy_protocol 1\nallow_anonymous true\n",
];

const TRANSPORTS: [(&str, &str); 4] = [
    ("plain", ""),
    ("tls", "--cafile ca.crt --insecure"),
    ("certificate", "--cafile ca.crt --insecure --cert client.crt --key client.key"),
    ("key", "--psk 00112233445566778899aabbccddeeff --psk-identity dev"),
];
const LOGINS: [(&str, &str); 4] = [
    ("none", ""),
    ("right", "-u alice -P secret"),
    ("wrong", "-u alice -P other"),
    ("unknown", "-u bob -P x"),
];

/// Who gets in, by what is shown of the first listener.
fn said(release: &Json) -> String {
    let listener = &release["listeners"][0];
    let (access, tls) = (&listener["access"], &listener["tls"]);
    let ways: Vec<&str> =
        access["ways"].as_array().unwrap().iter().map(|way| way["way"].as_str().unwrap()).collect();
    let has = |way: &str| ways.contains(&way);
    let mut list = Vec::new();
    for (transport, _) in TRANSPORTS {
        let (certificate, keys) = (tls["certificate"] == true, tls["keys"] == true);
        let is_through = match (transport, access["demands"].as_str()) {
            ("plain", _) => !certificate && !keys && access["proxy_protocol"].is_null(),
            ("tls", None) => certificate,
            ("certificate", None | Some("certificate" | "certificate-or-key")) => certificate,
            ("key", None | Some("key" | "certificate-or-key")) => keys,
            _ => false,
        };
        for (login, _) in LOGINS {
            let is_in = match transport {
                "certificate" if has("common-name") || has("subject") => true,
                "key" if has("key-identity") => true,
                _ => {
                    has("anybody")
                        || (login == "none" && has("anonymous"))
                        || (login == "right" && has("password"))
                }
            };
            if is_through && is_in {
                list.push(format!("{transport}/{login}"));
            }
        }
    }
    list.join(" ")
}

/// Who gets in, by trying, and how each try ended; nothing where the broker does not start.
fn tried(broker: &Broker, folder: &Path, conf: &str, has_keys: bool) -> Option<(String, String)> {
    let mut script = "\"$0\" -c mosquitto.conf >log 2>&1 & broker=$!\n\
        for i in $(seq 1500); do\n\
        grep -q ' running$' log && break; sleep 0.02; kill -0 $broker || exit 0; done\n"
        .to_owned();
    let has_certificate = conf.contains("certfile");
    for (transport, options) in TRANSPORTS {
        let only_keys =
            if transport == "key" && has_certificate { "--tls-version tlsv1.2 --ciphers PSK" } else { "" };
        for (login, words) in LOGINS {
            writeln!(
                script,
                "(timeout 60 mosquitto_pub -h localhost -p 1883 -q 1 -t a -m b {options} {only_keys} {words} \
                 >out-{transport}-{login} 2>&1; echo {transport}/{login} $? $(cat out-{transport}-{login}) >>ended) \
                 & all=\"$all $!\""
            )
            .unwrap();
        }
    }
    script += "wait $all\nkill -9 $broker\necho done";
    let (mut command, _alone) = real::in_own_network(Path::new("sh"));
    let output = command.args(["-c", &script]).arg(&broker.program).current_dir(folder).output().unwrap();
    if !String::from_utf8_lossy(&output.stdout).contains("done") {
        return None;
    }
    let ended = fs::read_to_string(folder.join("ended")).unwrap();
    let names =
        TRANSPORTS.iter().flat_map(|(transport, _)| LOGINS.map(|(login, _)| format!("{transport}/{login}")));
    // Whoever gets in is told nothing. A client with a key makes do with the broker's certificate where no key is
    // asked for.
    let is_in = |name: &String| {
        ended.lines().any(|line| line.strip_prefix(&**name) == Some(" 0"))
            && (has_keys || !name.starts_with("key"))
    };
    Some((names.filter(is_in).collect::<Vec<_>>().join(" "), ended.clone()))
}

#[test]
fn clients_get_in_where_it_is_said() {
    real::say_missing("who may connect");
    let mut wrong = Vec::new();
    let mut started = 0;
    for broker in real::brokers() {
        for conf in WAYS_IN {
            let conf = conf.replace("CERT", "certfile server.crt\nkeyfile server.key");
            let scene = || scene(&[("mosquitto.conf", &conf), ("none", "")]);
            let shown = shown_as_json(scene().path(), &["--target", &broker.release.to_string()]);
            let release = &shown["releases"][0];
            let expected = (release["loads"] == true).then(|| said(release));
            let tls = &release["listeners"][0]["tls"];
            let has_keys = tls["keys"] == true || tls["certificate"] == false;
            let (found, ended) = tried(broker, scene().path(), &conf, has_keys).unzip();
            started += usize::from(found.is_some());
            if found != expected {
                let ended = ended.unwrap_or_default();
                let release = broker.release;
                wrong.push(format!("{release} with\n{conf}said {expected:?}\nis   {found:?}\n{ended}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(started >= 30 * real::brokers().len(), "{started} starts");
}
