use super::{Context, logins};
use crate::catalogue::options;
use crate::report::Severity;

rule! {
    /// A client certificate is required and is not enough to log in.
    ///
    /// ## What it finds
    /// `require_certificate true` on a TLS listener without `use_identity_as_username` and
    /// `use_subject_as_username`, where clients without a name are not let in.
    ///
    /// ## Why it matters
    /// The certificate is checked, and then the client is treated like any other: it must send a name and a
    /// password, too. That may be meant. Without a password file nobody can log in at all, which is reported
    /// as an error.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
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
    /// - 2.0.11: starts: a client with a good certificate is refused as not authorised
    /// - 2.0.21: starts: a client with a good certificate is refused as not authorised
    /// - 2.1.2: starts: a client with a good certificate is refused as not authorised
    "client-cert-without-identity", Error, check
}

fn check(cx: &mut Context<'_>) {
    if logins::may_ask_plugin(cx.deployment) || logins::may_have_missed_lines(cx) {
        return;
    }
    for listener in logins::client_listeners(cx.deployment) {
        let (is_anonymous, _) = cx.deployment.anonymous(listener);
        let required = listener.settings.flag(options::REQUIRE_CERTIFICATE);
        let is_nameless = logins::requires_certificate(listener) && !listener.names_from_certificate();
        let Some(required) = required.filter(|_| is_nameless && !is_anonymous) else { continue };
        let has_passwords = cx.deployment.security_of(listener).passwords.is_named();
        let mut finding = match has_passwords {
            true => cx.finding(required.span, "clients need a name and a password besides their certificate"),
            false => cx.finding(required.span, "nobody can log in: no name is taken from the certificate"),
        };
        if has_passwords {
            finding.severity = Severity::Note;
        }
        finding = finding.related(listener.span, "the listener");
        finding = finding.note("a client that only shows its certificate is refused as not authorised");
        cx.report(finding.help("add `use_identity_as_username true` to take the name from the certificate"));
    }
}
