//! What the compiler refuses and what it prints, case by case, in `tests/compile/*.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moskit::compile::state::MemoryState;

use crate::compile::starts_on_brokers;
use crate::fixtures::open_folder;
use crate::packs::{compiled, text_of};
use crate::program::{moskit, run};

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile").join(name)
}

/// A section of a document: its title, its spec, and the blocks that follow, each with the word after the fence.
struct Case<'t> {
    title: &'t str,
    spec: &'t str,
    blocks: Vec<(&'t str, &'t str)>,
}

fn cases(document: &str) -> Vec<Case<'_>> {
    let sections = document.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (title, rest) = section.split_once('\n').unwrap();
            let mut blocks = Vec::new();
            let mut pieces = rest.split("```");
            while let (Some(_), Some(block)) = (pieces.next(), pieces.next()) {
                blocks.push(block.split_once('\n').unwrap());
            }
            let (word, spec) = blocks.remove(0);
            assert_eq!(word, "yaml", "{title}");
            Case { title, spec, blocks }
        })
        .collect()
}

/// Holds what is found against the blocks of each case, or writes it there with `UPDATE_EXPECT`.
fn check(name: &str, found: impl Fn(&Case<'_>, &str) -> String) {
    let text = fs::read_to_string(document(name)).unwrap();
    let mut updated = text.clone();
    let cases = cases(&text);
    assert!(!cases.is_empty(), "{name} has no cases");
    for case in &cases {
        for (word, expected) in &case.blocks {
            let found = found(case, word);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                let at = updated.find(&format!("\n## {}\n", case.title)).unwrap();
                let fence = format!("```{word}\n");
                let start = at + updated[at..].find(&fence).unwrap() + fence.len();
                updated.replace_range(start..start + expected.len(), &found);
            } else {
                assert_eq!(found, *expected, "{}: {word}", case.title);
            }
        }
    }
    if updated != text {
        fs::write(document(name), updated).unwrap();
    }
}

#[test]
fn what_cannot_be_compiled_is_told_at_its_place() {
    check("refused.md", |case, _| {
        let state = MemoryState::new();
        let (sources, result) = compiled(case.spec, &state, 0);
        let problems = result.err().unwrap_or_else(|| panic!("{} compiles", case.title));
        let mut out = String::new();
        for problem in problems {
            let at = sources.position(problem.primary.span);
            writeln!(out, "{}:{} {} {}", at.line, at.column, problem.rule, problem.message).unwrap();
            for related in &problem.related {
                let at = sources.position(related.span);
                writeln!(out, "  {}:{} {}", at.line, at.column, related.text).unwrap();
            }
            for note in &problem.notes {
                writeln!(out, "  note: {note}").unwrap();
            }
            if let Some(help) = &problem.help {
                writeln!(out, "  help: {help}").unwrap();
            }
        }
        out
    });
}

/// The release, or line of releases, of a spec.
fn targets(spec: &str) -> Vec<&str> {
    let line = spec.lines().find_map(|line| line.strip_prefix("mosquitto: ")).unwrap();
    line.split([',', '[', ']', ' ', '"']).filter(|word| !word.is_empty()).collect()
}

#[test]
fn files_are_printed_as_each_release_wants_them() {
    check("printed.md", |case, file| {
        let state = MemoryState::new();
        let compiled = compiled(case.spec, &state, 0).1;
        let compiled = compiled.unwrap_or_else(|problems| panic!("{}: {problems:?}", case.title));
        let text = text_of(&compiled, file).unwrap_or_else(|| panic!("{}: no {file}", case.title));
        // The first lines are the same everywhere, and hashes are new each time.
        let lines = text.lines().skip(2).map(|line| line.split_once(":$7$").map_or(line, |(name, _)| name));
        lines.skip_while(|line| line.is_empty()).fold(String::new(), |out, line| out + line + "\n")
    });
}

#[test]
fn brokers_start_with_what_is_printed() {
    let text = fs::read_to_string(document("printed.md")).unwrap();
    for case in cases(&text) {
        let folder = open_folder();
        fs::write(folder.path().join("spec.yaml"), case.spec).unwrap();
        let words = ["compile", "spec.yaml", "-o", "out", "--install-prefix", "out"];
        run(moskit(folder.path()).args(words).env("THERE", "hunter2"), Duration::from_secs(60)).exits(0);
        starts_on_brokers(&folder.path().join("out"), &targets(case.spec));
    }
}
