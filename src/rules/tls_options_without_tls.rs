use super::{Context, logins};
use crate::catalogue::{OptionId, options};
use crate::model::Setting;
use crate::report::Severity;

rule! {
    /// Options of TLS on a listener without TLS do nothing.
    ///
    /// ## What it finds
    /// `tls_version`, `ciphers`, `ciphers_tls1.3`, `crlfile`, `dhparamfile`, `tls_engine`, `tls_keyform`,
    /// `use_identity_as_username` and `use_subject_as_username` on a listener that has neither `certfile` and
    /// `keyfile` nor `psk_hint`.
    ///
    /// ## Why it matters
    /// None of them turns TLS on, and without TLS none of them is looked at, not even for its value: clients
    /// connect in clear text. One pair is an exception from 2.1 on, see `require-certificate-without-tls`.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// tls_version tlsv1.2
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
    /// - 2.0.11: starts: clients connect without TLS
    /// - 2.0.21: starts: clients connect without TLS
    /// - 2.1.2: starts: clients connect without TLS
    "tls-options-without-tls", Note, check
}

const TUNING: [OptionId; 7] = [
    options::TLS_VERSION,
    options::CIPHERS,
    options::CIPHERS_TLS1_3,
    options::CRLFILE,
    options::DHPARAMFILE,
    options::TLS_ENGINE,
    options::TLS_KEYFORM,
];
const IDENTITY: [OptionId; 2] = [options::USE_IDENTITY_AS_USERNAME, options::USE_SUBJECT_AS_USERNAME];

fn check(cx: &mut Context<'_>) {
    for listener in &cx.deployment.listeners {
        let has_authorities = [options::CAFILE, options::CAPATH]
            .into_iter()
            .any(|option| listener.settings.get(option).is_some());
        // Half a set of certificate options is another rule's.
        if logins::is_meant_for_tls(listener) || has_authorities {
            continue;
        }
        let refuses = listener.refuses_without_tls(cx.release);
        let is_identity = |setting: &Setting| {
            IDENTITY.contains(&setting.option)
                && listener.settings.is_on(setting.option)
                && !(refuses && setting.option == options::USE_IDENTITY_AS_USERNAME)
        };
        let mut idle = listener
            .settings
            .iter()
            .filter(|setting| TUNING.contains(&setting.option) || is_identity(setting));
        let Some(first) = idle.next() else { continue };
        let others: Vec<&Setting> = idle.collect();
        let message = format!("`{}` has no effect: the listener has no TLS", first.option.name());
        let mut finding = cx.finding(first.name_span, message).related(listener.span, "the listener");
        for other in &others {
            finding = finding.related(other.name_span, "no effect either");
        }
        if is_identity(first) || others.iter().any(|other| is_identity(other)) {
            // Whoever writes this relies on certificates.
            finding.severity = Severity::Warning;
        }
        finding =
            finding.note("only `certfile` with `keyfile`, or `psk_hint`, turns TLS on: this is clear text");
        cx.report(finding.help("add `certfile` and `keyfile`, or take the line out"));
    }
}
