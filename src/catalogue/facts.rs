//! The words of `grammar/options.yaml`. The build script reads the file with these very types.

use serde::Deserialize;

/// Which block of the configuration a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// One of the row's words; the trimmed rest of the line counts.
    TrimmedWord,
    /// One of the row's words; all that follows the one blank after the option's name counts, blanks included.
    ExactWord,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicate {
    /// The load fails.
    Error,
    /// The last line counts, silently.
    LastWins,
    /// Each line counts.
    Append,
}

/// Where a line may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Anywhere.
    Anywhere,
    /// Below a listener; above the first one of its file it goes to the default listener and opens that.
    DefaultListener,
    /// Below a listener; above the first one of its file it goes to the default listener, unopened.
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
    /// Above every line that counts as security, or the load fails.
    BeforeSecurity,
}

/// What happens to a word that the row does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherWord {
    /// The load fails.
    #[default]
    Refused,
    /// The file loads; the listener does not open, or the bridge does not connect, once it needs the value.
    RefusedWhenUsed,
    /// It is as if it had not been written.
    Ignored,
}

/// What happens to a number outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// The load fails.
    Error,
    /// The nearest bound is taken, silently.
    Clamp,
    /// The nearest bound is taken, with a notice in the log.
    ClampWithNotice,
}

/// What becomes of a changed line when the broker reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reload {
    /// It is applied.
    Applied,
    /// It needs a restart.
    Restart,
}

/// What a path in a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathUse {
    /// Read at start: it must be there.
    Read,
    /// Read each time that a bridge connects.
    ReadOnConnect,
    /// Written or made by the broker.
    Create,
    /// A directory that is looked into.
    Folder,
    /// A shared library that is loaded.
    Library,
}
