use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::acl_files::is_for_bridges;
use crate::model::acl::{AclRule, Subject};
use crate::model::notes::{AclNote, NoteKind};
use crate::report::Severity;
use crate::text::Span;

rule! {
    /// A `pattern` line in the section of a user holds for every client.
    ///
    /// ## What it finds
    /// `pattern` lines below a `user` line. It is a warning where the line holds neither `%u` nor `%c` and
    /// reads as a part of the section, and a note where it is less likely to be taken for one: with a
    /// placeholder, or set apart by a blank line or a comment. A pattern with a placeholder that is set apart
    /// is not reported.
    ///
    /// ## Why it matters
    /// The section ends nowhere and plays no part for patterns: all clients, also those without a user name,
    /// get what the line grants.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// pattern readwrite secret/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic readwrite secret/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients of any name, and without one, publish to `secret/door`
    /// - 2.0.21: starts: clients of any name, and without one, publish to `secret/door`
    /// - 2.1.2: starts: clients of any name, and without one, publish to `secret/door`
    "acl-pattern-ignores-user", Warning, check
}

/// How many further lines of a section are shown.
const SHOWN: usize = 3;

fn check(cx: &mut Context<'_>) {
    // A file of several listeners is noted several times.
    let mut sections: BTreeMap<Span, BTreeSet<Span>> = BTreeMap::new();
    for note in cx.notes {
        if let NoteKind::Acl(AclNote::PatternUnderUser { user }) = note.kind {
            sections.entry(user).or_default().insert(note.span);
        }
    }
    for (user, patterns) in sections {
        let mut by_severity: BTreeMap<Severity, Vec<Span>> = BTreeMap::new();
        let mut above: Option<(u32, bool)> = None;
        for pattern in patterns {
            let line = cx.sources.position(pattern).line;
            let is_apart = match above {
                Some((last, is_apart)) if last + 1 == line => is_apart,
                _ => is_set_apart(cx, user, pattern),
            };
            above = Some((line, is_apart));
            if let Some(severity) = severity(cx, pattern, is_apart) {
                by_severity.entry(severity).or_default().push(pattern);
            }
        }
        for (severity, patterns) in by_severity {
            section(cx, user, severity, &patterns);
        }
    }
}

fn section(cx: &mut Context<'_>, user: Span, severity: Severity, patterns: &[Span]) {
    let [first, others @ ..] = patterns else { return };
    let name = cx.text(user).trim_start().trim_start_matches("user").trim().to_owned();
    let message = match others.len() {
        0 => format!("the pattern holds for every client, not for `{name}` alone"),
        more => format!("this pattern and {more} more hold for every client, not for `{name}` alone"),
    };
    let mut finding = cx.finding(*first, message).related(user, "patterns do not belong to the section");
    finding.severity = severity;
    for other in others.iter().take(SHOWN) {
        finding = finding.related(*other, "");
    }
    let help = if has_placeholder(cx, *first) {
        "move it above the first `user` line, where nobody takes it for a part of the section".to_owned()
    } else {
        format!(
            "write `topic` for `pattern` if it is for `{name}` alone, else put it above the first `user` line"
        )
    };
    let finding =
        finding.note("a `user` line is for the `topic` lines below it; patterns are for all clients");
    cx.report(finding.help(help));
}

fn has_placeholder(cx: &Context<'_>, pattern: Span) -> bool {
    cx.sources.slice(pattern).windows(2).any(|pair| matches!(pair, b"%u" | b"%c"))
}

/// How grave a pattern in a section is, if it is to be reported at all.
fn severity(cx: &Context<'_>, pattern: Span, is_apart: bool) -> Option<Severity> {
    let file = cx.acl_files.iter().find(|file| file.acl.source() == pattern.source)?;
    let mut within = file.rules_within(pattern.start, pattern.end);
    if within.any(|rule| is_for_bridges(file.acl, rule)) {
        return None;
    }
    match (has_placeholder(cx, pattern), is_apart) {
        (false, false) => Some(Severity::Warning),
        (true, false) | (false, true) => Some(Severity::Note),
        (true, true) => None,
    }
}

/// Whether a section has lines of its own above the pattern, and a blank line or a comment in between.
fn is_set_apart(cx: &Context<'_>, user: Span, pattern: Span) -> bool {
    let line = cx.sources.position(pattern).line;
    let above = cx.sources.get(pattern.source).line(line.saturating_sub(1)).trim_ascii();
    let is_gap = above.is_empty() || above.starts_with(b"#");
    let file = cx.acl_files.iter().find(|file| file.acl.source() == pattern.source);
    let is_own = |rule: &AclRule| matches!(rule.subject, Subject::User(_));
    is_gap && file.is_some_and(|file| file.rules_within(user.end, pattern.start).any(is_own))
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn patterns_in_sections() {
        let cases = [
            ("user a\npattern read s/#\npattern read t/#\n", 1),
            ("user a\ntopic read x\npattern read s/#\n", 1),
            ("user a\ntopic read x\n\npattern read s/#\n", 1),
            ("user a\ntopic read x\n\npattern read s/%u\n", 0),
            ("user a\ntopic read x\n# for all\npattern read s/%u\npattern write t/%u\n", 0),
            ("user a\n\npattern read s/%u\n", 1),
            ("user a\ntopic read x\npattern write $SYS/broker/connection/%c/state\n", 0),
            ("pattern read s/#\nuser a\ntopic read x\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-pattern-ignores-user", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
