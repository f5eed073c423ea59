//! The one meaning of an ACL file: what it allows, which lines decide nothing, whom it confines.
//!
//! [`decide`] is the reference: one request, the verdict, and the line that gave it. Everything else answers
//! for all topics at once. It works on sets of topics, exactly and without a solver: a level name is any
//! text, so a name that occurs in no filter always exists, and a filter whose wildcards are replaced by such
//! names stands for all topics that it matches (see [`Union`]).
//!
//! Names are chosen by people: `%c`, and `%u` where a name is not fixed, stand for a class of names that
//! hangs on the release (see [`Placeholders`]).

use std::cell::Cell;

#[cfg(test)]
mod agreement;
mod beaten;
mod compiled;
mod cover;
mod dead;
mod decide;
mod difference;
mod entangled;
mod filter;
mod identities;
mod isolation;
mod list;
mod names;
#[cfg(test)]
mod properties;
mod reach;
mod realms;
mod regions;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod trie;
mod who;

pub use beaten::{BeatenDeny, beaten_pattern_denies};
pub use compiled::Compiled;
pub use cover::{Cover, Union};
pub use dead::{DeadKind, DeadRule, dead_rules};
pub use decide::{Action, Client, Decision, Layer, Witness, decide, expand, gives, is_unsafe};
pub use difference::{Comparison, Difference, Relation, Topics, compare, difference};
pub(crate) use filter::is_filter_of;
pub use filter::{
    InvalidFilter, MAX_BYTES, MAX_LEVELS, Placeholders, can_match, check, is_for_named, is_legal, matches,
    meet,
};
pub use identities::{ClientIds, Logins, Meaning, Names, Person, Realm};
pub use isolation::{Intrusion, isolated};
pub use list::{DecisionList, ListedFilter, Policy, Tier};
pub use reach::{Reach, Who, claims, confinement};
pub use realms::{Compared, Contrast, compare_realms};
pub use regions::{Exception, Region, differences, minimal};
pub use who::{Holder, Judged, Share, may, who};

/// The answer of a search whose work is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was found; each entry holds by itself.
    pub entries: Vec<T>,
    /// Whether the search was carried to its end. Where it was not (a file made to be hard), there may be
    /// more.
    pub complete: bool,
}

/// What a search for one thing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search<T> {
    /// This was found.
    Found(T),
    /// It was proved that there is none.
    Nothing,
    /// The work was used up before either was known.
    GaveUp,
}

/// The most levels that the filters of a set may have together: each may be a node, of some hundred bytes.
const MOST_SET_LEVELS: usize = 4_000_000;

/// How much a search may still do, in visited nodes.
struct Work {
    left: Cell<u64>,
}

impl Work {
    /// Enough for a search over `rules` lines that people wrote, and some seconds at most for any other.
    fn for_rules(rules: usize) -> Self {
        let rules = rules as u64;
        Self { left: Cell::new(1_000_000 + 250 * rules.min(200_000) + 50 * rules) }
    }

    /// Enough for a search over all that `rules` lines give to whoever there may be.
    fn for_everybody(rules: usize) -> Self {
        Self { left: Cell::new(30_000_000 + 300 * rules as u64) }
    }

    /// Enough for any one look-up, which visits each node of a set at most once for each level.
    fn unbounded() -> Self {
        Self { left: Cell::new(u64::MAX) }
    }

    /// Takes `steps` from what is left; false where nothing is left.
    fn spend(&self, steps: usize) -> bool {
        self.left.set(self.left.get().saturating_sub(steps as u64));
        !self.is_used_up()
    }

    /// Whether sets of these filters may be made; where they would take too much memory, nothing is left.
    fn allows<'f>(&self, filters: impl Iterator<Item = &'f [u8]>) -> bool {
        let levels: usize =
            filters.map(|filter| 1 + filter.iter().filter(|byte| **byte == b'/').count()).sum();
        if levels > MOST_SET_LEVELS {
            self.left.set(0);
        }
        levels <= MOST_SET_LEVELS
    }

    fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }
}
