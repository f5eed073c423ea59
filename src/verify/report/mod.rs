//! What came of tests, for people and for programs: one file per format. All are the same for the same outcome, but for
//! the times that tests took. [`Full`] and [`Tap`] are written while results come.

mod full;
mod json;
mod junit;
mod tap;

pub use full::{Full, full};
pub use json::json;
pub use junit::junit;
pub use tap::{Tap, tap};

use super::{Decision, Failure};
use crate::report::render::printable_line;
use crate::text::{Sources, Span};

/// File and line of a place.
fn place(sources: &Sources, span: Span) -> (String, u32) {
    let source = sources.get(span.source);
    (printable_line(source.name()), source.position(span.start).line)
}

/// A failure in one sentence.
fn sentence(failure: &Failure) -> String {
    let who = failure.client.as_ref().map(|client| format!("`{client}`: ")).unwrap_or_default();
    let decided = failure.decided.as_ref().map(|decision| format!("; {}", decided(decision)));
    let said =
        format!("{who}expected {}, but {}{}", failure.expected, failure.came, decided.unwrap_or_default());
    printable_line(&said)
}

/// The most characters of a line of a log.
const LONGEST_LOG_LINE: usize = 300;

/// A line of a broker's log.
fn log_line(line: &str) -> String {
    let end = if line.chars().nth(LONGEST_LOG_LINE).is_some() { "…" } else { "" };
    printable_line(&line.chars().take(LONGEST_LOG_LINE).collect::<String>()) + end
}

/// What decided, as a half sentence.
fn decided(decision: &Decision) -> String {
    let does = if decision.allows { "allows" } else { "denies" };
    let said = match (&decision.file, &decision.line) {
        (Some(file), Some((line, text))) => format!("{file}:{line} {does} it: `{text}`"),
        (Some(file), None) => format!("no line of {file} is about it, which {does} it"),
        (None, _) => format!("no file says who may do what, which {does} it"),
    };
    match &decision.origin {
        Some((file, line)) => format!("{said} (made from {file}:{line})"),
        None => said,
    }
}

/// Seconds with three digits.
fn seconds(duration: std::time::Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}
