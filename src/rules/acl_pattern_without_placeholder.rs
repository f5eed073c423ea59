use super::Context;
use crate::model::acl::Access;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A pattern holds neither `%u` nor `%c`.
    ///
    /// ## What it finds
    /// `pattern` lines without a placeholder that grant something, above the first `user` line.
    ///
    /// ## Why it matters
    /// The line grants the same topics to every client, with and without a user name. That is the way to say
    /// "for everybody", and the broker does it, though with a warning in its log; where the name of the
    /// client was meant it is a mistake.
    ///
    /// ## Example
    /// ```aclfile bad
    /// pattern readwrite devices/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// pattern readwrite devices/%u/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: with a warning in the log; every client publishes to `devices/alice/state`
    /// - 2.0.21: starts: with a warning in the log; every client publishes to `devices/alice/state`
    /// - 2.1.2: starts: with a warning in the log; every client publishes to `devices/alice/state`
    "acl-pattern-without-placeholder", Note, check
}

fn check(cx: &mut Context<'_>) {
    let under_user = |note: &&crate::model::notes::Note| {
        matches!(note.kind, NoteKind::Acl(AclNote::PatternUnderUser { .. }))
    };
    // The rule on patterns in sections says more of these.
    let sections: std::collections::BTreeSet<_> =
        cx.notes.iter().filter(under_user).map(|note| (note.span.source, note.span.end)).collect();
    for note in cx.notes {
        let NoteKind::Acl(AclNote::PatternWithoutPlaceholder) = note.kind else { continue };
        let file = cx.acl_files.iter().find(|file| file.acl.source() == note.span.source);
        let mut rules = file.into_iter().flat_map(|file| file.rules_within(note.span.start, note.span.end));
        let is_denial = rules.any(|rule| rule.access == Access::Deny);
        if is_denial || sections.contains(&(note.span.source, note.span.end)) {
            continue;
        }
        let finding =
            cx.finding_on(note, "the pattern has no placeholder, so it is the same for every client");
        let finding = finding.note("the broker warns of it in its log, and does what the line says");
        cx.report(finding.help("write `%u` for the name of the user, if each is to have topics of its own"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn patterns_that_are_the_same_for_all() {
        let cases = [
            ("pattern read s/#\n", 1),
            ("pattern deny s/#\n", 0),
            ("pattern read s/%c\n", 0),
            ("user a\npattern read s/#\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-pattern-without-placeholder", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
