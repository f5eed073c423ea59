//! `moskit test` as far as it gets without a broker: what is found, listed and refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::fixtures;
use crate::program::{self, Ran, limited};

const SPEC: &str = "moskit: 1
mosquitto: \"2.1\"
listeners: { main: { port: 18830, bind: 127.0.0.1 } }
users:
  alice: { password: { plain: secret-1 }, acl: [ { write: a/b } ] }
";

const CONF: &str = "listener 18830 127.0.0.1\nallow_anonymous true\n";

/// The most that a run without a broker may take.
const LONGEST: Duration = Duration::from_secs(30);

fn run(folder: &Path, words: &[&str]) -> Ran {
    program::run(&mut limited(folder, None, words), LONGEST)
}

fn test(folder: &Path, words: &[&str]) -> Ran {
    let words: Vec<&str> = std::iter::once("test").chain(words.iter().copied()).collect();
    run(folder, &words)
}

/// Runs in a folder with files.
fn with(files: &[(&str, &str)], words: &[&str]) -> Ran {
    let folder = fixtures::open_folder();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    test(folder.path(), words)
}

fn tests_of(lines: &str) -> String {
    format!("moskit: 1\ntests:\n{lines}")
}

#[test]
fn tests_are_found_in_the_spec_and_beside_it() {
    let spec = SPEC.to_owned() + "tests: [ { name: one, as: alice, expect: connected } ]\n";
    let beside = tests_of(
        "  - { name: \"two ${n}\", each: { n: [ 1, 2 ] }, as: alice, publish: \"a/${n}\", expect: denied }\n",
    );
    let files =
        [("plant.yaml", spec.as_str()), ("plant.test.yaml", &beside), ("other.test.yaml", "moskit: 2")];
    let all = "plant.yaml:6: one\nplant.test.yaml:3: two 1\nplant.test.yaml:3: two 2\n";
    assert_eq!(with(&files, &["plant.yaml", "--list"]).exits(0).out(), all);
    let one = with(&files, &["plant.yaml", "--list", "--filter", "two 2"]).exits(0).out();
    assert_eq!(one, "plant.test.yaml:3: two 2\n");
    let none = with(&files, &["plant.yaml", "--list", "--filter", "three"]).exits(2).err();
    assert_eq!(none, "moskit: none of 3 tests has `three` in its name; `--list` shows them\n");
    let told = with(&files, &["plant.yaml", "--tests", "plant.test.yaml", "--list"]).exits(0).out();
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn tests_are_found_beside_a_configuration() {
    let guest = tests_of("  - { name: in, as: { listener: 18830 }, expect: connected }\n");
    let files = [("etc/mosquitto.conf", CONF), ("etc/a.test.yaml", guest.as_str())];
    for path in ["etc", "etc/mosquitto.conf"] {
        let listed = with(&files, &[path, "--list"]).exits(0).out();
        assert_eq!(listed, "etc/a.test.yaml:3: in\n", "{path}");
    }
    let elsewhere = tests_of("  - { name: in, as: { listener: 18831 }, expect: connected }\n");
    let files = [("mosquitto.conf", CONF), ("a.test.yaml", elsewhere.as_str())];
    let ran = with(&files, &["mosquitto.conf"]).exits(1);
    assert!(ran.out().contains("no listener is called `18831`"), "{}", ran.out());
    assert!(ran.out().ends_with("1 error; nothing was tested\n"), "{}", ran.out());
}

#[test]
fn a_pack_is_tested_with_the_tests_of_its_spec() {
    let folder = fixtures::open_folder();
    let spec = SPEC.to_owned() + "tests: [ { name: one, as: alice, expect: connected } ]\n";
    fs::write(folder.path().join("plant.yaml"), spec).unwrap();
    fs::write(
        folder.path().join("more.test.yaml"),
        "moskit: 1\nspec: plant.yaml\ntests: [ { name: two, as: alice, expect: connected } ]\n",
    )
    .unwrap();
    run(folder.path(), &["compile", "plant.yaml", "-o", "out"]).exits(0);
    let help = test(folder.path(), &["out", "--list"]).exits(2).err();
    assert!(help.contains("name the spec that it was made from, or a test file: `--tests FILE`"), "{help}");
    for path in ["out", "out/mosquitto.conf", "out/manifest.json"] {
        let words = [path, "--tests", "plant.yaml", "--tests", "more.test.yaml", "--list"];
        let listed = test(folder.path(), &words).exits(0).out();
        assert_eq!(listed, "plant.yaml:6: one\nmore.test.yaml:3: two\n", "{path}");
    }
    // A test file stands for the spec that it names.
    let listed = test(folder.path(), &["more.test.yaml", "--list"]).exits(0).out();
    assert_eq!(listed, "more.test.yaml:3: two\n");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let spec = SPEC.replace("write: a/b", "wrte: a/b")
        + "tests: [ { name: one, as: alise, expect: { refused: because } } ]\n";
    let beside = tests_of("  - { name: two, as: alice, publish: { topic: a, qos: 5 } }\n");
    let files = [("plant.yaml", spec.as_str()), ("plant.test.yaml", beside.as_str())];
    let ran = with(&files, &["plant.yaml"]).exits(1);
    let words = [
        "`wrte` is no key of an entry of `acl`",
        "no user is called `alise`",
        "`because` is no value for `refused`",
        "`5` is no value for `qos`",
        "4 errors; nothing was tested\n",
    ];
    for word in words {
        assert!(ran.out().contains(word), "{word}\n{}", ran.out());
    }
    // What no release would start with is no failed test.
    let spec = SPEC.replace("port: 18830", "port: 18830, options: { max_qos: 7 }")
        + "tests: [ { name: one, as: alice, expect: connected } ]\n";
    let ran = with(&[("plant.yaml", &spec)], &["plant.yaml"]).exits(1);
    assert!(ran.out().ends_with("nothing was tested\n"), "{}", ran.out());
}

#[test]
fn secrets_in_tests_are_not_shown() {
    let beside = tests_of(
        "  - { name: two, as: { user: alice, password: hidden-1, listner: x }, expect: connected }\n",
    );
    let ran = with(&[("plant.yaml", SPEC), ("plant.test.yaml", &beside)], &["plant.yaml"]).exits(1);
    assert!(ran.out().contains("did you mean `listener`?"), "{}", ran.all());
    assert!(!ran.all().contains("hidden-1") && !ran.all().contains("secret-1"), "{}", ran.all());
}

#[test]
fn what_cannot_be_tested_is_said() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
    let cases: [Case<'_>; 8] = [
        (&[], &["gone.yaml"], "cannot read `gone.yaml`: it does not exist"),
        (
            &[("plant.yaml", SPEC)],
            &["plant.yaml"],
            "`plant.yaml` has no tests; add `tests` to it, or a file `plant.test.yaml` beside it",
        ),
        (
            &[("etc/mosquitto.conf", CONF)],
            &["etc"],
            "there are no tests beside `etc/mosquitto.conf`; add a file `NAME.test.yaml`, or name one: `--tests FILE`",
        ),
        (
            &[("aclfile", "topic a\n")],
            &["aclfile"],
            "`aclfile` alone is nothing that can be booted; name the spec, the pack or the mosquitto.conf",
        ),
        (
            &[("a.test.yaml", "moskit: 1\ntests: []\n")],
            &["a.test.yaml"],
            "`a.test.yaml` does not name a spec; name what is to be tested, and the file with `--tests a.test.yaml`",
        ),
        (
            &[("mosquitto.conf", CONF)],
            &[".", "--tests", "gone.test.yaml"],
            "cannot read `gone.test.yaml`: it does not exist",
        ),
        (
            &[("mosquitto.conf", CONF)],
            &[".", "--engine", "mosquitto"],
            "write `moskit`, or `mosquitto:PATH` with the path of a broker",
        ),
        (&[("mosquitto.conf", CONF)], &[".", "--jobs", "0"], "invalid value '0' for '--jobs <N>'"),
    ];
    for (files, words, said) in cases {
        let ran = with(files, words).exits(2);
        assert!(ran.err().contains(said), "{said}\n{}", ran.err());
        assert_eq!(ran.out(), "");
    }
}

#[test]
fn schemas_are_printed() {
    let folder = fixtures::open_folder();
    for (words, title) in [(&["schema"][..], "moskit deployment"), (&["schema", "test"], "moskit tests")] {
        let out = run(folder.path(), words).exits(0).out();
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["title"], title);
    }
}
