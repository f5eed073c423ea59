//! Values of options and where they come from.

use crate::catalogue::OptionId;
use crate::text::Span;

/// A value and the place that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

/// A value as the broker read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A number, clamped as the release does.
    Int(i64),
    /// A text, path, word or address.
    Text(Box<str>),
    /// The line counts by being there (`retry_interval`), or its value could not be read.
    Unread,
}

/// One line of the configuration after it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The option.
    pub option: OptionId,
    /// What it was set to, and the span of the value.
    pub value: Sourced<Value>,
    /// The span of the name, as it was spelled.
    pub name_span: Span,
}

/// The options of one block (the broker, a listener, a bridge), in the order of their lines.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    list: Vec<Setting>,
}

impl Settings {
    /// Adds a line.
    pub fn push(&mut self, setting: Setting) {
        self.list.push(setting);
    }

    /// Every line, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.list.iter()
    }

    /// Every line of one option, in order.
    pub fn all(&self, option: OptionId) -> impl Iterator<Item = &Setting> {
        self.list.iter().filter(move |setting| setting.option == option)
    }

    /// The line of an option that counts: the last one.
    pub fn get(&self, option: OptionId) -> Option<&Setting> {
        self.list.iter().rev().find(|setting| setting.option == option)
    }

    /// The lines that are asked for.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(&Setting) -> bool) -> Self {
        Self { list: self.list.iter().filter(|setting| is_wanted(setting)).cloned().collect() }
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The truth value of an option, where it is set and could be read.
    pub fn flag(&self, option: OptionId) -> Option<Sourced<bool>> {
        let setting = self.get(option)?;
        match setting.value.value {
            Value::Bool(value) => Some(Sourced { value, span: setting.value.span }),
            _ => None,
        }
    }

    /// The number of an option, where it is set and could be read.
    pub fn number(&self, option: OptionId) -> Option<Sourced<i64>> {
        let setting = self.get(option)?;
        match setting.value.value {
            Value::Int(value) => Some(Sourced { value, span: setting.value.span }),
            _ => None,
        }
    }

    /// The text of an option, where it is set and could be read.
    pub fn text(&self, option: OptionId) -> Option<Sourced<&str>> {
        let setting = self.get(option)?;
        match &setting.value.value {
            Value::Text(value) => Some(Sourced { value, span: setting.value.span }),
            _ => None,
        }
    }

    /// Whether an option is set to `true`.
    pub fn is_on(&self, option: OptionId) -> bool {
        self.flag(option).is_some_and(|flag| flag.value)
    }
}
