use super::Context;
use crate::catalogue::options;
use crate::model::notes::{NoteKind, Phase};

rule! {
    /// `tls_version` has a value that the release does not know.
    ///
    /// ## What it finds
    /// A `tls_version` of a TLS listener other than `tlsv1.1`, `tlsv1.2` and `tlsv1.3`. On a listener without
    /// TLS the value is never looked at.
    ///
    /// ## Why it matters
    /// The broker stops when it opens the listener. Its own check of the configuration (`--test-config`) does
    /// not notice. The value is the lowest version that clients may use; TLS 1.0 is gone since 1.6.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// tls_version tlsv1
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// tls_version tlsv1.2
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unsupported tls_version, exit 1
    /// - 2.0.21: does not start: unsupported tls_version, exit 1
    /// - 2.1.2: does not start: unsupported tls_version, exit 1
    "tls-version-unsupported", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::BadValue { option: options::TLS_VERSION, .. } = note.kind else { continue };
        if note.phase != Phase::Listen {
            continue;
        }
        let value = cx.text(note.span);
        let known: Vec<&str> = options::TLS_VERSION.entry().words_at(cx.release).collect();
        let finding = cx.finding_on(note, format!("`{value}` is no TLS version that the release knows"));
        let finding = finding.note("the broker stops when it opens the listener");
        let digits =
            format!("tlsv{}", value.trim_start_matches(|character: char| !character.is_ascii_digit()));
        let help = match known.iter().find(|word| **word == digits) {
            Some(word) => format!("write `{word}`"),
            None => format!("write one of `{}`: the lowest that clients may use", known.join("`, `")),
        };
        cx.report(finding.help(help));
    }
}
