//! The shape of the source: who may use whom, where printing is allowed, how long files are.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&root().join("src"), ".rs", &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// What each module may use of the others. `ARCHITECTURE.md` says why.
const MAY_USE: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("report", &["text"]),
    ("catalogue", &[]),
    ("credentials", &["text"]),
    ("model", &["catalogue", "credentials", "text"]),
    ("access", &["catalogue", "model", "text"]),
    ("broker", &["access", "catalogue", "credentials", "model", "text"]),
    ("lang", &["access", "catalogue", "credentials", "model", "report", "text"]),
    ("rules", &["access", "catalogue", "credentials", "model", "report", "text"]),
    ("compile", &["access", "catalogue", "credentials", "lang", "model", "report", "text"]),
    ("boot", &["catalogue", "compile", "lang", "model", "report", "rules", "text"]),
    ("testing", &["boot", "broker", "catalogue", "credentials", "lang", "report", "text"]),
    (
        "verify",
        &[
            "access",
            "broker",
            "catalogue",
            "compile",
            "credentials",
            "lang",
            "lint",
            "model",
            "report",
            "text",
        ],
    ),
    ("show", &["catalogue", "lang", "lint", "model", "report", "text"]),
    ("ask", &["access", "catalogue", "lang", "lint", "model", "report", "show", "text"]),
    ("upgrade", &["access", "catalogue", "lang", "lint", "model", "report", "rules", "show", "text"]),
    ("lint", &["catalogue", "compile", "lang", "model", "report", "rules", "text"]),
];

/// The text before the tests of a file.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn modules_keep_to_their_boundaries() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let Some(module) = name.strip_prefix("src/").and_then(|rest| rest.split('/').next()) else {
            continue;
        };
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == module) else { continue };
        if name.contains("/tests") {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for used in code.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_module = MAY_USE.iter().any(|(known, _)| *known == used) || used == "cli";
                if is_module && used != module && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{name}:{}: `{module}` uses `{used}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs programs and has a folder for each: a real broker is a process, and reads its configuration from a disk.
const REAL_BROKER: &str = "src/verify/engine/mosquitto.rs";

#[test]
fn only_the_command_line_touches_the_world() {
    let forbidden = ["println!", "eprintln!", "std::env::", "SystemTime", "process::exit", "Command::new"];
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if name.starts_with("src/cli/") {
            continue;
        }
        for word in forbidden {
            let code = without_tests(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
            let may_start = name == REAL_BROKER && word.starts_with("Command");
            if !may_start && !name.contains("/tests") && code.into_iter().any(|line| line.contains(word)) {
                wrong.push(format!("{name}: `{word}`"));
            }
        }
        let is_disk = ["src/text/disk.rs", "src/compile/write", "src/compile/state", REAL_BROKER]
            .iter()
            .any(|own| name.starts_with(own));
        let mut code = without_tests(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
        if !is_disk && !name.contains("/tests") && code.any(|line| line.contains("std::fs")) {
            wrong.push(format!("{name}: reads or writes files by itself"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tests begin brokers by themselves, so that the module for them passes in what the command line does elsewhere.
const FOR_TESTS: &str = "src/testing.rs";

#[test]
fn randomness_is_passed_in() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let may = name.starts_with("src/cli/") || name.starts_with("src/credentials/") || name == FOR_TESTS;
        let code = without_tests(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
        if !may && !name.contains("/tests") && code.into_iter().any(|line| line.contains("OperatingSystem")) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_finished() {
    // The marks are put together here, so that this file has none itself.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let mut wrong = Vec::new();
    let mut paths = Vec::new();
    for folder in ["src", "tests/it", "build"] {
        files(&root().join(folder), ".rs", &mut paths);
    }
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let lines = text.lines().count();
        if lines > 520 {
            wrong.push(format!("{name}: {lines} lines; split it by meaning"));
        }
        if marks.iter().any(|mark| text.contains(mark.as_str())) {
            wrong.push(format!("{name}: a mark of unfinished work"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_file_is_in_the_list() {
    let list = fs::read_to_string(root().join("src/rules/mod.rs")).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("src/rules")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(root().join("src/rules").join(&name)).unwrap();
        if text.contains("rule! {") {
            names.push(name.trim_end_matches(".rs").to_owned());
        }
    }
    for name in names {
        assert!(list.contains(&format!("    {name},\n")), "src/rules/mod.rs does not list {name}");
        let dashed = name.replace('_', "-");
        assert!(moskit::rules::named(&dashed).is_some(), "the rule of {name}.rs is not called {dashed}");
    }
    let sorted: Vec<_> = moskit::rules::all().iter().map(|rule| rule.name).collect();
    assert!(sorted.is_sorted(), "the rules are listed by name");
}

/// The manual of all rules, from their pages.
fn manual() -> String {
    let mut text =
        "# Rules\n\nMade from the rules' own pages; `moskit rule NAME` shows one. Do not edit by hand.\n\n"
            .to_owned();
    text += "| rule | severity | what it finds |\n|---|---|---|\n";
    for rule in moskit::rules::all() {
        text +=
            &format!("| [`{0}`](#{0}) | {1} | {2} |\n", rule.name, rule.severity.as_str(), rule.summary());
    }
    for rule in moskit::rules::all() {
        let page = rule.text().replace("\n## ", "\n### ");
        text += &format!("\n## {}\n\n{}", rule.name, page);
    }
    text
}

#[test]
fn the_manual_of_rules_is_fresh() {
    let path = root().join("docs/rules.md");
    let fresh = manual();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "docs/rules.md is stale: run the tests once with UPDATE_EXPECT=1");
}
