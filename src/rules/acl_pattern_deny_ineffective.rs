use std::collections::BTreeMap;

use super::Context;
use super::acl_files::{few, name_text, subject_text};
use crate::access::BeatenDeny;
use crate::model::acl::{Access, Subject};
use crate::report::Severity;

rule! {
    /// A `pattern deny` does not hold where a `topic` line grants the same.
    ///
    /// ## What it finds
    /// Denials by `pattern` that the own lines of a user, or the lines for clients without a user name, beat.
    /// It is an error where the denial takes nothing from anybody, and a warning where it fails only for
    /// some. Where a file is so entangled that the search would take very long, a note says that not all of it
    /// was searched.
    ///
    /// ## Why it matters
    /// The lines of a user's section are asked first, and a grant among them ends the matter. Patterns are
    /// asked only when no line of the section decided.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic readwrite plant/#
    ///
    /// pattern deny plant/secret/#
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
    "acl-pattern-deny-ineffective", Warning, check
}

/// How many of the lines that beat a denial are shown.
const GRANTS: usize = 3;

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        if !file.beaten_listing(cx.release).complete {
            cx.report_unfinished(file, "denials that do not hold");
        }
        let mut by_denial: BTreeMap<usize, Vec<&BeatenDeny>> = BTreeMap::new();
        for entry in file.beaten(cx.release) {
            by_denial.entry(entry.deny).or_default().push(entry);
        }
        for (deny, entries) in by_denial {
            let subject = |entry: &BeatenDeny| entry.user.map_or(Subject::Anonymous, Subject::User);
            let names: Vec<String> =
                entries.iter().map(|entry| subject_text(file.acl, subject(entry))).collect();
            let Some(first) = entries.first() else { continue };
            let has_effect = first.has_effect;
            let message = if has_effect {
                format!("the denial does not hold for {}", few(&names))
            } else {
                format!("the denial has no effect: the own lines of {} are asked first", few(&names))
            };
            let mut finding = cx.finding(file.span(deny), message);
            if !has_effect {
                finding.severity = Severity::Error;
            }
            let witness = &first.witness;
            let is_read =
                file.acl.rules[first.grant].access == Access::Read || witness.topic.starts_with(b"$SYS");
            let verb = if is_read { "read" } else { "publish to" };
            let topic = name_text(&witness.topic);
            finding = finding
                .note("a grant in the section of a user ends the matter before any pattern is asked")
                .note(format!("{} may {verb} {topic}", names[0]));
            for entry in entries.iter().take(GRANTS) {
                finding = finding.related(file.span(entry.grant), "this grant goes first");
            }
            cx.report(
                finding.help("write the denial as a `topic deny` line in each section that grants the topic"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn denials_that_do_not_hold() {
        let cases = [
            ("user a\ntopic #\nuser b\ntopic s/x\npattern deny s/#\npattern read #\n", 1),
            ("user a\ntopic t/#\npattern deny s/#\npattern read #\n", 0),
            ("user a\ntopic #\ntopic deny s/#\npattern deny s/#\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-pattern-deny-ineffective", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
