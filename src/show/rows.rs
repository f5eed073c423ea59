//! The options of a block: what is written, what holds without a line, and where each value comes from.

use crate::catalogue::{Duplicate, Entry, Kind, OptionId, Placement, Release, Scope, options};
use crate::model::{Setting, Settings, Sourced, Value};
use crate::text::{Sources, Span};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line.
    Line(Span),
    /// The release: there is no line.
    Default,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A truth value.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text, path or word.
    Text(String),
    /// Something that must not be shown.
    Secret,
    /// Nothing is set.
    Unset,
}

/// An option of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The option.
    pub option: OptionId,
    /// Its name as it is spelled in the line.
    pub name: String,
    /// Its value.
    pub value: Shown,
    /// Where the value comes from.
    pub origin: Origin,
    /// Why the release does nothing with it, where that is so.
    pub idle: Option<String>,
}

impl Row {
    /// The unit of its number.
    pub fn unit(&self) -> Option<&'static str> {
        let entry = self.option.entry();
        // Spans of time are read into seconds, whatever their unit.
        entry.unit.or((entry.kind == Kind::Duration).then_some("seconds"))
    }
}

/// Which options belong to which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// One value for the broker, the security options included where every listener shares them.
    Global {
        /// Whether each listener has security options of its own.
        is_per_listener: bool,
    },
    /// A listener, with its own security options if it has some.
    Listener {
        /// Whether each listener has security options of its own.
        is_per_listener: bool,
    },
    /// A bridge.
    Bridge,
    /// A plugin.
    Plugin,
}

impl Block {
    fn holds(self, option: OptionId, release: Release) -> bool {
        let entry = option.entry();
        // Lines that the release takes anywhere belong to nobody.
        let is_loose = entry.scope == Scope::Listener && entry.placement.at(release) == Placement::Anywhere;
        match (self, entry.scope) {
            (Self::Global { .. }, Scope::Global) => true,
            (Self::Global { .. }, Scope::Listener) => is_loose,
            (Self::Global { .. }, Scope::Structure) => option == options::PER_LISTENER_SETTINGS,
            (Self::Global { is_per_listener }, Scope::Security) => !is_per_listener,
            (Self::Listener { is_per_listener }, Scope::Security) => is_per_listener,
            (Self::Listener { .. }, Scope::Listener) => !is_loose,
            (Self::Bridge, Scope::Bridge) | (Self::Plugin, Scope::Plugin) => true,
            _ => false,
        }
    }
}

/// Options whose defaults are always shown, since who may do what, or how much, hangs on them.
const TELLING: [OptionId; 10] = [
    options::ACL_FILE,
    options::ALLOW_ANONYMOUS,
    options::CHECK_RETAIN_SOURCE,
    options::GLOBAL_MAX_CONNECTIONS,
    options::MAX_CONNECTIONS,
    options::MAX_PACKET_SIZE,
    options::MEMORY_LIMIT,
    options::PASSWORD_FILE,
    options::PER_LISTENER_SETTINGS,
    options::USER,
];

/// Whether the default of an option is shown without being asked for.
pub(super) fn is_telling(option: OptionId) -> bool {
    TELLING.contains(&option)
}

/// Whether each line of an option counts.
fn is_repeated(option: OptionId, release: Release) -> bool {
    option.entry().duplicate.at(release) == Duplicate::Append
}

/// The lines of a block that count: of an option that does not repeat the last one.
pub(super) fn effective(settings: &Settings, release: Release) -> Vec<&Setting> {
    let mut lines: Vec<&Setting> = settings.iter().collect();
    // Stable: lines of one option stay in their order.
    lines.sort_by_key(|line| line.option);
    let is_counted = |index: &usize| {
        let option = lines[*index].option;
        is_repeated(option, release) || lines.get(index + 1).is_none_or(|next| next.option != option)
    };
    (0..lines.len()).filter(is_counted).map(|index| lines[index]).collect()
}

/// The row of a line.
fn written(line: &Setting, release: Release, sources: &Sources) -> Row {
    let entry = line.option.entry();
    let value = match &line.value.value {
        _ if entry.secret => Shown::Secret,
        Value::Bool(flag) => Shown::Flag(*flag),
        Value::Int(number) => Shown::Number(*number),
        Value::Text(text) => Shown::Text(text.to_string()),
        Value::Unread => Shown::Text(sources.shown(line.value.span)),
    };
    let is_bad = line.value.value == Value::Unread && !is_unread(entry, release);
    // A key of a plugin may be anything; its name is the line's.
    let name = sources.text(line.name_span);
    // In some releases one option writes the variable of another one.
    let is_other = name == options::ALLOW_ANONYMOUS.name();
    let option = if is_other { options::ALLOW_ANONYMOUS } else { line.option };
    let idle = is_bad.then(|| "its value cannot be used".to_owned());
    Row { option, name, value, origin: Origin::Line(line.name_span), idle }
}

/// The row of `bind_address`, which is kept as the host of the default listener.
pub(super) fn bound(host: Sourced<&str>) -> Row {
    let (option, value) = (options::BIND_ADDRESS, Shown::Text(host.value.to_owned()));
    Row { option, name: option.name().to_owned(), value, origin: Origin::Line(host.span), idle: None }
}

/// Whether a release recognises lines of an option without a look at their values.
pub(super) fn is_unread(entry: &Entry, release: Release) -> bool {
    entry.kind == Kind::Ignored || entry.unread.is_some_and(|unread| unread <= release)
}

/// The row of an option without a line.
pub fn default(option: OptionId, release: Release) -> Row {
    let entry = option.entry();
    let value = entry.default.at(release).map_or(Shown::Unset, |text| shown_default(entry, text));
    Row { option, name: option.name().to_owned(), value, origin: Origin::Default, idle: None }
}

fn shown_default(entry: &Entry, text: &str) -> Shown {
    match (entry.kind, text.parse()) {
        (Kind::Bool, _) => Shown::Flag(text == "true"),
        (_, Ok(number)) => Shown::Number(number),
        _ => Shown::Text(text.to_owned()),
    }
}

/// The rows of a block, by the names of the options: what is written, and the defaults that `wanted` picks.
pub(super) fn rows(
    settings: &[&Settings],
    block: Block,
    release: Release,
    sources: &Sources,
    wanted: impl Fn(OptionId) -> bool,
) -> Vec<Row> {
    let lines = settings.iter().flat_map(|settings| effective(settings, release));
    let mut rows: Vec<Row> = lines.map(|line| written(line, release, sources)).collect();
    let has = |option: OptionId| rows.iter().any(|row| row.option == option);
    let is_per_listener = block == Block::Listener { is_per_listener: true };
    let is_written = |option: OptionId| {
        let is_told = is_per_listener && option == options::ALLOW_ANONYMOUS;
        has(option) || (is_told && has(options::LISTENER_ALLOW_ANONYMOUS))
    };
    let absent = OptionId::all().filter(|option| {
        option.is_known(release) && block.holds(*option, release) && wanted(*option) && !is_written(*option)
    });
    // Options of plugins have any name, and some lines only take something away.
    let has_default = |option: &OptionId| {
        !matches!(option.entry().kind, Kind::PluginOption | Kind::PluginUse)
            && !is_unread(option.entry(), release)
    };
    let absent: Vec<Row> = absent.filter(has_default).map(|option| default(option, release)).collect();
    rows.extend(absent);
    rows.sort_by_key(|row| row.option);
    rows
}
