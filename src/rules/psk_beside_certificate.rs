use super::{Context, logins};
use crate::catalogue::{Quirk, options};

rule! {
    /// A listener that requires certificates also takes clients with pre-shared keys, or takes no key at all.
    ///
    /// ## What it finds
    /// `psk_hint` on a listener with `certfile` and `keyfile`, where `psk_file` has keys for it: with
    /// `require_certificate true`, and in 2.0.11 in any case.
    ///
    /// ## Why it matters
    /// A key stands for a certificate: from 2.0.21 on whoever has a key of `psk_file` gets in without a certificate,
    /// whatever `require_certificate` says. 2.0.11 takes no key there, so that clients with keys cannot connect.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// psk_file pskfile
    /// allow_anonymous true
    ///
    /// listener 28883 127.0.0.1
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
    /// psk_hint plant
    /// ```
    /// ```pskfile bad
    /// pump:4f2e0d6a91c74b55a0f3d81be7c96a20
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// psk_file pskfile
    /// allow_anonymous true
    ///
    /// listener 28883 127.0.0.1
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// require_certificate true
    /// use_identity_as_username true
    ///
    /// listener 28884 127.0.0.1
    /// psk_hint plant
    /// use_identity_as_username true
    /// ```
    /// ```pskfile good
    /// pump:4f2e0d6a91c74b55a0f3d81be7c96a20
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients with a certificate get in, clients with a key do not
    /// - 2.0.21: starts: a client with a key gets in without a certificate
    /// - 2.1.2: starts: a client with a key gets in without a certificate
    "psk-beside-certificate", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for listener in logins::client_listeners(cx.deployment) {
        let Some(hint) = listener.settings.get(options::PSK_HINT).filter(|_| listener.asks_for_keys()) else {
            continue;
        };
        let security = cx.deployment.security_of(listener);
        let Some(keys) = security.settings.text(options::PSK_FILE) else { continue };
        let required = listener.settings.flag(options::REQUIRE_CERTIFICATE).filter(|flag| flag.value);
        if !listener.has_certificate() {
            continue;
        }
        let is_without = cx.release.has(Quirk::CertificateExcludesPsk);
        let finding = match required {
            _ if is_without => {
                let finding = cx.finding(hint.name_span, "clients with pre-shared keys cannot connect here");
                finding.note("a listener with a certificate takes no key in this release")
            }
            Some(required) => {
                let message = "a client with a pre-shared key gets in without the certificate that is required";
                let finding = cx.finding(hint.name_span, message).related(required.span, "it is required here");
                finding.note("the listener takes a key in place of a certificate")
            }
            None => continue,
        };
        let finding = finding.related(keys.span, "the keys");
        cx.report(finding.help("open a second listener, with a port of its own, for clients with keys"));
    }
}
