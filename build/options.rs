//! `grammar/options.yaml`: the option catalogue.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use serde::Deserialize;
use serde_yaml::Value;

use super::facts::{Duplicate, Kind, OtherWord, Outside, PathUse, Placement, Reload, Scope};
use super::rows::{self, PerRelease, Version};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    summary: String,
    #[serde(default)]
    aliases: Vec<String>,
    scope: Scope,
    kind: Kind,
    since: Version,
    until: Option<Version>,
    duplicate: PerRelease<Duplicate>,
    placement: Option<PerRelease<Placement>>,
    #[serde(default)]
    words: Vec<WordRow>,
    #[serde(default)]
    other_word: OtherWord,
    #[serde(default)]
    min: PerRelease<Option<i64>>,
    #[serde(default)]
    max: PerRelease<Option<i64>>,
    below: Option<Outside>,
    above: Option<Outside>,
    outside: Option<Outside>,
    #[serde(default)]
    unlimited: bool,
    #[serde(default)]
    default: PerRelease<Option<String>>,
    unit: Option<String>,
    path: Option<PathUse>,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    opens_default_listener: bool,
    #[serde(default)]
    counts_as_security: PerRelease<bool>,
    unread: Option<Version>,
    #[serde(default)]
    empty_forgiven: bool,
    deprecated: Option<Version>,
    replaced_by: Option<String>,
    reload: PerRelease<Reload>,
}

/// A word, as `name` or with the releases that know it.
#[derive(Deserialize)]
#[serde(untagged)]
enum WordRow {
    Always(String),
    Sometimes(WordRange),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordRange {
    name: String,
    since: Option<Version>,
    until: Option<Version>,
}

/// The table as Rust.
pub(super) fn rust(text: &str) -> Result<String, String> {
    let rows = checked(text)?;
    let named = |(index, row): (usize, &'_ Row)| {
        spellings(row).map(|name| (name.to_owned(), index)).collect::<Vec<_>>()
    };
    let names: BTreeMap<String, usize> = rows.iter().enumerate().flat_map(named).collect();
    write(&rows, &names).map_err(|error| error.to_string())
}

/// A constant for each option, by which code names it.
pub(super) fn constants(text: &str) -> Result<String, String> {
    let mut out = String::new();
    for (index, row) in checked(text)?.iter().enumerate() {
        let name = row.name.trim_end_matches(['*', '_']).replace('.', "_").to_uppercase();
        let summary = &row.summary;
        out += &format!("/// `{}`: {summary}\npub const {name}: OptionId = OptionId({index});\n", row.name);
    }
    Ok(out)
}

fn spellings(row: &Row) -> impl Iterator<Item = &str> {
    row.aliases.iter().chain([&row.name]).map(String::as_str)
}

fn checked(text: &str) -> Result<Vec<Row>, String> {
    let list: Vec<Value> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let rows: Vec<Row> = rows::read(list)?;
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        check(row).map_err(|message| format!("`{}`: {message}", row.name))?;
        for name in spellings(row) {
            if let Some(other) = names.insert(name, index) {
                return Err(format!("`{name}` names both `{}` and `{}`", rows[other].name, row.name));
            }
        }
    }
    for row in &rows {
        if let Some(other) = row.replaced_by.as_deref().filter(|other| !names.contains_key(other)) {
            return Err(format!("`{}`: `replaced_by` names `{other}`, which is no option", row.name));
        }
    }
    Ok(rows)
}

fn check(row: &Row) -> Result<(), String> {
    rows::sentence(&row.summary, 100)?;
    if row.until.is_some_and(|until| until <= row.since) {
        return Err("`until` is not after `since`".to_owned());
    }
    if row.replaced_by.as_ref() == Some(&row.name) {
        return Err("it is replaced by itself".to_owned());
    }
    let is_prefix = |name: &String| name.ends_with('*');
    if row.aliases.iter().any(|alias| is_prefix(alias) != is_prefix(&row.name)) {
        return Err("a prefix and a whole name stand for the same option".to_owned());
    }
    let is_path = matches!(
        row.kind,
        Kind::Path | Kind::Directory | Kind::Include | Kind::Plugin | Kind::PluginLoad | Kind::LogDestination
    );
    if row.path.is_none() && is_path {
        return Err("its value is a path; say in `path` what it is for".to_owned());
    }
    check_words(row)?;
    check_bounds(row)
}

fn check_words(row: &Row) -> Result<(), String> {
    let needed = matches!(
        row.kind,
        Kind::Word | Kind::TrimmedWord | Kind::ExactWord | Kind::Versions | Kind::LogDestination
    );
    match (needed, row.words.is_empty()) {
        (true, true) => return Err("its kind needs `words`".to_owned()),
        (false, false) => return Err("its kind has no `words`".to_owned()),
        _ => {}
    }
    let mut seen: Vec<&str> = row.words.iter().map(|word| word.range(row).0).collect();
    seen.sort_unstable();
    match seen.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("the word `{}` stands twice", pair[0])),
        None => Ok(()),
    }
}

fn check_bounds(row: &Row) -> Result<(), String> {
    let has = |bound: &PerRelease<Option<i64>>| bound.all().any(Option::is_some);
    let is_number = matches!(row.kind, Kind::Int | Kind::Ints | Kind::Size | Kind::Port | Kind::Listener);
    if has(&row.min) && !is_number || has(&row.max) && !is_number && row.kind != Kind::Text {
        return Err("its kind has no bounds".to_owned());
    }
    if row.outside.is_some() && (row.below.is_some() || row.above.is_some()) {
        return Err("`outside` already says what `below` and `above` are".to_owned());
    }
    let below = has(&row.min) == row.below.or(row.outside).is_some();
    let above = has(&row.max) == row.above.or(row.outside).is_some();
    if !below || !above {
        return Err("`min` goes with `below`, `max` with `above`, both with `outside`".to_owned());
    }
    let least = row.min.all().flatten().max();
    let most = row.max.all().flatten().min();
    match (least, most) {
        (Some(least), Some(most)) if least > most => Err(format!("`min` {least} is above `max` {most}")),
        _ => Ok(()),
    }
}

impl WordRow {
    /// Name, first release and first release without it.
    fn range(&self, row: &Row) -> (&str, Version, Option<Version>) {
        match self {
            Self::Always(name) => (name, row.since, None),
            Self::Sometimes(range) => (&range.name, range.since.unwrap_or(row.since), range.until),
        }
    }
}

fn write(rows: &[Row], names: &BTreeMap<String, usize>) -> Result<String, std::fmt::Error> {
    let mut out = String::from("pub(super) static ENTRIES: &[Entry] = &[\n");
    rows.iter().try_for_each(|row| entry(&mut out, row))?;
    writeln!(out, "];\n\npub(super) static NAMES: &[(&str, u16)] = &[")?;
    for (name, index) in names.iter().filter(|(name, _)| !name.ends_with('*')) {
        writeln!(out, "    ({name:?}, {index}),")?;
    }
    writeln!(out, "];\n\npub(super) static PREFIXES: &[(&str, u16)] = &[")?;
    for (name, index) in names {
        if let Some(beginning) = name.strip_suffix('*') {
            writeln!(out, "    ({beginning:?}, {index}),")?;
        }
    }
    writeln!(out, "];")?;
    Ok(out)
}

fn entry(out: &mut String, row: &Row) -> std::fmt::Result {
    let release = |release: Option<Version>| release.map_or("None".to_owned(), |one| format!("Some({one})"));
    let words = row.words.iter().map(|word| {
        let (name, since, until) = word.range(row);
        format!("Word {{ name: {name:?}, since: {since}, until: {} }}, ", release(until))
    });
    let placement = row.placement.as_ref().map_or_else(
        || "Since { first: Placement::Anywhere, later: &[] }".to_owned(),
        |placement| placement.code(|one| variant("Placement", one)),
    );
    let beyond = |one: Option<Outside>| variant("Outside", &one.or(row.outside).unwrap_or(Outside::Error));
    let fields = [
        ("name", format!("{:?}", row.name)),
        ("aliases", format!("&{:?}", row.aliases)),
        ("scope", variant("Scope", &row.scope)),
        ("kind", variant("Kind", &row.kind)),
        ("words", format!("&[{}]", words.collect::<String>())),
        ("other_word", variant("OtherWord", &row.other_word)),
        ("since", row.since.to_string()),
        ("until", release(row.until)),
        ("duplicate", row.duplicate.code(|one| variant("Duplicate", one))),
        ("placement", placement),
        ("min", row.min.code(|one| format!("{one:?}"))),
        ("max", row.max.code(|one| format!("{one:?}"))),
        ("below", beyond(row.below)),
        ("above", beyond(row.above)),
        ("unlimited", row.unlimited.to_string()),
        ("default", row.default.code(|one| format!("{one:?}"))),
        ("unit", format!("{:?}", row.unit)),
        ("opens_default_listener", row.opens_default_listener.to_string()),
        ("counts_as_security", row.counts_as_security.code(bool::to_string)),
        ("unread", release(row.unread)),
        ("empty_forgiven", row.empty_forgiven.to_string()),
        ("path", row.path.map_or("None".to_owned(), |path| format!("Some({})", variant("PathUse", &path)))),
        ("secret", row.secret.to_string()),
        ("deprecated", release(row.deprecated)),
        ("replaced_by", format!("{:?}", row.replaced_by)),
        ("reload", row.reload.code(|one| variant("Reload", one))),
        ("summary", format!("{:?}", row.summary)),
    ];
    writeln!(out, "    Entry {{")?;
    fields.iter().try_for_each(|(name, value)| writeln!(out, "        {name}: {value},"))?;
    writeln!(out, "    }},")
}

/// The path of a variant of one of the library's enums.
fn variant(of: &str, one: &impl Debug) -> String {
    format!("{of}::{one:?}")
}
