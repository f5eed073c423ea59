//! Values of options, read as a release reads them.

use crate::catalogue::{Entry, Kind, OptionId, OtherWord, Outside, Quirk, Release};
use crate::lang::lines::trim;
use crate::model::Value;
use crate::model::notes::ValueProblem;

/// A value as it was read, and what is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// The value, where there is one to go on with.
    pub(super) value: Option<Value>,
    /// What is wrong, and whether the release stops.
    pub(super) problem: Option<(ValueProblem, bool)>,
    /// The range, in the raw value, of what was read.
    pub(super) range: (usize, usize),
    /// The range of words that nobody reads.
    pub(super) ignored: Option<(usize, usize)>,
}

impl Read {
    fn good(value: Value, range: (usize, usize)) -> Self {
        Self { value: Some(value), problem: None, range, ignored: None }
    }

    fn bad(problem: ValueProblem, range: (usize, usize)) -> Self {
        Self { value: None, problem: Some((problem, true)), range, ignored: None }
    }
}

/// Strings above this length are refused by every release.
pub(super) const MAX_TEXT: usize = 65_535;

/// Reads the raw value of an option that is no structure line.
pub(super) fn read(entry: &Entry, release: Release, raw: &[u8]) -> Read {
    if entry.unread.is_some_and(|unread| unread <= release) {
        return Read::good(Value::Unread, (0, raw.len()));
    }
    match entry.kind {
        Kind::Ignored => Read::good(Value::Unread, (0, raw.len())),
        Kind::Bool => first_word(raw, |word| match word {
            b"true" | b"1" => Ok(Value::Bool(true)),
            b"false" | b"0" => Ok(Value::Bool(false)),
            _ => Err((ValueProblem::NotBool, true)),
        }),
        Kind::Int | Kind::Port => first_word(raw, |word| int(entry, release, word)).emptied(entry, release),
        Kind::Size => first_word(raw, |word| size(entry, release, word)),
        Kind::Word => first_word(raw, |word| known_word(entry, release, word)).emptied(entry, release),
        Kind::TrimmedWord => trimmed_word(entry, release, raw),
        Kind::ExactWord => exact_word(entry, release, raw),
        Kind::Duration => first_word(raw, |word| duration(release, word)).emptied(entry, release),
        Kind::Ints => ints(entry, release, raw),
        Kind::Versions => versions(raw),
        Kind::LogDestination => log_destination(entry, release, raw),
        Kind::Hex40 => text(raw, |text| {
            let is_hex = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hex { None } else { Some(ValueProblem::NotHex) }
        }),
        Kind::TopicPrefix => text(raw, |text| text.contains(['+', '#']).then_some(ValueProblem::Wildcard)),
        Kind::PluginOption => plugin_option(release, raw),
        _ => text(raw, |text| {
            let max = entry.max.at(release).and_then(|max| usize::try_from(max).ok());
            max.filter(|max| text.len() > *max).map(|max| ValueProblem::TooLong { max })
        }),
    }
}

impl Read {
    /// In 2.0 a few options print an error for an empty value and go on.
    fn emptied(mut self, entry: &Entry, release: Release) -> Self {
        let is_lenient = release.has(Quirk::EmptyValueForgiven) && entry.empty_forgiven;
        if is_lenient && let Some((ValueProblem::Empty, fatal)) = &mut self.problem {
            *fatal = false;
        }
        self
    }
}

/// The range of the first word of a value; the value itself starts with no space.
pub(super) fn word(raw: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from + raw.get(from..)?.iter().position(|byte| *byte != b' ')?;
    let length = raw[start..].iter().position(|byte| *byte == b' ').unwrap_or(raw.len() - start);
    Some((start, start + length))
}

fn first_word(raw: &[u8], read: impl Fn(&[u8]) -> Result<Value, (ValueProblem, bool)>) -> Read {
    let Some(range) = word(raw, 0) else { return Read::bad(ValueProblem::Empty, (0, raw.len())) };
    let (start, end) = trim(raw, range.1, raw.len());
    let ignored = (start < end).then_some((start, end));
    let mut found = match read(&raw[range.0..range.1]) {
        Ok(value) => Read::good(value, range),
        Err((problem, fatal)) => {
            let taken = match problem {
                ValueProblem::OutOfRange { taken, .. } => taken,
                ValueProblem::NotNumber { read_as } => read_as,
                _ => None,
            };
            Read { value: taken.map(Value::Int), problem: Some((problem, fatal)), range, ignored: None }
        }
    };
    found.ignored = ignored;
    found
}

/// A number as C's `atoi` reads it: white space, a sign, leading digits; anything else is 0.
pub(super) fn leading_number(word: &[u8]) -> i64 {
    let (start, end) = trim(word, 0, word.len());
    let (is_negative, digits) = match &word[start..end] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let count = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let value = digits[..count]
        .iter()
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if is_negative { -value } else { value }
}

/// [`leading_number`] as an `int`: what does not fit is undefined in C and wraps in practice.
pub(super) fn leading_int(word: &[u8]) -> i64 {
    i64::from(leading_number(word) as i32)
}

/// A number as a whole C literal: decimal, `0x` hexadecimal, `0` octal.
pub(super) fn whole_number(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?.trim_start_matches(is_space);
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let is_plain =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !digits.is_empty();
    let value = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) if is_plain(hex) => i64::from_str_radix(hex, 16).ok()?,
        Some(_) => return None,
        None if digits.len() > 1 && digits.starts_with('0') && is_plain(digits) => {
            i64::from_str_radix(digits, 8).ok()?
        }
        None if is_plain(digits) => digits.parse().ok()?,
        None => return None,
    };
    let value = if is_negative { -value } else { value };
    i32::try_from(value).is_ok().then_some(value)
}

/// White space as C's `isspace` has it.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

fn int(entry: &Entry, release: Release, word: &[u8]) -> Result<Value, (ValueProblem, bool)> {
    if release.has(Quirk::NumbersByAtoi) {
        let number = leading_int(word);
        let is_plain = whole_number(word) == Some(number) && (word == b"0" || !word.starts_with(b"0"));
        let read = bounded(entry, release, number)?;
        if is_plain { Ok(read) } else { Err((ValueProblem::NotNumber { read_as: Some(number) }, false)) }
    } else {
        let number = whole_number(word).ok_or((ValueProblem::NotNumber { read_as: None }, true))?;
        let read = bounded(entry, release, number)?;
        let is_octal = word.iter().all(u8::is_ascii_digit) && leading_number(word) != number;
        if is_octal { Err((ValueProblem::NotNumber { read_as: Some(number) }, false)) } else { Ok(read) }
    }
}

/// A number of which every release reads the leading digits.
fn size(entry: &Entry, release: Release, word: &[u8]) -> Result<Value, (ValueProblem, bool)> {
    let number = leading_number(word);
    let read = bounded(entry, release, number)?;
    let is_plain = word.iter().skip_while(|byte| matches!(byte, b'+' | b'-')).all(u8::is_ascii_digit);
    if is_plain { Ok(read) } else { Err((ValueProblem::NotNumber { read_as: Some(number) }, false)) }
}

fn bounded(entry: &Entry, release: Release, number: i64) -> Result<Value, (ValueProblem, bool)> {
    let (min, max) = (entry.min.at(release), entry.max.at(release));
    let (nearest, outside) = match (min, max) {
        (Some(min), _) if number < min => (min, entry.below),
        (_, Some(max)) if number > max => (max, entry.above),
        _ => return Ok(Value::Int(number)),
    };
    let problem = |taken| ValueProblem::OutOfRange { min, max, taken };
    match outside {
        Outside::Error => Err((problem(None), true)),
        // A negative number for "no limit" is a common and harmless habit.
        Outside::Clamp if entry.unlimited => Ok(Value::Int(nearest)),
        Outside::Clamp | Outside::ClampWithNotice => Err((problem(Some(nearest)), false)),
    }
}

fn known_word(entry: &Entry, release: Release, word: &[u8]) -> Result<Value, (ValueProblem, bool)> {
    let text = String::from_utf8_lossy(word);
    let is_known = entry.words.iter().any(|known| {
        known.name == text && known.since <= release && known.until.is_none_or(|until| release < until)
    });
    match entry.other_word {
        OtherWord::Refused if !is_known => Err((ValueProblem::UnknownWord, true)),
        OtherWord::Ignored if !is_known => Err((ValueProblem::UnknownWord, false)),
        _ => Ok(Value::Text(text.into())),
    }
}

fn trimmed_word(entry: &Entry, release: Release, raw: &[u8]) -> Read {
    let mut read = text(raw, |_| None);
    if let Some(Value::Text(word)) = &read.value
        && let Err(problem) = known_word(entry, release, word.as_bytes())
    {
        read.problem = Some(problem);
    }
    read
}

fn exact_word(entry: &Entry, release: Release, raw: &[u8]) -> Read {
    let range = (0, raw.len());
    match known_word(entry, release, raw) {
        _ if raw.is_empty() => Read::bad(ValueProblem::Empty, range),
        Ok(value) => Read::good(value, range),
        Err((problem, _)) => Read::bad(problem, range),
    }
}

fn duration(release: Release, word: &[u8]) -> Result<Value, (ValueProblem, bool)> {
    let units: &[(u8, i64)] =
        &[(b's', 1), (b'h', 3600), (b'd', 86_400), (b'w', 604_800), (b'm', 2_592_000), (b'y', 31_536_000)];
    let Some((last, digits)) = word.split_last() else { return Err((ValueProblem::Empty, true)) };
    let seconds = units.iter().find(|(unit, _)| unit == last);
    match seconds {
        Some((b's', _)) if !release.has(Quirk::ExpirationInSeconds) => Err((ValueProblem::BadUnit, true)),
        Some((_, seconds)) => match leading_number(digits) {
            count if count > 0 => Ok(Value::Int(count.saturating_mul(*seconds))),
            _ => Err((ValueProblem::OutOfRange { min: Some(1), max: None, taken: None }, true)),
        },
        None => Err((ValueProblem::BadUnit, true)),
    }
}

fn ints(entry: &Entry, release: Release, raw: &[u8]) -> Read {
    // Where each number has its bounds, all three must be there, and in the form of other numbers.
    let is_strict = entry.below == Outside::Error;
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(range) = word(raw, at).filter(|_| words.len() < 3) {
        words.push(range);
        at = range.1;
    }
    let Some(first) = words.first() else { return Read::bad(ValueProblem::Empty, (0, raw.len())) };
    let all = (first.0, at);
    let mut numbers = Vec::new();
    for (start, end) in &words {
        let word = &raw[*start..*end];
        let number = match is_strict {
            true => int(entry, release, word),
            false => Ok(Value::Int(leading_int(word))),
        };
        match number {
            Ok(Value::Int(number)) => numbers.push(number),
            Ok(_) => {}
            // Read in another way than it looks, and read.
            Err((ValueProblem::NotNumber { read_as: Some(number) }, false)) => numbers.push(number),
            Err((problem, _)) => return Read::bad(problem, (*start, *end)),
        }
    }
    if is_strict && numbers.len() < 3 {
        return Read::bad(ValueProblem::Incomplete, all);
    }
    let is_disordered = !is_strict
        && (numbers.get(1).is_some_and(|cap| *cap < numbers[0].max(1))
            || (numbers.get(2).is_some_and(|stable| *stable < 0)
                && release.has(Quirk::RestartTimeoutBounded)));
    if is_disordered {
        return Read::bad(ValueProblem::OutOfRange { min: Some(1), max: None, taken: None }, all);
    }
    let mut read = Read::good(Value::Text(String::from_utf8_lossy(&raw[all.0..all.1]).into()), all);
    read.ignored = word(raw, all.1).map(|(start, _)| (start, raw.len()));
    read
}

fn versions(raw: &[u8]) -> Read {
    let range = trim(raw, 0, raw.len());
    let text = String::from_utf8_lossy(&raw[range.0..range.1]);
    if text.is_empty() {
        return Read::bad(ValueProblem::Empty, (0, raw.len()));
    }
    let mut read = Read::good(Value::Text(text.as_ref().into()), range);
    let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    if words.clone().any(|word| !matches!(word, "3" | "4" | "5")) {
        read.problem = Some((ValueProblem::UnknownWord, false));
    }
    read
}

fn log_destination(entry: &Entry, release: Release, raw: &[u8]) -> Read {
    let Some(range) = word(raw, 0) else { return Read::bad(ValueProblem::Empty, (0, raw.len())) };
    if &raw[range.0..range.1] == b"file" {
        let start = range.1 + raw[range.1..].iter().take_while(|byte| **byte == b' ').count();
        if start == raw.len() {
            return Read::bad(ValueProblem::Incomplete, range);
        }
        let path = String::from_utf8_lossy(&raw[start..]);
        return Read::good(Value::Text(format!("file {path}").into()), (range.0, raw.len()));
    }
    first_word(raw, |word| known_word(entry, release, word))
}

fn plugin_option(release: Release, raw: &[u8]) -> Read {
    let start = raw.iter().take_while(|byte| **byte == b' ').count();
    let range = (start, raw.len());
    match std::str::from_utf8(&raw[start..]) {
        _ if raw.is_empty() => Read::bad(ValueProblem::Empty, range),
        Ok(text) if text.trim().is_empty() && !release.has(Quirk::BlankPluginOptionAllowed) => {
            Read::bad(ValueProblem::Empty, range)
        }
        Ok(text) if text.chars().any(char::is_control) => Read::bad(ValueProblem::BadText, range),
        Ok(text) => Read::good(Value::Text(text.into()), range),
        Err(_) => Read::bad(ValueProblem::BadText, range),
    }
}

/// The trimmed rest of the line, as the broker checks every string.
pub(super) fn text(raw: &[u8], check: impl Fn(&str) -> Option<ValueProblem>) -> Read {
    let range = trim(raw, 0, raw.len());
    let bytes = &raw[range.0..range.1];
    let problem = match std::str::from_utf8(bytes) {
        _ if bytes.is_empty() => ValueProblem::Empty,
        _ if bytes.len() > MAX_TEXT => ValueProblem::TooLong { max: MAX_TEXT },
        Ok(text) if !text.chars().any(is_refused) => match check(text) {
            None => return Read::good(Value::Text(text.into()), range),
            Some(problem) => problem,
        },
        _ => ValueProblem::BadText,
    };
    Read::bad(problem, range)
}

/// Characters that MQTT, and so the broker, refuses in a text: controls and the code points that are no
/// characters.
fn is_refused(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Where a secret may begin in or behind a name that no release knows: the name of an option that holds one stands
/// there in capitals, or with a tab, `=` or `:` behind it.
pub(super) fn misspelt_secret(name: &str) -> Option<usize> {
    let start = name.len() - name.trim_start().len();
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let end = start + name.bytes().skip(start).take_while(is_of_name).count();
    let bare = name[start..end].to_ascii_lowercase();
    let is_secret = match OptionId::named(&bare) {
        Some(option) => option.entry().secret,
        None => bare.contains("password"),
    };
    is_secret.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_behind_misspelt_names() {
        let cases = [
            ("remote_password\tx", Some(15)),
            ("\tRemote_Password", Some(16)),
            ("bridge_password=x", Some(15)),
            ("bridge_psk:x", Some(10)),
            ("password_file=x", None),
            ("listener\tx", None),
            ("é", None),
        ];
        for (name, secret) in cases {
            assert_eq!(misspelt_secret(name), secret, "{name:?}");
        }
    }

    #[test]
    fn numbers() {
        let cases: &[(&str, i64, Option<i64>)] = &[
            ("5", 5, Some(5)),
            ("5x", 5, None),
            ("abc", 0, None),
            ("0x100", 0, Some(256)),
            ("0100", 100, Some(64)),
            ("-3", -3, Some(-3)),
            ("--3", 0, None),
            ("0x", 0, None),
            ("08", 8, None),
            ("\r7", 7, Some(7)),
            ("7\r", 7, None),
            ("99999999999", 99_999_999_999, None),
        ];
        for (word, lenient, strict) in cases {
            assert_eq!(leading_number(word.as_bytes()), *lenient, "{word}");
            assert_eq!(whole_number(word.as_bytes()), *strict, "{word}");
        }
    }
}
