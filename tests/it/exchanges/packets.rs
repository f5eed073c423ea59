//! Packets between the notation and the wire: an own small codec, so that it checks the broker's.
//!
//! What a broker sends is shown in the notation only if the notation gives exactly those bytes back; anything
//! else is shown as `RAW` and hexadecimal digits.

use super::notation::{Part, hex, parts, quoted, unhex, word};
use super::properties;

/// What the packets are called, by their number on the wire.
pub(super) const NAMES: [&str; 16] = [
    "RESERVED",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

/// The bytes of a packet that is written in the notation.
pub(super) fn encode(text: &str, version: u8) -> Result<Vec<u8>, String> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    if name == "RAW" {
        return unhex(rest);
    }
    let kind = NAMES.iter().position(|known| *known == name).ok_or_else(|| format!("no packet `{name}`"))?;
    let mut words = Words { parts: parts(rest)?, version };
    let mut flags = 0;
    let body = match name {
        "CONNECT" => words.connect()?,
        "CONNACK" => words.connack()?,
        "PUBLISH" => words.publish(&mut flags)?,
        "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" => words.acknowledgement()?,
        "SUBSCRIBE" => words.subscribe()?,
        "SUBACK" | "UNSUBACK" => words.subscription_answer()?,
        "UNSUBSCRIBE" => words.unsubscribe()?,
        "DISCONNECT" | "AUTH" => words.end()?,
        _ => Vec::new(),
    };
    if matches!(name, "PUBREL" | "SUBSCRIBE" | "UNSUBSCRIBE") {
        flags = 2;
    }
    if !words.parts.is_empty() {
        return Err(format!("`{text}`: too much: {:?}", words.parts));
    }
    Ok(framed((kind as u8) << 4 | flags, &body))
}

/// The protocol level that a CONNECT speaks.
pub(super) fn level_of(text: &str) -> Option<u8> {
    match text.strip_prefix("CONNECT ")?.split(' ').next()? {
        "v3.1" => Some(3),
        "v3.1.1" => Some(4),
        "v5" => Some(5),
        _ => None,
    }
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    properties::put_length(&mut packet, body.len());
    packet.extend(body);
    packet
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text);
}

struct Words {
    parts: Vec<Part>,
    version: u8,
}

impl Words {
    /// Takes the next bare word or text.
    fn next(&mut self) -> Option<Vec<u8>> {
        let at = self.parts.iter().position(|part| matches!(part, Part::Word(_)))?;
        match self.parts.remove(at) {
            Part::Word(word) => Some(word),
            _ => None,
        }
    }

    fn next_number(&mut self) -> Result<Option<u16>, String> {
        self.next().map(|word| number(&word)).transpose()
    }

    fn flag(&mut self, name: &str) -> bool {
        let at =
            self.parts.iter().position(|part| matches!(part, Part::Word(word) if word == name.as_bytes()));
        at.map(|at| self.parts.remove(at)).is_some()
    }

    fn named(&mut self, name: &str) -> Option<Vec<u8>> {
        let at = self.parts.iter().position(|part| matches!(part, Part::Named(known, _) if known == name))?;
        match self.parts.remove(at) {
            Part::Named(_, value) => Some(value),
            _ => None,
        }
    }

    fn named_number(&mut self, name: &str) -> Result<Option<u16>, String> {
        self.named(name).map(|value| number(&value)).transpose()
    }

    /// The properties behind `name`, with their length in front.
    fn properties(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let is_wanted = |part: &Part| matches!(part, Part::Properties(known, _) if known == name);
        let Some(at) = self.parts.iter().position(is_wanted) else { return Ok(None) };
        match self.parts.remove(at) {
            Part::Properties(_, list) => properties::encode(&list).map(Some),
            _ => Ok(None),
        }
    }

    /// The properties of a packet that always has them in version 5.
    fn certain_properties(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let found = self.properties(name)?;
        let missing = if self.version == 5 { vec![0] } else { Vec::new() };
        Ok(found.unwrap_or(missing))
    }

    fn connect(&mut self) -> Result<Vec<u8>, String> {
        let version = self.next().ok_or("CONNECT needs a version")?;
        let (name, level) = match version.as_slice() {
            b"v3.1" => ("MQIsdp", 3),
            b"v3.1.1" => ("MQTT", 4),
            b"v5" => ("MQTT", 5),
            _ => return Err("versions are `v3.1`, `v3.1.1`, `v5`".to_owned()),
        };
        self.version = level;
        let mut level = self.named_number("level")?.map_or(level, |level| level as u8);
        if self.flag("bridge") {
            level |= 0x80;
        }
        let mut body = Vec::new();
        put_text(&mut body, &self.named("protocol").unwrap_or_else(|| name.as_bytes().to_vec()));
        body.push(level);
        let will = self.named("will");
        let payload = self.named("payload");
        let user = self.named("user");
        let password = self.named("password");
        let mut flags = if self.flag("resume") { 0 } else { 2 };
        flags |= if will.is_some() { 4 } else { 0 };
        flags |= (self.named_number("qos")?.unwrap_or(0) as u8) << 3;
        flags |= if self.flag("retain") { 0x20 } else { 0 };
        flags |= if password.is_some() { 0x40 } else { 0 };
        flags |= if user.is_some() { 0x80 } else { 0 };
        body.push(self.named_number("flags")?.map_or(flags, |flags| flags as u8));
        body.extend(self.named_number("keep-alive")?.unwrap_or(60).to_be_bytes());
        body.extend(self.certain_properties("")?);
        put_text(&mut body, &self.named("id").ok_or("CONNECT needs an id")?);
        if let Some(topic) = will {
            body.extend(self.certain_properties("will")?);
            put_text(&mut body, &topic);
            put_text(&mut body, &payload.unwrap_or_default());
        }
        for text in [user, password].into_iter().flatten() {
            put_text(&mut body, &text);
        }
        Ok(body)
    }

    fn connack(&mut self) -> Result<Vec<u8>, String> {
        let present = u8::from(self.flag("session-present"));
        let mut body = vec![present, self.next_number()?.ok_or("CONNACK needs a code")? as u8];
        body.extend(self.properties("")?.unwrap_or_default());
        Ok(body)
    }

    fn publish(&mut self, flags: &mut u8) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        let qos = self.named_number("qos")?.unwrap_or(0) as u8;
        *flags = qos << 1 | if self.flag("dup") { 8 } else { 0 } | u8::from(self.flag("retain"));
        put_text(&mut body, &self.next().ok_or("PUBLISH needs a topic")?);
        if let Some(id) = self.named_number("id")? {
            body.extend(id.to_be_bytes());
        } else if qos > 0 {
            return Err("PUBLISH needs an id".to_owned());
        }
        body.extend(self.certain_properties("")?);
        body.extend(self.next().unwrap_or_default());
        Ok(body)
    }

    fn acknowledgement(&mut self) -> Result<Vec<u8>, String> {
        let mut body = self.next_number()?.ok_or("an id is needed")?.to_be_bytes().to_vec();
        body.extend(self.end()?);
        Ok(body)
    }

    /// A reason code and properties, both of which may be missing.
    fn end(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        body.extend(self.next_number()?.map(|reason| reason as u8));
        body.extend(self.properties("")?.unwrap_or_default());
        Ok(body)
    }

    fn subscribe(&mut self) -> Result<Vec<u8>, String> {
        let mut body = self.next_number()?.ok_or("SUBSCRIBE needs an id")?.to_be_bytes().to_vec();
        body.extend(self.certain_properties("")?);
        let parts = std::mem::take(&mut self.parts);
        for filter in parts.split(|part| *part == Part::Comma).filter(|filter| !filter.is_empty()) {
            let mut words = Words { parts: filter.to_vec(), version: self.version };
            let mut options = words.named_number("qos")?.unwrap_or(0) as u8;
            options |= if words.flag("no-local") { 4 } else { 0 };
            options |= if words.flag("as-published") { 8 } else { 0 };
            options |= (words.named_number("retain")?.unwrap_or(0) as u8) << 4;
            let options = words.named_number("options")?.map_or(options, |options| options as u8);
            put_text(&mut body, &words.next().ok_or("a filter is needed")?);
            body.push(options);
            self.parts.extend(words.parts);
        }
        Ok(body)
    }

    fn subscription_answer(&mut self) -> Result<Vec<u8>, String> {
        let mut body = self.next_number()?.ok_or("an id is needed")?.to_be_bytes().to_vec();
        body.extend(self.certain_properties("")?);
        while let Some(reason) = self.next_number()? {
            body.push(reason as u8);
        }
        Ok(body)
    }

    fn unsubscribe(&mut self) -> Result<Vec<u8>, String> {
        let mut body = self.next_number()?.ok_or("UNSUBSCRIBE needs an id")?.to_be_bytes().to_vec();
        body.extend(self.certain_properties("")?);
        self.parts.retain(|part| *part != Part::Comma);
        while let Some(filter) = self.next() {
            put_text(&mut body, &filter);
        }
        Ok(body)
    }
}

fn number(word: &[u8]) -> Result<u16, String> {
    let text = String::from_utf8_lossy(word);
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number"))
}

/// How many bytes the first packet of a buffer has, if it is there as a whole.
pub(super) fn packet_length(buffer: &[u8]) -> Option<usize> {
    let (length, digits) = properties::take_length(buffer.get(1..)?)?;
    let whole = 1 + digits + length;
    (buffer.len() >= whole).then_some(whole)
}

/// A packet from a broker in the notation.
pub(super) fn decode(packet: &[u8], version: u8) -> String {
    let shown = try_decode(packet, version);
    match shown {
        Some(text) if encode(&text, version).is_ok_and(|bytes| bytes == packet) => text,
        _ => format!("RAW {}", hex(packet)),
    }
}

fn try_decode(packet: &[u8], version: u8) -> Option<String> {
    let (_, digits) = properties::take_length(&packet[1..])?;
    let mut body = Body { rest: &packet[1 + digits..], version };
    let name = NAMES[usize::from(packet[0] >> 4)];
    let words = match name {
        "CONNACK" => body.connack()?,
        "PUBLISH" => body.publish(packet[0] & 15)?,
        "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" => format!(" {}{}", body.number()?, body.end()?),
        "SUBACK" | "UNSUBACK" => body.subscription_answer()?,
        "PINGRESP" => String::new(),
        "DISCONNECT" | "AUTH" => body.end()?,
        _ => return None,
    };
    Some(format!("{name}{words}"))
}

struct Body<'a> {
    rest: &'a [u8],
    version: u8,
}

impl<'a> Body<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from(self.byte()?) << 8 | u16::from(self.byte()?))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.number()?);
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    /// ` {…}`; nothing where the packet ends before.
    fn properties(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return Some(String::new());
        }
        let (shown, used) = properties::decode(self.rest)?;
        self.rest = &self.rest[used..];
        Some(format!(" {{{shown}}}"))
    }

    /// ` {…}` in a packet that always has properties in version 5; nothing where there are none in them.
    fn certain_properties(&mut self) -> Option<String> {
        if self.version != 5 {
            return Some(String::new());
        }
        let (shown, used) = properties::decode(self.rest)?;
        self.rest = &self.rest[used..];
        Some(if shown.is_empty() { shown } else { format!(" {{{shown}}}") })
    }

    fn connack(&mut self) -> Option<String> {
        let present = if self.byte()? & 1 == 1 { " session-present" } else { "" };
        Some(format!(" {}{present}{}", self.byte()?, self.properties()?))
    }

    fn publish(&mut self, flags: u8) -> Option<String> {
        let topic = word(self.text()?);
        let qos = flags >> 1 & 3;
        let id = if qos > 0 { format!(" qos={qos} id={}", self.number()?) } else { String::new() };
        let dup = if flags & 8 != 0 { " dup" } else { "" };
        let retain = if flags & 1 != 0 { " retain" } else { "" };
        let properties = self.certain_properties()?;
        Some(format!(" {topic} {}{id}{dup}{retain}{properties}", quoted(self.rest)))
    }

    fn end(&mut self) -> Option<String> {
        match self.byte() {
            None => Some(String::new()),
            Some(reason) => Some(format!(" {reason}{}", self.properties()?)),
        }
    }

    fn subscription_answer(&mut self) -> Option<String> {
        let id = self.number()?;
        let properties = self.certain_properties()?;
        let reasons: String = self.rest.iter().map(|reason| format!(" {reason}")).collect();
        Some(format!(" {id}{reasons}{properties}"))
    }
}

#[test]
fn what_is_shown_gives_the_same_bytes_back() {
    let cases = [
        ("CONNACK 0", 4),
        ("CONNACK 0 session-present {receive-maximum=20 assigned-client-identifier=auto-1}", 5),
        ("PUBLISH a/b \"x \\x00\\xff\\\"\" qos=2 id=7 dup retain", 4),
        ("PUBLISH \"\" \"x\"*300 {topic-alias=3 user-property=a:b user-property=\"c d:\"}", 5),
        ("PUBACK 4", 5),
        ("PUBREC 4 16", 5),
        ("PUBREL 4 146 {}", 5),
        ("SUBACK 9 0 1 135 {reason-string=\"no, \"}", 5),
        ("UNSUBACK 9", 4),
        ("DISCONNECT 142 {session-expiry-interval=4294967295}", 5),
        ("AUTH 24 {authentication-method=x authentication-data=\"\\x01\"}", 5),
    ];
    for (text, version) in cases {
        let bytes = encode(text, version).unwrap();
        assert_eq!(decode(&bytes, version), text, "{}", hex(&bytes));
        assert_eq!(packet_length(&bytes), Some(bytes.len()));
    }
}
