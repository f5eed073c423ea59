//! How long it takes until there is something.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::measure::median;
use super::servers::Server;

/// How long brokers take from the start of the process until all their ports answer.
pub(crate) fn ready(folder: &Path, others: &[(PathBuf, String)], times: usize) -> String {
    let mut text = String::new();
    let start = |start: &dyn Fn() -> Server| median((0..times).map(|_| start().ready_after).collect());
    let ours = start(&|| Server::moskit(folder, None));
    writeln!(text, "ready after {} (median of {times})", shown(ours)).unwrap();
    for (program, release) in others {
        let theirs = start(&|| Server::mosquitto(folder, program));
        writeln!(text, "  {release}: ready after {}", shown(theirs)).unwrap();
    }
    text
}

/// How long `moskit test` takes for the first steps: a few of its tests, with new keys and with old ones, and all of them.
pub(crate) fn tests(times: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/first-steps");
    for name in ["deployment.yaml", "deployment.test.yaml", "idUser.password"] {
        std::fs::copy(example.join(name), folder.path().join(name)).unwrap();
    }
    let run = |filter: &str| {
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
        command.args(["test", "deployment.yaml", "--target", "2.1.2", "--filter", filter]);
        let output = command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success());
        let answer = String::from_utf8(output.stdout).unwrap();
        (began.elapsed(), answer.split(' ').next().unwrap().to_owned())
    };
    let (first, few) = run("a wrong password");
    let again = median((0..times).map(|_| run("a wrong password").0).collect());
    let (whole, all) = (0..3).map(|_| run("")).min().unwrap();
    format!(
        "moskit test, first steps: {few} tests in {}, {} with new keys; {all} tests in {}\n",
        shown(again),
        shown(first),
        shown(whole)
    )
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
