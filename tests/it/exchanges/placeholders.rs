//! Placeholders for what differs from run to run.

/// Replaces made-up ids by `<uuid>` and rounds remaining expiry up to tens, which `~` says.
pub(super) fn replace(shown: &str) -> String {
    let shown = without_uuid(shown);
    without_seconds(&shown, "message-expiry-interval=")
}

/// What each release tells in a CONNACK where nothing in the configuration says otherwise: `{usual}`.
const USUAL: [(&str, &str); 3] = [
    ("2.0.11", "{topic-alias-maximum=10 receive-maximum=20}"),
    ("2.0.21", "{topic-alias-maximum=10 receive-maximum=20}"),
    ("2.1.2", "{topic-alias-maximum=10 maximum-packet-size=2000000 receive-maximum=20}"),
];

/// An answer in which the usual properties of a CONNACK are called so.
pub(super) fn with_usual(answer: &str, release: &str) -> String {
    let usual = USUAL.iter().find(|(known, _)| *known == release).map(|(_, usual)| *usual);
    match usual.and_then(|usual| answer.strip_suffix(usual)) {
        Some(before) if before.contains("< CONNACK") => format!("{before}{{usual}}"),
        _ => answer.to_owned(),
    }
}

/// `8-4-4-4-12` hexadecimal digits.
fn without_uuid(text: &str) -> String {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    const LENGTH: usize = 36;
    let bytes = text.as_bytes();
    let is_uuid = |window: &[u8]| {
        window.iter().enumerate().all(|(at, byte)| match DASHES.contains(&at) {
            true => *byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
    };
    match bytes.windows(LENGTH).position(is_uuid) {
        Some(at) => format!("{}<uuid>{}", &text[..at], without_uuid(&text[at + LENGTH..])),
        None => text.to_owned(),
    }
}

/// The number behind `name` rounded up to tens, so that a second more or less does not matter.
fn without_seconds(text: &str, name: &str) -> String {
    let Some((before, after)) = text.split_once(name) else { return text.to_owned() };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let seconds: u64 = after[..digits].parse().unwrap_or_default();
    format!("{before}{name}~{}{}", seconds.next_multiple_of(10), &after[digits..])
}

#[test]
fn what_varies_is_replaced() {
    let id = "CONNACK 0 {assigned-client-identifier=auto-5E1C7A3B-0A09-38F1-1A38-BBD89E0AC0D0}";
    assert_eq!(replace(id), "CONNACK 0 {assigned-client-identifier=auto-<uuid>}");
    let message = "PUBLISH a \"1\" {message-expiry-interval=98 content-type=x}";
    assert_eq!(replace(message), "PUBLISH a \"1\" {message-expiry-interval=~100 content-type=x}");
}
