//! For programs.

use serde_json::{Value, json};

use super::{log_line, place, sentence};
use crate::text::{Sources, Span};
use crate::verify::{Decision, Failure, Outcome, Status, TestResult};

/// The version of the report's form.
const VERSION: u32 = 1;

/// The outcome as one JSON document.
pub fn json(outcome: &Outcome, sources: &Sources) -> Value {
    let counts = outcome.counts();
    json!({
        "version": VERSION,
        "summary": {
            "passed": counts.passed,
            "failed": counts.failed,
            "broken": counts.broken,
            "skipped": counts.skipped,
            "duration_ms": milliseconds(outcome.duration),
        },
        "results": outcome.results.iter().map(|one| result(one, sources)).collect::<Vec<_>>(),
    })
}

fn result(result: &TestResult, sources: &Sources) -> Value {
    let (word, reason, failed) = match &result.status {
        Status::Passed => ("passed", None, None),
        Status::Failed(failure) => ("failed", Some(sentence(failure)), Some(failure)),
        Status::Broken(why) => ("broken", Some(why.reason.clone()), None),
        Status::Skipped(reason) => ("skipped", Some(reason.clone()), None),
    };
    let log = match &result.status {
        Status::Broken(why) => Some(why.log.iter().map(|line| log_line(line)).collect::<Vec<_>>()),
        _ => None,
    };
    json!({
        "name": result.name,
        "place": at(sources, result.span),
        "release": result.release,
        "engine": result.engine,
        "status": word,
        "message": reason,
        "failure": failed.map(|failed| failure(failed, sources)),
        "log": log,
        "duration_ms": milliseconds(result.duration),
    })
}

fn failure(failure: &Failure, sources: &Sources) -> Value {
    json!({
        "place": at(sources, failure.span),
        "client": failure.client,
        "expected": failure.expected,
        "came": failure.came,
        "decided": failure.decided.as_ref().map(decision),
    })
}

fn decision(decision: &Decision) -> Value {
    json!({
        "allows": decision.allows,
        "file": decision.file,
        "line": decision.line.as_ref().map(|(line, _)| line),
        "text": decision.line.as_ref().map(|(_, text)| text),
        "origin": decision.origin.as_ref().map(|(file, line)| json!({ "file": file, "line": line })),
    })
}

fn at(sources: &Sources, span: Span) -> Value {
    let (file, line) = place(sources, span);
    json!({ "file": file, "line": line })
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
