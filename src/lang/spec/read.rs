//! Typed access to the maps of a tree. What does not have the form that the field table wants is skipped
//! here: it was found before.

use std::sync::Arc;

use super::check::has_shape;
use super::fields::{Kind as Form, Object};
use super::model::{Seconds, Spanned, Text};
use crate::lang::yaml::{Key, Node};
use crate::text::Span;

/// A map that is read as some object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'static Object,
    entries: &'a [(Key, Node)],
    /// Where the map stands.
    pub(super) span: Span,
}

impl<'a> Fields<'a> {
    /// A value as an object; `None` where it is no map.
    pub(super) fn of(object: &'static Object, node: &'a Node) -> Option<Self> {
        Some(Self { object, entries: node.map()?, span: node.span })
    }

    /// An object of which nothing is said, in what stands at `span`.
    pub(super) fn absent(object: &'static Object, span: Span) -> Self {
        Self { object, entries: &[], span }
    }

    /// The key and value of a field, whatever its spelling, if the value is of a shape that the field takes.
    pub(super) fn entry(&self, key: &str) -> Option<(&'a Key, &'a Node)> {
        let field = self.object.field(key)?;
        let (key, node) = match field.aliases {
            [] => self.entries.iter().find(|(found, _)| &*found.text == field.key)?,
            _ => {
                self.entries.iter().find(|(found, _)| field.spellings().any(|known| known == &*found.text))?
            }
        };
        field.kind.forms().iter().any(|form| has_shape(form, node)).then_some((key, node))
    }

    /// The keys that are written, whatever they are.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a Key> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The value of a field.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        Some(self.entry(key)?.1)
    }

    /// The value of a field that is an object.
    pub(super) fn fields(&self, key: &str, object: &'static Object) -> Option<Fields<'a>> {
        Fields::of(object, self.node(key)?)
    }

    /// The entries of a field that is a map from names.
    pub(super) fn map(&self, key: &str) -> &'a [(Key, Node)] {
        self.node(key).and_then(Node::map).unwrap_or_default()
    }

    /// The text of a field, or its default.
    pub(super) fn text(&self, key: &str) -> Option<Text> {
        let field = self.object.field(key)?;
        let written = self.node(key).and_then(|node| Some((node.text()?, node.span)));
        match (written, field.default) {
            (Some((text, span)), _) if field.kind.accepts(text) => Some(Spanned::new(text.clone(), span)),
            (_, Some(default)) => Some(Spanned::new(Arc::from(default), self.span)),
            _ => None,
        }
    }

    /// The number of a field, or its default.
    pub(super) fn number(&self, key: &str) -> Option<Spanned<i64>> {
        parsed(self.text(key)?)
    }

    /// The truth of a field, or its default.
    pub(super) fn flag(&self, key: &str) -> Option<Spanned<bool>> {
        parsed(self.text(key)?)
    }

    /// The span of time of a field, or its default.
    pub(super) fn seconds(&self, key: &str) -> Option<Spanned<Seconds>> {
        let Text { value, span } = self.text(key)?;
        Some(Spanned::new(seconds(&value)?, span))
    }

    /// The texts of a field that takes a list of texts, or one text.
    pub(super) fn texts(&self, key: &str) -> Vec<Text> {
        let (Some(field), Some(node)) = (self.object.field(key), self.node(key)) else { return Vec::new() };
        texts(node, &field.kind)
    }
}

/// The texts of a list, or the one text in its place.
pub(super) fn texts(node: &Node, form: &Form) -> Vec<Text> {
    let entries = form.forms().iter().find_map(|form| match form {
        Form::List(entry) | Form::NonEmpty(entry) => Some(*entry),
        _ => None,
    });
    let fitting = |node: &Node, form: &Form| {
        let text = node.text().filter(|text| form.accepts(text))?;
        Some(Spanned::new(text.clone(), node.span))
    };
    match (node.list(), entries) {
        (Some(items), Some(entry)) => items.iter().filter_map(|item| fitting(item, entry)).collect(),
        _ => fitting(node, form).into_iter().collect(),
    }
}

/// A name in a map from names, as a text.
pub(super) fn name(key: &Key) -> Text {
    Spanned::new(key.text.clone(), key.span)
}

fn parsed<T: std::str::FromStr>(text: Text) -> Option<Spanned<T>> {
    Some(Spanned::new(text.value.parse().ok()?, text.span))
}

/// The seconds of a span of time; years have 365 days.
fn seconds(text: &str) -> Option<Seconds> {
    let unit = text.chars().last()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        'y' => 365 * 86_400,
        _ => return None,
    };
    text.strip_suffix(unit)?.parse::<Seconds>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let read = ["45s", "30m", "12h", "90d", "4w", "10y", "d", "1x", "999999999y"].map(seconds);
        let expected = [
            Some(45),
            Some(1800),
            Some(43_200),
            Some(7_776_000),
            Some(2_419_200),
            Some(315_360_000),
            None,
            None,
            Some(31_535_999_968_464_000),
        ];
        assert_eq!(read, expected);
    }
}
