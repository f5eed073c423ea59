//! Findings as data: what is said, where, how grave it is. Rendering is in [`render`].
//!
//! Nothing here knows Mosquitto; releases are names.

pub mod render;
pub mod schema;
mod waivers;

use std::collections::HashMap;

pub use waivers::Waivers;

use crate::text::Span;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Works, and does what was hardly meant.
    Warning,
    /// Does not work, or undoes what it stands for.
    Error,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in a text and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A short remark, or empty.
    pub text: String,
}

impl Label {
    /// A place with a remark.
    pub fn new(span: Span, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }
}

/// One finding: a fact, why it matters, what to do.
///
/// Texts are lower case without a full stop; what the user wrote stands in backticks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The rule that found it.
    pub rule: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The fact.
    pub message: String,
    /// The place that it is about.
    pub primary: Label,
    /// Other places that explain it.
    pub related: Vec<Label>,
    /// Why it matters: what the broker does.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// The releases that it holds for; empty where releases play no part.
    pub releases: Vec<String>,
}

impl Diagnostic {
    /// A finding at a place, without anything else.
    pub fn new(rule: &'static str, severity: Severity, message: impl Into<String>, span: Span) -> Self {
        Self {
            rule,
            severity,
            message: message.into(),
            primary: Label::new(span, ""),
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            releases: Vec::new(),
        }
    }

    /// Adds a remark to the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label::new(span, text));
        self
    }

    /// Adds a reason.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// The most findings of one rule that a report holds.
pub const MOST_SHOWN: usize = 250;

/// Leaves the first [`MOST_SHOWN`] findings of each rule, and says of each rule how many more there are. `cuts` are findings
/// that were left out before, each with the number that it stands for.
pub fn shortened(findings: Vec<Diagnostic>, cuts: Vec<(Diagnostic, usize)>) -> Vec<Diagnostic> {
    let mut shown = Vec::new();
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    let mut left_out: Vec<(Diagnostic, usize)> = Vec::new();
    for (finding, number) in findings.into_iter().map(|finding| (finding, 1)).chain(cuts) {
        let count = counts.entry(finding.rule).or_default();
        if *count < MOST_SHOWN && number == 1 {
            *count += 1;
            shown.push(finding);
            continue;
        }
        match left_out.iter_mut().find(|(known, _)| known.rule == finding.rule) {
            Some((known, count)) => {
                known.severity = known.severity.max(finding.severity);
                *count += number;
            }
            None => left_out.push((finding, number)),
        }
    }
    shown.extend(left_out.into_iter().map(|(first, count)| Diagnostic {
        releases: first.releases,
        ..Diagnostic::new(
            first.rule,
            first.severity,
            format!("{count} more findings of this kind are not shown"),
            first.primary.span,
        )
    }));
    shown
}

/// The known name that is nearest to an unknown one, if one is near enough to be meant.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = unknown.to_lowercase().replace('-', "_");
    let length = folded.chars().count();
    let is_near = |distance: usize, name: &str| distance * 3 <= length.max(name.chars().count());
    // Each character that one of them is longer costs a step.
    let candidates = known.into_iter().filter(|name| is_near(length.abs_diff(name.chars().count()), name));
    let scored = candidates.map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name));
    let (distance, name) = scored.min_by_key(|(distance, _)| *distance)?;
    is_near(distance, name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_findings_are_counted() {
        let id = crate::text::Sources::default().add(crate::text::Source::new("t", *b""));
        let found = |rule, severity, at| Diagnostic::new(rule, severity, "m", Span::new(id, at, at));
        let mut findings: Vec<_> = (0..MOST_SHOWN + 2).map(|at| found("a", Severity::Note, at)).collect();
        findings.push(found("b", Severity::Note, 0));
        let report = shortened(findings, vec![(found("a", Severity::Error, 9), 40)]);
        assert_eq!(report.len(), MOST_SHOWN + 2);
        let last = report
            .last()
            .map(|last| (last.rule, last.severity, last.message.as_str(), last.primary.span.start));
        let message = "42 more findings of this kind are not shown";
        assert_eq!(last, Some(("a", Severity::Error, message, MOST_SHOWN as u32)));
    }

    #[test]
    fn nearest_names() {
        let known = ["listener", "password_file", "persistence"];
        assert_eq!(nearest("listner", known), Some("listener"));
        assert_eq!(nearest("passwd_file", known), Some("password_file"));
        assert_eq!(nearest("Password-File", known), Some("password_file"));
        assert_eq!(nearest("xyz", known), None);
    }
}
