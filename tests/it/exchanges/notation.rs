//! The words of the notation of packets.
//!
//! `NAME word key=value "quoted text" "x"*1000 , {property=value …} will{property=value …}`

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `word` or `"text"`.
    Word(Vec<u8>),
    /// `key=value`.
    Named(String, Vec<u8>),
    /// `{…}`, with what stands before the brace.
    Properties(String, Vec<(String, Vec<u8>)>),
    /// `,`
    Comma,
}

/// Splits a line into its parts.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut reader = Reader { rest: text.as_bytes() };
    let mut found = Vec::new();
    while let Some(part) = reader.part()? {
        found.push(part);
    }
    Ok(found)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn part(&mut self) -> Result<Option<Part>, String> {
        self.skip_blanks();
        let Some(&first) = self.rest.first() else { return Ok(None) };
        if first == b',' {
            self.rest = &self.rest[1..];
            return Ok(Some(Part::Comma));
        }
        if first == b'"' {
            return Ok(Some(Part::Word(self.quoted()?)));
        }
        let end = self.rest.iter().position(|byte| b" ,={\"".contains(byte)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.rest = &self.rest[end..];
        match self.rest.first() {
            Some(b'=') => {
                let name = String::from_utf8_lossy(word).into_owned();
                self.rest = &self.rest[1..];
                Ok(Some(Part::Named(name, self.value()?)))
            }
            Some(b'{') => {
                let name = String::from_utf8_lossy(word).into_owned();
                self.rest = &self.rest[1..];
                Ok(Some(Part::Properties(name, self.properties()?)))
            }
            _ => Ok(Some(Part::Word(word.to_vec()))),
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn value(&mut self) -> Result<Vec<u8>, String> {
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let end = self.rest.iter().position(|byte| b" ,}\"".contains(byte)).unwrap_or(self.rest.len());
        let value = self.rest[..end].to_vec();
        self.rest = &self.rest[end..];
        Ok(value)
    }

    fn properties(&mut self) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut found = Vec::new();
        loop {
            self.skip_blanks();
            if self.rest.first() == Some(&b'}') {
                self.rest = &self.rest[1..];
                return Ok(found);
            }
            match self.part()? {
                Some(Part::Named(name, value)) => found.push((name, value)),
                other => return Err(format!("in braces `name=value` is expected, not {other:?}")),
            }
        }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut rest = &self.rest[1..];
        loop {
            match rest {
                [] => return Err("a quote is not closed".to_owned()),
                [b'"', after @ ..] => {
                    rest = after;
                    break;
                }
                [b'\\', b'x', high, low, after @ ..] => {
                    let digits = [*high, *low];
                    let digits = std::str::from_utf8(&digits).map_err(|error| error.to_string())?;
                    text.push(u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?);
                    rest = after;
                }
                [b'\\', byte, after @ ..] => {
                    text.push(*byte);
                    rest = after;
                }
                [byte, after @ ..] => {
                    text.push(*byte);
                    rest = after;
                }
            }
        }
        if let [b'*', after @ ..] = rest {
            let end = after.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
            let times = String::from_utf8_lossy(&after[..end]).parse().map_err(|_| "`*` and no number")?;
            text = text.repeat(times);
            rest = &after[end..];
        }
        self.rest = rest;
        Ok(text)
    }
}

/// Repetitions beyond so many bytes are written with their number.
const LONG: usize = 40;

/// Bytes as a word: bare where that is clear, otherwise quoted.
pub(super) fn word(bytes: &[u8]) -> String {
    let is_bare = !bytes.is_empty()
        && bytes.len() <= LONG
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/$+#._:-".contains(byte));
    if is_bare { String::from_utf8_lossy(bytes).into_owned() } else { quoted(bytes) }
}

/// Bytes in quotes.
pub(super) fn quoted(bytes: &[u8]) -> String {
    for period in [1, 2] {
        let is_repeated = bytes.chunks(period).all(|chunk| *chunk == bytes[..period.min(bytes.len())]);
        if bytes.len() > LONG && is_repeated {
            return format!("{}*{}", quoted(&bytes[..period]), bytes.len() / period);
        }
    }
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' | '\\' => text.extend(['\\', letter]),
                _ if letter.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in letter.encode_utf8(&mut buffer).bytes() {
                        text += &format!("\\x{byte:02x}");
                    }
                }
                _ => text.push(letter),
            }
        }
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits; blanks and `text` in quotes may stand between them.
pub(super) fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for part in parts(text)? {
        let Part::Word(word) = part else { return Err(format!("no hexadecimal digits: {text}")) };
        let digits = String::from_utf8_lossy(&word).into_owned();
        if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("no hexadecimal digits: {digits}"));
        }
        for at in (0..digits.len()).step_by(2) {
            bytes.push(u8::from_str_radix(&digits[at..at + 2], 16).map_err(|error| error.to_string())?);
        }
    }
    Ok(bytes)
}
