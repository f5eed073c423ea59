//! The rules: one file each, with its manual page as the doc comment of its declaration.
//!
//! A rule looks at what one release makes of a configuration and reports findings. It reads no files and knows
//! no clock. Equal findings of several releases become one.

use crate::catalogue::Release;
use crate::model::notes::{Effect, Note};
use crate::model::{Deployment, Lowered};
use crate::report::{Diagnostic, Severity};
use crate::text::{Sources, Span};

use acl_files::AclFile;

mod acl_files;

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
    /// The ACL files that were read.
    acl_files: &'a [AclFile<'a>],
    rule: &'static Rule,
    findings: Vec<Diagnostic>,
}

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
    fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
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
    acl_access_word_unknown,
    acl_anonymous_denied,
    acl_clientid_is_not_identity,
    acl_double_access_word,
    acl_duplicate_rule,
    acl_empty_denies_all,
    acl_global_topic_is_anonymous_only,
    acl_hash_excludes_sys,
    acl_hidden_by_nul,
    acl_incomplete_line,
    acl_inline_comment,
    acl_invalid_filter,
    acl_keyword_as_topic,
    acl_pattern_deny_ineffective,
    acl_pattern_ignores_user,
    acl_pattern_without_placeholder,
    acl_rule_never_matches,
    acl_rule_shadowed,
    acl_substitution_in_topic,
    acl_substitution_not_whole_level,
    acl_substitution_value_with_slash,
    acl_tab,
    acl_unknown_keyword,
    acl_unknown_user,
    acl_user_without_rules,
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

/// Runs every rule over what each release makes of a configuration. Equal findings of several releases are one.
pub fn check(lowered: &[Lowered], sources: &Sources, now: i64) -> Vec<Diagnostic> {
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut index: std::collections::HashMap<Diagnostic, usize> = std::collections::HashMap::new();
    for Lowered { deployment, notes } in lowered {
        let release = deployment.release;
        let acl_files = acl_files::of(deployment);
        for rule in RULES {
            let mut context = Context {
                deployment,
                notes,
                release,
                sources,
                now,
                acl_files: &acl_files,
                rule,
                findings: Vec::new(),
            };
            (rule.check)(&mut context);
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
    findings
}

fn order(finding: &Diagnostic) -> (Span, std::cmp::Reverse<Severity>, &'static str, &[String]) {
    (finding.primary.span, std::cmp::Reverse(finding.severity), finding.rule, &finding.releases)
}
