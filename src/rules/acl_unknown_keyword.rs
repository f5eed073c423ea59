use super::Context;
use super::acl_tab::tab_in_keyword;
use crate::catalogue::OptionId;
use crate::model::notes::{AclNote, NoteKind};
use crate::report::nearest;
use crate::text::Span;

rule! {
    /// A line of the ACL file begins with none of `user`, `topic` and `pattern`.
    ///
    /// ## What it finds
    /// Misspelt keywords, capitals, comments that do not begin in the first column, a byte order mark, and
    /// lines that belong in another file.
    ///
    /// ## Why it matters
    /// The broker does not start. Keywords are compared letter by letter, and a comment is one only if `#` is
    /// the very first character of its line.
    ///
    /// ## Example
    /// ```aclfile bad
    /// User alice
    /// topic read plant/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic read plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: invalid line, exit 3
    /// - 2.0.21: does not start: invalid line, exit 3
    /// - 2.1.2: does not start: invalid line, exit 3
    "acl-unknown-keyword", Error, check
}

const KEYWORDS: [&str; 3] = ["user", "topic", "pattern"];

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::UnknownKeyword) = note.kind else { continue };
        let line = cx.sources.slice(note.span);
        // The rule on tabs says more of these.
        if tab_in_keyword(line).is_some() {
            continue;
        }
        let (span, message, help) = explain(cx, note.span);
        let mut finding = cx.finding_on(note, message);
        finding.primary.span = span;
        let finding = finding.note(
            "the broker stops at the first line that begins with none of `user`, `topic` and `pattern`",
        );
        cx.report(finding.help(help));
    }
}

/// The place, what is wrong there, and what to do.
fn explain(cx: &Context<'_>, line: Span) -> (Span, String, String) {
    let bytes = cx.sources.slice(line);
    let indent = bytes.len() - bytes.trim_ascii_start().len();
    let length = bytes[indent..].iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len() - indent);
    let word = line.part(indent, indent + length);
    if bytes.starts_with("\u{feff}".as_bytes()) {
        let message = "the file begins with a byte order mark, which is taken for part of the first keyword";
        return (line.part(0, 3), message.into(), "save the file as UTF-8 without a byte order mark".into());
    }
    if bytes[indent..].starts_with(b"#") {
        let message = "a comment does not begin in the first column";
        return (word.part(0, 1), message.into(), "move the `#` to the beginning of the line".into());
    }
    // What stands behind a colon may be a secret.
    let text = cx.text(word);
    let shown = text.split(':').next().unwrap_or_default();
    let bare = shown.trim_end_matches('=');
    let message = format!("`{shown}` begins no line of an ACL file");
    let folded = bare.to_lowercase();
    let help = match &*folded {
        "read" | "write" | "readwrite" | "deny" => format!("write `topic {folded}` and the topic"),
        "username" | "group" | "client" | "clientid" => "write `user` and a user name".to_owned(),
        _ if text.contains(":$") => "this is a line of a password file: put it there".to_owned(),
        _ if KEYWORDS.contains(&&*folded) => format!("write `{folded}`, a space, and the rest"),
        _ => match nearest(bare, KEYWORDS) {
            Some(near) => format!("did you mean `{near}`?"),
            None if OptionId::named(bare).is_some() => {
                "this is an option of mosquitto.conf: put it there".to_owned()
            }
            None => {
                "begin the line with `user`, `topic` or `pattern`, or with `#` if it is a comment".to_owned()
            }
        },
    };
    (word, message, help)
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn lines_of_no_kind() {
        let cases = [
            ("User a\n", 1),
            (" # x\n", 1),
            ("\t# x\n", 1),
            ("\u{feff}topic a\n", 1),
            ("topic: a\n", 1),
            ("users a\n", 1),
            ("  topic a\n", 0),
            ("\ttopic a\n", 0),
            ("topic\ta\n", 0),
            ("   \n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-unknown-keyword", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
