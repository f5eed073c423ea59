//! Why a connection is refused or ended, or something is not allowed: one vocabulary for MQTT 3, MQTT 5 and TLS.

/// A reason, and the numbers that stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(usize);

struct Entry {
    word: &'static str,
    /// Return code of a CONNACK in MQTT 3.1 and 3.1.1.
    return_code: Option<u8>,
    /// Reason code of MQTT 5.
    reason_code: Option<u8>,
    /// Description of a TLS alert (RFC 8446, section 6).
    alert: Option<u8>,
}

const fn entry(word: &'static str, return_code: Option<u8>, reason_code: Option<u8>) -> Entry {
    Entry { word, return_code, reason_code, alert: None }
}

const fn mqtt5(word: &'static str, reason_code: u8) -> Entry {
    entry(word, None, Some(reason_code))
}

const fn tls(word: &'static str, alert: u8) -> Entry {
    Entry { word, return_code: None, reason_code: None, alert: Some(alert) }
}

const fn seen(word: &'static str) -> Entry {
    entry(word, None, None)
}

/// Every reason; the words of a file name them.
const REASONS: &[Entry] = &[
    entry("unsupported protocol version", Some(1), Some(132)),
    entry("identifier rejected", Some(2), Some(133)),
    entry("server unavailable", Some(3), Some(136)),
    entry("bad user name or password", Some(4), Some(134)),
    entry("not authorized", Some(5), Some(135)),
    mqtt5("normal disconnection", 0),
    mqtt5("unspecified error", 128),
    mqtt5("malformed packet", 129),
    mqtt5("protocol error", 130),
    mqtt5("implementation specific error", 131),
    mqtt5("server busy", 137),
    mqtt5("banned", 138),
    mqtt5("server shutting down", 139),
    mqtt5("bad authentication method", 140),
    mqtt5("keep alive timeout", 141),
    mqtt5("session taken over", 142),
    mqtt5("topic filter invalid", 143),
    mqtt5("topic name invalid", 144),
    mqtt5("packet identifier in use", 145),
    mqtt5("receive maximum exceeded", 147),
    mqtt5("topic alias invalid", 148),
    mqtt5("packet too large", 149),
    mqtt5("message rate too high", 150),
    mqtt5("quota exceeded", 151),
    mqtt5("administrative action", 152),
    mqtt5("payload format invalid", 153),
    mqtt5("retain not supported", 154),
    mqtt5("qos not supported", 155),
    mqtt5("use another server", 156),
    mqtt5("server moved", 157),
    mqtt5("shared subscriptions not supported", 158),
    mqtt5("connection rate exceeded", 159),
    mqtt5("maximum connect time", 160),
    mqtt5("subscription identifiers not supported", 161),
    mqtt5("wildcard subscriptions not supported", 162),
    tls("handshake failure", 40),
    tls("bad certificate", 42),
    tls("unsupported certificate", 43),
    tls("certificate revoked", 44),
    tls("certificate expired", 45),
    tls("certificate unknown", 46),
    tls("illegal parameter", 47),
    tls("unknown ca", 48),
    tls("access denied", 49),
    tls("decode error", 50),
    tls("decrypt error", 51),
    tls("tls version", 70),
    tls("insufficient security", 71),
    tls("internal error", 80),
    tls("certificate required", 116),
    seen("untrusted server"),
    seen("wrong server name"),
    seen("server certificate expired"),
    seen("no listener"),
    seen("no tls"),
    seen("no websocket"),
    seen("closed"),
];

/// What the test client sees by itself.
impl Reason {
    /// The client does not know the authority of the broker's certificate.
    pub const UNTRUSTED_SERVER: Self = named("untrusted server");
    /// The broker's certificate is for other names.
    pub const WRONG_SERVER_NAME: Self = named("wrong server name");
    /// The broker's certificate is over.
    pub const SERVER_CERTIFICATE_EXPIRED: Self = named("server certificate expired");
    /// Nobody listens there.
    pub const NO_LISTENER: Self = named("no listener");
    /// The answer is not TLS.
    pub const NO_TLS: Self = named("no tls");
    /// The answer is not the beginning of a WebSocket.
    pub const NO_WEBSOCKET: Self = named("no websocket");
    /// The connection is closed without a reason.
    pub const CLOSED: Self = named("closed");
}

/// The reason of a word that is in the list.
const fn named(word: &str) -> Reason {
    let mut at = 0;
    while at < REASONS.len() {
        let known = REASONS[at].word.as_bytes();
        if known.len() == word.len() {
            let mut byte = 0;
            while byte < known.len() && known[byte] == word.as_bytes()[byte] {
                byte += 1;
            }
            if byte == known.len() {
                return Reason(at);
            }
        }
        at += 1;
    }
    Reason(REASONS.len() - 1)
}

const COUNT: usize = REASONS.len();

/// The words of all reasons.
pub(in crate::lang::spec) static WORDS: [&str; COUNT] = {
    let mut words = [""; COUNT];
    let mut at = 0;
    while at < COUNT {
        words[at] = REASONS[at].word;
        at += 1;
    }
    words
};

impl Reason {
    fn find(is_it: impl Fn(&Entry) -> bool) -> Option<Self> {
        REASONS.iter().position(is_it).map(Self)
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::find(|entry| entry.word == word)
    }

    /// By the return code of a CONNACK in MQTT 3.1 and 3.1.1; `None` for success and for codes that there are not.
    pub fn of_return_code(code: u8) -> Option<Self> {
        Self::find(|entry| entry.return_code == Some(code))
    }

    /// By the reason code of MQTT 5; 0 is a normal disconnection.
    pub fn of_reason_code(code: u8) -> Option<Self> {
        Self::find(|entry| entry.reason_code == Some(code))
    }

    /// By the description of a TLS alert.
    pub fn of_alert(description: u8) -> Option<Self> {
        Self::find(|entry| entry.alert == Some(description))
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        REASONS[self.0].word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_and_number_is_one_reason() {
        for (at, word) in WORDS.iter().enumerate() {
            assert_eq!(Reason::of_word(word), Some(Reason(at)), "{word}");
        }
        for code in 0..=u8::MAX {
            let is_code = |entry: &&Entry| entry.reason_code == Some(code);
            assert!(REASONS.iter().filter(is_code).count() <= 1, "{code}");
            assert!(REASONS.iter().filter(|entry| entry.alert == Some(code)).count() <= 1, "{code}");
        }
        assert_eq!(Reason::of_return_code(5), Reason::of_reason_code(135));
        assert_eq!(Reason::NO_TLS.as_str(), "no tls");
        assert_eq!(Reason::CLOSED.as_str(), "closed");
    }
}
