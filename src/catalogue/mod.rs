//! What the releases of Mosquitto know: options, their syntax and placement, and named quirks.
//!
//! The facts are data (`grammar/options.yaml`, `grammar/releases.yaml`), turned into tables at build time.
//! Code asks the tables; it compares no version numbers itself.

mod facts;
mod release;

pub use facts::{Duplicate, Kind, OtherWord, Outside, PathUse, Placement, Reload, Scope};
pub use release::{Quirk, Release, Target, TargetError};

/// The option table, made from `grammar/options.yaml`.
mod table {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/options.rs"));
}

/// Each option by its name.
pub mod options {
    use super::OptionId;
    include!(concat!(env!("OUT_DIR"), "/option_names.rs"));
}

/// An option of `mosquitto.conf`: its row in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OptionId(u16);

/// A value that changes from release to release: each one holds from its release on, until the next one's.
#[derive(Clone, Copy, Debug)]
pub struct Since<T: 'static> {
    first: T,
    later: &'static [(Release, T)],
}

impl<T: Copy> Since<T> {
    /// The value in a release; the first one for releases older than any entry.
    pub fn at(&self, release: Release) -> T {
        let reached = self.later.iter().rev().find(|(from, _)| *from <= release);
        reached.map_or(self.first, |(_, value)| *value)
    }
}

/// A word that a value may be, and the releases that know it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Its spelling.
    pub name: &'static str,
    /// The first release that knows it.
    pub since: Release,
    /// The first release that no longer knows it.
    pub until: Option<Release>,
}

/// One row of `grammar/options.yaml`.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The option's name; a trailing `*` stands for any key (`plugin_opt_*`).
    pub name: &'static str,
    /// Other spellings that the broker accepts.
    pub aliases: &'static [&'static str],
    /// The block that it belongs to.
    pub scope: Scope,
    /// The syntax of its value.
    pub kind: Kind,
    /// The words that the value may be, for the kinds that have them.
    pub words: &'static [Word],
    /// What another word does.
    pub other_word: OtherWord,
    /// The first release that knows it.
    pub since: Release,
    /// The first release that no longer knows it.
    pub until: Option<Release>,
    /// What a second line does.
    pub duplicate: Since<Duplicate>,
    /// Where a line may stand.
    pub placement: Since<Placement>,
    /// Least value of a number.
    pub min: Since<Option<i64>>,
    /// Largest value of a number, or of a text's length in bytes.
    pub max: Since<Option<i64>>,
    /// What happens below `min`.
    pub below: Outside,
    /// What happens above `max`.
    pub above: Outside,
    /// Whether 0 and anything below means that there is no limit.
    pub unlimited: bool,
    /// What holds without a line, as the line would say it (several words where several lines would);
    /// `None` where nothing is set or other lines decide.
    pub default: Since<Option<&'static str>>,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// Whether a value other than the default, set for the default listener, makes a release with
    /// [`Quirk::DefaultListenerLazy`] open it.
    pub opens_default_listener: bool,
    /// Whether a line of it above `per_listener_settings true` stops the load.
    pub counts_as_security: Since<bool>,
    /// The first release that recognises the line without a look at its value.
    pub unread: Option<Release>,
    /// Whether a release with [`Quirk::EmptyValueForgiven`] loads a line without a value.
    pub empty_forgiven: bool,
    /// What the path is for.
    pub path: Option<PathUse>,
    /// Whether the value is a secret.
    pub secret: bool,
    /// The first release that calls it deprecated, or that ignores it.
    pub deprecated: Option<Release>,
    /// What to write in its place, where the release knows that option.
    pub replaced_by: Option<&'static str>,
    /// What a reload does with a changed line.
    pub reload: Since<Reload>,
    /// What it is for, in one sentence.
    pub summary: &'static str,
}

impl OptionId {
    /// The row of this option.
    pub fn entry(self) -> &'static Entry {
        &table::ENTRIES[self.0 as usize]
    }

    /// The option's name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The option that a name or alias stands for, in whatever release; `plugin_opt_KEY` by its beginning.
    pub fn named(name: &str) -> Option<Self> {
        let exact = table::NAMES.binary_search_by(|(known, _)| (*known).cmp(name));
        let row = match exact {
            Ok(index) => Some(table::NAMES[index].1),
            Err(_) => {
                table::PREFIXES.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, row)| *row)
            }
        };
        row.map(Self)
    }

    /// Every option, in the order of the table (by name).
    pub fn all() -> impl Iterator<Item = Self> {
        (0..table::ENTRIES.len()).map(|index| Self(index as u16))
    }

    /// Whether a release knows the option.
    pub fn is_known(self, release: Release) -> bool {
        let entry = self.entry();
        entry.since <= release && entry.until.is_none_or(|until| release < until)
    }
}

impl Entry {
    /// The words that a release knows.
    pub fn words_at(&self, release: Release) -> impl Iterator<Item = &'static str> {
        let known =
            move |word: &&Word| word.since <= release && word.until.is_none_or(|until| release < until);
        self.words.iter().filter(known).map(|word| word.name)
    }
}

#[cfg(test)]
mod tests;
