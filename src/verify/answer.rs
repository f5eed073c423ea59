//! What brokers answer, in the words of tests.

use super::client::{End, LinkFailure, Refusal, TlsFailure};
use super::script::Reason;
use crate::broker::wire::{self, Publish, QoS, Version};

/// Why something is not to be: the reason, where there is a word for it, and how it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct No {
    pub(super) reason: Option<Reason>,
    /// As half a sentence whose subject is the broker, or the client.
    pub(super) said: String,
}

impl No {
    pub(super) fn of_link(failure: &LinkFailure) -> Self {
        let reason = match failure {
            LinkFailure::Unreachable(_) => Some(Reason::NO_LISTENER),
            LinkFailure::Upgrade(_) => Some(Reason::NO_WEBSOCKET),
            LinkFailure::Closed => Some(Reason::CLOSED),
            LinkFailure::Tls(failure) => of_tls(failure),
        };
        Self { reason, said: failure.to_string() }
    }

    pub(super) fn of_refusal(refusal: &Refusal, version: Version) -> Self {
        match refusal {
            Refusal::Ended(end) => Self::of_end(end),
            Refusal::Code(code) => Self {
                reason: of_code(*code, version),
                said: format!("the broker refused it: {}", code_words(*code, version)),
            },
        }
    }

    pub(super) fn of_end(end: &End) -> Self {
        let reason = match end {
            End::Closed | End::Broken(_) => Some(Reason::CLOSED),
            End::Disconnected(code) => of_code(*code, Version::V5),
            End::Tls(failure) => of_tls(failure),
            End::Nonsense(_) | End::Unsendable(_) => None,
        };
        let said = match end {
            End::Disconnected(code) => {
                format!("the broker ended the connection: {}", code_words(*code, Version::V5))
            }
            other => other.to_string(),
        };
        Self { reason, said }
    }

    /// Whether it is for one of `reasons`, or for any where there are none.
    pub(super) fn is_for(&self, reasons: &[Reason]) -> bool {
        reasons.is_empty() || self.reason.is_some_and(|reason| reasons.contains(&reason))
    }
}

fn of_tls(failure: &TlsFailure) -> Option<Reason> {
    match failure {
        TlsFailure::UntrustedServer(_) => Some(Reason::UNTRUSTED_SERVER),
        TlsFailure::WrongServerName(_) => Some(Reason::WRONG_SERVER_NAME),
        TlsFailure::ServerExpired => Some(Reason::SERVER_CERTIFICATE_EXPIRED),
        TlsFailure::Alert(number) => Reason::of_alert(*number),
        TlsFailure::NotTls => Some(Reason::NO_TLS),
        TlsFailure::Closed => Some(Reason::CLOSED),
        TlsFailure::Other(_) => None,
    }
}

/// The word for a code of a CONNACK or, of MQTT 5, any other packet.
pub(super) fn of_code(code: wire::Reason, version: Version) -> Option<Reason> {
    match version {
        Version::V5 => Reason::of_reason_code(code.0),
        Version::V31 | Version::V311 => Reason::of_return_code(code.0),
    }
}

/// A code in words: `not authorized (reason code 135)`.
pub(super) fn code_words(code: wire::Reason, version: Version) -> String {
    let (kind, word) = match (version, code.0) {
        (Version::V5, 0) => ("reason code", Some("success")),
        (Version::V5, 16) => ("reason code", Some("no matching subscribers")),
        (Version::V5, _) => ("reason code", of_code(code, version).map(Reason::as_str)),
        _ => ("return code", of_code(code, version).map(Reason::as_str)),
    };
    match word {
        Some(word) => format!("{word} ({kind} {})", code.0),
        None => format!("{kind} {}", code.0),
    }
}

/// Reasons in a sentence: `a or b`.
pub(super) fn any_of(reasons: &[Reason]) -> String {
    let words: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    words.join(" or ")
}

/// The longest part of a payload that is shown.
const MOST_SHOWN: usize = 60;

/// A payload in a sentence.
pub(super) fn payload_words(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok("") => "no payload".to_owned(),
        Ok(text) if text.chars().count() <= MOST_SHOWN && !text.chars().any(char::is_control) => {
            format!("the payload `{text}`")
        }
        _ => format!("a payload of {} bytes", payload.len()),
    }
}

/// A message in a sentence: `` `a/b` with the payload `x` (qos 1, retained) ``.
pub(super) fn message_words(message: &Publish) -> String {
    let mut notes = Vec::new();
    if message.qos != QoS::AtMostOnce {
        notes.push(format!("qos {}", message.qos.number()));
    }
    if message.retain {
        notes.push("retained".to_owned());
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("`{}` with {}{notes}", message.topic.as_str(), payload_words(&message.payload))
}
