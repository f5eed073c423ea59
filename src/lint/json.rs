//! The report as JSON, for programs.

use serde_json::{Value, json};

use super::Outcome;
use crate::report::{Diagnostic, Label, Severity};
use crate::text::{Sources, Span};

/// The version of the report's form.
const VERSION: u32 = 1;

fn place(sources: &Sources, span: Span) -> Value {
    let source = sources.get(span.source);
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({
        "file": source.name(),
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    })
}

fn label(sources: &Sources, label: &Label) -> Value {
    let mut value = place(sources, label.span);
    value["message"] = json!(label.text);
    value
}

fn finding(sources: &Sources, finding: &Diagnostic) -> Value {
    json!({
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "place": label(sources, &finding.primary),
        "related": finding.related.iter().map(|related| label(sources, related)).collect::<Vec<_>>(),
        "notes": finding.notes,
        "help": finding.help,
        "releases": finding.releases,
    })
}

/// The outcomes of a run as one JSON document.
pub fn json(outcomes: &[Outcome]) -> Value {
    let inputs = outcomes.iter().map(|outcome| {
        let sources = &outcome.sources;
        let verdicts = outcome.verdicts.iter().map(|verdict| {
            let reason = verdict.reason.as_ref().map(|(span, message)| {
                let place = place(sources, *span);
                json!({ "file": place["file"], "line": place["line"], "column": place["column"], "message": message })
            });
            json!({
                "release": verdict.release.to_string(),
                "inferred": !verdict.release.is_observed(),
                "loads": verdict.loads,
                "reason": reason,
            })
        });
        json!({
            "path": outcome.name,
            "kind": outcome.kind.as_str(),
            "releases": verdicts.collect::<Vec<_>>(),
            "findings": outcome.findings.iter().map(|found| finding(sources, found)).collect::<Vec<_>>(),
            "waived": outcome.waived,
            "checked": sources.iter().map(|(_, source)| source.name()).collect::<Vec<_>>(),
            "not_checked": outcome.not_checked.iter()
                .map(|(path, missing)| json!({ "path": path, "missing": missing }))
                .collect::<Vec<_>>(),
        })
    });
    let count = |severity: Severity| {
        outcomes
            .iter()
            .flat_map(|outcome| &outcome.findings)
            .filter(|found| found.severity == severity)
            .count()
    };
    json!({
        "version": VERSION,
        "inputs": inputs.collect::<Vec<_>>(),
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "notes": count(Severity::Note),
    })
}
