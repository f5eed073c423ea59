//! The Test Anything Protocol, version 14.

use std::fmt::Write;

use serde_json::json;

use super::{log_line, place, sentence};
use crate::report::render::printable_line;
use crate::text::Sources;
use crate::verify::{Outcome, Status, TestResult};

/// The outcome as TAP 14, a line for each test and release.
pub fn tap(outcome: &Outcome, sources: &Sources) -> String {
    let mut tap = Tap::new(sources);
    let mut out = tap.planned(outcome.results.len());
    out.extend(outcome.results.iter().map(|result| tap.came(result)));
    out
}

/// TAP 14 that is written while results come.
pub struct Tap<'a> {
    sources: &'a Sources,
    /// How many results came.
    count: usize,
}

impl<'a> Tap<'a> {
    /// Nothing is written yet.
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, count: 0 }
    }

    /// The first lines, for so many results.
    pub fn planned(&self, results: usize) -> String {
        format!("TAP version 14\n1..{results}\n")
    }

    /// The lines of the next result.
    pub fn came(&mut self, result: &TestResult) -> String {
        self.count += 1;
        let name = escaped(&format!("{} ({})", result.name, result.release));
        let (word, directive, told) = match &result.status {
            Status::Passed => ("ok", String::new(), None),
            Status::Skipped(reason) => ("ok", format!(" # SKIP {}", escaped(reason)), None),
            Status::Failed(failure) => {
                ("not ok", String::new(), Some((sentence(failure), failure.span, [].as_slice())))
            }
            Status::Broken(why) => {
                let told = (printable_line(&why.reason), result.span, why.log.as_slice());
                ("not ok", String::new(), Some(told))
            }
        };
        let mut out = format!("{word} {} - {name}{directive}\n", self.count);
        if let Some((message, span, log)) = told {
            let (file, line) = place(self.sources, span);
            // What JSON writes in quotes, YAML reads alike. Writing to a string does not fail.
            let _ = writeln!(out, "  ---\n  message: {}", json!(message));
            let _ = writeln!(out, "  at: {}", json!(format!("{file}:{line}")));
            if !log.is_empty() {
                let lines = log.iter().map(|line| format!("\n    - {}", json!(log_line(line))));
                let _ = writeln!(out, "  log:{}", lines.collect::<String>());
            }
            let _ = writeln!(out, "  duration_ms: {}\n  ...", result.duration.as_millis());
        }
        out
    }

    /// The last line of a run that ended before its time.
    pub fn stopped(&self, reason: &str) -> String {
        format!("Bail out! {}\n", escaped(reason))
    }
}

/// A text in which nothing begins a directive.
fn escaped(text: &str) -> String {
    printable_line(text).replace('\\', "\\\\").replace('#', "\\#")
}
