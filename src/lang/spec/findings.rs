//! What is wrong with a spec, collected.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::lang::yaml::{Cause, Problem, Tree};
use crate::report::{Diagnostic, Severity};
use crate::text::{SourceId, Span};

/// The rules that reading a spec can break; each is an error.
pub mod rules {
    /// The text is no YAML, or YAML that has no meaning here.
    pub const SYNTAX: &str = "spec-syntax";
    /// A value that YAML cuts or refuses because it lacks quotes.
    pub const UNQUOTED: &str = "spec-unquoted";
    /// A key that its map has already.
    pub const DUPLICATE_KEY: &str = "spec-duplicate-key";
    /// A key that the language does not have.
    pub const UNKNOWN_KEY: &str = "spec-unknown-key";
    /// A key that must be there and is not.
    pub const MISSING_KEY: &str = "spec-missing-key";
    /// A list where a map is wanted, and the like.
    pub const WRONG_TYPE: &str = "spec-wrong-type";
    /// A text that is not of the form that is wanted.
    pub const BAD_VALUE: &str = "spec-bad-value";
    /// A name that nothing in the spec has.
    pub const UNKNOWN_NAME: &str = "spec-unknown-name";
    /// Two things that exclude each other.
    pub const CONFLICT: &str = "spec-conflict";
}

/// Names are looked for that are near to an unknown one, this many times; each costs a walk over all names.
const MAX_SUGGESTIONS: usize = 100;

/// An error at a place.
pub(super) fn error(rule: &'static str, message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::new(rule, Severity::Error, message, span)
}

/// A text as messages show it: on one line, and not without end.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let shown = text.chars().take(LONGEST).map(|sign| match sign.is_control() {
        true => sign.escape_default().to_string(),
        false => sign.to_string(),
    });
    let end = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    shown.collect::<String>() + end
}

/// The findings of one spec.
pub(super) struct Findings<'t> {
    source: SourceId,
    text: &'t [u8],
    comments: &'t [Span],
    stopped: Option<u32>,
    list: Vec<Diagnostic>,
    /// Where the tree has problems: what is read there is not what is written.
    misread: HashSet<Span>,
    /// What was said already: what stands behind an alias is met at each use.
    said: HashSet<(Span, u64)>,
    suggestions: usize,
}

impl<'t> Findings<'t> {
    /// The problems of the tree.
    pub(super) fn new(source: SourceId, text: &'t [u8], tree: &'t Tree) -> Self {
        let Tree { comments, stopped, .. } = tree;
        let mut findings = Self {
            source,
            text,
            comments,
            stopped: *stopped,
            list: Vec::new(),
            misread: tree.problems.iter().map(|problem| problem.span).collect(),
            said: HashSet::new(),
            suggestions: MAX_SUGGESTIONS,
        };
        let hashes = if stopped.is_some() { findings.lost_hashes() } else { Vec::new() };
        for span in &hashes {
            let message = "an unquoted `#` begins a comment here, and the rest of the line is lost";
            findings
                .list
                .push(error(rules::UNQUOTED, message, *span).help("put the filter in quotes: \"#\""));
        }
        // A bracket that is lost in a comment makes errors elsewhere, which are not worth a word.
        let is_told = |problem: &&Problem| hashes.is_empty() || problem.cause != Cause::Syntax;
        findings.list.extend(tree.problems.iter().filter(is_told).map(diagnostic));
        findings
    }

    /// Adds a finding, unless it was said already or may come from the text having been read in part only.
    pub(super) fn add(&mut self, finding: Diagnostic) {
        let span = finding.primary.span;
        let is_cut = |stopped: u32| {
            span.end >= stopped || [rules::MISSING_KEY, rules::UNKNOWN_NAME].contains(&finding.rule)
        };
        let is_doubtful = self.stopped.is_some_and(is_cut) || self.misread.contains(&span);
        let mut hasher = DefaultHasher::new();
        (finding.rule, &finding.message).hash(&mut hasher);
        if !is_doubtful && self.said.insert((span, hasher.finish())) {
            self.list.push(finding);
        }
    }

    /// All findings in the order of the text.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|finding| (finding.primary.span, finding.rule));
        self.list
    }

    /// Whether a near name may be looked for once more.
    pub(super) fn may_suggest(&mut self) -> bool {
        let left = self.suggestions.checked_sub(1);
        self.suggestions = left.unwrap_or(0);
        left.is_some()
    }

    /// The comment that follows a place on its line, with nothing but blanks between.
    pub(super) fn comment_after(&self, span: Span) -> Option<Span> {
        let next = self.comments.partition_point(|comment| comment.start < span.end);
        let comment = self.comments.get(next)?;
        let between = self.text.get(span.end as usize..comment.start as usize)?;
        between.iter().all(|byte| *byte == b' ' || *byte == b'\t').then_some(*comment)
    }

    /// The bytes of a range.
    pub(super) fn slice(&self, span: Span) -> &'t [u8] {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Where a `#` after the word of an access swallows what closes the entry.
    fn lost_hashes(&self) -> Vec<Span> {
        let mut lost = Vec::new();
        let mut start = 0;
        for line in self.text.split_inclusive(|byte| *byte == b'\n') {
            let comment = line.windows(2).position(|pair| pair == b" #").map(|at| at + 1);
            if let Some(at) = comment {
                let before = line[..at].trim_ascii_end();
                let after = line[at + 1..].trim_ascii();
                let is_access =
                    [b"read:".as_slice(), b"write:", b"deny:", b"["].iter().any(|end| before.ends_with(end));
                let is_filter = after.first().is_none_or(|sign| b"}],".contains(sign));
                if is_access && is_filter {
                    let end = at + 1 + line[at + 1..].trim_ascii_end().len();
                    lost.push(Span::new(self.source, start + at, start + end));
                }
            }
            start += line.len();
        }
        lost
    }
}

/// A problem of the tree as a finding.
fn diagnostic(problem: &Problem) -> Diagnostic {
    let rule = match problem.cause {
        Cause::Syntax | Cause::Limit => rules::SYNTAX,
        Cause::Unquoted => rules::UNQUOTED,
        Cause::DuplicateKey => rules::DUPLICATE_KEY,
    };
    let mut finding = error(rule, problem.message.clone(), problem.span);
    finding.help = problem.help.clone();
    match problem.related {
        Some((span, remark)) => finding.related(span, remark),
        None => finding,
    }
}
