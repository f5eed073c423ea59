use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// Whether a TLS engine can be loaded was not checked.
    ///
    /// ## What it finds
    /// `tls_engine` on a TLS listener that makes use of it.
    ///
    /// ## Why it matters
    /// An engine is a library that OpenSSL loads by its name when the listener is opened. Without it, or
    /// without the device that it works with, the broker does not start. OpenSSL itself has been giving
    /// engines up since its version 3.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// tls_engine pkcs11
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
    /// - 2.0.11: depends on the machine: without the engine it does not start, exit 1
    /// - 2.0.21: depends on the machine: without the engine it does not start, exit 1
    /// - 2.1.2: depends on the machine: without the engine it does not start, exit 1
    "tls-engine-not-checked", Note, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::EngineNotChecked = note.kind else { continue };
        let name = cx.text(note.span);
        let finding =
            cx.finding_on(note, format!("whether the TLS engine `{name}` can be loaded was not checked"));
        let finding = finding.note("without it the broker does not start");
        cx.report(finding.help(format!("on the broker's machine, `openssl engine -t {name}` tells")));
    }
}
