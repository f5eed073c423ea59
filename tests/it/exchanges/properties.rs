//! Properties of MQTT 5 between the notation and the wire.

use super::notation::word;

#[derive(Clone, Copy)]
enum Kind {
    Byte,
    Two,
    Four,
    Variable,
    Bytes,
    Pair,
}

/// Number, name and kind of each property.
const PROPERTIES: [(u8, &str, Kind); 27] = [
    (1, "payload-format-indicator", Kind::Byte),
    (2, "message-expiry-interval", Kind::Four),
    (3, "content-type", Kind::Bytes),
    (8, "response-topic", Kind::Bytes),
    (9, "correlation-data", Kind::Bytes),
    (11, "subscription-identifier", Kind::Variable),
    (17, "session-expiry-interval", Kind::Four),
    (18, "assigned-client-identifier", Kind::Bytes),
    (19, "server-keep-alive", Kind::Two),
    (21, "authentication-method", Kind::Bytes),
    (22, "authentication-data", Kind::Bytes),
    (23, "request-problem-information", Kind::Byte),
    (24, "will-delay-interval", Kind::Four),
    (25, "request-response-information", Kind::Byte),
    (26, "response-information", Kind::Bytes),
    (28, "server-reference", Kind::Bytes),
    (31, "reason-string", Kind::Bytes),
    (33, "receive-maximum", Kind::Two),
    (34, "topic-alias-maximum", Kind::Two),
    (35, "topic-alias", Kind::Two),
    (36, "maximum-qos", Kind::Byte),
    (37, "retain-available", Kind::Byte),
    (38, "user-property", Kind::Pair),
    (39, "maximum-packet-size", Kind::Four),
    (40, "wildcard-subscription-available", Kind::Byte),
    (41, "subscription-identifier-available", Kind::Byte),
    (42, "shared-subscription-available", Kind::Byte),
];

/// The names of all properties.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROPERTIES.iter().map(|(_, name, _)| *name)
}

/// Adds a number in the form of the remaining length.
pub(super) fn put_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let digit = (length % 128) as u8;
        length /= 128;
        out.push(if length > 0 { digit | 128 } else { digit });
        if length == 0 {
            return;
        }
    }
}

/// A number in the form of the remaining length, and how many bytes it has.
pub(super) fn take_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 127) << (7 * at);
        if byte & 128 == 0 {
            return Some((length, at + 1));
        }
    }
    None
}

/// The bytes of a list of properties, their length in front.
pub(super) fn encode(list: &[(String, Vec<u8>)]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    for (name, value) in list {
        let known = PROPERTIES.iter().find(|(_, known, _)| known == name);
        let (number, _, kind) = known.ok_or_else(|| format!("no property `{name}`"))?;
        body.push(*number);
        let as_number = || {
            let text = String::from_utf8_lossy(value);
            text.parse::<u32>().map_err(|_| format!("`{name}`: `{text}` is no number"))
        };
        match kind {
            Kind::Byte => body.push(as_number()? as u8),
            Kind::Two => body.extend((as_number()? as u16).to_be_bytes()),
            Kind::Four => body.extend(as_number()?.to_be_bytes()),
            Kind::Variable => put_length(&mut body, as_number()? as usize),
            Kind::Bytes => put_text(&mut body, value),
            Kind::Pair => {
                let colon = value.iter().position(|byte| *byte == b':');
                let colon = colon.ok_or_else(|| format!("`{name}` is written `name:value`"))?;
                put_text(&mut body, &value[..colon]);
                put_text(&mut body, &value[colon + 1..]);
            }
        }
    }
    let mut out = Vec::new();
    put_length(&mut out, body.len());
    out.extend(body);
    Ok(out)
}

/// A list of properties as it is written in braces, and how many bytes it has with its length.
pub(super) fn decode(bytes: &[u8]) -> Option<(String, usize)> {
    let (length, digits) = take_length(bytes)?;
    let mut rest = bytes.get(digits..digits + length)?;
    let mut shown = Vec::new();
    while let Some((number, after)) = rest.split_first() {
        let (_, name, kind) = PROPERTIES.iter().find(|(known, _, _)| known == number)?;
        let (value, used) = match kind {
            Kind::Byte => (after.first()?.to_string(), 1),
            Kind::Two => (u16::from_be_bytes(after.get(..2)?.try_into().ok()?).to_string(), 2),
            Kind::Four => (u32::from_be_bytes(after.get(..4)?.try_into().ok()?).to_string(), 4),
            Kind::Variable => {
                let (value, used) = take_length(after)?;
                (value.to_string(), used)
            }
            Kind::Bytes => {
                let text = take_text(after)?;
                (word(text), 2 + text.len())
            }
            Kind::Pair => {
                let name = take_text(after)?;
                let value = take_text(&after[2 + name.len()..])?;
                let pair = [name, b":", value].concat();
                (word(&pair), pair.len() + 3)
            }
        };
        shown.push(format!("{name}={value}"));
        rest = &after[used..];
    }
    Some((shown.join(" "), digits + length))
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text);
}

fn take_text(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?));
    bytes.get(2..2 + length)
}
