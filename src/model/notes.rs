//! What reading a configuration noticed: typed, with places, without prose. Rules turn notes into findings.

use std::path::PathBuf;

use crate::catalogue::{OptionId, Release};
use crate::credentials::{Encoding, HashError};
use crate::text::{FileError, Span};

/// When, after its start, the broker meets a problem.
///
/// The order is that of the real start: reading, checks after reading, change of user, plugins, security
/// files,
/// sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// While the configuration is read, line by line.
    Read,
    /// In the checks after reading.
    Check,
    /// When it changes its user, writes its pid file and reads its stored database.
    User,
    /// When it loads plugins.
    Plugins,
    /// When it loads password, ACL and PSK files.
    Security,
    /// When it opens the listeners, one after the other.
    Listen,
}

/// Something that was noticed at a place.
#[derive(Clone, Debug)]
pub struct Note {
    /// What.
    pub kind: NoteKind,
    /// Where.
    pub span: Span,
    /// When the broker meets it.
    pub phase: Phase,
    /// What it does to the start.
    pub effect: Effect,
}

/// What a note does to the broker's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The broker does not start.
    Fatal,
    /// Whether it starts cannot be told from here.
    Unknown,
    /// The broker starts.
    None,
}

/// Why a value is not what its option needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueProblem {
    /// Nothing stands behind the name.
    Empty,
    /// Not one of `true`, `false`, `1`, `0`.
    NotBool,
    /// Not a number as the release reads numbers.
    NotNumber {
        /// What a release that reads the leading digits takes it for; `None` where this release refuses it.
        read_as: Option<i64>,
    },
    /// Outside the bounds.
    OutOfRange {
        /// Least value.
        min: Option<i64>,
        /// Largest value.
        max: Option<i64>,
        /// What is taken in its place, where the release goes on.
        taken: Option<i64>,
    },
    /// Not one of the option's words.
    UnknownWord,
    /// Not UTF-8, or with control characters.
    BadText,
    /// Longer than the release takes.
    TooLong {
        /// Longest, in bytes.
        max: usize,
    },
    /// Wildcards where none may be.
    Wildcard,
    /// No unit, or none that the release knows.
    BadUnit,
    /// Not 40 hexadecimal digits.
    NotHex,
    /// A word is missing.
    Incomplete,
    /// A bridge topic's direction is none of `out`, `in` and `both`.
    BadDirection,
    /// A quoted pattern has no closing quote behind its first blank.
    UnclosedQuote,
    /// A bridge's prefix is no topic: it holds wildcards, or is too long or too deep.
    BadPrefix,
    /// The pattern of a bridge is `""`, and the prefixes that should stand in its place are not both there.
    PatternMissing,
    /// A bridge's prefix and pattern together are no valid filter.
    BadFilter,
    /// The key behind `plugin_opt_` is shorter than three characters.
    ShortKey,
}

/// What was noticed.
#[derive(Clone, Debug)]
pub enum NoteKind {
    /// No release knows an option of that name.
    UnknownOption,
    /// The release does not know the option.
    NotInRelease {
        /// The option.
        option: OptionId,
    },
    /// The value is not what the option needs.
    BadValue {
        /// The option.
        option: OptionId,
        /// Why.
        problem: ValueProblem,
    },
    /// Words behind the value that nobody reads; the note's place is theirs.
    IgnoredText {
        /// The option.
        option: OptionId,
    },
    /// A text value holds what looks like a comment; the note's place is the comment's.
    CommentInValue {
        /// The option.
        option: OptionId,
    },
    /// The option is written twice in one block.
    Duplicate {
        /// The option.
        option: OptionId,
        /// The earlier line.
        first: Span,
    },
    /// The option needs a listener above it.
    NeedsListener {
        /// The option.
        option: OptionId,
    },
    /// The option needs a bridge above it.
    NeedsBridge {
        /// The option.
        option: OptionId,
    },
    /// The option needs a plugin above it.
    NeedsPlugin {
        /// The option.
        option: OptionId,
    },
    /// The option goes to the default listener.
    ForDefaultListener {
        /// The option.
        option: OptionId,
        /// Whether the default listener is opened.
        opens: bool,
        /// The first `listener` line below, in whatever file.
        next: Option<Span>,
    },
    /// `per_listener_settings` stands below a security option.
    PerListenerLate {
        /// The first security option.
        first: Span,
    },
    /// The second word of `listener` is a number.
    ListenerAddressIsNumber,
    /// The first word of `listener` is no port.
    ListenerPort {
        /// What the release takes it for; `None` where it refuses it.
        read_as: Option<i64>,
    },
    /// `listener 0` without the path of a socket.
    SocketPathMissing,
    /// A directory of `include_dir` or a file in it cannot be read.
    Include {
        /// The path.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// `include_dir` in an included file.
    IncludeNested,
    /// A NUL byte hides the rest of the file from the broker.
    HiddenByNul,
    /// An option after an `include_dir` that added listeners: it is lost.
    LostAfterInclude {
        /// The option.
        option: OptionId,
        /// The include line.
        include: Span,
    },
    /// A bridge lacks its `address` or a `topic`.
    BridgeIncomplete {
        /// What is missing.
        missing: OptionId,
    },
    /// Of `certfile` and `keyfile` only one is there, or `cafile` or `capath` stand alone; or of a bridge's
    /// `bridge_psk` and `bridge_identity` only one is there.
    TlsPair {
        /// The option that is there.
        present: OptionId,
        /// The option that is missing.
        missing: OptionId,
    },
    /// An option for certificates below one for pre-shared keys, or the reverse, in one listener or bridge.
    MixedEncryption {
        /// The option.
        option: OptionId,
        /// The earlier line.
        first: Span,
    },
    /// An option that cannot be used with version 2 of the PROXY protocol.
    ProxyExcludes {
        /// The option.
        option: OptionId,
        /// The value of `enable_proxy_protocol`.
        proxy: Span,
    },
    /// A bridge has the client id of another one on this broker.
    BridgeClientIdTaken {
        /// What the other one's id comes from.
        first: Span,
    },
    /// A `topic` line resembles an earlier one, so that the release drops it.
    BridgeTopicDropped {
        /// The earlier line's value.
        first: Span,
    },
    /// `plugin_use` of a name that no `plugin_load` above it gives.
    UnknownPlugin,
    /// No listener uses the plugin of a `plugin_load`.
    PluginUnused,
    /// A listener's host is neither a name nor an address that a socket can be bound to.
    BadHost,
    /// A listener's address is not of the family that `socket_domain` asks for.
    HostFamily {
        /// The value of `socket_domain`.
        domain: Span,
    },
    /// A port that only a privileged process may open, while the broker runs as an account without
    /// privileges.
    PrivilegedPort,
    /// A TLS engine: whether it can be loaded hangs on the machine.
    EngineNotChecked,
    /// A listener's address is none of the interface that it names.
    HostNotOnInterface {
        /// The value of `bind_interface`.
        interface: Span,
    },
    /// No listener speaks plain MQTT, and the release needs one that does.
    NoMqttListener,
    /// A file that an option names cannot be used.
    File {
        /// The option.
        option: OptionId,
        /// The path, as the broker would open it.
        path: PathBuf,
        /// Why.
        problem: FileProblem,
    },
    /// A file was not looked at.
    NotChecked {
        /// The option.
        option: OptionId,
        /// The path.
        path: PathBuf,
        /// The first part of the path that does not exist here.
        missing: PathBuf,
    },
    /// Two listeners want the same address.
    AddressInUse {
        /// The earlier listener's line.
        first: Span,
        /// Whether one of them is bound to all addresses and the other to one of them.
        is_overlap: bool,
    },
    /// Two listeners want the same socket path.
    SocketInUse {
        /// The earlier listener's line.
        first: Span,
    },
    /// The account of `user` does not exist.
    UnknownAccount,
    /// A line of the ACL file.
    Acl(AclNote),
    /// A line of the password file.
    Password(PasswordNote),
    /// A line of the file of pre-shared keys.
    Key(KeyNote),
    /// `memory_limit` is, or may be, less than the broker needs to start.
    MemoryTooLittle,
    /// An interface that only the machine of the broker knows.
    InterfaceNotChecked,
    /// A name that the resolver must know, or an address that the machine must have.
    HostNotChecked,
}

/// Why a file that an option names cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileProblem {
    /// It cannot be opened.
    Open(FileError),
    /// The account that the broker runs as cannot read it.
    Unreadable {
        /// The account.
        account: String,
        /// The file or directory that stops it.
        blocker: PathBuf,
        /// Permission bits of the blocker.
        mode: u32,
    },
    /// The account that the broker runs as cannot make a file in its directory.
    Unwritable {
        /// The account.
        account: String,
        /// The directory that stops it.
        blocker: PathBuf,
        /// Permission bits of the blocker.
        mode: u32,
    },
    /// The last part of the path is a symbolic link.
    Link,
    /// It holds no certificate.
    NotCertificate(String),
    /// It holds no private key.
    NotKey(String),
    /// The key is protected by a pass phrase.
    EncryptedKey,
    /// The key does not belong to the certificate, whose option's value stands at the place.
    KeyMismatch {
        /// The certificate's place.
        certificate: Span,
    },
    /// It holds no certificate revocation list.
    NotCrl(String),
    /// It is no stored database, or one of a version that no release reads.
    NotDatabase,
    /// It is no library that could be loaded.
    NotLibrary,
    /// It holds no parameters of a Diffie-Hellman key exchange.
    NotDhParameters,
}

/// What is wrong or odd in a line of an ACL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AclNote {
    /// The first word is none of `user`, `topic`, `pattern`.
    UnknownKeyword,
    /// `user`, `topic` or `pattern` with nothing behind it.
    Empty,
    /// The access word is none that exists.
    UnknownAccess,
    /// The filter is not valid.
    InvalidFilter,
    /// An access word stands where the filter should, so it is the filter.
    KeywordAsTopic,
    /// The access word and the filter are separated by a tab, so they are one word.
    TabInFilter,
    /// A NUL byte hides the rest of the file.
    HiddenByNul,
    /// `%u` or `%c` in a `topic` line, where they are ordinary text.
    PlaceholderInTopic,
    /// A pattern without `%u` and `%c`.
    PatternWithoutPlaceholder,
    /// `%u` or `%c` as part of a level.
    PartialPlaceholder,
    /// A pattern that stands in the section of a user; the place of the `user` line.
    PatternUnderUser {
        /// The `user` line.
        user: Span,
    },
    /// The filter begins with a second access word.
    DoubleAccess,
    /// The name of a `user` line has a section above, with that of another user in between.
    UserAgain {
        /// The name in its first `user` line.
        first: Span,
    },
}

/// What is wrong or odd in a line of a password file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordNote {
    /// The line has no colon, so it is skipped.
    NoColon,
    /// There is no name, or no hash.
    Empty,
    /// The hash is none that any release takes.
    BadHash(HashError),
    /// The release takes a hash only with one `$` in front.
    LeadingDollars {
        /// How many it has.
        count: usize,
    },
    /// The hash is of the kind `argon2id`, which the release, or the observed build of it, does not take.
    Argon2id,
    /// The base64 of the hash is written so that it depends on the OpenSSL of the broker whether it is taken.
    LooseEncoding {
        /// How.
        encoding: Encoding,
    },
    /// The salt has a length that the release does not take.
    SaltLength {
        /// Its length in bytes.
        length: usize,
    },
    /// The name stands in an earlier line.
    Duplicate {
        /// The earlier entry's name.
        first: Span,
    },
    /// A NUL byte hides the rest of the file, or of the line.
    HiddenByNul,
    /// The name or the hash is longer than 65,535 bytes.
    TooLong,
    /// The line starts with a byte order mark, which becomes part of the name.
    ByteOrderMark,
}

/// What is wrong or odd in a line of a file of pre-shared keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyNote {
    /// The line has no colon, so it is skipped.
    NoColon,
    /// There is no identity.
    NoIdentity,
    /// There is no key.
    NoKey,
    /// The key has characters that are no hexadecimal digits.
    NotHex,
    /// The identity stands in an earlier line.
    Duplicate {
        /// The earlier line's identity.
        first: Span,
    },
    /// The identity or the key is longer than 65,535 bytes.
    TooLong,
    /// A NUL byte hides the rest of the file, or of the line.
    HiddenByNul,
}

/// The verdict of a release: would it start and go on running?
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The release.
    pub release: Release,
    /// Yes, no, or not to be told from here.
    pub loads: Option<bool>,
    /// The note that decides, where it is not a plain yes.
    pub reason: Option<&'a Note>,
}

/// The verdict that follows from the notes of a release: the first fatal one, else the first unknown one.
pub fn verdict(release: Release, notes: &[Note]) -> Verdict<'_> {
    let first = |effect| notes.iter().filter(move |note| note.effect == effect).min_by_key(|note| note.phase);
    match (first(Effect::Fatal), first(Effect::Unknown)) {
        (Some(reason), _) => Verdict { release, loads: Some(false), reason: Some(reason) },
        (None, Some(reason)) => Verdict { release, loads: None, reason: Some(reason) },
        (None, None) => Verdict { release, loads: Some(true), reason: None },
    }
}
