use super::Context;
use super::placement;
use crate::model::notes::NoteKind;
use crate::model::{Deployment, ListenerKind};
use crate::text::Span;

rule! {
    /// An option and its listener are parted by `include_dir`.
    ///
    /// ## What it finds
    /// Options of a listener in a file that has no `listener` line itself, while another file has one; and
    /// options below an `include_dir` line whose files opened further listeners.
    ///
    /// ## Why it matters
    /// Each file starts without a listener: what stands in an included file does not belong to the listener
    /// that stands above the `include_dir` line. It goes to the default listener, which may then be opened on
    /// port 1883 of every interface, or the broker does not start. And once included files have opened
    /// listeners, the broker has lost its hold of the one above `include_dir`: options below reach no
    /// listener, without a message.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 8883 127.0.0.1
    /// allow_anonymous true
    /// include_dir conf.d
    /// ```
    /// ```conf.d/limits.conf bad
    /// max_connections 50
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// allow_anonymous true
    /// include_dir conf.d
    /// ```
    /// ```conf.d/listener.conf good
    /// listener 8883 127.0.0.1
    /// max_connections 50
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: also opens port 1883 on every interface; port 8883 has no limit
    /// - 2.0.21: starts: also opens port 1883 on every interface; port 8883 has no limit
    /// - 2.1.2: starts: the same, with a line in the log
    "include-splits-listener", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let name = cx.text(note.span);
        if let NoteKind::LostAfterInclude { include, .. } = note.kind {
            let message = format!("`{name}` is lost: the included files above it opened listeners");
            let finding = cx.finding_on(note, message).related(include, "here files with listeners are read");
            let finding = finding.note("the broker no longer holds the listener above `include_dir`");
            cx.report(finding.help("move the option above the `include_dir` line"));
            continue;
        }
        if placement::unplaced(note).is_none() || !placement::is_split_off(cx.deployment, note) {
            continue;
        }
        let opened = cx.deployment.listeners.iter().find(|listener| listener.kind == ListenerKind::Default);
        let reason = match (&note.kind, opened) {
            (NoteKind::NeedsListener { .. }, _) => "the broker stops at this line",
            (_, Some(opened)) if placement::is_asked_for(opened) => continue,
            (_, Some(_)) => "it belongs to the default listener, which is opened for it, on port 1883",
            (_, None) => "it belongs to the default listener, which stays closed",
        };
        let message = format!("`{name}` belongs to no `listener` line: there is none in this file");
        let mut finding = cx.finding_on(note, message).note("each file starts without a listener");
        finding = finding.note(reason);
        if let Some(line) = only_line(cx.deployment) {
            finding = finding.related(line, "this listener does not get it");
        }
        cx.report(finding.help("write it below its `listener` line, in the same file"));
    }
}

/// The one `listener` line, where there is just one.
fn only_line(deployment: &Deployment) -> Option<Span> {
    let mut lines = placement::listener_lines(deployment);
    lines.next().filter(|_| lines.next().is_none())
}
