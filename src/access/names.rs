//! Names that filters give to placeholders, and names that nothing holds.

use std::collections::HashSet;

use super::filter::{CLIENT_ID, Level, MAX_LEVELS, Placeholders, USER, levels, split};

/// Names in the order in which they came, each once.
pub(super) struct Distinct {
    pub(super) list: Vec<Vec<u8>>,
    seen: HashSet<Vec<u8>>,
}

impl Distinct {
    pub(super) fn of(first: Vec<u8>) -> Self {
        Self { list: vec![first.clone()], seen: HashSet::from([first]) }
    }

    pub(super) fn add(&mut self, name: Vec<u8>) {
        if !name.is_empty() && self.seen.insert(name.clone()) {
            self.list.push(name);
        }
    }
}

/// Whether a name is one that no honest client has.
pub(super) fn is_odd(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// What stands in filters in the place of a pattern's placeholders.
pub(super) struct Runs<'r> {
    pub(super) placeholders: Placeholders,
    /// The placeholders.
    pub(super) wanted: &'r [&'r [u8]],
    /// What stands for any name.
    pub(super) unknown: &'r [u8],
    /// What was put in the place of placeholders of the filters, and stands for any name too.
    pub(super) made: &'r [&'r [u8]],
    /// How many levels may stand for a `#`.
    pub(super) deepest: usize,
}

impl Runs<'_> {
    /// Shows each name with which a pattern, of those that hold a placeholder, may meet a filter; returns one
    /// more than the most levels that the filter has from a placeholder on, at least 1.
    pub(super) fn of(&self, pattern: &[u8], filter: &[u8], add: &mut dyn FnMut(Vec<u8>)) -> usize {
        let spans = self.placeholders == Placeholders::Anywhere;
        let filter = levels(filter, Placeholders::Text);
        let mut longest = 1;
        for (index, (text, level)) in split(pattern).zip(levels(pattern, self.placeholders)).enumerate() {
            let place = |pair: &[u8]| self.wanted.contains(&pair);
            if let Some(at) = text.windows(2).position(place).filter(|_| spans || place(text)) {
                let last = filter.len().saturating_sub(1);
                let start = if filter.last() == Some(&Level::Rest) { index.min(last) } else { index };
                let found = filter.get(start..).unwrap_or_default();
                longest = longest.max(found.len() + 1);
                self.runs(found, (&text[..at], &text[at + 2..]), if spans { MAX_LEVELS } else { 1 }, add);
            }
            // Behind a name that may span levels, nothing is known of the places of others.
            let meets = match (level, filter.get(index)) {
                _ if spans && split(pattern).take(index + 1).any(|text| text.contains(&b'%')) => true,
                (Level::Text(text), Some(Level::Text(other))) => text == *other || self.is_made(other),
                (_, Some(_)) => true,
                (_, None) => filter.last() == Some(&Level::Rest),
            };
            if !meets {
                break;
            }
        }
        longest
    }

    /// Whether a level of a filter holds a name that stands for any.
    fn is_made(&self, level: &[u8]) -> bool {
        self.made.iter().any(|made| level.windows(made.len()).any(|part| part == *made))
    }

    /// The texts of the first, the first two, … of these levels, at most so many, without what stands before
    /// and behind the name.
    fn runs(
        &self,
        found: &[Level<'_>],
        (before, behind): (&[u8], &[u8]),
        most: usize,
        add: &mut dyn FnMut(Vec<u8>),
    ) {
        let mut run: Vec<u8> = Vec::new();
        let mut count = 0;
        for level in found {
            let times = if *level == Level::Rest { self.deepest } else { 1 };
            for _ in 0..times {
                let mut text = match *level {
                    Level::Text(text) | Level::Names(text) => text,
                    Level::Any | Level::Rest => self.unknown,
                };
                let is_text = matches!(level, Level::Text(_));
                if count == 0 && is_text {
                    let Some(rest) = text.strip_prefix(before) else { return };
                    text = rest;
                }
                if count > 0 {
                    run.push(b'/');
                }
                let end = if is_text { text.strip_suffix(behind) } else { Some(text) };
                if let Some(end) = end {
                    add([&*run, end].concat());
                }
                run.extend_from_slice(text);
                count += 1;
                if count == most {
                    return;
                }
            }
        }
    }
}

/// Where the first of some names stands in a filter.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The number of the level.
    level: usize,
    /// What is before it in its level.
    before: Vec<u8>,
    /// Whether there is another one behind it.
    pub(super) is_first_of_many: bool,
}

/// Where the first of some names stands in a filter.
pub(super) fn place(filter: &[u8], names: &[&[u8]]) -> Option<Place> {
    let is_name = |at: &usize| names.iter().any(|name| filter[*at..].starts_with(name));
    let mut found = (0..filter.len()).filter(is_name);
    let before = &filter[..found.next()?];
    Some(Place {
        level: split(before).count(),
        before: split(before).last().unwrap_or_default().to_vec(),
        is_first_of_many: found.next().is_some(),
    })
}

/// Whether a client id stands in front of a user name in a pattern, or in the same level: where both may span
/// levels, either may then hold any part of what they hold together.
pub(super) fn is_tangled(pattern: &[u8]) -> bool {
    let holds = |text: &[u8], name: &[u8]| text.windows(2).any(|pair| pair == name);
    let mut seen = false;
    split(pattern).any(|level| {
        seen |= holds(level, CLIENT_ID);
        seen && holds(level, USER)
    })
}

/// A name that starts like `stem` and that no text holds.
pub(super) fn unused<'t>(stem: &[u8], texts: impl Iterator<Item = &'t [u8]>) -> Vec<u8> {
    let mut next = None;
    for text in texts.filter(|text| text.len() >= stem.len()) {
        for at in text.windows(stem.len()).enumerate().filter(|(_, part)| *part == stem).map(|(at, _)| at) {
            let digits = text[at + stem.len()..].iter().take_while(|byte| byte.is_ascii_digit()).take(9);
            let number = digits.fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
            next = next.max(Some(number + 1));
        }
    }
    let number = next.map(|number| number.to_string()).unwrap_or_default();
    [stem, number.as_bytes()].concat()
}
