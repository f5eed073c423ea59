//! Topic filters: what is one, which topics it matches, and what two of them have in common.

use std::fmt;

use crate::catalogue::{Quirk, Release};
use crate::model::acl::Kinds;

/// The longest filter and the longest topic, in bytes.
pub const MAX_BYTES: usize = 65_535;

/// The most levels of a filter or a topic: 200 separators, observed on every known release.
pub const MAX_LEVELS: usize = 201;

/// Why the broker refuses a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidFilter {
    /// It has no byte.
    Empty,
    /// It has more than [`MAX_BYTES`] bytes.
    TooLong,
    /// It has more than [`MAX_LEVELS`] levels.
    TooDeep,
    /// The wildcard at this offset shares its level with other bytes.
    PartialLevel(usize),
    /// The `#` at this offset is not the last level.
    NotLast(usize),
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "a filter has at least one byte"),
            Self::TooLong => write!(f, "a filter has at most {MAX_BYTES} bytes"),
            Self::TooDeep => write!(f, "a filter has at most {MAX_LEVELS} levels"),
            Self::PartialLevel(_) => write!(f, "a wildcard is a level of its own"),
            Self::NotLast(_) => write!(f, "`#` is the last level of a filter"),
        }
    }
}

/// Checks a filter as the broker does when it reads an ACL file. Bytes need not be UTF-8.
pub fn check(filter: &[u8]) -> Result<(), InvalidFilter> {
    if filter.is_empty() {
        return Err(InvalidFilter::Empty);
    }
    if filter.len() > MAX_BYTES {
        return Err(InvalidFilter::TooLong);
    }
    let mut start = 0;
    for (index, level) in split(filter).enumerate() {
        if index >= MAX_LEVELS {
            return Err(InvalidFilter::TooDeep);
        }
        if let Some(at) = level.iter().position(|byte| matches!(byte, b'+' | b'#')) {
            if level.len() > 1 {
                return Err(InvalidFilter::PartialLevel(start + at));
            }
            if level == b"#" && start + 1 < filter.len() {
                return Err(InvalidFilter::NotLast(start));
            }
        }
        start += level.len() + 1;
    }
    Ok(())
}

/// Whether a text of these kinds of bytes is a filter for its want of wildcards and its length alone.
pub(crate) fn is_filter_of(kinds: Kinds, text: &[u8]) -> bool {
    kinds.is_of_filter() || !kinds.has_wildcard() && (1..MAX_LEVELS).contains(&text.len())
}

/// Whether any topic can match a filter: it is valid, and its text may stand in a topic.
///
/// An ACL file may hold bytes that are not UTF-8 and control characters; a client that names such a topic is
/// disconnected, by every known release.
pub fn can_match(filter: &[u8]) -> bool {
    can_match_of(Kinds::of(filter), filter)
}

/// The same for a filter whose kinds of bytes are known.
pub(super) fn can_match_of(kinds: Kinds, filter: &[u8]) -> bool {
    (is_filter_of(kinds, filter) || check(filter).is_ok())
        && (kinds.is_plain() || str::from_utf8(filter).is_ok_and(|text| text.chars().all(is_legal)))
}

/// Whether a character may stand in a topic, or any other text of a packet: no control character, no non-character.
pub fn is_legal(character: char) -> bool {
    let code = u32::from(character);
    !matches!(code, 0..=0x1f | 0x7f..=0x9f | 0xfdd0..=0xfdef) && code & 0xfffe != 0xfffe
}

/// Whether a filter matches a topic.
///
/// A filter that starts with a wildcard never matches a topic that starts with `$`. Nothing matches where the
/// filter is not valid.
pub fn matches(filter: &[u8], topic: &[u8]) -> bool {
    let starts_with_dollar = |text: &[u8]| text.first() == Some(&b'$');
    if filter.is_empty() || topic.is_empty() || starts_with_dollar(filter) != starts_with_dollar(topic) {
        return false;
    }
    let mut wanted = split(filter);
    let mut found = split(topic);
    while let Some(level) = wanted.next() {
        if level == b"#" {
            return wanted.next().is_none();
        }
        match found.next() {
            Some(name) if level == b"+" || level == name => {}
            _ => return false,
        }
    }
    found.next().is_none()
}

/// The filter that matches exactly the topics that two valid filters both match; `None` where there is none.
pub fn meet(left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
    let starts_wild = |filter: &[u8]| matches!(filter.first(), Some(b'+' | b'#'));
    if starts_wild(left) && right.starts_with(b"$") || starts_wild(right) && left.starts_with(b"$") {
        return None;
    }
    let (mut left, mut right) = (split(left), split(right));
    let mut common: Vec<&[u8]> = Vec::new();
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (Some(b"#"), other) => {
                common.extend(other);
                common.extend(right);
                break;
            }
            (other, Some(b"#")) => {
                common.extend(other);
                common.extend(left);
                break;
            }
            (Some(level), Some(other)) if level == other || other == b"+" => common.push(level),
            (Some(b"+"), Some(other)) => common.push(other),
            _ => return None,
        }
    }
    // Only the empty level, which is no topic, is left of `/#` and `+`.
    if common == [b""] {
        return None;
    }
    // Two long filters may agree only on topics that are longer than any topic.
    let shortest = common.iter().map(|level| match *level {
        b"+" => 1,
        b"#" => 0,
        name => name.len() + 1,
    });
    (shortest.sum::<usize>() <= MAX_BYTES + 1).then(|| common.join(&b'/'))
}

/// The levels of a filter or a topic.
pub(super) fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'/')
}

/// Where `%u` and `%c` stand for the names of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholders {
    /// Nowhere: in `topic` lines they are plain text.
    Text,
    /// Where they are a complete level; names with `/`, and names that start with `$` at the front of a
    /// pattern, match nothing.
    WholeLevel,
    /// Anywhere, as text that is replaced before matching: a name may hold several levels and start with `$`.
    Anywhere,
}

impl Placeholders {
    /// How a release reads the placeholders of `pattern` lines.
    pub fn in_patterns(release: Release) -> Self {
        if release.has(Quirk::WholeLevelSubstitution) { Self::WholeLevel } else { Self::Anywhere }
    }

    /// Whether a level of a pattern holds one of the given placeholders.
    fn stand_in(self, level: &[u8], names: &[&[u8]]) -> bool {
        match self {
            Self::Text => false,
            Self::WholeLevel => names.contains(&level),
            Self::Anywhere => level.windows(2).any(|pair| names.contains(&pair)),
        }
    }

    /// Whether a level of a pattern holds anything that is put in its place.
    pub(super) fn stands_in(self, level: &[u8]) -> bool {
        self.stand_in(level, &[CLIENT_ID, USER])
    }

    /// Whether a pattern holds a client id that is put in its place.
    pub(super) fn has_client_id(self, pattern: &[u8]) -> bool {
        split(pattern).any(|level| self.stand_in(level, &[CLIENT_ID]))
    }

    /// Whether a pattern holds a user name that is put in its place.
    pub(super) fn has_user(self, pattern: &[u8]) -> bool {
        split(pattern).any(|level| self.stand_in(level, &[USER]))
    }
}

/// The placeholder of the client id.
pub(super) const CLIENT_ID: &[u8] = b"%c";

/// The placeholder of the user name.
pub(super) const USER: &[u8] = b"%u";

/// Whether a pattern is only for clients with a user name: every known release looks for the text `%u`, also
/// where it is not replaced.
pub fn is_for_named(pattern: &[u8]) -> bool {
    pattern.windows(2).any(|pair| pair == USER)
}

/// One level of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level<'a> {
    /// This text.
    Text(&'a [u8]),
    /// `+`: any one level.
    Any,
    /// `#`: any levels, also none.
    Rest,
    /// A level with placeholders that are put in their place.
    Names(&'a [u8]),
}

impl Level<'_> {
    /// Whether a topic that starts with this level can start with `$`: surely, surely not, or (`None`) as the
    /// client chooses.
    pub(super) fn starts_with_dollar(self, placeholders: Placeholders) -> Option<bool> {
        match self {
            Self::Text(text) => Some(text.starts_with(b"$")),
            Self::Any | Self::Rest => Some(false),
            Self::Names(text) if !text.starts_with(b"%") => Some(text.starts_with(b"$")),
            Self::Names(_) => (placeholders == Placeholders::WholeLevel).then_some(false),
        }
    }
}

/// The levels of a valid filter.
pub(super) fn levels(filter: &[u8], placeholders: Placeholders) -> Vec<Level<'_>> {
    let mut read = Vec::new();
    for text in split(filter) {
        read.push(match text {
            b"+" => Level::Any,
            b"#" => Level::Rest,
            _ if placeholders.stands_in(text) => Level::Names(text),
            _ => Level::Text(text),
        });
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_filter() {
        let deep = |levels: usize| vec!["a"; levels].join("/");
        let cases = [
            ("a/+/#".to_owned(), Ok(())),
            ("/".to_owned(), Ok(())),
            ("$SYS/#".to_owned(), Ok(())),
            (String::new(), Err(InvalidFilter::Empty)),
            ("a/b+/c".to_owned(), Err(InvalidFilter::PartialLevel(3))),
            ("a/##".to_owned(), Err(InvalidFilter::PartialLevel(2))),
            ("a/#/".to_owned(), Err(InvalidFilter::NotLast(2))),
            ("#/a".to_owned(), Err(InvalidFilter::NotLast(0))),
            (deep(MAX_LEVELS), Ok(())),
            (deep(MAX_LEVELS + 1), Err(InvalidFilter::TooDeep)),
            ("a".repeat(MAX_BYTES), Ok(())),
            ("a".repeat(MAX_BYTES + 1), Err(InvalidFilter::TooLong)),
        ];
        for (filter, expected) in cases {
            assert_eq!(check(filter.as_bytes()), expected, "{filter:.20}");
        }
    }

    #[test]
    fn what_a_topic_may_hold() {
        let legal = ["a b", "é", "\u{feff}", "\u{2028}", "%u"];
        let illegal = ["read\ta", "\u{7f}", "\u{85}", "\u{fdd0}", "\u{ffff}", "\u{1ffff}", "a/b+"];
        assert!(legal.iter().all(|filter| can_match(filter.as_bytes())));
        assert!(illegal.iter().all(|filter| !can_match(filter.as_bytes())));
        assert!(!can_match(b"\xff") && !can_match(b"\xed\xa0\x80"));
    }

    #[test]
    fn what_a_filter_matches() {
        let cases = [
            ("a/#", "a", true),
            ("a/#", "a/", true),
            ("a/#", "ab", false),
            ("a//#", "a/", true),
            ("+/+", "/", true),
            ("+", "a/", false),
            ("#", "$SYS", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/+", "$SYS/x", true),
            ("a/+", "a/$x", true),
            ("#/a", "b/a", false),
            ("+", "", false),
        ];
        for (filter, topic, expected) in cases {
            assert_eq!(matches(filter.as_bytes(), topic.as_bytes()), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn what_filters_have_in_common() {
        let long = "l".repeat(40_000);
        let cases = [
            ("a/+/c", "+/b/#", Some("a/b/c")),
            ("a/#", "a", Some("a")),
            ("a/#", "#", Some("a/#")),
            ("/#", "+", None),
            ("#", "$SYS/x", None),
            ("a/+", "a/b/+", None),
            (&format!("{long}/+"), &format!("+/{long}"), None),
        ];
        for (left, right, expected) in cases {
            for (left, right) in [(left, right), (right, left)] {
                let found = meet(left.as_bytes(), right.as_bytes());
                assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{left:.20} {right:.20}");
            }
        }
    }
}
