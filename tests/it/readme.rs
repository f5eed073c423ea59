//! What the README tells people to run works, and prints what the README shows.

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of what the README's commands touch, so that the checkout stays clean.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status =
        Command::new("cp").arg("-r").arg(root().join("examples")).arg(folder.path()).status().unwrap();
    assert!(status.success());
    let _ = fs::remove_dir_all(folder.path().join("examples/first-steps/.moskit"));
    folder
}

/// The lines of the README's fences of one kind.
fn fences(kind: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) if info == kind => open = Some(String::new()),
            (None, Some(_)) => open = Some(String::from("\0")),
            (Some(text), Some(_)) => {
                if !text.starts_with('\0') {
                    found.push(text.clone());
                }
                open = None;
            }
            (Some(text), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

#[test]
fn the_two_commands_work() {
    let commands: Vec<String> = fences("sh").concat().lines().map(str::to_owned).collect();
    let [first, second] = commands.as_slice() else {
        panic!("the README has two commands, not {commands:?}")
    };
    assert_eq!(second, "cargo test");
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.lines().any(|line| line.trim() == second), ".ci/run passes the tests as the README does");
    let folder = checkout();
    // The build itself is what runs this test.
    let first = first.replace("cargo run -q --", env!("CARGO_BIN_EXE_moskit"));
    let output = Command::new("sh").args(["-c", &first]).current_dir(folder.path()).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{first}\n{text}");
    assert!(text.contains("0 errors, 0 warnings, 0 notes"), "{text}");
}

#[test]
fn the_sessions_print_what_the_readme_shows() {
    let folder = checkout();
    for session in fences("console") {
        let mut expected: Vec<(String, Vec<String>)> = Vec::new();
        for line in session.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => expected.push((command.to_owned(), Vec::new())),
                None => expected.last_mut().expect("a session begins with a command").1.push(line.to_owned()),
            }
        }
        for (command, lines) in expected {
            let command = command.replacen("moskit", env!("CARGO_BIN_EXE_moskit"), 1);
            let output = Command::new("sh")
                .args(["-c", &format!("{command} 2>&1")])
                .current_dir(folder.path())
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let printed: Vec<&str> = text.lines().map(str::trim_end).collect();
            if lines.last().map(String::as_str) == Some("...") {
                let shown: Vec<&str> = lines[..lines.len() - 1].iter().map(String::as_str).collect();
                assert!(printed.starts_with(&shown), "{command}\n{text}");
            } else {
                assert_eq!(printed, lines, "{command}\n{text}");
            }
        }
    }
}
