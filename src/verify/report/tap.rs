//! The Test Anything Protocol, version 14.

use std::fmt::Write;

use serde_json::json;

use super::{place, sentence};
use crate::report::render::printable_line;
use crate::text::Sources;
use crate::verify::{Outcome, Status};

/// The outcome as TAP 14, a line for each test and release.
pub fn tap(outcome: &Outcome, sources: &Sources) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", outcome.results.len());
    for (at, result) in outcome.results.iter().enumerate() {
        let name = escaped(&format!("{} ({})", result.name, result.release));
        let number = at + 1;
        let (word, directive, told) = match &result.status {
            Status::Passed => ("ok", String::new(), None),
            Status::Skipped(reason) => ("ok", format!(" # SKIP {}", escaped(reason)), None),
            Status::Failed(failure) => ("not ok", String::new(), Some((sentence(failure), failure.span))),
            Status::Broken(reason) => ("not ok", String::new(), Some((printable_line(reason), result.span))),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{word} {number} - {name}{directive}");
        if let Some((message, span)) = told {
            let (file, line) = place(sources, span);
            // What JSON writes in quotes, YAML reads alike.
            let _ = writeln!(out, "  ---\n  message: {}", json!(message));
            let _ = writeln!(out, "  at: {}", json!(format!("{file}:{line}")));
            let _ = writeln!(out, "  duration_ms: {}\n  ...", result.duration.as_millis());
        }
    }
    out
}

/// A text in which nothing begins a directive.
fn escaped(text: &str) -> String {
    printable_line(text).replace('\\', "\\\\").replace('#', "\\#")
}
