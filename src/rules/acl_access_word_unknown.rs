use super::Context;
use crate::model::notes::{AclNote, NoteKind};
use crate::report::nearest;

rule! {
    /// The first word behind `topic` or `pattern` is no access word.
    ///
    /// ## What it finds
    /// Lines with two or more words behind `topic` or `pattern`, the first of which is none of `read`,
    /// `write`, `readwrite` and `deny`: `rw`, `Read`, `publish`, or a topic that holds a space.
    ///
    /// ## Why it matters
    /// The broker does not start.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic rw plant/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic readwrite plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: invalid access type, exit 3
    /// - 2.0.21: does not start: invalid access type, exit 3
    /// - 2.1.2: does not start: invalid access type, exit 3
    "acl-access-word-unknown", Error, check
}

/// What other programs call the rights.
const OTHER_WORDS: [(&str, &str); 14] = [
    ("rw", "readwrite"),
    ("wr", "readwrite"),
    ("r", "read"),
    ("w", "write"),
    ("ro", "read"),
    ("wo", "write"),
    ("all", "readwrite"),
    ("allow", "readwrite"),
    ("both", "readwrite"),
    ("pub", "write"),
    ("publish", "write"),
    ("sub", "read"),
    ("subscribe", "read"),
    ("none", "deny"),
];

const WORDS: [&str; 4] = ["read", "write", "readwrite", "deny"];

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::UnknownAccess) = note.kind else { continue };
        let word = cx.text(note.span);
        // The rule on tabs says more of these.
        if word.contains('\t') {
            continue;
        }
        let line = cx.sources.text(cx.whole_line(note.span));
        let last = line.split(' ').next_back().filter(|last| WORDS.contains(last));
        let folded = word.to_lowercase();
        let other = OTHER_WORDS.iter().find(|(other, _)| *other == folded).map(|(_, meant)| *meant);
        let help = match (other.or_else(|| nearest(&word, WORDS)), last) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, Some(access)) => format!("write `{access}` in front of the topic, not behind it"),
            (None, None) if word.contains(['/', '+', '#']) => {
                "where the topic holds spaces, write the access word in front of it, such as `readwrite`"
                    .to_owned()
            }
            (None, None) => "write `read`, `write`, `readwrite` or `deny`, then the topic".to_owned(),
        };
        let finding = cx.finding_on(note, format!("`{word}` is no access word"));
        let finding = finding.note("the broker stops at a line whose access it does not know");
        cx.report(finding.help(help));
    }
}
