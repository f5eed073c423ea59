use super::Context;
use super::placement;
use crate::catalogue::{OptionId, Quirk, Scope, options};
use crate::model::ListenerKind;
use crate::model::notes::{Note, NoteKind};
use crate::report::{Diagnostic, Severity};
use crate::text::Span;

rule! {
    /// An option of a listener stands above the first `listener` line.
    ///
    /// ## What it finds
    /// Options that belong to the listener above them, where there is none yet: `max_connections`,
    /// `certfile`, `protocol` and their like, and with `per_listener_settings true` also `password_file`,
    /// `acl_file` and `allow_anonymous`. Not in files that open the default listener on purpose, with `port`
    /// or `bind_address`.
    ///
    /// ## Why it matters
    /// Such an option belongs to the default listener. The broker opens that one as well, on port 1883 of
    /// every interface, while the listener below does not get the option. Or it does not open it, and the
    /// option is lost. Or, with many options from 2.1 on, it does not start.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// max_connections 50
    /// listener 8883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 8883 127.0.0.1
    /// max_connections 50
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: also opens port 1883 on every interface; port 8883 has no limit
    /// - 2.0.21: starts: also opens port 1883 on every interface; port 8883 has no limit
    /// - 2.1.2: starts: the same, with a line in the log
    "listener-option-before-first-listener", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let Some(option) = placement::unplaced(note) else { continue };
        if placement::is_split_off(cx.deployment, note) {
            continue;
        }
        let finding = match note.kind {
            NoteKind::ForDefaultListener { opens, next, .. } => on_default(cx, note, option, opens, next),
            _ => Some(refused(cx, note)),
        };
        if let Some(finding) = finding {
            cx.report(finding);
        }
    }
}

/// The release wants a listener and stops.
fn refused(cx: &Context<'_>, note: &Note) -> Diagnostic {
    let message = format!("`{}` needs a listener above it", cx.text(note.span));
    let finding = cx.finding_on(note, message).note("the broker stops at this line");
    let below = |line: &Span| line.source == note.span.source && line.start > note.span.start;
    meant(cx, finding, placement::listener_lines(cx.deployment).find(below))
}

/// Names the listener that the option was probably meant for.
fn meant(cx: &Context<'_>, finding: Diagnostic, line: Option<Span>) -> Diagnostic {
    match line {
        Some(line) => {
            let finding = finding.related(line, "probably meant for this listener");
            finding.help(format!("move it below `{}`", cx.text(line)))
        }
        None => finding.help("write a `listener` line above it"),
    }
}

/// The option goes to the default listener, whatever becomes of that.
fn on_default(
    cx: &Context<'_>,
    note: &Note,
    option: OptionId,
    opens: bool,
    next: Option<Span>,
) -> Option<Diagnostic> {
    let name = cx.text(note.span);
    let opened = cx.deployment.listeners.iter().find(|listener| listener.kind == ListenerKind::Default);
    if opened.is_some_and(placement::is_asked_for) {
        return None;
    }
    if cx.deployment.listeners.iter().any(|listener| listener.kind == ListenerKind::LocalOnly) {
        let message = format!("`{name}` has no effect, because there is no `listener` line");
        let mut finding = cx.finding_on(note, message);
        finding.severity = Severity::Warning;
        let reason = "only the loopback addresses are served then, without any option of a listener";
        return Some(meant(cx, finding.note(reason), None));
    }
    if let Some(opened) = opened {
        let message = format!("`{name}` stands above the first listener and opens another one on port 1883");
        let everywhere = opened.settings.get(options::BIND_INTERFACE).is_none();
        let mut finding = cx.finding_on(note, message).note(format!(
            "it belongs to the default listener, which is opened{}",
            if everywhere { " on every interface" } else { "" }
        ));
        if next.is_none() && cx.release.has(Quirk::DefaultListenerOpenedLocally) {
            let reason = "everybody is let in there, even with `allow_anonymous false`";
            finding = finding.note(reason);
        }
        return Some(meant(cx, finding, next));
    }
    Some(meant(cx, lost(cx, note, option, opens), next))
}

/// The default listener stays closed, so nobody gets the option.
fn lost(cx: &Context<'_>, note: &Note, option: OptionId, opens: bool) -> Diagnostic {
    let name = cx.text(note.span);
    let message = format!("`{name}` stands above the first listener, and no listener gets it");
    let mut finding = cx.finding_on(note, message);
    if option.entry().scope == Scope::Security && !option.entry().opens_default_listener {
        let finding = finding.note("`per_listener_settings true` gives it to the listener above it");
        return finding.note("above the first one that is the default listener, which stays closed");
    }
    if opens {
        // Any other value would have opened the default listener.
        finding.severity = Severity::Note;
        return finding.note("it says what holds anyway; from 2.1 on it opens another listener");
    }
    finding.severity = Severity::Warning;
    finding.note("it belongs to the default listener, which stays closed")
}
