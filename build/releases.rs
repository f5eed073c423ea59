//! `grammar/releases.yaml`: the observed releases and the quirks.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_yaml::Value;

use super::rows::{self, Version};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    releases: Vec<ReleaseRow>,
    quirks: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseRow {
    version: Version,
    build: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuirkRow {
    name: String,
    first: Version,
    #[serde(default, deserialize_with = "last")]
    last: Option<Version>,
    summary: String,
    evidence: String,
}

/// A release, or a line of releases, which stands for its last one.
fn last<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let line = value.as_str().and_then(|text| text.split_once('.'));
    if let Some((major, minor)) = line
        && let (Ok(major), Ok(minor)) = (major.parse(), minor.parse())
    {
        return Ok(Some(Version(major, minor, u16::MAX)));
    }
    serde_yaml::from_value(value).map(Some).map_err(serde::de::Error::custom)
}

/// The table as Rust.
pub(super) fn rust(text: &str) -> Result<String, String> {
    let table: Table = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let quirks: Vec<QuirkRow> = rows::read(table.quirks)?;
    if table.releases.is_empty() {
        return Err("no release is listed".to_owned());
    }
    if !table.releases.is_sorted_by(|older, newer| older.version < newer.version) {
        return Err("the releases must stand oldest first, each once".to_owned());
    }
    for quirk in &quirks {
        check(quirk).map_err(|message| format!("`{}`: {message}", quirk.name))?;
    }
    write(&table.releases, &quirks).map_err(|error| error.to_string())
}

fn check(row: &QuirkRow) -> Result<(), String> {
    let is_kebab = row.name.split('-').all(|part| {
        part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    });
    if !is_kebab {
        return Err("a name is made of small letters and digits, joined by hyphens".to_owned());
    }
    if row.last.is_some_and(|last| last < row.first) {
        return Err("`last` is older than `first`".to_owned());
    }
    rows::sentence(&row.summary, 120)?;
    if row.evidence.ends_with('.') { Ok(()) } else { Err("its evidence is no sentence".to_owned()) }
}

fn write(releases: &[ReleaseRow], quirks: &[QuirkRow]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "const KNOWN: &[Release] = &[")?;
    releases.iter().try_for_each(|row| writeln!(out, "    {},", row.version))?;
    writeln!(out, "];\n\nconst BUILDS: &[&str] = &[")?;
    releases.iter().try_for_each(|row| writeln!(out, "    {:?},", row.build))?;
    writeln!(out, "];\n")?;

    writeln!(out, "/// A behaviour in which releases differ, a row of `grammar/releases.yaml`.")?;
    writeln!(out, "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\npub enum Quirk {{")?;
    for row in quirks {
        writeln!(out, "    /// {}\n    {},", row.summary, pascal(&row.name))?;
    }
    writeln!(out, "}}\n\nimpl Quirk {{")?;
    writeln!(
        out,
        "    /// Every quirk, in the order of their names.\n    pub const ALL: &'static [Quirk] = &["
    )?;
    quirks.iter().try_for_each(|row| writeln!(out, "        Self::{},", pascal(&row.name)))?;
    writeln!(out, "    ];\n")?;
    text_method(&mut out, "/// Its name.", "name", quirks, |row| &row.name)?;
    text_method(&mut out, "/// What the releases with it do.", "summary", quirks, |row| &row.summary)?;
    text_method(&mut out, "/// How it is known.", "evidence", quirks, |row| &row.evidence)?;
    writeln!(out, "    /// The first release that has it, and the last one if it is gone.")?;
    writeln!(out, "    /// A patch number of 65535 stands for the end of a line of releases.")?;
    writeln!(out, "    pub const fn range(self) -> (Release, Option<Release>) {{\n        match self {{")?;
    for row in quirks {
        let last = row.last.map_or("None".to_owned(), |last| format!("Some({last})"));
        writeln!(out, "            Self::{} => ({}, {last}),", pascal(&row.name), row.first)?;
    }
    writeln!(out, "        }}\n    }}\n}}")?;
    Ok(out)
}

fn text_method(
    out: &mut String,
    doc: &str,
    method: &str,
    quirks: &[QuirkRow],
    text: impl Fn(&QuirkRow) -> &String,
) -> std::fmt::Result {
    writeln!(out, "    {doc}\n    pub const fn {method}(self) -> &'static str {{\n        match self {{")?;
    for row in quirks {
        writeln!(out, "            Self::{} => {:?},", pascal(&row.name), text(row))?;
    }
    writeln!(out, "        }}\n    }}\n")
}

fn pascal(name: &str) -> String {
    name.split('-')
        .flat_map(|part| part[..1].to_uppercase().chars().chain(part[1..].chars()).collect::<Vec<_>>())
        .collect()
}
