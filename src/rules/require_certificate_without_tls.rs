use super::{Context, logins};
use crate::catalogue::options;
use crate::report::Severity;

rule! {
    /// `require_certificate true` on a listener without TLS does not turn TLS on.
    ///
    /// ## What it finds
    /// `require_certificate true` where the listener has no `certfile` and `keyfile`.
    ///
    /// ## Why it matters
    /// The option is ignored: clients connect in clear text, and nobody asks them for a certificate. From 2.1 on it
    /// is not ignored beside `use_identity_as_username true`: then every client is refused, since none can show a
    /// certificate, unless a proxy tells of it (`enable_proxy_protocol 2`).
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883
    /// allow_anonymous true
    /// require_certificate true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
    /// use_identity_as_username true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients without a certificate get in, in clear text
    /// - 2.0.21: starts: clients without a certificate get in, in clear text
    /// - 2.1.2: starts: clients without a certificate get in, in clear text
    "require-certificate-without-tls", Error, check
}

fn check(cx: &mut Context<'_>) {
    for listener in &cx.deployment.listeners {
        let required = listener.settings.flag(options::REQUIRE_CERTIFICATE).filter(|flag| flag.value);
        let Some(required) = required.filter(|_| !listener.has_certificate()) else { continue };
        let has_keys = listener.has_tls();
        if !has_keys && (logins::is_meant_for_tls(listener) || has_authorities(listener)) {
            // tls-pair-incomplete says what is missing.
            continue;
        }
        let refuses = listener.refuses_without_tls(cx.release);
        let message = match has_keys {
            true => "certificates cannot be required of clients with pre-shared keys",
            false if refuses => "nobody gets in: certificates are required, and the listener has no TLS",
            false => "certificates cannot be required: the listener has no TLS",
        };
        let mut finding = cx.finding(required.span, message).related(listener.span, "the listener");
        if has_keys {
            finding.severity = Severity::Warning;
        }
        finding = finding.note(match refuses {
            true => "with `use_identity_as_username` every client is refused that shows no certificate",
            false => {
                "without `certfile` and `keyfile` the option is ignored: nobody is asked for a certificate"
            }
        });
        cx.report(finding.help("add `certfile`, `keyfile` and `cafile`, or take the line out"));
    }
}

fn has_authorities(listener: &crate::model::Listener) -> bool {
    [options::CAFILE, options::CAPATH].into_iter().any(|option| listener.settings.get(option).is_some())
}
