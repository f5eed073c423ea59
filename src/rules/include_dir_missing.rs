use super::Context;
use crate::model::notes::{Effect, NoteKind};
use crate::report::Severity;
use crate::text::{FileError, FileKind};

rule! {
    /// A directory of `include_dir`, or a file in it, cannot be read.
    ///
    /// ## What it finds
    /// `include_dir` with a directory that is not there or is none, and directories in which a directory, a
    /// broken link or another thing that is no file has a name that ends in `.conf`.
    ///
    /// ## Why it matters
    /// The broker does not start. An empty directory is fine.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// include_dir conf.d
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// include_dir conf.d
    /// ```
    /// ```conf.d/limits.conf good
    /// max_queued_messages 100
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: cannot open the directory, exit 3
    /// - 2.0.21: does not start: cannot open the directory, exit 3
    /// - 2.1.2: does not start: cannot open the directory, exit 3
    "include-dir-missing", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Include { path, error } = &note.kind else { continue };
        let path = path.display();
        let directory = cx.sources.text(note.span);
        let message = match error {
            FileError::Missing if *directory == path.to_string() => format!("there is no directory `{path}`"),
            FileError::Missing => format!("`{path}` leads nowhere"),
            FileError::Kind(FileKind::Directory) => format!("`{path}` is a directory, not a file"),
            FileError::Kind(_) => format!("`{path}` is no regular file"),
            FileError::Denied => format!("`{path}` cannot be looked at from here"),
            FileError::TooLarge => format!("`{path}` is too large to be looked at"),
            FileError::Unseen { .. } | FileError::Planned => format!("`{path}` is not there yet"),
            FileError::Other(reason) => format!("`{path}` cannot be read: {reason}"),
        };
        let mut finding = cx.finding_on(note, message);
        if note.effect == Effect::Fatal {
            finding = finding.note("the broker stops at this line");
        } else {
            finding.severity = Severity::Warning;
        }
        if directory.ends_with([' ', '\t', '\r']) {
            finding = finding.note("the blanks at the end of the line are part of the name");
        }
        cx.report(finding.help("make the directory and keep plain files in it, or remove the line"));
    }
}
