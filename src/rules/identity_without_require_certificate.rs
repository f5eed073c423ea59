use super::Context;
use crate::catalogue::options;

rule! {
    /// Names are taken from certificates that nobody asks clients for.
    ///
    /// ## What it finds
    /// `use_identity_as_username` or `use_subject_as_username` on a TLS listener without `require_certificate
    /// true`.
    ///
    /// ## Why it matters
    /// The broker asks for a certificate only with `require_certificate true`. Without it no client shows
    /// one, even if it has one, and every client is refused for want of a name: passwords and
    /// `allow_anonymous` do not help.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
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
    /// - 2.0.11: starts: every client is refused: bad user name or password
    /// - 2.0.21: starts: every client is refused: bad user name or password
    /// - 2.1.2: starts: every client is refused: bad user name or password
    "identity-without-require-certificate", Error, check
}

fn check(cx: &mut Context<'_>) {
    for listener in &cx.deployment.listeners {
        let settings = &listener.settings;
        let is_asked = settings.is_on(options::REQUIRE_CERTIFICATE);
        // A client with a pre-shared key has its identity without any certificate.
        if is_asked || !listener.has_certificate() || settings.get(options::PSK_HINT).is_some() {
            continue;
        }
        let wanted = [options::USE_IDENTITY_AS_USERNAME, options::USE_SUBJECT_AS_USERNAME];
        let flags = wanted.map(|option| (option, settings.flag(option).filter(|flag| flag.value)));
        let Some((option, Some(flag))) = flags.into_iter().find(|(_, flag)| flag.is_some()) else { continue };
        let message = format!("`{}` needs certificates, and clients are not asked for one", option.name());
        let mut finding = cx.finding(flag.span, message);
        if let Some(off) = settings.flag(options::REQUIRE_CERTIFICATE) {
            finding = finding.related(off.span, "clients are not asked here");
        }
        finding = finding.note("every client is refused, with or without certificate, name and password");
        cx.report(finding.help("add `require_certificate true`"));
    }
}
