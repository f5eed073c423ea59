//! Which listener a misplaced option was meant for.

use std::collections::BTreeMap;

use crate::catalogue::{OptionId, options};
use crate::model::notes::{Note, NoteKind};
use crate::model::{Deployment, Listener, ListenerKind};
use crate::text::{SourceId, Span};

/// The listeners of a deployment, found by their lines.
pub(super) struct ListenerLines<'a> {
    by_line: BTreeMap<(SourceId, u32), &'a Listener>,
    default: Option<&'a Listener>,
}

impl<'a> ListenerLines<'a> {
    /// Sorts the listeners of a deployment by their lines.
    pub(super) fn of(deployment: &'a Deployment) -> Self {
        let mut by_line = BTreeMap::new();
        for listener in deployment.listeners.iter().filter(|listener| !listener.span.is_empty()) {
            by_line.entry((listener.span.source, listener.span.start)).or_insert(listener);
        }
        let default = deployment.listeners.iter().find(|listener| listener.kind == ListenerKind::Default);
        Self { by_line, default }
    }

    /// The listener whose line holds a place.
    pub(super) fn at(&self, place: Span) -> Option<&'a Listener> {
        let (_, listener) = self.by_line.range(..=(place.source, place.start)).next_back()?;
        let line = listener.span;
        (line.source == place.source && place.end <= line.end).then_some(*listener)
    }

    /// The default listener, where it is the one of a place.
    pub(super) fn default_at(&self, place: Span) -> Option<&'a Listener> {
        self.default.filter(|listener| listener.span == place)
    }
}

/// The `listener` lines, in the order in which they are read.
pub(super) fn listener_lines(deployment: &Deployment) -> impl Iterator<Item = Span> {
    let lines = deployment.listeners.iter().filter(|listener| listener.kind == ListenerKind::Explicit);
    lines.map(|listener| listener.span)
}

/// Whether the default listener is there because `port` or `bind_address` asks for it.
pub(super) fn is_asked_for(listener: &Listener) -> bool {
    listener.settings.get(options::PORT).is_some() || listener.host.is_some()
}

/// The option of a note that says that a line of a listener has no `listener` line above it in its file.
pub(super) fn unplaced(note: &Note) -> Option<OptionId> {
    match note.kind {
        NoteKind::NeedsListener { option } | NoteKind::ForDefaultListener { option, .. } => Some(option),
        _ => None,
    }
}

/// Whether the option of such a note is parted from its listener by the border of a file: its own file has no
/// `listener` line, and another has one that is read before it.
pub(super) fn is_split_off(deployment: &Deployment, note: &Note) -> bool {
    let is_here = |line: Span| line.source == note.span.source;
    let is_announced = matches!(note.kind, NoteKind::ForDefaultListener { next: Some(_), .. });
    let is_main = note.span.source == deployment.source;
    let mut lines = listener_lines(deployment).peekable();
    lines.peek().is_some() && !lines.any(is_here) && !(is_main && is_announced)
}

#[cfg(test)]
mod tests {
    use crate::rules::trial::assert_found;

    const BEFORE: &str = "listener-option-before-first-listener: ";

    #[test]
    fn options_above_the_first_listener() {
        let listener = "listener 1883 127.0.0.1\n";
        let cases: &[(&str, &[&str])] = &[
            ("max_qos 1\n", &["error|opens another one on port 1883|(2.0.11 2.0.21 2.1.2)"]),
            ("max_qos 2\n", &["error|opens another|(2.1.2)", "note|no listener gets it|(2.0.11 2.0.21)"]),
            (
                "tls_version tlsv1.2\n",
                &["error|needs a listener|(2.1.2)", "warning|no listener gets it|2.0.21"],
            ),
            ("per_listener_settings true\nacl_file a\n", &["error|gets it|(2.0", "error|needs a|(2.1.2)"]),
        ];
        for (lines, expected) in cases {
            let expected: Vec<String> = expected.iter().map(|words| format!("{BEFORE}|{words}")).collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            assert_found(&format!("{lines}listener 1884 127.0.0.1\n"), &[], &expected);
        }
        assert_found(&format!("{listener}max_qos 1\n"), &[], &[]);
    }

    #[test]
    fn the_default_listener_may_be_meant() {
        for main in ["port 1883\nmax_qos 1\n", "max_qos 1\nport 1883\n", "max_qos 1\nbind_address ::1\n"] {
            assert_found(main, &[], &["port-option-deprecated"]);
        }
        let warning = "warning port-option-deprecated: `bind_address` opens another listener";
        assert_found("listener 8883\nbind_address 127.0.0.1\n", &[], &[warning]);
    }

    #[test]
    fn without_any_listener_options_are_lost() {
        let expected = [
            "error listener-option-before-first-listener: |opens another|(2.0.11)",
            "warning listener-option-before-first-listener: |has no effect|(2.0.21 2.1.2)",
        ];
        assert_found("max_qos 1\n", &[], &expected);
    }

    #[test]
    fn files_part_options_from_listeners() {
        let split = ["error include-splits-listener: `max_qos` belongs to no"];
        let option = [("c/a.conf", "max_qos 1\n")];
        let listener = [("c/a.conf", "listener 1884\n")];
        assert_found("listener 8883\ninclude_dir c\n", &option, &split);
        assert_found("include_dir c\nmax_qos 1\n", &listener, &split);
        let lost = ["error include-splits-listener: `max_qos` is lost"];
        assert_found("listener 8883\ninclude_dir c\nmax_qos 1\n", &listener, &lost);
        let before = ["error listener-option-before-first-listener"];
        assert_found("max_qos 1\ninclude_dir c\n", &listener, &before);
        assert_found("listener 8883\nmax_qos 1\ninclude_dir c\n", &listener, &[]);
        let both = [("c/a.conf", "max_qos 1\nlistener 1884\n")];
        assert_found("listener 8883\ninclude_dir c\n", &both, &before);
    }

    #[test]
    fn words_of_listener_lines() {
        let port = "error listener-port-not-a-number";
        let address = "listener-second-argument-number";
        let cases: &[(&str, &[&str])] = &[
            ("port 1884", &["error listener-port|(2.0.11 2.0.21)", "error listener-port|(2.1.2)"]),
            ("127.0.0.1 2883", &[port, port, "error listener-second|(2.0.11 2.0.21)"]),
            ("-5", &["error invalid-value: the port of `listener`"]),
            ("1883 1884", &[address]),
            ("1883 127.0.0.1 # x", &["note inline-comment"]),
            ("1883 127.0.0.1 ::1", &["note trailing-text"]),
            ("0 # x", &["error listener-socket-path-missing", "note inline-comment"]),
        ];
        for (words, expected) in cases {
            assert_found(&format!("listener {words}\n"), &[], expected);
        }
    }

    #[test]
    fn lines_written_twice() {
        let cases: &[(&str, &[&str])] = &[
            ("max_qos 1\nmax_qos 1", &["note duplicate-option: "]),
            ("max_qos 1\nmax_qos 2", &["warning duplicate-option: "]),
            ("pid_file a\npid_file b", &["error duplicate-option: "]),
            ("log_type error\nlog_type warning", &[]),
            ("max_qos 1\nlistener 1884 ::1\nmax_qos 1", &[]),
        ];
        for (lines, expected) in cases {
            assert_found(&format!("listener 1883 127.0.0.1\n{lines}\n"), &[], expected);
        }
    }
}
