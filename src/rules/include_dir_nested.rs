use super::Context;
use crate::model::notes::{Effect, NoteKind};

rule! {
    /// `include_dir` stands in an included file.
    ///
    /// ## What it finds
    /// An `include_dir` line in any file but the main one.
    ///
    /// ## Why it matters
    /// 2.0 skips the line without a message, so what it names is not read. From 2.1 on the broker does not
    /// start.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// include_dir conf.d
    /// ```
    /// ```conf.d/more.conf bad
    /// include_dir more.d
    /// ```
    /// ```more.d/limits.conf bad
    /// max_queued_messages 100
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// include_dir conf.d
    /// include_dir more.d
    /// ```
    /// ```conf.d/messages.conf good
    /// message_size_limit 1000
    /// ```
    /// ```more.d/limits.conf good
    /// max_queued_messages 100
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `more.d` is not read
    /// - 2.0.21: starts: `more.d` is not read
    /// - 2.1.2: does not start: only the main file may include others, exit 3
    "include-dir-nested", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::IncludeNested = note.kind else { continue };
        let finding = cx.finding_on(note, "`include_dir` stands in an included file");
        let finding = finding.note(match note.effect {
            Effect::Fatal => "the broker stops at this line",
            _ => "the broker skips the line, and says nothing",
        });
        cx.report(finding.help("write the line in the main file"));
    }
}
