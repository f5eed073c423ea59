use super::Context;
use crate::catalogue::options;
use crate::model::notes::NoteKind;

rule! {
    /// A bridge has no address, or no topic.
    ///
    /// ## What it finds
    /// `connection` blocks without an `address` or without a `topic` line.
    ///
    /// ## Why it matters
    /// The broker does not start: it would not know where to connect, or what to pass on.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:1884
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:1884
    /// topic plant/# out
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: no topics, exit 3
    /// - 2.0.21: does not start: no topics, exit 3
    /// - 2.1.2: does not start: no topics, exit 3
    "bridge-incomplete", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::BridgeIncomplete { missing } = note.kind else { continue };
        let message = format!("the bridge `{}` has no `{}`", cx.text(note.span), missing.name());
        let finding = cx.finding_on(note, message);
        let finding = finding.note("the broker reads the files to their end and then stops");
        cx.report(finding.help(match missing {
            options::ADDRESS => "write `address HOST:PORT` below `connection`",
            _ => "write `topic FILTER in`, `out` or `both` below `connection`",
        }));
    }
}
