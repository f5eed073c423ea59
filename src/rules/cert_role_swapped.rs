use super::{Context, logins};
use crate::credentials::{CertificateFacts, KeyUsage};
use crate::model::Tls;

rule! {
    /// `certfile` holds the certificate of an authority, not that of the server.
    ///
    /// ## What it finds
    /// A `certfile` whose first certificate is an authority's, where something else shows that it is a
    /// mistake: the key does not belong to it, `cafile` holds a server's certificate, or it may only sign and
    /// names no host. Self-signed certificates of servers, which often call themselves authorities, are not
    /// reported.
    ///
    /// ## Why it matters
    /// With the server's key the broker does not start. With the authority's key it starts, clients that
    /// compare the host name refuse it, and the key that signs everything lies on the broker.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// cafile server.crt
    /// certfile ca.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// cafile ca.crt
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: key values mismatch, exit 1
    /// - 2.0.21: does not start: key values mismatch, exit 1
    /// - 2.1.2: does not start: key values mismatch, exit 1
    "cert-role-swapped", Error, check
}

fn check(cx: &mut Context<'_>) {
    for listener in logins::client_listeners(cx.deployment) {
        let tls = &listener.tls;
        let (Some(chain), Some(span)) = (tls.certificate.state.loaded(), tls.certificate.span) else {
            continue;
        };
        let Some(first) = chain.first().filter(|first| first.is_ca) else { continue };
        let is_swapped = has_server_as_authority(tls);
        if !is_swapped && !has_other_key(tls, first) && !can_only_sign(first) {
            continue;
        }
        let message = format!("`certfile` starts with the certificate of an authority, `{}`", first.subject);
        let mut finding = cx.finding(span, message);
        if let Some(authorities) = tls.authorities.span.filter(|_| is_swapped) {
            finding = finding.related(authorities, "and this is the certificate of a server");
        }
        finding =
            finding.note("the broker shows the first certificate to its clients, and `keyfile` must fit it");
        cx.report(finding.help(match is_swapped {
            true => "swap `certfile` and `cafile`",
            false => "name the server's certificate, followed by those of its authorities",
        }));
    }
}

/// Whether the file of client authorities holds no authority.
fn has_server_as_authority(tls: &Tls) -> bool {
    tls.authorities.state.loaded().is_some_and(|all| all.iter().all(|certificate| !certificate.is_ca))
}

fn has_other_key(tls: &Tls, certificate: &CertificateFacts) -> bool {
    tls.key.state.loaded().is_some_and(|key| key.matches(certificate) == Some(false))
}

/// Whether the certificate is made for signing others and names no host.
fn can_only_sign(certificate: &CertificateFacts) -> bool {
    let only_signs = |usages: &Vec<KeyUsage>| {
        usages.iter().all(|usage| matches!(usage, KeyUsage::KeyCertSign | KeyUsage::CrlSign))
    };
    certificate.names.is_empty() && certificate.key_usages.as_ref().is_some_and(only_signs)
}
