//! The rules: one file each, with its manual page as the doc comment of its declaration.
//!
//! A rule looks at what one release makes of a configuration and reports findings. It reads no files and knows
//! no clock. Equal findings of several releases become one.

use crate::catalogue::Release;
use crate::model::notes::{Effect, Note};
use crate::model::{Deployment, Lowered};
use crate::report::{Diagnostic, Severity};
use crate::text::{Sources, Span};

/// A rule: its name, its page and its check.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name, which says what is wrong: `allow tab-separator` reads well.
    pub name: &'static str,
    /// How grave its findings are, unless one says otherwise.
    pub severity: Severity,
    /// Its manual page, in Markdown. The first line says in a sentence what it finds.
    pub page: &'static str,
    check: fn(&mut Context<'_>),
}

impl Rule {
    /// The page without the space that each line of a doc comment starts with.
    pub fn text(&self) -> String {
        self.page
            .lines()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n")
    }

    /// What it finds, in one sentence.
    pub fn summary(&self) -> &'static str {
        self.page.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
    }
}

/// What a rule looks at.
pub struct Context<'a> {
    /// The model of the configuration.
    pub deployment: &'a Deployment,
    /// What was noticed while it was read.
    pub notes: &'a [Note],
    /// The release that reads it.
    pub release: Release,
    /// The texts that spans lie in.
    pub sources: &'a Sources,
    /// The time, in seconds since 1970.
    pub now: i64,
    rule: &'static Rule,
    findings: Vec<Diagnostic>,
    /// The first finding that was not kept, and how many were not.
    cut: Option<(Diagnostic, usize)>,
}

/// How many findings of a rule are kept for a release; a file of a million lines may be wrong in each.
const MOST_KEPT: usize = 1000;

/// How many findings of a rule are worth a walk over all names that may be meant.
const MOST_SUGGESTIONS: usize = 100;

impl<'a> Context<'a> {
    /// A finding of the rule, with the rule's severity.
    fn finding(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.rule.name, self.rule.severity, message, span)
    }

    /// A finding on a note: an error where the note stops the broker, otherwise of the rule's severity.
    fn finding_on(&self, note: &Note, message: impl Into<String>) -> Diagnostic {
        let severity = if note.effect == Effect::Fatal { Severity::Error } else { self.rule.severity };
        Diagnostic::new(self.rule.name, severity, message, note.span)
    }

    /// Reports a finding.
    fn report(&mut self, mut finding: Diagnostic) {
        let labels = finding.related.iter_mut().chain([&mut finding.primary]).map(|label| &mut label.text);
        let texts = labels.chain(&mut finding.notes).chain(&mut finding.help).chain([&mut finding.message]);
        texts.for_each(cut_short);
        if self.findings.len() < MOST_KEPT {
            return self.findings.push(finding);
        }
        self.cut.get_or_insert((finding, 0)).1 += 1;
    }

    /// Whether there are that many findings that the next one may do without a near name, which is costly to find.
    fn has_many(&self) -> bool {
        self.findings.len() >= MOST_SUGGESTIONS
    }

    /// A piece of text as the user wrote it, cut where it is too long for a message.
    fn text(&self, span: Span) -> String {
        const LONGEST: usize = 80;
        let text = self.sources.text(span);
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// Cuts a text that no one would read: a name or value in it may be as long as a file.
fn cut_short(text: &mut String) {
    const LONGEST: usize = 800;
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
}

/// Declares the rule of a file; its doc comment is the manual page.
macro_rules! rule {
    ($(#[doc = $line:literal])+ $name:literal, $severity:ident, $check:path) => {
        pub(super) static RULE: $crate::rules::Rule = $crate::rules::Rule {
            name: $name,
            severity: $crate::report::Severity::$severity,
            page: concat!($($line, "\n"),+),
            check: $check,
        };
    };
}

macro_rules! rules {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+
        /// Every rule, by name.
        static RULES: &[&Rule] = &[$(&$module::RULE),+];
    };
}

rules! {
    tab_separator,
    unknown_option,
}

/// Every rule, by name.
pub fn all() -> &'static [&'static Rule] {
    RULES
}

/// The rule of a name.
pub fn named(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name).copied()
}

/// Runs every rule over what each release makes of a configuration. Equal findings of several releases are one. Beside
/// them stand, for each rule that found too much, its first finding that was not kept and how many were not.
pub fn check(
    lowered: &[Lowered],
    sources: &Sources,
    now: i64,
) -> (Vec<Diagnostic>, Vec<(Diagnostic, usize)>) {
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut cuts: Vec<(Diagnostic, usize)> = Vec::new();
    let mut index: std::collections::HashMap<Diagnostic, usize> = std::collections::HashMap::new();
    for Lowered { deployment, notes } in lowered {
        let release = deployment.release;
        for rule in RULES {
            let mut context =
                Context { deployment, notes, release, sources, now, rule, findings: Vec::new(), cut: None };
            (rule.check)(&mut context);
            if let Some((first, count)) = context.cut {
                match cuts.iter_mut().find(|(known, _)| known.rule == first.rule) {
                    Some((_, most)) => *most = count.max(*most),
                    None => cuts.push((first, count)),
                }
            }
            for finding in context.findings {
                let known = *index.entry(finding.clone()).or_insert_with(|| {
                    findings.push(finding);
                    findings.len() - 1
                });
                let name = release.to_string();
                if findings[known].releases.last() != Some(&name) {
                    findings[known].releases.push(name);
                }
            }
        }
    }
    findings.sort_by(|a, b| order(a).cmp(&order(b)));
    (findings, cuts)
}

fn order(finding: &Diagnostic) -> (Span, std::cmp::Reverse<Severity>, &'static str, &[String]) {
    (finding.primary.span, std::cmp::Reverse(finding.severity), finding.rule, &finding.releases)
}
