//! The rules: one file each, with its manual page as the doc comment of its declaration.
//!
//! A rule looks at what one release makes of a configuration and reports findings. It reads no files and knows
//! no clock. Equal findings of several releases become one.

mod logins;
mod named_files;
mod password_lines;
mod placement;

use std::mem::discriminant;

use crate::catalogue::Release;
use crate::model::notes::{Effect, Note};
use crate::model::{Deployment, Lowered};
use crate::report::{Diagnostic, Severity};
use crate::text::{Sources, Span};

use acl_files::AclFile;
use placement::ListenerLines;

mod acl_files;

pub(crate) use reload_crashes_default_listener::lines as lines_that_crash_a_reload;

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
    /// The listeners, by their lines.
    listener_lines: &'a ListenerLines<'a>,
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
        let text = self.sources.shown(span);
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
    acl_access_word_unknown,
    acl_anonymous_denied,
    acl_clientid_is_not_identity,
    acl_double_access_word,
    acl_duplicate_rule,
    acl_empty_denies_all,
    acl_file_unreadable,
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
    acl_user_section_repeated,
    acl_user_without_rules,
    anonymous_leaks_to_all_listeners,
    anonymous_on_public_listener,
    anonymous_with_password_file,
    bridge_clientid_not_unique,
    bridge_incomplete,
    bridge_option_before_connection,
    bridge_psk_incomplete,
    bridge_topic_dropped,
    byte_order_mark,
    cert_expired,
    cert_role_swapped,
    client_cert_without_identity,
    duplicate_listener_port,
    duplicate_listener_socket,
    duplicate_option,
    hidden_by_nul,
    http_dir_missing,
    identity_without_require_certificate,
    include_dir_missing,
    include_dir_nested,
    include_splits_listener,
    indented_comment,
    inline_comment,
    invalid_value,
    key_cert_mismatch,
    key_encrypted,
    key_unreadable,
    listener_address_invalid,
    listener_bind_overlap,
    listener_option_before_first_listener,
    listener_port_not_a_number,
    listener_privileged_port,
    listener_second_argument_number,
    listener_socket_path_missing,
    listener_unix_socket_directory,
    listener_without_auth,
    max_connections_on_websockets,
    memory_limit_too_low,
    no_listener_local_only,
    no_mqtt_listener,
    option_not_in_target_version,
    passwd_duplicate_user,
    passwd_empty_password,
    passwd_hash_too_new,
    passwd_invalid_hash,
    passwd_line_without_colon,
    passwd_plaintext,
    passwd_unreadable,
    per_listener_settings_late,
    persistence_file_invalid,
    pid_file_unwritable,
    plaintext_beside_tls,
    plugin_load_unused,
    plugin_option_before_plugin,
    plugin_path,
    plugin_use_unknown,
    port_option_deprecated,
    proxy_protocol_excludes_option,
    psk_and_certificate,
    psk_beside_certificate,
    psk_file_unreadable,
    psk_key_not_hex,
    psk_line_ignored,
    reload_crashes_default_listener,
    require_certificate_no_ca,
    require_certificate_without_tls,
    secret_file_symlink,
    tab_separator,
    tls_engine_not_checked,
    tls_file_invalid,
    tls_file_missing,
    tls_on_wrong_listener,
    tls_options_without_tls,
    tls_pair_incomplete,
    tls_port_without_tls,
    tls_version_unsupported,
    trailing_text,
    unknown_option,
    user_unknown,
    websockets_bound_everywhere,
    websockets_headers_too_small,
    websockets_ignores_tls_option,
    websockets_ignores_tls_version,
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
        let acl_files = acl_files::of(deployment);
        let listener_lines = ListenerLines::of(deployment);
        for rule in RULES {
            let mut context = Context {
                deployment,
                notes,
                release,
                sources,
                now,
                acl_files: &acl_files,
                listener_lines: &listener_lines,
                rule,
                findings: Vec::new(),
                cut: None,
            };
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

/// Those of some findings that one release reports because of a note: without it they are not there. Where there are
/// none, those that are there because of anything noted at the same place.
pub fn because_of<'f>(
    note: &Note,
    findings: &[&'f Diagnostic],
    lowered: &Lowered,
    sources: &Sources,
    now: i64,
) -> Vec<&'f Diagnostic> {
    let Lowered { deployment, notes } = lowered;
    let (release, acl_files) = (deployment.release, acl_files::of(deployment));
    let listener_lines = ListenerLines::of(deployment);
    let involved = |rule: &&&'static Rule| findings.iter().any(|finding| finding.rule == rule.name);
    let lost_without = |is_it: &dyn Fn(&Note) -> bool| -> Vec<&'f Diagnostic> {
        let notes: Vec<Note> = notes.iter().filter(|other| !is_it(other)).cloned().collect();
        let mut kept = Vec::new();
        for rule in RULES.iter().filter(involved) {
            let (acl_files, findings) = (&acl_files[..], Vec::new());
            let mut context = Context {
                deployment,
                notes: &notes,
                release,
                sources,
                now,
                acl_files,
                listener_lines: &listener_lines,
                rule,
                findings,
                cut: None,
            };
            (rule.check)(&mut context);
            kept.extend(context.findings);
        }
        let is_kept = |finding: &Diagnostic| {
            let bare = Diagnostic { releases: Vec::new(), ..finding.clone() };
            kept.contains(&bare)
        };
        findings.iter().copied().filter(|finding| !is_kept(finding)).collect()
    };
    // What is noted twice at a place gives one finding.
    let is_same =
        |other: &Note| other.span == note.span && discriminant(&other.kind) == discriminant(&note.kind);
    match lost_without(&is_same) {
        own if own.is_empty() => lost_without(&|other| other.span == note.span),
        own => own,
    }
}

fn order(finding: &Diagnostic) -> (Span, std::cmp::Reverse<Severity>, &'static str, &[String]) {
    (finding.primary.span, std::cmp::Reverse(finding.severity), finding.rule, &finding.releases)
}

/// How many findings of a rule the newest release has for some files, of which `mosquitto.conf`, `passwd`
/// or `aclfile` is linted.
#[cfg(test)]
fn finds(rule: &str, files: &[(&str, &str)]) -> usize {
    use crate::lang::Environment;
    use crate::lint::{Input, Kind, lint};
    let kinds = [("mosquitto.conf", Kind::Conf), ("passwd", Kind::Passwd), ("aclfile", Kind::Acl)];
    let main = kinds.iter().find_map(|(name, kind)| {
        files.iter().find(|(file, _)| file == name).map(|(file, text)| (*file, *text, *kind))
    });
    let Some((name, text, kind)) = main else { return 0 };
    let mut memory = crate::text::Memory::new();
    for (path, text) in files {
        memory.insert(*path, text.as_bytes());
    }
    let environment = Environment { now: 1_790_000_000, started_by: "root".into() };
    let releases = [Release::newest()];
    let bytes = text.as_bytes().into();
    let outcome = lint(Input { name, bytes, kind, files: &memory, releases: &releases, environment });
    outcome.unwrap().findings.iter().filter(|finding| finding.rule == rule).count()
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
        let (found, _) = check(&lowered, &reader.sources, 0);
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
