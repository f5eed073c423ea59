//! What is printed: the three formats of lint, in 80 columns, without secrets.

use std::fs;
use std::process::Command;

use crate::fixtures;

const CONF: &str = "# a café of mistakes\nlistner 1883\nlistener 1883\npassword_file passwd # users\n\
    listener 8883\ncertfile gone.crt\nkeyfile gone.key\nallow_anonymous yes\n";

/// What `moskit` prints when run in a folder with some files, and its exit code.
fn run(files: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = fixtures::open_folder();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_moskit"))
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("COLUMNS", "80")
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text += &String::from_utf8(output.stderr).unwrap();
    text + &format!("exit {}", output.status.code().unwrap())
}

#[test]
fn lint_in_full() {
    insta::assert_snapshot!(run(
        &[("mosquitto.conf", CONF)],
        &["lint", "--target", "2.0", "--target", "2.1"]
    ));
}

#[test]
fn lint_concise() {
    insta::assert_snapshot!(run(
        &[("mosquitto.conf", CONF)],
        &["lint", "--format", "concise", "mosquitto.conf"]
    ));
}

#[test]
fn lint_as_json() {
    insta::assert_snapshot!(run(&[("aclfile", "topic read\n")], &["lint", "--format", "json", "aclfile"]));
}

#[test]
fn secrets_are_never_printed() {
    let secrets = ["hunter2", "correct-horse", "s3cr3t-bridge"];
    let passwd = "bob:hunter2\ncorrect-horse\n";
    let conf = "listener 1883\npassword_file passwd\nconnection b\naddress x\ntopic #\nremote_password s3cr3t-bridge # x\n";
    let spec = "moskit: 1\nlisteners:\n  a: { prot: 1 }\nusers: { bob: { password: { plain: hunter2 }, acl: [ x ] } }\n";
    let files = [("passwd", passwd), ("mosquitto.conf", conf), ("deployment.yaml", spec)];
    for format in ["full", "concise", "json"] {
        for name in ["passwd", "mosquitto.conf", "deployment.yaml"] {
            let printed = run(&files, &["lint", "--format", format, name]);
            assert!(printed.contains(name), "{printed}");
            for secret in secrets {
                assert!(!printed.contains(secret), "{format} of {name} shows a secret:\n{printed}");
            }
        }
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for arguments in
        [&["lint", "nowhere"][..], &["lint", "--target", "1.6", "x"], &["frob"], &["rule", "tab-seperator"]]
    {
        let printed = run(&[], arguments);
        assert!(printed.ends_with("exit 2"), "{arguments:?}: {printed}");
    }
}
