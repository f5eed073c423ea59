//! The keys of the language, described once: the decoder checks against this table, the JSON Schema is
//! printed from it.

mod patterns;
mod script;
mod table;

pub(super) use patterns::{FILTER, Pattern, TOPIC, VARIABLE_NAME, range_in};
pub(super) use script::*;
pub(super) use table::*;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Kind {
    /// A text of some form.
    Text(&'static Pattern),
    /// A whole number between two bounds, both included.
    Number(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A map with known keys.
    Object(&'static Object),
    /// A map from names to values.
    Map(&'static Pattern, &'static Kind),
    /// A list, which may be empty.
    List(&'static Kind),
    /// A list with at least one entry.
    NonEmpty(&'static Kind),
    /// One of several, told apart by being a scalar, a map or a list.
    Forms(&'static [Kind]),
}

/// A map with known keys.
#[derive(Debug)]
pub(super) struct Object {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// What it describes.
    pub(super) summary: &'static str,
    /// Its keys.
    pub(super) fields: &'static [Field],
    /// Of these keys exactly one must be there.
    pub(super) one_of: &'static [&'static str],
    /// The first key of each pair makes sense only together with the second.
    pub(super) needs: &'static [(&'static str, &'static str)],
}

/// A key of an object.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) key: &'static str,
    /// Mosquitto's own other spellings of it.
    pub(super) aliases: &'static [&'static str],
    /// What its value may be.
    pub(super) kind: Kind,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it is for.
    pub(super) summary: &'static str,
    /// What holds without it.
    pub(super) default: Option<&'static str>,
}

impl Field {
    const fn new(key: &'static str, kind: Kind, summary: &'static str) -> Self {
        Self { key, aliases: &[], kind, required: false, summary, default: None }
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Every spelling of the key.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.key).chain(self.aliases.iter().copied())
    }
}

impl Object {
    const fn new(name: &'static str, summary: &'static str, fields: &'static [Field]) -> Self {
        Self { name, summary, fields, one_of: &[], needs: &[] }
    }

    const fn one_of(mut self, keys: &'static [&'static str]) -> Self {
        self.one_of = keys;
        self
    }

    const fn needs(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.needs = pairs;
        self
    }

    /// The field with a spelling.
    pub(super) fn field(&self, spelling: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.spellings().any(|known| known == spelling))
    }
}

impl Kind {
    /// The forms that a value may take; one form unless it is [`Kind::Forms`].
    pub(super) fn forms(&self) -> &[Kind] {
        match self {
            Self::Forms(forms) => forms,
            other => std::slice::from_ref(other),
        }
    }

    /// Whether values of this form are scalars.
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Number(..) | Self::Boolean | Self::Word(_))
    }

    /// Whether a scalar with this text is such a value.
    pub(super) fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Text(pattern) => (pattern.matches)(text),
            Self::Number(least, most) => {
                patterns::is_number(text)
                    && text.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Self::Boolean => text == "true" || text == "false",
            Self::Word(words) => words.contains(&text),
            Self::Forms(forms) => forms.iter().any(|form| form.accepts(text)),
            _ => false,
        }
    }

    /// What such a value is, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(pattern) => pattern.what.to_owned(),
            Self::Number(least, i64::MAX) => format!("a whole number from {least}"),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Word(words @ [first, second, .., last]) if words.len() > MOST_LISTED => {
                format!("a word like `{first}`, `{second}` or `{last}`")
            }
            Self::Word(words) => alternatives(words),
            Self::Object(object) if object.one_of.is_empty() => "a map".to_owned(),
            Self::Object(object) => format!("a map with {}", alternatives(object.one_of)),
            Self::Map(..) => "a map from names to values".to_owned(),
            Self::List(entry) | Self::NonEmpty(entry) => format!("a list, each entry {}", entry.describe()),
            Self::Forms([one, Self::List(_) | Self::NonEmpty(_)]) => {
                format!("{}, or a list of them", one.describe())
            }
            Self::Forms(forms) => forms.iter().map(Self::describe).collect::<Vec<_>>().join(", or "),
        }
    }
}

/// Longer lists of words are not written out.
const MOST_LISTED: usize = 20;

/// Words of which one is to be chosen.
pub(super) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => format!("`{}` or `{last}`", first.join("`, `")),
    }
}
