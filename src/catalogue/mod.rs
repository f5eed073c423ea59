//! What the releases of Mosquitto know: options, their syntax and placement, and named quirks.
//!
//! The facts are data (`grammar/options.yaml`, `grammar/releases.yaml`), turned into tables at build time.
//! Code asks the tables; it compares no version numbers itself.

mod release;

pub use release::{Quirk, Release, Target, TargetError};

/// The option table, made from `grammar/options.yaml`.
mod table {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/options.rs"));
}

/// An option of `mosquitto.conf`: its row in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OptionId(u16);

/// A value that changes from release to release: each entry holds from its release on, until the next entry's.
#[derive(Clone, Copy, Debug)]
pub struct Since<T: 'static>(&'static [(Release, T)]);

impl<T: Copy> Since<T> {
    /// The value in a release; the first entry's for releases before it.
    pub fn at(&self, release: Release) -> T {
        let found = self.0.iter().rev().find(|(first, _)| *first <= release);
        found
            .or(self.0.first())
            .map_or_else(|| unreachable!("the build script refuses empty lists"), |(_, value)| *value)
    }
}

/// Which block of the configuration a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Changes which block the following lines belong to, or pulls in files.
    Structure,
    /// One value for the broker, wherever it stands.
    Global,
    /// The current listener.
    Listener,
    /// One value for the broker, or the current listener's with `per_listener_settings true`.
    Security,
    /// Declares a plugin and makes it current.
    PluginDeclaration,
    /// The current plugin.
    Plugin,
    /// The current bridge.
    Bridge,
}

/// The syntax of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true`, `false`, `1` or `0`; the first word counts.
    Bool,
    /// A number; the first word counts; how it is read hangs on the release.
    Int,
    /// The trimmed rest of the line.
    Text,
    /// A path of a file: trimmed rest of the line.
    Path,
    /// A path of a directory: trimmed rest of the line.
    Directory,
    /// One of the row's words; the first word of the line counts.
    Word,
    /// A prefix for topics, without wildcards.
    TopicPrefix,
    /// 40 hexadecimal digits.
    Hex40,
    /// A count and a unit letter.
    Duration,
    /// Bytes, read leniently as a leading number in every release.
    Size,
    /// Several numbers.
    Ints,
    /// Protocol versions `3`, `4`, `5`, separated by blanks or commas.
    Versions,
    /// The value is not read at all.
    Ignored,
    /// `listener`: a port and an address or socket path.
    Listener,
    /// `port`.
    Port,
    /// A host name or address.
    Address,
    /// `include_dir`: the untrimmed rest of the line.
    Include,
    /// `connection`: a bridge's name.
    Connection,
    /// `address` of a bridge: one or more of host and port.
    Addresses,
    /// `topic` of a bridge.
    BridgeTopic,
    /// `log_dest`.
    LogDestination,
    /// `plugin`: a path.
    Plugin,
    /// `plugin_load`: a name and a path.
    PluginLoad,
    /// `plugin_use`: a name.
    PluginUse,
    /// `plugin_opt_*`: a key in the option's name and a value.
    PluginOption,
}

/// What a second line of the same option does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// The load fails.
    Error,
    /// The last line counts, silently.
    LastWins,
    /// Each line counts.
    Append,
    /// The first line counts, silently.
    FirstWins,
}

/// Where a line may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Anywhere.
    Anywhere,
    /// Below a listener; above the first one of its file it goes to the default listener, which opens port 1883.
    DefaultListener,
    /// Below a listener; above the first one of its file it goes to the default listener, which it does not open.
    DefaultListenerQuiet,
    /// Below a listener, or the load fails.
    NeedsListener,
    /// Below a `listener` line (the default listener does not do), or the load fails.
    NeedsNamedListener,
    /// Somewhere after a `listener` line, of whatever file, or the load fails.
    AfterAnyListener,
    /// Below a `connection`, or the load fails.
    NeedsBridge,
    /// Below a plugin's declaration, or the load fails.
    NeedsPlugin,
    /// In the main file only.
    MainFileOnly,
    /// Above every security option, or the load fails.
    BeforeSecurity,
}

/// What happens to a number outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The load fails.
    Error,
    /// The nearest bound is taken, silently.
    Clamp,
    /// The nearest bound is taken, with a notice in the log.
    ClampWithNotice,
    /// It means that there is no limit.
    NoLimit,
    /// It is taken as it is.
    Taken,
}

/// What becomes of a changed line when the broker reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It is applied.
    Applied,
    /// It needs a restart.
    Restart,
}

/// What a path in a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathUse {
    /// Read at start: it must be there.
    Read,
    /// Written or made by the broker.
    Create,
    /// A directory that is looked into.
    Folder,
    /// A shared library that is loaded.
    Library,
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
    /// The words of a [`Kind::Word`] value (and those of `log_dest` and `log_type`).
    pub words: &'static [Word],
    /// The first release that knows it.
    pub since: Release,
    /// The first release that no longer knows it.
    pub until: Option<Release>,
    /// What a second line does.
    pub duplicate: Since<Duplicate>,
    /// Where a line may stand.
    pub placement: Since<Placement>,
    /// Least value of a number.
    pub min: Option<Since<i64>>,
    /// Largest value of a number, or of a text's length in bytes.
    pub max: Option<Since<i64>>,
    /// What happens beyond the bounds.
    pub outside: Since<Outside>,
    /// What holds without a line, as the line would say it; `None` where nothing is set.
    pub default: Since<Option<&'static str>>,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// Whether, above the first listener, a value other than the default makes 2.0 open the default listener.
    pub opens_default_listener: bool,
    /// What the path is for.
    pub path: Option<PathUse>,
    /// Whether the value is a secret.
    pub secret: bool,
    /// The first release that calls it deprecated.
    pub deprecated: Option<Release>,
    /// What to write in its place.
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

    /// The option that a name or alias stands for, in whatever release; `plugin_opt_KEY` is found by its beginning.
    pub fn named(name: &str) -> Option<Self> {
        let spelled = |entry: &Entry| {
            std::iter::once(entry.name).chain(entry.aliases.iter().copied()).any(|known| {
                known.strip_suffix('*').map_or(known == name, |beginning| name.starts_with(beginning))
            })
        };
        let index = table::ENTRIES.iter().position(spelled)?;
        Some(Self(index as u16))
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
