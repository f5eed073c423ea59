//! `moskit compile`: what it writes, keeps, renews and refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use moskit::compile::state::{MemoryState, StateKind, StateStore};
use tempfile::TempDir;

use crate::fixtures::open_folder;
use crate::packs::{Entry, compiled, contents, text_of, tree};
use crate::program::{Ran, moskit, run};
use crate::real;

const MUTUAL: &str = include_str!("../compile/mutual.yaml");
const PASSWORD: &str = "correct-horse-7";
const DAY: i64 = 86_400;

/// Runs the program with words that are separated by blanks, and a password in the environment.
fn moskit_with(folder: &Path, words: &str) -> Ran {
    let words = words.split_whitespace();
    run(moskit(folder).args(words).env("ALICE_PASSWORD", PASSWORD), Duration::from_secs(60))
}

/// The specs that are compiled: those of `examples/`, and one with client certificates. Each lies in a folder of its own,
/// by the name of its file.
fn specs() -> Vec<(TempDir, String)> {
    let mut specs = Vec::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for example in folders.iter().filter(|path| path.join("deployment.yaml").exists()) {
        let folder = open_folder();
        for entry in fs::read_dir(example).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        specs.push((folder, "deployment.yaml".to_owned()));
    }
    specs.push((mutual(), "mutual.yaml".to_owned()));
    assert!(specs.len() > 1, "the examples are gone");
    specs
}

fn mutual() -> TempDir {
    let folder = open_folder();
    fs::write(folder.path().join("mutual.yaml"), MUTUAL).unwrap();
    folder
}

fn state_of(folder: &TempDir, spec: &str) -> PathBuf {
    folder.path().join(".moskit").join(spec.trim_end_matches(".yaml"))
}

/// What OpenSSL says, or nothing where it is not installed.
fn openssl(arguments: &[&str]) -> Option<String> {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    let is_there = *IS_THERE.get_or_init(|| Command::new("openssl").arg("version").output().is_ok());
    if !is_there {
        println!("not run: openssl {}: it is not installed", arguments[0]);
        return None;
    }
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

#[test]
fn modes_hang_on_no_mask() {
    for mask in ["000", "077"] {
        for (folder, spec) in specs() {
            let mut command = Command::new("sh");
            command.args([
                "-c",
                &format!("umask {mask} && exec \"$0\" \"$@\""),
                env!("CARGO_BIN_EXE_moskit"),
            ]);
            command.args(["compile", &spec, "-o", "out"]).current_dir(folder.path());
            run(command.env("ALICE_PASSWORD", PASSWORD), Duration::from_secs(60)).exits(0);
            for (name, Entry { mode, bytes, .. }) in tree(&folder.path().join("out")) {
                let is_private =
                    name.ends_with(".key") || name.starts_with("aclfile") || name.starts_with("passwd");
                let wanted = match (bytes, is_private) {
                    (None, _) => 0o755,
                    (Some(_), true) => 0o600,
                    (Some(_), false) => 0o644,
                };
                assert_eq!(mode, wanted, "{spec}: {name}, umask {mask}: {mode:o}");
            }
            let state = tree(&folder.path().join(".moskit"));
            assert!(state.values().filter(|entry| entry.bytes.is_some()).count() > 2, "{state:?}");
            for (name, Entry { mode, bytes, .. }) in state {
                let wanted = if bytes.is_some() { 0o600 } else { 0o700 };
                assert_eq!(mode, wanted, "{spec}: state {name}, umask {mask}: {mode:o}");
            }
        }
    }
}

#[test]
fn openssl_takes_every_chain_and_key() {
    for (folder, spec) in specs() {
        moskit_with(folder.path(), &format!("compile {spec} -o out")).exits(0);
        let out = folder.path().join("out");
        let path = |name: &str| out.join(name).display().to_string();
        let names: Vec<String> = tree(&out).into_keys().collect();
        let authorities: Vec<_> = names.iter().filter(|name| name.ends_with(".ca.crt")).collect();
        let leaves: Vec<_> = names
            .iter()
            .filter(|name| name.ends_with(".crt") && !name.ends_with("ca.crt"))
            .filter_map(|name| Some((name, name.strip_suffix(".crt")?)))
            .collect();
        assert!(!authorities.is_empty() && !leaves.is_empty(), "{names:?}");
        for authority in &authorities {
            let Some(text) = openssl(&["x509", "-in", &path(authority), "-noout", "-text"]) else { return };
            for part in ["CA:TRUE", "Certificate Sign, CRL Sign", "Basic Constraints: critical"] {
                assert!(text.contains(part), "{authority}: {part}: {text}");
            }
            let _ = openssl(&["verify", "-CAfile", &path(authority), &path(authority)]);
        }
        for (chain, stem) in leaves {
            let is_client = chain.starts_with("clients/");
            let purpose = if is_client { "sslclient" } else { "sslserver" };
            let verifies = |authority: &&&String| {
                let mut command = Command::new("openssl");
                command.args([
                    "verify",
                    "-x509_strict",
                    "-purpose",
                    purpose,
                    "-CAfile",
                    &path(authority),
                    &path(chain),
                ]);
                command.output().unwrap().status.success()
            };
            assert_eq!(authorities.iter().filter(verifies).count(), 1, "{spec}: {chain}");
            let key = path(&format!("{stem}.key"));
            let of_key = openssl(&["pkey", "-in", &key, "-pubout"]);
            assert_eq!(of_key, openssl(&["x509", "-in", &path(chain), "-noout", "-pubkey"]), "{chain}");
            let text = openssl(&["x509", "-in", &path(chain), "-noout", "-text"]).unwrap();
            let mut wanted = vec!["Digital Signature", "CA:FALSE", "Version: 3"];
            match is_client {
                true => wanted.push("TLS Web Client Authentication"),
                false => {
                    wanted.extend(["TLS Web Server Authentication", "DNS:localhost", "IP Address:127.0.0.1"])
                }
            }
            for part in wanted {
                assert!(text.contains(part), "{chain}: {part}: {text}");
            }
            let other = if is_client { "TLS Web Server" } else { "TLS Web Client" };
            assert!(!text.contains(other) && !text.contains("CA:TRUE"), "{chain}: {text}");
        }
    }
}

#[test]
fn a_second_run_changes_nothing() {
    for (folder, spec) in specs() {
        moskit_with(folder.path(), &format!("compile {spec} -o out")).exits(0);
        let before = tree(folder.path());
        let ran = moskit_with(folder.path(), &format!("compile {spec} -o out")).exits(0);
        assert!(ran.out().contains("unchanged"), "{}", ran.all());
        assert_eq!(before, tree(folder.path()), "{spec}");
        moskit_with(folder.path(), &format!("compile {spec} -o elsewhere/deep")).exits(0);
        assert_eq!(
            contents(&folder.path().join("out")),
            contents(&folder.path().join("elsewhere/deep")),
            "{spec}"
        );
        let [one, other] = ["one", "other"].map(|name| {
            let out = folder.path().join(name);
            moskit_with(folder.path(), &format!("compile {spec} -o {name} --install-prefix {name}")).exits(0);
            let here = out.display().to_string();
            let texts = contents(&out).into_iter().filter(|(name, _)| name != "manifest.json");
            let neutral = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&here, "HERE");
            texts.map(|(name, bytes)| (name, bytes.map(neutral))).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(one, other, "{spec}");
    }
}

#[test]
fn a_new_password_changes_one_line() {
    let folder = mutual();
    moskit_with(folder.path(), "compile mutual.yaml -o out").exits(0);
    let state = state_of(&folder, "mutual.yaml");
    let before = contents(&folder.path().join("out"));
    for kind in ["passwords", "hashes"] {
        fs::remove_file(state.join(kind).join("carol")).unwrap();
        let before = contents(&folder.path().join("out"));
        let ran = moskit_with(folder.path(), "compile mutual.yaml -o out").exits(0);
        assert!(ran.err().contains("`carol`") && !ran.err().contains("`alice`"), "{}", ran.all());
        let after = contents(&folder.path().join("out"));
        let changed: Vec<_> = after
            .iter()
            .filter(|(name, bytes)| before.get(*name) != Some(bytes))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(changed, ["manifest.json", "passwd"], "{kind}");
        let lines = |tree: &BTreeMap<String, Option<Vec<u8>>>| {
            let text = String::from_utf8(tree["passwd"].clone().unwrap()).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let (old, new) = (lines(&before), lines(&after));
        assert_eq!(old.len(), new.len());
        for (old, new) in old.iter().zip(&new) {
            assert_eq!(old != new, new.starts_with("carol:"), "{new}");
        }
    }
    assert_eq!(before.len(), contents(&folder.path().join("out")).len());
}

#[test]
fn only_what_is_due_is_renewed() {
    let state = MemoryState::new();
    let spec = MUTUAL.replace("ALICE_PASSWORD", "THERE");
    let news = |text: &str, later: i64| {
        let compiled = compiled(text, &state, later).1.unwrap_or_else(|problems| panic!("{problems:?}"));
        let certificates: BTreeMap<_, _> = [
            "certs/broker.crt",
            "certs/ca.ca.crt",
            "certs/devices.ca.crt",
            "clients/carol/client.crt",
            "passwd",
        ]
        .into_iter()
        .map(|name| (name, text_of(&compiled, name).unwrap()))
        .collect();
        (compiled.news, certificates)
    };
    let (first, made) = news(&spec, 0);
    assert_eq!(first.len(), 8, "{first:?}");
    let due = |days: i64, expected: &[&str], before: &BTreeMap<&'static str, String>, changed: &[&str]| {
        let (told, after) = news(&spec, days * DAY);
        assert_eq!(told, expected, "after {days} days");
        for (name, text) in before {
            assert_eq!(after[name] != *text, changed.contains(name), "{name} after {days} days");
        }
        after
    };
    let same = due(19, &[], &made, &[]);
    let carol = due(20, &["renewed, due: client certificate `carol`"], &same, &["clients/carol/client.crt"]);
    due(39, &[], &carol, &[]);
    let both = due(
        60,
        &["renewed, due: certificate `broker`", "renewed, due: client certificate `carol`"],
        &carol,
        &["certs/broker.crt", "clients/carol/client.crt"],
    );
    let renamed = spec.replace("broker.example, ", "broker.example, mqtt.example, ");
    let (told, after) = news(&renamed, 60 * DAY);
    assert_eq!(told, ["issued anew, other names: certificate `broker`"]);
    assert_ne!(after["certs/broker.crt"], both["certs/broker.crt"]);
    assert_eq!(after["certs/ca.ca.crt"], made["certs/ca.ca.crt"]);

    let other = spec.replace("Plant CA", "Factory CA");
    let kept = state.read(StateKind::Authority, "ca").unwrap();
    let problems = compiled(&other, &state, 60 * DAY).1.err().unwrap();
    let message = "the authority `ca` was made as `Plant CA`; another name makes it another authority";
    assert!(problems.iter().any(|problem| problem.message == message), "{problems:?}");
    assert_eq!(state.read(StateKind::Authority, "ca").unwrap(), kept);
    let expired = compiled(&spec, &state, 11 * 366 * DAY).1.err().unwrap();
    assert!(expired.iter().any(|problem| problem.message.contains("has expired")), "{expired:?}");
}

#[test]
fn foreign_files_are_left_alone() {
    let folder = mutual();
    let out = folder.path().join("out");
    fs::create_dir_all(out.join("photos")).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    fs::write(out.join("photos/cat.jpg"), "meow").unwrap();
    let before = tree(&out);
    for words in ["compile mutual.yaml -o out", "compile mutual.yaml -o out --diff"] {
        let ran = moskit_with(folder.path(), words).exits(2);
        assert!(ran.err().contains("`notes.txt`") && ran.err().contains("`photos/`"), "{}", ran.all());
        assert_eq!(before, tree(&out));
    }
    fs::remove_dir_all(&out).unwrap();
    moskit_with(folder.path(), "compile mutual.yaml -o out").exits(0);
    fs::write(out.join("certs/mine.crt"), "mine").unwrap();
    let before = tree(&out);
    let ran = moskit_with(folder.path(), "compile mutual.yaml -o out").exits(2);
    assert!(ran.err().contains("`certs/mine.crt`"), "{}", ran.all());
    assert_eq!(before, tree(&out));
}

#[test]
fn a_difference_writes_nothing() {
    let folder = mutual();
    let differs = |code: i32, words: &[&str]| {
        let before = tree(folder.path());
        let ran = moskit_with(folder.path(), "compile mutual.yaml -o out --diff").exits(code);
        for word in words {
            assert!(ran.out().contains(word), "{word}: {}", ran.all());
        }
        assert!(!ran.all().contains(PASSWORD) && !ran.all().contains("PRIVATE KEY"), "{}", ran.all());
        assert_eq!(before, tree(folder.path()));
    };
    differs(1, &["added: mosquitto.conf", "+listener 28883", "added: passwd (private)"]);
    moskit_with(folder.path(), "compile mutual.yaml -o out").exits(0);
    differs(0, &[]);
    let changed = MUTUAL
        .replace("28883", "28885")
        .replace("  carol:", "  dora: { password: { generate: true } }\n  carol:");
    fs::write(folder.path().join("mutual.yaml"), changed).unwrap();
    differs(
        1,
        &["changed: mosquitto.conf", "-listener 28883", "+listener 28885", "changed: passwd (private)"],
    );
}

#[test]
fn secrets_are_asked_for_together_and_never_shown() {
    let folder = open_folder();
    let secrets = ["s3cret-of-env", "s3cret-of-file", "s3cret-of-command", "s3cret-in-clear"];
    let hash = "$7$101$MTIzNDU2Nzg5MDEy$S8tVnEHnmnPRZGy9xMAK+2fLSrpkvQ6c2M6Gm2vAqGCDVVcA+YpLPKLmR1B9YUrYbBXY6LLI7/BCRm3dDbXCmg==";
    let spec = |missing: &str| {
        format!(
            "moskit: 1\nlisteners: {{ a: {{ port: 21883 }} }}\nusers:\n  a: {{ password: {{ env: SECRET{missing} }} }}\n  \
             b: {{ password: {{ file: secret{missing} }} }}\n  c: {{ password: {{ command: 'cat secret-of-command{missing}' }} }}\n  \
             d: {{ password: {{ plain: {} }} }}\n  e: {{ password: {{ hash: '{hash}' }} }}\n  f: {{ password: {{ generate: true }} }}\n",
            secrets[3]
        )
    };
    fs::write(folder.path().join("secret"), format!("{}\n", secrets[1])).unwrap();
    fs::write(folder.path().join("secret-of-command"), format!("{}\n", secrets[2])).unwrap();
    let compile = |text: String, words: &str| {
        fs::write(folder.path().join("spec.yaml"), text).unwrap();
        let mut command = moskit(folder.path());
        command.args(words.split_whitespace()).env("SECRET", secrets[0]);
        run(&mut command, Duration::from_secs(60))
    };
    let ran = compile(spec("-that-is-not-there"), "compile spec.yaml -o out").exits(1);
    let out = ran.out().replace("\n  │ ", "");
    let missing =
        [(4, "SECRET-that-is-not-there` is not set"), (5, "it does not exist"), (6, "(exit status: 1)")];
    for (line, what) in missing {
        let at = out.find(what).unwrap_or_else(|| panic!("{what}: {out}"));
        let place = out[at..].find("spec.yaml:").map(|place| &out[at + place..]);
        assert!(place.is_some_and(|place| place.starts_with(&format!("spec.yaml:{line}:"))), "{what}: {out}");
    }
    assert!(ran.out().contains("3 errors; nothing was written"), "{}", ran.out());
    assert!(!folder.path().join("out").exists());
    let mut said = ran.all();
    for words in [
        "compile spec.yaml -o out --diff",
        "compile spec.yaml -o out",
        "compile spec.yaml -o out",
        "lint spec.yaml",
        "lint out",
        "lint --format json spec.yaml",
        "lint --format json out",
    ] {
        said += &compile(spec(""), words).all();
    }
    let state = state_of(&folder, "spec.yaml");
    let generated = fs::read_to_string(state.join("passwords/f")).unwrap();
    for (name, entry) in tree(&folder.path().join("out")) {
        if entry.mode == 0o644 {
            said += &String::from_utf8(entry.bytes.unwrap()).unwrap();
        } else if entry.bytes.is_some() {
            let text = String::from_utf8(entry.bytes.unwrap()).unwrap();
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{name}");
        }
    }
    let hidden = secrets.into_iter().chain([generated.trim(), "PRIVATE KEY", hash, &hash[8..24]]);
    for secret in hidden {
        // Lint shows the line of a password in clear text, which the spec itself gives away.
        let is_told = secret == secrets[3] && said.contains(&format!("plain: {secret}"));
        assert!(is_told || !said.contains(secret), "`{secret}` was shown: {said}");
    }
}

/// The brokers that a spec is for start with its pack where it lies.
pub(crate) fn starts_on_brokers(folder: &Path, releases: &[&str]) {
    real::say_missing("the start of compiled packs");
    for broker in real::brokers() {
        if releases.iter().any(|release| broker.release.to_string().starts_with(release)) {
            let start = real::try_start(broker, folder);
            assert!(start.is_running, "{}: {:?}", broker.release, start.log);
        }
    }
}

#[test]
fn brokers_start_with_the_packs() {
    for (folder, spec) in specs() {
        moskit_with(folder.path(), &format!("compile {spec} -o out --install-prefix out")).exits(0);
        let releases: &[&str] = if spec == "mutual.yaml" { &["2.1"] } else { &["2.0", "2.1"] };
        starts_on_brokers(&folder.path().join("out"), releases);
    }
}
