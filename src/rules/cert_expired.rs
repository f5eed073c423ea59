use std::sync::Arc;

use time::OffsetDateTime;

use super::{Context, logins};
use crate::catalogue::options;
use crate::credentials::CertificateFacts;
use crate::model::{Listener, TlsFile};
use crate::report::Severity;
use crate::text::Span;

rule! {
    /// A certificate has expired, is not valid yet, or expires soon.
    ///
    /// ## What it finds
    /// In `certfile`: the server's certificate and those of the chain below it. In `cafile`, where client
    /// certificates are required: the authorities. Certificates that end within 30 days, and have lived
    /// through two thirds of their time, are a warning.
    ///
    /// ## Why it matters
    /// The broker starts without a word and never looks at the date of its own certificate. Every client that
    /// checks certificates fails to connect. With an expired authority no client certificate of it is
    /// accepted.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile expired.crt
    /// keyfile expired.key
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
    /// - 2.0.11: starts: clients end the handshake with the alert that the certificate has expired
    /// - 2.0.21: starts: clients end the handshake with the alert that the certificate has expired
    /// - 2.1.2: starts: clients end the handshake with the alert that the certificate has expired
    "cert-expired", Error, check
}

const DAY: i64 = 86_400;

/// How a certificate stands to the time of the check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    EndsSoon,
    NotYet,
    Expired,
}

fn standing(certificate: &CertificateFacts, now: i64) -> Standing {
    let left = certificate.not_after.saturating_sub(now);
    let length = certificate.not_after.saturating_sub(certificate.not_before);
    match () {
        () if left < 0 => Standing::Expired,
        () if certificate.not_before > now => Standing::NotYet,
        () if left < 30 * DAY && left < length / 3 => Standing::EndsSoon,
        () => Standing::Good,
    }
}

/// What a certificate is for on its listener.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Chain,
    ClientAuthority,
}

fn check(cx: &mut Context<'_>) {
    for listener in logins::client_listeners(cx.deployment) {
        if let Some((chain, span)) = loaded(&listener.tls.certificate) {
            for (index, certificate) in chain.iter().enumerate() {
                let is_root = index > 0 && certificate.subject == certificate.issuer;
                // Clients have the root themselves and do not look at this copy.
                if !is_root {
                    let role = if index == 0 { Role::Server } else { Role::Chain };
                    report(cx, certificate, span, role, listener);
                }
            }
        }
        let is_date_checked = !listener.settings.is_on(options::DISABLE_CLIENT_CERT_DATE_CHECKS);
        if let Some((authorities, span)) = loaded(&listener.tls.authorities)
            && logins::requires_certificate(listener)
            && is_date_checked
        {
            for authority in authorities {
                report(cx, authority, span, Role::ClientAuthority, listener);
            }
        }
    }
}

fn loaded(file: &TlsFile<Arc<[CertificateFacts]>>) -> Option<(&[CertificateFacts], Span)> {
    Some((file.state.loaded()?, file.span?))
}

fn report(cx: &mut Context<'_>, certificate: &CertificateFacts, span: Span, role: Role, listener: &Listener) {
    let who = match role {
        Role::Server => "the server's certificate",
        Role::Chain => "an authority of the chain",
        Role::ClientAuthority => "a client authority",
    };
    let (ends, begins) = (date(certificate.not_after), date(certificate.not_before));
    let subject = &certificate.subject;
    let standing = standing(certificate, cx.now);
    let (message, severity) = match standing {
        Standing::Good => return,
        Standing::EndsSoon => (format!("{who}, `{subject}`, expires soon: on {ends}"), Severity::Warning),
        Standing::NotYet => (format!("{who}, `{subject}`, is not valid before {begins}"), Severity::Error),
        Standing::Expired => (format!("{who}, `{subject}`, expired on {ends}"), Severity::Error),
    };
    let is_authority = role == Role::ClientAuthority;
    let mut finding = cx.finding(span, message);
    // An old authority beside its successor is how authorities are changed.
    finding.severity = if is_authority { severity.min(Severity::Warning) } else { severity };
    finding = finding.related(listener.span, "for this listener");
    finding = finding.note(match is_authority {
        true => "outside its time no client certificate that it signed is accepted",
        false => "the broker starts all the same; outside its time clients that check it fail to connect",
    });
    let help = match standing {
        Standing::NotYet => "check the clock of this machine and of the one that made the certificate",
        _ => "renew it and restart the broker",
    };
    cx.report(finding.help(help));
}

/// The day of a time in seconds since 1970, in UTC.
fn date(seconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(time) => format!("{}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day()),
        Err(_) => format!("second {seconds} of unix time"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;
    use super::*;
    use crate::credentials::{Authority, OperatingSystem};

    const NOW: i64 = 1_790_000_000;

    /// How many findings a server's certificate has that is valid for `length` days from `begin` days on.
    fn count(begin: i64, length: i64) -> usize {
        let authority = Authority::make("CA", NOW - 500 * DAY, 5000 * DAY, &OperatingSystem).unwrap();
        let names = ["localhost".to_owned()];
        let issued =
            authority.issue_server(&names, "localhost", NOW + begin * DAY, length * DAY, &OperatingSystem);
        let issued = issued.unwrap();
        let key = String::from_utf8(issued.key.expose().to_vec()).unwrap();
        let conf = "listener 8883\ncertfile s.crt\nkeyfile s.key\n";
        finds("cert-expired", &[("mosquitto.conf", conf), ("s.crt", &issued.certificate), ("s.key", &key)])
    }

    #[test]
    fn a_third_of_a_short_life_is_soon() {
        assert_eq!(count(-100, 400), 0);
        assert_eq!(count(-100, 99), 1);
        assert_eq!(count(2, 99), 1);
        assert_eq!(count(-70, 90), 1);
        assert_eq!(count(-3, 7), 0);
        assert_eq!(count(-6, 7), 1);
    }

    #[test]
    fn days() {
        assert_eq!(date(1_790_000_000), "2026-09-21");
        assert_eq!(date(i64::MAX), format!("second {} of unix time", i64::MAX));
    }
}
