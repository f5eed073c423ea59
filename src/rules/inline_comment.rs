use super::Context;
use crate::model::notes::NoteKind;
use crate::report::Severity;

rule! {
    /// A comment stands behind a value.
    ///
    /// ## What it finds
    /// A `#` with a blank before it in the same line as an option. It is an error where the value is a text,
    /// such as a path or a name: there the comment is part of the value. Behind a number, a truth value or a
    /// word of a fixed list it is a note, because nothing there reads it.
    ///
    /// ## Why it matters
    /// `#` starts a comment in the first column only. Behind a path the comment ends up in the name of the
    /// file, which then is not found, or is made under a strange name; behind a password it is part of the
    /// password.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// password_file passwd # one line a user
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// # guests are welcome on this machine
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: no file of the name `passwd # one line a user`, exit 13
    /// - 2.0.21: does not start: no file of the name `passwd # one line a user`, exit 13
    /// - 2.1.2: does not start: no file of the name `passwd # one line a user`, exit 13
    "inline-comment", Error, check
}

fn check(cx: &mut Context<'_>) {
    const REMEDY: &str = "put the comment on a line of its own, with `#` in the first column";
    for note in cx.notes {
        match note.kind {
            NoteKind::CommentInValue { option } => {
                let message = format!("the comment is part of the value of `{}`", option.name());
                let mut finding = cx.finding_on(note, message);
                if option.entry().secret {
                    // A secret may well hold a `#`.
                    finding.severity = Severity::Warning;
                }
                cx.report(finding.note("the value is the whole rest of the line").help(REMEDY));
            }
            NoteKind::IgnoredText { option } if cx.sources.slice(note.span).starts_with(b"#") => {
                let message = format!("a comment stands behind the value of `{}`", option.name());
                let mut finding = cx.finding_on(note, message);
                finding.severity = Severity::Note;
                let reason = "nothing reads it here; behind a text it would be part of the value";
                cx.report(finding.note(reason).help(REMEDY));
            }
            _ => {}
        }
    }
}
