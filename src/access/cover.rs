//! Whether filters together match every topic that a filter matches, and if not, a topic that they miss.

use super::Work;
use super::filter::{self, Level, MAX_BYTES, Placeholders, levels};
use super::trie::{Outcome, Query, Trie, is_no_topic};

/// A union of topic filters.
///
/// Put a fresh name, one that no filter holds, in place of each `+` of a filter, and 0, 1, 2, … fresh levels
/// in place of its `#`. Only a wildcard matches a fresh name, so a member that matches such a generic topic
/// matches all that it stands for: the union covers the filter if and only if it matches each of them.
pub struct Union<'a> {
    trie: Trie<'a>,
}

/// Whether a union covers a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// It does.
    Whole {
        /// The members that do it, by their index: as few as possible, one where one does. None where the
        /// filter is not valid, as there is nothing to cover.
        by: Vec<usize>,
    },
    /// It does not.
    Not {
        /// A topic that the filter matches and the union does not.
        witness: Vec<u8>,
    },
}

impl<'a> Union<'a> {
    /// The union of filters; those that are not valid match nothing.
    pub fn new(filters: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut trie = Trie::new(Placeholders::Text);
        for (index, filter) in filters.into_iter().enumerate() {
            if filter::check(filter).is_ok() {
                trie.insert(&levels(filter, Placeholders::Text), index as u32);
            }
        }
        Self { trie }
    }

    /// Whether the union matches every topic that the filter matches.
    ///
    /// For filters within a few bytes of [`MAX_BYTES`], where no room is left for names, the answer may be
    /// `Not` for want of a proof.
    pub fn covers(&self, filter: &[u8]) -> Cover {
        if filter::check(filter).is_err() {
            return Cover::Whole { by: Vec::new() };
        }
        let levels = levels(filter, Placeholders::Text);
        let unbounded = Work::unbounded();
        match self.trie.cover(Query { levels: &levels, user: None }, &|_| true, &unbounded) {
            Outcome::By(by) => Cover::Whole { by: by.into_iter().map(|member| member as usize).collect() },
            Outcome::Gap(tail) => {
                Cover::Not { witness: generic_topic(&levels, tail, &self.trie.fresh_level(&levels)) }
            }
        }
    }
}

/// The shortest generic topic of a filter.
pub(super) fn shortest_topic(levels: &[Level<'_>], fresh: &[u8]) -> Vec<u8> {
    let has_none = matches!(levels, [prefix @ .., Level::Rest] if is_no_topic(prefix, 0));
    generic_topic(levels, usize::from(has_none), fresh)
}

/// The topic of a filter with `fresh` in place of each wildcard level, and `tail` of them in place of `#`.
pub(super) fn generic_topic(levels: &[Level<'_>], tail: usize, fresh: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::with_capacity(levels.len() + tail);
    for level in levels {
        match *level {
            Level::Text(text) | Level::Names(text) => names.push(text),
            Level::Any => names.push(fresh),
            Level::Rest => names.extend(std::iter::repeat_n(fresh, tail)),
        }
    }
    let topic = names.join(&b'/');
    if topic.len() > MAX_BYTES && !fresh.is_empty() { generic_topic(levels, tail, b"") } else { topic }
}

#[cfg(test)]
mod tests {
    use super::super::filter::MAX_LEVELS;
    use super::*;

    #[test]
    fn unions_that_cover() {
        type Case = (&'static str, &'static [&'static str], Result<&'static [usize], &'static str>);
        let cases: &[Case] = &[
            ("a/#", &["a", "a/+/#"], Ok(&[0, 1])),
            ("a/#", &["a", "a/+", "a/+/+/#", "+/#"], Ok(&[3])),
            ("#", &["+/#"], Ok(&[0])),
            ("#", &["+", "+/+", "+/+/+"], Err("z/z/z/z")),
            ("/#", &["/+/#"], Ok(&[0])),
            ("z/+", &["z/y", "z/x"], Err("z/w")),
            ("$x/#", &["#"], Err("$x")),
            ("+/b", &["a/b", "$x/b"], Err("z/b")),
            ("#/a", &[], Ok(&[])),
        ];
        for (filter, members, expected) in cases {
            let expected = match *expected {
                Ok(by) => Cover::Whole { by: by.to_vec() },
                Err(witness) => Cover::Not { witness: witness.into() },
            };
            let union = Union::new(members.iter().map(|member| member.as_bytes()));
            assert_eq!(union.covers(filter.as_bytes()), expected, "{filter} in {members:?}");
        }
    }

    #[test]
    fn topics_end_where_the_broker_ends_them() {
        let (last, before) = (vec!["+"; MAX_LEVELS].join("/"), vec!["+"; MAX_LEVELS - 1].join("/"));
        let rest = format!("{before}/#");
        let both = Union::new([last.as_bytes(), before.as_bytes()]);
        assert_eq!(both.covers(rest.as_bytes()), Cover::Whole { by: vec![1, 0] });
        let long = "l".repeat(MAX_BYTES - 2);
        let (rest, one) = (format!("{long}/#"), format!("{long}/+"));
        let Cover::Not { witness } = Union::new([long.as_bytes(), one.as_bytes()]).covers(rest.as_bytes())
        else {
            panic!("two empty levels fit");
        };
        assert_eq!(witness.len(), MAX_BYTES);
        assert!(super::super::matches(rest.as_bytes(), &witness));
    }
}
