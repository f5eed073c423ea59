//! What both tables are written with: releases, values per release, sorted rows.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_yaml::Value;

/// A release, written `2.0.21`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u16, pub(super) u16, pub(super) u16);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some([major, minor, patch]) => Ok(Self(*major, *minor, *patch)),
            _ => Err(D::Error::custom(format!("`{text}` is no release such as 2.0.21"))),
        }
    }
}

/// As an expression of the generated code.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Release::new({}, {}, {})", self.0, self.1, self.2)
    }
}

/// A value that changes from release to release: the first one, and the later ones with their releases.
pub(super) struct PerRelease<T> {
    pub(super) first: T,
    pub(super) later: BTreeMap<Version, T>,
}

impl<T: Default> Default for PerRelease<T> {
    fn default() -> Self {
        Self { first: T::default(), later: BTreeMap::new() }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for PerRelease<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if !value.is_mapping() {
            let first = serde_yaml::from_value(value).map_err(D::Error::custom)?;
            return Ok(Self { first, later: BTreeMap::new() });
        }
        let mut later: BTreeMap<Version, T> = serde_yaml::from_value(value).map_err(D::Error::custom)?;
        let (_, first) = later.pop_first().ok_or_else(|| D::Error::custom("a map of releases is empty"))?;
        Ok(Self { first, later })
    }
}

impl<T> PerRelease<T> {
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(self.later.values())
    }

    /// The `Since` of the generated code, its values written by `code`.
    pub(super) fn code(&self, code: impl Fn(&T) -> String) -> String {
        let later: Vec<_> =
            self.later.iter().map(|(release, value)| format!("({release}, {})", code(value))).collect();
        format!("Since {{ first: {}, later: &[{}] }}", code(&self.first), later.join(", "))
    }
}

/// Reads a list of rows that are sorted by their `name`; a message names the row that it is about.
pub(super) fn read<T: DeserializeOwned>(list: Vec<Value>) -> Result<Vec<T>, String> {
    let mut rows = Vec::with_capacity(list.len());
    let mut last: Option<String> = None;
    for (index, value) in list.into_iter().enumerate() {
        let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
        let name = name.ok_or_else(|| format!("row {} has no name", index + 1))?;
        match last {
            Some(last) if last == name => return Err(format!("`{name}` stands twice")),
            Some(last) if last > name => return Err(format!("`{name}` must stand before `{last}`")),
            _ => {}
        }
        rows.push(serde_yaml::from_value(value).map_err(|error| format!("`{name}`: {error}"))?);
        last = Some(name);
    }
    Ok(rows)
}

/// Refuses a text that is no sentence, or too long for one line of a report.
pub(super) fn sentence(text: &str, most: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length > most {
        return Err(format!("its summary has {length} characters, {most} are allowed"));
    }
    if text.ends_with('.') { Ok(()) } else { Err("its summary is no sentence with a full stop".to_owned()) }
}
