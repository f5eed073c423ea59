//! The rules: one file each, with its manual page as the doc comment of its declaration.
//!
//! A rule looks at what one release makes of a configuration and reports findings. It reads no files and knows
//! no clock. Equal findings of several releases become one.

mod placement;

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
    bridge_incomplete,
    bridge_option_before_connection,
    byte_order_mark,
    duplicate_listener_port,
    duplicate_listener_socket,
    duplicate_option,
    hidden_by_nul,
    include_dir_missing,
    include_dir_nested,
    include_splits_listener,
    indented_comment,
    inline_comment,
    invalid_value,
    listener_bind_overlap,
    listener_option_before_first_listener,
    listener_port_not_a_number,
    listener_second_argument_number,
    listener_socket_path_missing,
    max_connections_on_websockets,
    no_listener_local_only,
    option_not_in_target_version,
    per_listener_settings_late,
    plugin_option_before_plugin,
    port_option_deprecated,
    tab_separator,
    trailing_text,
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
        for rule in RULES {
            let mut context =
                Context { deployment, notes, release, sources, now, rule, findings: Vec::new() };
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

#[cfg(test)]
mod trial {
    use super::*;
    use crate::lang::{Environment, Reader, conf};
    use crate::text::{Memory, Source};

    /// The rules on what stands in which line, which these trials are about.
    const TRIED: &[&str] = &[
        "duplicate-option",
        "include-splits-listener",
        "inline-comment",
        "invalid-value",
        "listener-option-before-first-listener",
        "listener-port-not-a-number",
        "listener-second-argument-number",
        "listener-socket-path-missing",
        "option-not-in-target-version",
        "port-option-deprecated",
        "trailing-text",
    ];

    /// What these rules find in a configuration and the files beside it, as `severity rule: message (releases)`.
    fn findings(main: &str, others: &[(&str, &str)]) -> Vec<String> {
        let mut files = Memory::new();
        for (name, text) in others {
            files.insert(*name, text.as_bytes());
        }
        let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".into() });
        let id = reader.sources.add(Source::new("mosquitto.conf", main.as_bytes()));
        let tree = conf::parse(id, main.as_bytes());
        let lowered: Vec<_> =
            Release::known().iter().map(|release| conf::lower(&mut reader, &tree, *release)).collect();
        let found = check(&lowered, &reader.sources, 0);
        let shown = found.iter().filter(|finding| TRIED.contains(&finding.rule)).map(|finding| {
            let severity = finding.severity.as_str();
            format!("{severity} {}: {} ({})", finding.rule, finding.message, finding.releases.join(" "))
        });
        shown.collect()
    }

    /// Holds findings against what is expected of them: the rule and a part of the line, one for each finding.
    pub(super) fn assert_found(main: &str, others: &[(&str, &str)], expected: &[&str]) {
        let found = findings(main, others);
        let fits = |(line, words): (&String, &&str)| words.split('|').all(|word| line.contains(word));
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(fits),
            "{main}\nfound {found:#?}\nexpected {expected:#?}"
        );
    }
}
