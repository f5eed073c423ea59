use super::Context;
use super::acl_inline_comment::comment_in;
use crate::access::{self, InvalidFilter};
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A topic of the ACL file is not valid.
    ///
    /// ## What it finds
    /// `#` that is not the last level, and `+` or `#` beside other characters in one level; topics that are
    /// too long or have too many levels.
    ///
    /// ## Why it matters
    /// The broker does not start.
    ///
    /// ## Example
    /// ```aclfile bad
    /// topic read plant/#/state
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// topic read plant/+/state
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: invalid topic, exit 3
    /// - 2.0.21: does not start: invalid topic, exit 3
    /// - 2.1.2: does not start: invalid topic, exit 3
    "acl-invalid-filter", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::InvalidFilter) = note.kind else { continue };
        let filter = cx.sources.slice(note.span);
        let Err(reason) = access::check(filter) else { continue };
        if comment_in(filter).is_some() {
            continue;
        }
        let help = match reason {
            InvalidFilter::NotLast(_) => "write `+` for one level in the middle, or end the topic with `#`",
            InvalidFilter::PartialLevel(_) if filter.starts_with(b"# ") => {
                "put a comment on a line of its own, with `#` in the first column"
            }
            InvalidFilter::PartialLevel(_) => "let the wildcard be the whole text between two slashes",
            InvalidFilter::Empty | InvalidFilter::TooLong | InvalidFilter::TooDeep => "write a shorter topic",
        };
        let mut finding =
            cx.finding_on(note, format!("`{}` is no valid topic: {reason}", cx.text(note.span)));
        if let InvalidFilter::NotLast(at) | InvalidFilter::PartialLevel(at) = reason {
            finding.primary.span = note.span.part(at, at + 1);
        }
        let finding = finding.note("the broker stops at a topic that is not valid");
        cx.report(finding.help(help));
    }
}
