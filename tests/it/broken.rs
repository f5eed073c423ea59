//! Famous mistakes are found: `examples/broken`.

use std::process::Command;

use serde_json::Value;

/// What the tutorial's README says: a rule, and the file that it points into.
const TUTORIAL: &[(&str, &str)] = &[
    ("acl-hash-excludes-sys", "aclfile"),
    ("acl-unknown-user", "aclfile"),
    ("anonymous-with-password-file", "conf.d/listeners.conf"),
    ("listener-port-not-a-number", "conf.d/listeners.conf"),
    ("tls-file-missing", "conf.d/listeners.conf"),
];

/// What `moskit lint` says of the tutorial, for one target.
fn lint(target: &str) -> Value {
    let folder = "examples/broken/tutorial";
    let output = Command::new(env!("CARGO_BIN_EXE_moskit"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["lint", "--format", "json", "--target", target])
        .args(["--map", &format!("/etc/mosquitto={folder}"), &format!("{folder}/mosquitto.conf")])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["inputs"][0].clone()
}

#[test]
fn the_mistakes_of_the_tutorial_are_found() {
    for target in ["2.0.11", "2.0.21", "2.1.2"] {
        let report = lint(target);
        // 2.1 does not take a port that is none; the other mistakes hang on files that are not shown.
        let expected = if target.starts_with("2.1") { Value::Bool(false) } else { Value::Null };
        assert_eq!(report["releases"][0]["loads"], expected, "{report:#}");
        let findings = report["findings"].as_array().unwrap();
        for (rule, file) in TUTORIAL {
            let file = format!("examples/broken/tutorial/{file}");
            let is_it = |found: &Value| found["rule"] == *rule && found["place"]["file"] == *file;
            assert!(findings.iter().any(is_it), "{target}: no {rule} in {file}: {report:#}");
        }
    }
}

#[test]
fn the_readme_names_each_rule_of_the_table() {
    let readme = include_str!("../../examples/broken/tutorial/README.md");
    let named: Vec<_> =
        readme.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit('`').next()).collect();
    let mut named: Vec<_> = named.into_iter().collect();
    named.sort_unstable();
    assert_eq!(named, TUTORIAL.iter().map(|(rule, _)| *rule).collect::<Vec<_>>());
}
