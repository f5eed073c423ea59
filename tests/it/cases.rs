//! Documents of cases: a section has a title, files by their names, what stands behind `moskit COMMAND`, and what is
//! printed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::spec::is_updating;

/// A section.
pub(crate) struct Case<'t> {
    pub(crate) title: &'t str,
    pub(crate) files: Vec<(&'t str, &'t str)>,
    pub(crate) arguments: Vec<&'t str>,
    expected: &'t str,
}

/// The cases of a document, whose last block is named after the command.
pub(crate) fn cases<'t>(document: &'t str, command: &str) -> Vec<Case<'t>> {
    let section = |section: &'t str| {
        let (title, rest) = section.split_once('\n').unwrap();
        let mut files: Vec<(&str, &str)> =
            rest.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect();
        let (head, expected) = files.pop().unwrap();
        let mut words = head.split(' ');
        assert_eq!(words.next(), Some(command), "{title}");
        Case { title, files, arguments: words.collect(), expected }
    };
    document.split("\n## ").skip(1).map(section).collect()
}

/// Compares what is printed for each case of a document with what stands there, or writes it there.
pub(crate) fn compare(document: &Path, command: &str, printed: impl Fn(&Case<'_>) -> String) {
    let text = fs::read_to_string(document).unwrap();
    let mut updated = text.clone();
    for case in cases(&text, command) {
        let found = printed(&case);
        if is_updating() {
            let at = updated.find(&format!("\n## {}\n", case.title)).unwrap();
            let start = at + updated[at..].find(&format!("```{command}")).unwrap();
            let start = start + updated[start..].find('\n').unwrap() + 1;
            updated.replace_range(start..start + case.expected.len(), &found);
        } else {
            assert_eq!(found, case.expected, "{}", case.title);
        }
    }
    if updated != text {
        fs::write(document, updated).unwrap();
    }
}

/// Runs a command in a folder, 80 columns wide: what it prints, and its exit code.
pub(crate) fn run(folder: &Path, command: &str, arguments: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_moskit"))
        .arg(command)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("COLUMNS", "80")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (text, output.status.code().unwrap())
}

/// Says that every line keeps to 80 columns.
pub(crate) fn assert_narrow(title: &str, text: &str) {
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "{title}: {text}");
}

/// Says that a schema is one, that its file is fresh, and that it describes the reports.
pub(crate) fn assert_schema(
    file: &Path,
    schema: &serde_json::Value,
    reports: &[(String, serde_json::Value)],
) {
    let fresh = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if is_updating() {
        fs::write(file, &fresh).unwrap();
    }
    let stored = fs::read_to_string(file).unwrap_or_default();
    assert!(stored == fresh, "{} is stale: run the tests with UPDATE_EXPECT=1", file.display());
    assert!(jsonschema::meta::is_valid(schema));
    let validator = jsonschema::draft202012::new(schema).unwrap();
    for (title, report) in reports {
        let faults: Vec<_> = validator
            .iter_errors(report)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{title}");
    }
}
