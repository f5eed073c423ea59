use std::collections::BTreeSet;

use super::Context;
use super::acl_files::{is_for_bridges, name_text};
use crate::access::DeadKind;
use crate::model::acl::Access;
use crate::model::notes::{AclNote, Note, NoteKind};

rule! {
    /// A line of the ACL file is about topics that no client can use.
    ///
    /// ## What it finds
    /// Grants of writing below `$SYS`, lines on `$share/…`, and topics with control characters or bytes that
    /// are not UTF-8.
    ///
    /// ## Why it matters
    /// The broker itself denies these, whatever the file says: nobody publishes to `$SYS` (save the state of
    /// bridges, in `$SYS/broker/connection/NAME/state`), and a client that names a topic with control
    /// characters is disconnected.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic write $SYS/#
    /// topic readwrite plant/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic read $SYS/#
    /// topic readwrite plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: the broker denies `alice` to publish to `$SYS/plant`
    /// - 2.0.21: starts: the broker denies `alice` to publish to `$SYS/plant`
    /// - 2.1.2: starts: the broker denies `alice` to publish to `$SYS/plant`
    "acl-rule-never-matches", Warning, check
}

fn check(cx: &mut Context<'_>) {
    let is_tab = |note: &&Note| matches!(note.kind, NoteKind::Acl(AclNote::TabInFilter));
    let tabs: BTreeSet<_> =
        cx.notes.iter().filter(is_tab).map(|note| (note.span.source, note.span.start)).collect();
    for file in cx.acl_files {
        let dead = file.dead(cx.release).iter().filter(|dead| dead.kind == DeadKind::NeverMatches);
        let dead: BTreeSet<usize> = dead.map(|dead| dead.rule).collect();
        for (index, rule) in file.acl.rules.iter().enumerate() {
            let filter = file.acl.filter(rule);
            let is_sys = filter.starts_with(b"$SYS") && rule.access == Access::Write;
            let is_dead = dead.contains(&index);
            if !is_dead && (!is_sys || is_for_bridges(file.acl, rule)) {
                continue;
            }
            let span = file.acl.filter_span(rule);
            // The rule on tabs says why of these.
            if tabs.range((span.source, span.start)..(span.source, span.end)).next().is_some() {
                continue;
            }
            let topic = name_text(filter);
            let (message, why, help) = if is_sys {
                (
                    format!("clients cannot publish to {topic}"),
                    "the broker denies it by itself, save bridge states below `$SYS/broker/connection`",
                    "delete the line, or grant `read` if that is meant",
                )
            } else if filter.starts_with(b"$share") {
                (
                    format!("{topic} is never a topic"),
                    "shared subscriptions are judged by the topics of the messages",
                    "write the topic without `$share` and the name of the group",
                )
            } else {
                (
                    format!("no topic can match {topic}"),
                    "the broker disconnects clients whose topics hold control characters or are not UTF-8",
                    "write the topic again as plain text, and save the file as UTF-8",
                )
            };
            let finding = cx.finding(span, message).note(why);
            cx.report(finding.help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn what_clients_cannot_use() {
        let cases = [
            ("topic write $SYS/#\n", 1),
            ("topic write $SYS/broker/uptime\n", 1),
            ("topic readwrite $SYS/#\n", 0),
            ("topic deny $SYS/#\n", 0),
            ("pattern write $SYS/broker/connection/%c/state\n", 0),
            ("topic read $share/g/a\n", 1),
            ("topic read $SYS/#\n", 0),
            ("topic read\ta\n", 0),
            ("topic read é\n", 0),
            ("topic readwrite a\tb\n", 1),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-rule-never-matches", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
