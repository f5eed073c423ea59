use super::Context;
use crate::catalogue::{OptionId, Quirk, options};
use crate::model::notes::NoteKind;
use crate::model::{Listener, ListenerKind};
use crate::text::Span;

rule! {
    /// Of `certfile` and `keyfile` only one is written.
    ///
    /// ## What it finds
    /// A listener with `certfile` and no `keyfile`, the reverse, or with `cafile` or `capath` and no
    /// `certfile`.
    ///
    /// ## Why it matters
    /// A listener speaks TLS only with both. From 2.0.21 on the broker refuses to start otherwise. Before, it
    /// starts, and the listener that was meant for TLS speaks plain text.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: the listener takes clients without TLS, and TLS clients fail
    /// - 2.0.21: does not start: both certfile and keyfile must be provided, exit 3
    /// - 2.1.2: does not start: both certfile and keyfile must be provided, exit 3
    "tls-pair-incomplete", Error, check
}

fn check(cx: &mut Context<'_>) {
    let mut fatal = Vec::new();
    for note in cx.notes {
        let NoteKind::TlsPair { present, missing } = note.kind else { continue };
        if [options::CERTFILE, options::KEYFILE, options::CAFILE, options::CAPATH].contains(&present) {
            report(cx, note.span, present, missing, "the broker does not start");
            fatal.push(note.span);
        }
    }
    if cx.release.has(Quirk::CertificatePairChecked) {
        return;
    }
    let halves: Vec<_> = cx.deployment.listeners.iter().filter_map(half).collect();
    for (span, present, missing) in halves {
        if !fatal.contains(&span) {
            report(cx, span, present, missing, "the broker starts, and the listener speaks plain text");
        }
    }
}

fn report(cx: &mut Context<'_>, span: Span, present: OptionId, missing: OptionId, effect: &str) {
    let (present, missing) = (present.name(), missing.name());
    let finding = cx.finding(span, format!("`{present}` stands without `{missing}`")).note(effect);
    cx.report(finding.help(match present {
        "cafile" | "capath" => {
            "add `certfile` and `keyfile`, or take it out: it says whose clients are trusted"
        }
        _ => "a TLS listener needs `certfile` and `keyfile`: add the other one",
    }));
}

/// The option that stands alone and the one that it lacks.
fn half(listener: &Listener) -> Option<(Span, OptionId, OptionId)> {
    let span = |option| listener.settings.text(option).map(|text| text.span);
    let (certificate, key) = (span(options::CERTFILE), span(options::KEYFILE));
    if listener.kind == ListenerKind::LocalOnly {
        return None;
    }
    match (certificate, key) {
        (Some(_), Some(_)) => None,
        (Some(span), None) => Some((span, options::CERTFILE, options::KEYFILE)),
        (None, Some(span)) => Some((span, options::KEYFILE, options::CERTFILE)),
        (None, None) => [options::CAFILE, options::CAPATH]
            .into_iter()
            .find_map(|option| Some((span(option)?, option, options::CERTFILE))),
    }
}
