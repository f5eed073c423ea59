//! paho-mqtt, driven by `tests/scenario/clients.py`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::ground::version_name;
use super::{Job, Outcome, Task};
use crate::exchanges::engines::Address;
use crate::first_steps;

pub(super) fn is_there() -> bool {
    first_steps::python().is_some()
}

/// What the driver has to know of a job.
fn told(job: &Job<'_>) -> Value {
    let approach = &job.approach;
    let Address::Port(at) = approach.address else { panic!("{}: not a port", job.name) };
    let mut told = json!({
        "name": job.name,
        "host": at.ip().to_string(),
        "port": at.port(),
        "websocket": approach.transport.is_websocket,
        "version": version_name(approach.version),
        "login": approach.login,
        "authority": approach.transport.has_tls.then_some(approach.trusts),
        "certificate": approach.shows,
    });
    match job.task {
        Task::Converse { qos, place, has_large } => {
            told["qos"] = qos.into();
            told["base"] = format!("table/{place}").into();
            told["large"] = has_large.into();
        }
        Task::BeRefused(refusal) => told["refused"] = refusal.paho.into(),
    }
    told
}

pub(super) fn work(jobs: &[Job<'_>]) -> Vec<Outcome> {
    let Some(first) = jobs.first() else { return Vec::new() };
    let mut command = Command::new(first_steps::python().unwrap());
    // -B: the checkout stays clean.
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenario/clients.py"));
    command.current_dir(first.approach.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let list: Vec<Value> = jobs.iter().map(told).collect();
    child.stdin.take().unwrap().write_all(Value::from(list).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let outcome = |line: &str| {
        if let Some(name) = line.strip_prefix("ok ") {
            return Some((name.to_owned(), Ok(())));
        }
        let (name, why) = line.strip_prefix("not ok ")?.split_once(": ")?;
        Some((name.to_owned(), Err(why.to_owned())))
    };
    text.lines().filter_map(outcome).collect()
}
