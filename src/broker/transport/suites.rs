//! OpenSSL's words for ciphers, in those that rustls has.

use rustls::crypto::ring::cipher_suite as ring;
use rustls::{CipherSuite, SupportedCipherSuite};

/// A cipher of TLS 1.2 that rustls has, and the words of OpenSSL that take it in.
struct Known {
    suite: SupportedCipherSuite,
    name: &'static str,
    standard_name: &'static str,
    words: &'static str,
}

/// In the order of OpenSSL's `ALL`.
static KNOWN: [Known; 6] = [
    Known {
        suite: ring::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        standard_name: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        words: "aECDSA ECDSA AES AESGCM AES256",
    },
    Known {
        suite: ring::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        standard_name: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        words: "aRSA AES AESGCM AES256",
    },
    Known {
        suite: ring::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        standard_name: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        words: "aECDSA ECDSA CHACHA20",
    },
    Known {
        suite: ring::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        standard_name: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        words: "aRSA CHACHA20",
    },
    Known {
        suite: ring::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        standard_name: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        words: "aECDSA ECDSA AES AESGCM AES128",
    },
    Known {
        suite: ring::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        standard_name: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        words: "aRSA AES AESGCM AES128",
    },
];

/// Words that take in each of them.
const OF_ALL: &str = "ALL HIGH DEFAULT TLSv1.2 ECDHE EECDH kECDHE kEECDH";

/// Words that take in other ciphers of OpenSSL, of which rustls has none.
const OF_OTHERS: &str = "ADH AECDH AESCCM AESCCM8 ARIA ARIA128 ARIA256 ARIAGCM CAMELLIA CAMELLIA128 CAMELLIA256 \
    CBC COMPLEMENTOFALL COMPLEMENTOFDEFAULT DH DHE DSS EDH MEDIUM NULL PSK RSA SHA SHA1 SHA256 SHA384 SRP SSLv3 \
    TLSv1 TLSv1.0 aDSS aNULL aPSK aSRP eNULL kDHE kDHEPSK kECDHEPSK kEDH kPSK kRSA kRSAPSK kSRP";

/// The other ciphers of OpenSSL 3 up to TLS 1.2.
const OTHERS: &str = "ADH-AES128-GCM-SHA256 ADH-AES128-SHA ADH-AES128-SHA256 ADH-AES256-GCM-SHA384 ADH-AES256-SHA \
    ADH-AES256-SHA256 ADH-CAMELLIA128-SHA ADH-CAMELLIA128-SHA256 ADH-CAMELLIA256-SHA ADH-CAMELLIA256-SHA256 \
    AECDH-AES128-SHA AECDH-AES256-SHA AECDH-NULL-SHA AES128-CCM AES128-CCM8 AES128-GCM-SHA256 AES128-SHA \
    AES128-SHA256 AES256-CCM AES256-CCM8 AES256-GCM-SHA384 AES256-SHA AES256-SHA256 ARIA128-GCM-SHA256 \
    ARIA256-GCM-SHA384 CAMELLIA128-SHA CAMELLIA128-SHA256 CAMELLIA256-SHA CAMELLIA256-SHA256 \
    DHE-DSS-AES128-GCM-SHA256 DHE-DSS-AES128-SHA DHE-DSS-AES128-SHA256 DHE-DSS-AES256-GCM-SHA384 \
    DHE-DSS-AES256-SHA DHE-DSS-AES256-SHA256 DHE-DSS-ARIA128-GCM-SHA256 DHE-DSS-ARIA256-GCM-SHA384 \
    DHE-DSS-CAMELLIA128-SHA DHE-DSS-CAMELLIA128-SHA256 DHE-DSS-CAMELLIA256-SHA DHE-DSS-CAMELLIA256-SHA256 \
    DHE-PSK-AES128-CBC-SHA DHE-PSK-AES128-CBC-SHA256 DHE-PSK-AES128-CCM DHE-PSK-AES128-CCM8 \
    DHE-PSK-AES128-GCM-SHA256 DHE-PSK-AES256-CBC-SHA DHE-PSK-AES256-CBC-SHA384 DHE-PSK-AES256-CCM \
    DHE-PSK-AES256-CCM8 DHE-PSK-AES256-GCM-SHA384 DHE-PSK-ARIA128-GCM-SHA256 DHE-PSK-ARIA256-GCM-SHA384 \
    DHE-PSK-CAMELLIA128-SHA256 DHE-PSK-CAMELLIA256-SHA384 DHE-PSK-CHACHA20-POLY1305 DHE-PSK-NULL-SHA \
    DHE-PSK-NULL-SHA256 DHE-PSK-NULL-SHA384 DHE-RSA-AES128-CCM DHE-RSA-AES128-CCM8 DHE-RSA-AES128-GCM-SHA256 \
    DHE-RSA-AES128-SHA DHE-RSA-AES128-SHA256 DHE-RSA-AES256-CCM DHE-RSA-AES256-CCM8 \
    DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA DHE-RSA-AES256-SHA256 DHE-RSA-ARIA128-GCM-SHA256 \
    DHE-RSA-ARIA256-GCM-SHA384 DHE-RSA-CAMELLIA128-SHA DHE-RSA-CAMELLIA128-SHA256 DHE-RSA-CAMELLIA256-SHA \
    DHE-RSA-CAMELLIA256-SHA256 DHE-RSA-CHACHA20-POLY1305 ECDHE-ARIA128-GCM-SHA256 ECDHE-ARIA256-GCM-SHA384 \
    ECDHE-ECDSA-AES128-CCM ECDHE-ECDSA-AES128-CCM8 ECDHE-ECDSA-AES128-SHA ECDHE-ECDSA-AES128-SHA256 \
    ECDHE-ECDSA-AES256-CCM ECDHE-ECDSA-AES256-CCM8 ECDHE-ECDSA-AES256-SHA ECDHE-ECDSA-AES256-SHA384 \
    ECDHE-ECDSA-ARIA128-GCM-SHA256 ECDHE-ECDSA-ARIA256-GCM-SHA384 ECDHE-ECDSA-CAMELLIA128-SHA256 \
    ECDHE-ECDSA-CAMELLIA256-SHA384 ECDHE-ECDSA-NULL-SHA ECDHE-PSK-AES128-CBC-SHA ECDHE-PSK-AES128-CBC-SHA256 \
    ECDHE-PSK-AES256-CBC-SHA ECDHE-PSK-AES256-CBC-SHA384 ECDHE-PSK-CAMELLIA128-SHA256 \
    ECDHE-PSK-CAMELLIA256-SHA384 ECDHE-PSK-CHACHA20-POLY1305 ECDHE-PSK-NULL-SHA ECDHE-PSK-NULL-SHA256 \
    ECDHE-PSK-NULL-SHA384 ECDHE-RSA-AES128-SHA ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-SHA \
    ECDHE-RSA-AES256-SHA384 ECDHE-RSA-CAMELLIA128-SHA256 ECDHE-RSA-CAMELLIA256-SHA384 ECDHE-RSA-NULL-SHA \
    NULL-MD5 NULL-SHA NULL-SHA256 PSK-AES128-CBC-SHA PSK-AES128-CBC-SHA256 PSK-AES128-CCM PSK-AES128-CCM8 \
    PSK-AES128-GCM-SHA256 PSK-AES256-CBC-SHA PSK-AES256-CBC-SHA384 PSK-AES256-CCM PSK-AES256-CCM8 \
    PSK-AES256-GCM-SHA384 PSK-ARIA128-GCM-SHA256 PSK-ARIA256-GCM-SHA384 PSK-CAMELLIA128-SHA256 \
    PSK-CAMELLIA256-SHA384 PSK-CHACHA20-POLY1305 PSK-NULL-SHA PSK-NULL-SHA256 PSK-NULL-SHA384 \
    RSA-PSK-AES128-CBC-SHA RSA-PSK-AES128-CBC-SHA256 RSA-PSK-AES128-GCM-SHA256 RSA-PSK-AES256-CBC-SHA \
    RSA-PSK-AES256-CBC-SHA384 RSA-PSK-AES256-GCM-SHA384 RSA-PSK-ARIA128-GCM-SHA256 \
    RSA-PSK-ARIA256-GCM-SHA384 RSA-PSK-CAMELLIA128-SHA256 RSA-PSK-CAMELLIA256-SHA384 \
    RSA-PSK-CHACHA20-POLY1305 RSA-PSK-NULL-SHA RSA-PSK-NULL-SHA256 RSA-PSK-NULL-SHA384 SRP-AES-128-CBC-SHA \
    SRP-AES-256-CBC-SHA SRP-DSS-AES-128-CBC-SHA SRP-DSS-AES-256-CBC-SHA SRP-RSA-AES-128-CBC-SHA \
    SRP-RSA-AES-256-CBC-SHA";

/// The ciphers of TLS 1.3 that OpenSSL has and rustls has not.
const OTHERS_13: [&str; 2] = ["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"];

/// What a list of ciphers comes to.
#[derive(Debug, Default)]
pub(super) struct Suites {
    /// Those that rustls has, the preferred one first.
    pub(super) suites: Vec<SupportedCipherSuite>,
    /// Those that are asked for by name and that rustls has not.
    pub(super) missing: Vec<String>,
}

/// Reads a value of `ciphers`; nothing where OpenSSL finds no cipher in it, or a command that it does not know.
pub(super) fn up_to_tls12(list: &str) -> Option<Suites> {
    let mut state = State::default();
    for token in list.split([':', ',', ' ', ';']).filter(|token| !token.is_empty()) {
        match (token.strip_prefix('@'), token.split_at_checked(1)) {
            (Some("STRENGTH"), _) => state.active.sort_by_key(|index| is_short(*index)),
            (Some(level), _) if level.strip_prefix("SECLEVEL=").is_some_and(is_level) => {}
            (Some(_), _) => return None,
            (_, Some(("!", rest))) => state.remove(rest, true),
            (_, Some(("-", rest))) => state.remove(rest, false),
            (_, Some(("+", rest))) => state.move_back(rest),
            _ => state.add(token),
        }
    }
    let suites: Vec<_> = state.active.iter().map(|index| KNOWN[*index].suite).collect();
    (state.has_others || !suites.is_empty()).then_some(Suites { suites, missing: state.missing })
}

/// Reads a value of `ciphers_tls1.3`; nothing where OpenSSL finds no cipher in it.
pub(super) fn tls13(list: &str) -> Option<Suites> {
    let mut found = Suites::default();
    for name in list.split(':') {
        let suite = match name {
            "TLS_AES_256_GCM_SHA384" => ring::TLS13_AES_256_GCM_SHA384,
            "TLS_CHACHA20_POLY1305_SHA256" => ring::TLS13_CHACHA20_POLY1305_SHA256,
            "TLS_AES_128_GCM_SHA256" => ring::TLS13_AES_128_GCM_SHA256,
            other => {
                found.missing.extend(OTHERS_13.contains(&other).then(|| other.to_owned()));
                continue;
            }
        };
        if !found.suites.contains(&suite) {
            found.suites.push(suite);
        }
    }
    (!found.suites.is_empty() || !found.missing.is_empty()).then_some(found)
}

fn is_level(digits: &str) -> bool {
    matches!(digits, "0" | "1" | "2" | "3" | "4" | "5")
}

fn is_short(index: usize) -> bool {
    let suite = KNOWN[index].suite.suite();
    use CipherSuite as C;
    suite == C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 || suite == C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
}

/// A list in the course of being read.
#[derive(Default)]
struct State {
    /// Indices of [`KNOWN`], in order of preference.
    active: Vec<usize>,
    killed: Vec<usize>,
    /// Whether OpenSSL would have others in its list.
    has_others: bool,
    missing: Vec<String>,
}

impl State {
    fn add(&mut self, token: &str) {
        for index in named(token) {
            if !self.active.contains(&index) && !self.killed.contains(&index) {
                self.active.push(index);
            }
        }
        let is_other = has_word(OTHERS, token);
        if is_other && !self.missing.iter().any(|known| known == token) {
            self.missing.push(token.to_owned());
        }
        self.has_others |=
            is_other || token.split('+').all(|word| has_word(OF_OTHERS, word) || is_of_all(word));
    }

    fn remove(&mut self, token: &str, for_good: bool) {
        let named = named(token);
        self.active.retain(|index| !named.contains(index));
        self.missing.retain(|name| name != token);
        self.has_others &= token != "ALL";
        if for_good {
            self.killed.extend(named);
        }
    }

    fn move_back(&mut self, token: &str) {
        let named = named(token);
        let (moved, kept): (Vec<usize>, Vec<usize>) =
            self.active.iter().copied().partition(|index| named.contains(index));
        self.active = kept;
        self.active.extend(moved);
    }
}

fn is_of_all(word: &str) -> bool {
    has_word(OF_ALL, word)
}

fn has_word(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

/// The known ciphers that a name, or words joined by `+`, stand for.
fn named(token: &str) -> Vec<usize> {
    let stands_for = |known: &Known| {
        token == known.name
            || token == known.standard_name
            || token.split('+').all(|word| is_of_all(word) || has_word(known.words, word))
    };
    (0..KNOWN.len()).filter(|index| stands_for(&KNOWN[*index])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Option<String> {
        let found = up_to_tls12(list)?;
        let name = |suite: &SupportedCipherSuite| {
            let known = KNOWN.iter().find(|known| known.suite == *suite).unwrap();
            known.name.replace("ECDHE-", "").replace("-SHA384", "").replace("-SHA256", "")
        };
        let mut names: Vec<String> = found.suites.iter().map(name).collect();
        names.extend(found.missing.iter().map(|name| format!("({name})")));
        Some(names.join(" "))
    }

    /// Those that observed releases start with are `Some`, as is their order by `openssl ciphers`.
    #[test]
    fn lists_are_read_as_by_openssl() {
        let all = "ECDSA-AES256-GCM RSA-AES256-GCM ECDSA-CHACHA20-POLY1305 RSA-CHACHA20-POLY1305 \
                   ECDSA-AES128-GCM RSA-AES128-GCM";
        let cases = [
            ("DEFAULT:!aNULL:!eNULL:!LOW:!EXPORT:!SSLv2:@STRENGTH", Some(all)),
            ("ALL:@SECLEVEL=0", Some(all)),
            ("HIGH;MEDIUM", Some(all)),
            ("HIGH:!FOO", Some(all)),
            ("ECDHE+AESGCM:!aECDSA", Some("RSA-AES256-GCM RSA-AES128-GCM")),
            (
                "HIGH:+AES256:-CHACHA20",
                Some("ECDSA-AES128-GCM RSA-AES128-GCM ECDSA-AES256-GCM RSA-AES256-GCM"),
            ),
            ("AES128:AES256:!aRSA:@STRENGTH", Some("ECDSA-AES256-GCM ECDSA-AES128-GCM")),
            ("ECDHE-RSA-AES128-GCM-SHA256:FOO", Some("RSA-AES128-GCM")),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Some("RSA-AES128-GCM")),
            ("!ECDHE:ALL", Some("")),
            ("AES128-SHA", Some("(AES128-SHA)")),
            (
                "DHE-RSA-AES256-GCM-SHA384:AESGCM+aRSA:!AES128",
                Some("RSA-AES256-GCM (DHE-RSA-AES256-GCM-SHA384)"),
            ),
            ("FOO", None),
            ("AES-128", None),
            ("LOW", None),
            ("!ALL", None),
            ("ALL:@FOO", None),
            ("TLS_AES_128_GCM_SHA256", None),
        ];
        for (list, expected) in cases {
            assert_eq!(names(list).as_deref(), expected, "{list}");
        }
    }

    #[test]
    fn lists_of_tls13_take_names_only() {
        let count = |list| tls13(list).map(|found| (found.suites.len(), found.missing.len()));
        assert_eq!(count("TLS_AES_128_GCM_SHA256:FOO:TLS_AES_128_CCM_SHA256"), Some((1, 1)));
        assert_eq!(count("ECDHE-RSA-AES128-GCM-SHA256"), None);
        assert_eq!(count("ALL"), None);
    }
}
