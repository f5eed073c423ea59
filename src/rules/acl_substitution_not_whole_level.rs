use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A placeholder shares its level with other text.
    ///
    /// ## What it finds
    /// Patterns such as `dev-%u/#`, in which `%u` or `%c` is not the whole text between two slashes.
    ///
    /// ## Why it matters
    /// 2.0 puts the name in its place; 2.1 takes the text as it stands. On the way from one to the other
    /// clients lose their topics without a word, and whoever logs in may use the topic that is really called
    /// `dev-%u`.
    ///
    /// ## Example
    /// ```aclfile bad
    /// pattern readwrite dev-%u/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// pattern readwrite dev/%u/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` publishes to `dev-alice/state`
    /// - 2.0.21: starts: `alice` publishes to `dev-alice/state`
    /// - 2.1.2: starts: `alice` publishes to `dev-%u/state`, and not to `dev-alice/state`
    "acl-substitution-not-whole-level", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::PartialPlaceholder) = note.kind else { continue };
        let pattern = cx.text(note.span);
        let levels = pattern.split('/');
        let is_partial = |level: &&str| level.len() > 2 && (level.contains("%u") || level.contains("%c"));
        let level = levels.clone().find(is_partial).unwrap_or_default();
        let at: usize = levels.take_while(|other| !is_partial(other)).map(|other| other.len() + 1).sum();
        let mut finding = cx.finding_on(note, format!("the placeholder in `{level}` is not a whole level"));
        finding.primary.span = note.span.part(at, at + level.len());
        let finding = finding.note("2.0 puts the name in its place, 2.1 takes the text as it stands");
        cx.report(finding.help("give the placeholder a level of its own, as in `dev/%u`"));
    }
}
