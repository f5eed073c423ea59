use super::Context;
use super::placement::listener_lines;
use crate::catalogue::{OptionId, Placement, Quirk, Release, Reload, Scope, options};
use crate::model::notes::{Note, NoteKind};
use crate::model::{Deployment, ListenerKind};
use crate::text::Span;

rule! {
    /// A reload crashes the broker at an option of the default listener.
    ///
    /// ## What it finds
    /// Options of the default listener, with no `listener` line above them in their file, that 2.1 reads again
    /// when it gets SIGHUP: `max_connections`, `max_qos`, `protocol`, `require_certificate`, `certfile`,
    /// `crlfile`, `ciphers`, `use_username_as_clientid` and their like. It does not matter what their values
    /// are, nor whether `port` stands above them.
    ///
    /// ## Why it matters
    /// While it reloads, 2.1 skips `port` and has no listener that such a line could be for, so it writes into
    /// memory that is not its own. It dies of a signal: at once where there is a `listener` line or no `port`,
    /// at the second reload otherwise. Nothing is said before, and the start is no test of it.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// port 21883
    /// max_connections 50
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883
    /// max_connections 50
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: reloads
    /// - 2.0.21: starts: reloads
    /// - 2.1.2: starts: the second SIGHUP ends it with SIGABRT
    "reload-crashes-default-listener", Note, check
}

/// How many further lines are shown.
const SHOWN: usize = 2;

/// The lines of the options of the default listener at which a reload of a release may crash it, in the order of the
/// text. Run on 2.1.2 with every option that it gives to the default listener.
pub(crate) fn lines(deployment: &Deployment, notes: &[Note]) -> Vec<(OptionId, Span)> {
    if !deployment.release.has(Quirk::DefaultListenerBreaksReload) {
        return Vec::new();
    }
    let opened = deployment.listeners.iter().filter(|listener| listener.kind == ListenerKind::Default);
    let written = opened.flat_map(|listener| listener.settings.iter()).map(|line| (line.option, line.name_span));
    let noted = notes.iter().filter_map(|note| match note.kind {
        NoteKind::ForDefaultListener { option, .. } => Some((option, note.span)),
        _ => None,
    });
    // The reload takes options below `listener` and `port` lines for those of the listener.
    let is_below = |line: Span| {
        listener_lines(deployment).any(|other| other.source == line.source && other.start < line.start)
    };
    let mut lines: Vec<_> = written
        .chain(noted)
        .filter(|(option, line)| is_read_again(*option, deployment.release) && !is_below(*line))
        .collect();
    lines.sort_by_key(|(_, line)| *line);
    lines.dedup();
    lines
}

/// Whether a reload reads the option of a listener, even where it does not apply what it reads.
fn is_read_again(option: OptionId, release: Release) -> bool {
    let entry = option.entry();
    let is_unapplied = [options::PROTOCOL, options::CIPHERS, options::CIPHERS_TLS1_3].contains(&option);
    entry.scope == Scope::Listener
        && entry.placement.at(release) == Placement::DefaultListener
        && (is_unapplied || entry.reload.at(release) == Reload::Applied)
}

fn check(cx: &mut Context<'_>) {
    let lines = lines(cx.deployment, cx.notes);
    let Some(((_, first), others)) = lines.split_first() else { return };
    let message = format!("a reload crashes the broker at `{}`, which has no `listener` line above it", cx.text(*first));
    let mut finding = cx.finding(*first, message);
    for (_, other) in others.iter().take(SHOWN) {
        finding = finding.related(*other, "and at this line");
    }
    let why = "SIGHUP makes it read the line again, for a listener that it does not know then";
    cx.report(finding.note(why).help("write the `listener` line that is meant above it"));
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    /// What 2.1.2 does with each: it dies of a signal at the first or second SIGHUP, or outlives four.
    #[test]
    fn lines_that_crash_a_reload() {
        let cases = [
            ("max_qos 2\nlistener 1884\n", 1),
            ("port 1885\nmax_connections -1\n", 1),
            ("max_connections 50\n", 1),
            ("port 1885\nprotocol mqtt\nlistener 1884\n", 1),
            ("ciphers DEFAULT\nlistener 1884\n", 1),
            ("max_qos 1\nbind_address 127.0.0.1\n", 1),
            ("port 1885\n", 0),
            ("port 1885\nbind_interface lo\nsocket_domain ipv4\npsk_hint x\ntls_keyform pem\n", 0),
            ("port 1885\nlistener 1884\nmax_qos 1\n", 0),
            ("listener 1884\nport 1885\nmax_qos 1\n", 0),
            ("port 1885\nmax_packet_size 100\nauto_id_prefix a\n", 0),
        ];
        for (conf, expected) in cases {
            let found = finds("reload-crashes-default-listener", &[("mosquitto.conf", conf)]);
            assert_eq!(found, expected, "{conf:?}");
        }
    }
}
