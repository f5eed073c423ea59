use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// An option of a bridge stands above its `connection` line.
    ///
    /// ## What it finds
    /// `address`, `topic`, `remote_username` and the other options of bridges with no `connection` line above
    /// them in the same file.
    ///
    /// ## Why it matters
    /// The broker does not start. A file that is included starts without a bridge, so the topics of a bridge
    /// cannot stand in another file than the bridge.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// remote_username plant
    /// connection hub
    /// address 127.0.0.1:1884
    /// topic plant/# out
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:1884
    /// remote_username plant
    /// topic plant/# out
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: no bridge, exit 3
    /// - 2.0.21: does not start: no bridge, exit 3
    /// - 2.1.2: does not start: no bridge, exit 3
    "bridge-option-before-connection", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::NeedsBridge { .. } = note.kind else { continue };
        let message = format!("`{}` needs a `connection` line above it", cx.text(note.span));
        let finding = cx.finding_on(note, message).note("the broker stops at this line");
        let bridges = &cx.deployment.bridges;
        let is_here = |source| source == note.span.source;
        let below = bridges
            .iter()
            .find(|bridge| is_here(bridge.name.span.source) && bridge.name.span.start > note.span.start);
        cx.report(match below {
            Some(bridge) => {
                let finding = finding.related(bridge.name.span, "probably meant for this bridge");
                finding.help(format!("move it below `connection {}`", bridge.name.value))
            }
            None if !bridges.is_empty() => {
                let finding = finding.note("each file starts without a bridge");
                finding.help("write it below its `connection` line, in the same file")
            }
            None => finding.help("write a `connection` line above it, with a name for the bridge"),
        });
    }
}
