use super::{Context, logins};
use crate::catalogue::options;

rule! {
    /// Client certificates are required, and no authority is trusted.
    ///
    /// ## What it finds
    /// `require_certificate true` on a TLS listener without `cafile` and `capath`.
    ///
    /// ## Why it matters
    /// The broker starts. Then it accepts no certificate of any client, since it knows nobody who could vouch
    /// for one.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
    /// use_identity_as_username true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
    /// use_identity_as_username true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: every handshake ends with `certificate verify failed`
    /// - 2.0.21: starts: every handshake ends with `certificate verify failed`
    /// - 2.1.2: starts: every handshake ends with `certificate verify failed`
    "require-certificate-no-ca", Error, check
}

fn check(cx: &mut Context<'_>) {
    for listener in &cx.deployment.listeners {
        let has_authority = [options::CAFILE, options::CAPATH]
            .into_iter()
            .any(|option| listener.settings.get(option).is_some());
        let required = listener.settings.flag(options::REQUIRE_CERTIFICATE);
        if let (Some(required), true, false) =
            (required, logins::requires_certificate(listener), has_authority)
        {
            let finding = cx
                .finding(required.span, "certificates are required of clients, and no authority is trusted");
            let finding = finding.related(listener.span, "the listener has no `cafile`");
            let finding = finding.note("the broker starts, and every client fails in the handshake");
            cx.report(finding.help("name the authority of the clients in `cafile`"));
        }
    }
}
