//! One line a finding: `file:line:column: severity[rule] message`.

use std::fmt::Write;

use super::{printable_line, releases};
use crate::report::Diagnostic;
use crate::text::Sources;

/// Renders findings, one a line. `all` names the releases that were looked at.
pub fn concise(findings: &[Diagnostic], sources: &Sources, all: &[String]) -> String {
    let mut out = String::new();
    for finding in findings {
        let span = finding.primary.span;
        let place = sources.position(span);
        let name = printable_line(sources.get(span.source).name());
        let severity = finding.severity.as_str();
        let message = printable_line(&finding.message);
        let only = releases(finding, all).map_or_else(String::new, |only| format!(" ({only})"));
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{name}:{}:{}: {severity}[{}] {message}{only}",
            place.line, place.column, finding.rule
        );
    }
    out
}
