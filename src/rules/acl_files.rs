//! The ACL files of a deployment, and questions that several rules ask of them.

use std::cell::OnceCell;

use super::Context;
use crate::access::{self, BeatenDeny, DeadRule, Listing};
use crate::catalogue::{Quirk, Release, options};
use crate::model::acl::{Access, Acl, AclRule, Subject};
use crate::model::notes::{Effect, Note, NoteKind};
use crate::model::{Deployment, Listener, Passwords, Protocol, Security};
use crate::report::Severity;
use crate::text::Span;

/// What bridges tell the broker they connect to; a grant of it gives other clients nothing of use.
const BRIDGE_STATES: &[u8] = b"$SYS/broker/connection/";

/// An ACL file that was read, with the listeners whose clients it judges.
pub(super) struct AclFile<'a> {
    pub(super) acl: &'a Acl,
    /// The listeners for clients; none where the file was given by itself.
    pub(super) listeners: Vec<&'a Listener>,
    /// The security options of each of these listeners; one block where there is no listener.
    pub(super) blocks: Vec<&'a Security>,
    /// Whether a plugin may decide who logs in and what is allowed.
    pub(super) has_plugin: bool,
    dead: OnceCell<Listing<DeadRule>>,
    beaten: OnceCell<Listing<BeatenDeny>>,
}

/// The ACL files of a deployment, each once however many listeners it is for.
pub(super) fn of(deployment: &Deployment) -> Vec<AclFile<'_>> {
    let for_clients = deployment.listeners.iter().filter(|listener| listener.protocol != Protocol::HttpApi);
    let mut places: Vec<_> =
        for_clients.map(|listener| (Some(listener), deployment.security_of(listener))).collect();
    if deployment.listeners.is_empty() {
        places.push((None, &deployment.security));
    }
    let mut files: Vec<AclFile<'_>> = Vec::new();
    for (listener, block) in places {
        let Some(acl) = block.acl.loaded() else { continue };
        let known = files.iter().position(|file| file.acl.source() == acl.source());
        let index = known.unwrap_or_else(|| {
            files.push(AclFile {
                acl,
                listeners: Vec::new(),
                blocks: Vec::new(),
                has_plugin: !deployment.plugins.is_empty(),
                dead: OnceCell::new(),
                beaten: OnceCell::new(),
            });
            files.len() - 1
        });
        let file = &mut files[index];
        file.has_plugin |= block.has_plugin;
        file.listeners.extend(listener);
        file.blocks.push(block);
    }
    files
}

impl<'a> AclFile<'a> {
    /// The lines that never decide anything.
    pub(super) fn dead(&self, release: Release) -> &[DeadRule] {
        &self.dead_listing(release).entries
    }

    /// The same, and whether these are all.
    pub(super) fn dead_listing(&self, release: Release) -> &Listing<DeadRule> {
        self.dead.get_or_init(|| access::dead_rules(self.acl, release))
    }

    /// The `pattern deny` lines that other lines beat.
    pub(super) fn beaten(&self, release: Release) -> &[BeatenDeny] {
        &self.beaten_listing(release).entries
    }

    /// The same, and whether these are all.
    pub(super) fn beaten_listing(&self, release: Release) -> &Listing<BeatenDeny> {
        self.beaten.get_or_init(|| access::beaten_pattern_denies(self.acl, release))
    }

    /// The password files that alone say which names log in; none where anything else has a say: a plugin,
    /// certificates, or a listener without such a file.
    pub(super) fn passwords(&self) -> Vec<&'a Passwords> {
        let others =
            self.has_plugin || self.listeners.iter().any(|listener| listener.names_from_certificate());
        let known = self.blocks.iter().map(|block| block.passwords.loaded().map(|passwords| &**passwords));
        let mut list: Vec<&Passwords> = known.collect::<Option<_>>().unwrap_or_default();
        if others || self.listeners.is_empty() {
            list.clear();
        }
        list.sort_unstable_by_key(|passwords| passwords.source);
        list.dedup_by_key(|passwords| passwords.source);
        list
    }

    /// The place of a rule's filter.
    pub(super) fn span(&self, rule: usize) -> Span {
        self.acl.filter_span(&self.acl.rules[rule])
    }

    /// The rules whose filters begin in a part of the text.
    pub(super) fn rules_within(&self, start: u32, end: u32) -> impl Iterator<Item = &'a AclRule> {
        let acl = self.acl;
        let first = acl.rules.partition_point(|rule| acl.filter_span(rule).start < start);
        acl.rules[first..].iter().take_while(move |rule| acl.filter_span(rule).start < end)
    }

    /// Whether the section of a subject grants anything.
    pub(super) fn section_grants(&self, subject: Subject) -> bool {
        self.acl.rules.iter().any(|rule| rule.subject == subject && is_grant(self.acl, rule))
    }

    /// Whether a pattern grants anything of use to a client of this name, or without one.
    pub(super) fn patterns_grant(&self, release: Release, name: Option<&[u8]>) -> bool {
        let is_for = |rule: &AclRule| {
            let is_named = rule_holds(self.acl, rule, b"%u");
            match name {
                None => !is_named,
                Some(name) => {
                    let is_lost = release.has(Quirk::WholeLevelSubstitution) && name.contains(&b'/');
                    name.iter().all(|byte| !matches!(byte, b'+' | b'#')) && !(is_lost && is_named)
                }
            }
        };
        let patterns = self.acl.rules.iter().filter(|rule| rule.subject == Subject::Everyone);
        patterns.filter(|rule| is_grant(self.acl, rule)).any(is_for)
    }

    /// The lines that name this file as `acl_file`.
    pub(super) fn named_at(&self) -> impl Iterator<Item = Span> {
        self.blocks.iter().filter_map(|block| Some(block.settings.text(options::ACL_FILE)?.span))
    }
}

/// Whether a rule grants something that clients can use.
fn is_grant(acl: &Acl, rule: &AclRule) -> bool {
    let filter = acl.filter(rule);
    rule.access != Access::Deny && access::can_match(filter) && !filter.starts_with(BRIDGE_STATES)
}

/// Whether the filter of a rule holds a text.
pub(super) fn rule_holds(acl: &Acl, rule: &AclRule, text: &[u8]) -> bool {
    acl.filter(rule).windows(text.len()).any(|part| part == text)
}

/// Whether a pattern is the one for bridges that report their state, which Mosquitto's own example has.
pub(super) fn is_for_bridges(acl: &Acl, rule: &AclRule) -> bool {
    acl.filter(rule).starts_with(BRIDGE_STATES)
}

/// Whom a rule is for, as part of a sentence.
pub(super) fn subject_text(acl: &Acl, subject: Subject) -> String {
    match subject {
        Subject::Anonymous => "clients without a user name".to_owned(),
        Subject::Everyone => "every client".to_owned(),
        Subject::User(user) => {
            acl.users.get(user as usize).map(|user| name_text(&user.name)).unwrap_or_default()
        }
    }
}

/// A name or topic in backticks, cut where it is too long.
pub(super) fn name_text(name: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(name);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// At most three of some texts: `a, b, c and 4 more`.
pub(super) fn few(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if texts.len() <= 3 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", texts[..3].join(", "), texts.len() - 3),
    }
}

impl Context<'_> {
    /// Says that a search was not carried to its end.
    pub(super) fn report_unfinished(&mut self, file: &AclFile<'_>, what: &str) {
        let start = Span::new(file.acl.source(), 0, 0);
        let mut finding = self.finding(start, format!("not all of the file was searched for {what}"));
        finding.severity = Severity::Note;
        let finding = finding.note("its lines have so much in common that this would take too long");
        self.report(finding.help("write fewer lines with wildcards where others have names"));
    }

    /// `line 5`, `lines 5 and 7` or `lines 5, 7, 9 and 4 more`.
    pub(super) fn lines_text(&self, spans: &[Span]) -> String {
        let mut lines: Vec<u32> = spans.iter().map(|span| self.sources.position(*span).line).collect();
        lines.sort_unstable();
        lines.dedup();
        let word = if lines.len() == 1 { "line" } else { "lines" };
        let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
        format!("{word} {}", few(&lines))
    }

    /// Whether the broker refuses an ACL file, so that what its lines mean is moot.
    pub(super) fn is_refused(&self, file: &AclFile<'_>) -> bool {
        let is_fatal = |note: &Note| {
            matches!(note.kind, NoteKind::Acl(_))
                && note.effect == Effect::Fatal
                && note.span.source == file.acl.source()
        };
        self.notes.iter().any(is_fatal)
    }

    /// The whole line that a place begins in, without white space at its ends.
    pub(super) fn whole_line(&self, span: Span) -> Span {
        let source = self.sources.get(span.source);
        let line = self.sources.position(span).line;
        let start = source.line_starts().get(line.saturating_sub(1) as usize).copied().unwrap_or(span.start);
        let text = source.line(line);
        let indent = text.len() - text.trim_ascii_start().len();
        let length = text.trim_ascii().len();
        Span::new(span.source, start as usize + indent, start as usize + indent + length)
    }
}

/// How often a rule reports with an ACL file, with further lines of mosquitto.conf, and with users, parted by
/// blanks, in the password file.
#[cfg(test)]
pub(super) fn finds_with(rule: &str, conf: &str, names: &str, acl: &str) -> usize {
    let hash = format!("$7$101$AAAAAAAAAAAAAAAA${}==", "A".repeat(86));
    let passwords: String = names.split(' ').map(|name| format!("{name}:{hash}\n")).collect();
    let conf = format!("listener 21883 127.0.0.1\nacl_file acl\n{conf}");
    super::finds(rule, &[("mosquitto.conf", &conf), ("acl", acl), ("pw", &passwords)])
}
