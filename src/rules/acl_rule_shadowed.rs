use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::acl_files::{AclFile, name_text, subject_text};
use crate::access::{Action, DeadKind, DeadRule, Witness, decide};
use crate::model::acl::{Access, Subject};
use crate::report::Severity;

rule! {
    /// A line of the ACL file never decides anything, because of other lines.
    ///
    /// ## What it finds
    /// Lines that could go without any effect: a grant of what a wider line grants already, a grant that a
    /// denial takes away wholly, a denial of what nothing grants. Where a file is so entangled that the search
    /// would take very long, a note says that not all of it was searched.
    ///
    /// ## Why it matters
    /// What lines grant adds up, in whatever order they stand, and denials go before grants. So a narrower
    /// grant below a wide one takes nothing away, though it reads as if it did: this is the mistake that is
    /// reported as a warning.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic readwrite plant/#
    /// topic read plant/secret/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic readwrite plant/#
    /// topic deny plant/secret/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` publishes to `plant/secret/door`
    /// - 2.0.21: starts: `alice` publishes to `plant/secret/door`
    /// - 2.1.2: starts: `alice` publishes to `plant/secret/door`
    "acl-rule-shadowed", Note, check
}

/// How many of the lines that make another one needless are shown.
const CAUSES: usize = 3;

/// The largest number of lines that a file may have to be walked through for each finding.
const WALKED: usize = 20_000;

/// How many lines are reported each by itself where the same lines make them needless; where there are more,
/// the first one stands for all.
const ALONE: usize = 10;

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        if !file.dead_listing(cx.release).complete {
            cx.report_unfinished(file, "lines that never decide anything");
        }
        // Another rule says of these that users' own grants beat them.
        let beaten: BTreeSet<usize> = file.beaten(cx.release).iter().map(|entry| entry.deny).collect();
        let mut groups: BTreeMap<_, Vec<&DeadRule>> = BTreeMap::new();
        for dead in file.dead(cx.release) {
            if dead.kind != DeadKind::NothingToDeny || !beaten.contains(&dead.rule) {
                let group = (dead.kind, seems_to_restrict(file, dead), &dead.causes);
                groups.entry(group).or_default().push(dead);
            }
        }
        for group in groups.values() {
            let shown = if group.len() > ALONE { &group[..1] } else { &group[..] };
            for dead in shown {
                line(cx, file, dead, group.len() - shown.len());
            }
        }
    }
}

/// Reports a line that stands for so many others.
fn line(cx: &mut Context<'_>, file: &AclFile<'_>, dead: &DeadRule, others: usize) {
    let spans: Vec<_> = dead.causes.iter().map(|cause| file.span(*cause)).collect();
    let lines = cx.lines_text(&spans);
    let Some((message, why, help)) = texts(cx, file, dead, &lines) else { return };
    let mut finding = cx.finding(file.span(dead.rule), message);
    if others > 0 {
        finding.message += &format!("; so it is with {others} more lines");
    }
    let finding = finding.note(why).help(help);
    let is_grave = dead.kind == DeadKind::Overridden || seems_to_restrict(file, dead);
    let mut finding = spans.into_iter().take(CAUSES).fold(finding, |finding, span| finding.related(span, ""));
    finding.severity = if is_grave { Severity::Warning } else { Severity::Note };
    cx.report(finding);
}

/// The fact, why it matters, and what to do.
fn texts(
    cx: &Context<'_>,
    file: &AclFile<'_>,
    dead: &DeadRule,
    lines: &str,
) -> Option<(String, String, String)> {
    let does = if dead.causes.len() == 1 { "does" } else { "do" };
    let is_denial = file.acl.rules[dead.rule].access == Access::Deny;
    Some(match dead.kind {
        DeadKind::NeverMatches | DeadKind::Duplicate => return None,
        DeadKind::Redundant | DeadKind::GivenByPatterns if seems_to_restrict(file, dead) => {
            restriction(cx, file, dead, lines)
        }
        DeadKind::Redundant => {
            let (verb, word) = if is_denial { ("denies", "deny") } else { ("gives", "give") };
            let message = format!("the line {verb} nothing that {lines} {does} not {word} already");
            (message, "what lines grant adds up, and so does what they deny".into(), "delete the line".into())
        }
        DeadKind::GivenByPatterns => {
            let message =
                format!("the line gives nothing that {lines} {does} not give to every client already");
            let why = "a pattern holds for all clients, save those whose id or name holds `+` or `#`";
            (message, why.into(), "delete the line, or the pattern if it gives too much".into())
        }
        DeadKind::Overridden => {
            let message = format!("what the line grants is wholly denied by {lines}");
            let why = format!("denials go before grants, wherever they stand{}", example(cx, file, dead));
            (message, why, "make the denial narrower, or delete the line".into())
        }
        DeadKind::NothingToDeny => {
            let why = "whatever no line grants is denied without it";
            ("the line denies what nothing grants".into(), why.into(), "delete the line".into())
        }
    })
}

/// Whether a line grants less, and of fewer topics, than the line that makes it needless.
fn seems_to_restrict(file: &AclFile<'_>, dead: &DeadRule) -> bool {
    let [cause] = dead.causes[..] else { return false };
    let (rule, wide) = (&file.acl.rules[dead.rule], &file.acl.rules[cause]);
    matches!(rule.access, Access::Read | Access::Write)
        && wide.access == Access::ReadWrite
        && file.acl.filter(rule) != file.acl.filter(wide)
}

fn restriction(
    cx: &Context<'_>,
    file: &AclFile<'_>,
    dead: &DeadRule,
    lines: &str,
) -> (String, String, String) {
    let rule = &file.acl.rules[dead.rule];
    let message =
        format!("the line does not restrict: {lines} grants reading and writing of all this already");
    let (action, verb) = match rule.access {
        Access::Read => (Action::Publish, "publish to"),
        _ => (Action::Receive, "read"),
    };
    let adds_up = "what lines grant adds up".to_owned();
    // Another line may deny this very topic.
    let may = |witness: &Witness| {
        decide(cx.release, Some(file.acl), witness.client(), action, &witness.topic).allowed
    };
    let is_small = file.acl.rules.len() <= WALKED;
    let why = match dead.witness(file.acl, cx.release).filter(|_| is_small).filter(may) {
        Some(witness) => {
            let who = match &witness.user {
                Some(name) => name_text(name),
                None => subject_text(file.acl, rule.subject),
            };
            format!("{adds_up}: {who} may still {verb} {}", name_text(&witness.topic))
        }
        None => adds_up,
    };
    let keyword = if rule.subject == Subject::Everyone { "pattern" } else { "topic" };
    let filter = cx.text(file.acl.filter_span(rule));
    let other = if rule.access == Access::Read { "reading" } else { "writing" };
    let help =
        format!("take rights away with `{keyword} deny {filter}` ({other}, too), or grant less in {lines}");
    (message, why, help)
}

/// A topic of a line that is wholly denied.
fn example(cx: &Context<'_>, file: &AclFile<'_>, dead: &DeadRule) -> String {
    let subject = file.acl.rules[dead.rule].subject;
    match dead.witness(file.acl, cx.release) {
        // Users may have the topic of patterns by lines of their own.
        Some(witness) if subject != Subject::Everyone => {
            let (who, topic) = (subject_text(file.acl, subject), name_text(&witness.topic));
            format!(": {who} may neither read nor write {topic}")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn lines_that_others_make_needless() {
        let cases = [
            ("user a\ntopic readwrite #\ntopic read s/#\n", 1),
            ("user a\ntopic readwrite #\nuser b\ntopic read s/#\n", 0),
            ("user a\ntopic read #\ntopic write s/#\n", 0),
            ("user a\ntopic readwrite #\ntopic read $SYS/#\n", 0),
            ("user a\ntopic readwrite #\ntopic deny s/#\n", 0),
            ("topic readwrite a/#\ntopic deny b/#\n", 1),
            ("topic read a\ntopic deny #\n", 1),
            ("pattern read #\nuser a\ntopic read s\n", 1),
            ("user a\ntopic readwrite #\npattern deny s/#\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-rule-shadowed", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
