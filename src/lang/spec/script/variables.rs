//! Variables: `${name}` in the texts of a test.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;

use crate::lang::spec::Text;
use crate::lang::yaml::{Kind, Node};
use crate::text::Span;

/// The variables of one test.
#[derive(Default)]
pub(super) struct Variables {
    values: Vec<(Arc<str>, Arc<str>)>,
    /// The names that something uses.
    used: RefCell<HashSet<Arc<str>>>,
    /// Names that nothing is called by, each with the place where it is used.
    unknown: RefCell<Vec<(Arc<str>, Span)>>,
    /// How many values may still be looked at.
    budget: Cell<usize>,
}

impl Variables {
    /// Variables for texts of at most `budget` values.
    pub(super) fn new(budget: usize) -> Self {
        Self { budget: Cell::new(budget), ..Self::default() }
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &Arc<str>, value: Arc<str>) {
        match self.values.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name.clone(), value)),
        }
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<str>> {
        let (known, value) = self.values.iter().find(|(known, _)| **known == *name)?;
        self.used.borrow_mut().insert(known.clone());
        Some(value)
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| &**name)
    }

    /// Whether something used a variable.
    pub(super) fn is_used(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }

    /// What was used without being known.
    pub(super) fn take_unknown(&self) -> Vec<(Arc<str>, Span)> {
        self.unknown.take()
    }

    /// How many values may still be looked at; `None` where there were more.
    pub(super) fn left(&self) -> Option<usize> {
        Some(self.budget.get()).filter(|left| *left > 0)
    }

    /// A text with values in place of variables.
    pub(super) fn text(&self, text: &Text) -> Text {
        Text::new(self.filled(&text.value, text.span), text.span)
    }

    /// A tree with values in place of variables; `None` where it has none.
    pub(super) fn node(&self, node: &Node) -> Option<Node> {
        let left = self.budget.get();
        if left == 0 {
            return None;
        }
        self.budget.set(left - 1);
        let kind = match &node.kind {
            Kind::Scalar { text, style } => {
                let filled = has_variable(text).then(|| self.filled(text, node.span))?;
                Kind::Scalar { text: filled, style: *style }
            }
            Kind::Null => return None,
            Kind::List(items) => {
                let filled: Vec<_> = items.iter().map(|item| self.node(item)).collect();
                if filled.iter().all(Option::is_none) {
                    return None;
                }
                let filled = filled.into_iter().zip(items.iter());
                Kind::List(filled.map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect())
            }
            Kind::Map(entries) => {
                let filled: Vec<_> = entries.iter().map(|(_, value)| self.node(value)).collect();
                if filled.iter().all(Option::is_none) {
                    return None;
                }
                let filled = filled.into_iter().zip(entries.iter());
                let entry = |(new, (key, old)): (Option<Node>, &(_, Node))| {
                    (Clone::clone(key), new.unwrap_or_else(|| old.clone()))
                };
                Kind::Map(filled.map(entry).collect())
            }
        };
        Some(Node { span: node.span, definition: node.definition, kind })
    }

    /// A text with values in place of variables; `$${` stands for `${`.
    fn filled(&self, text: &Arc<str>, span: Span) -> Arc<str> {
        if !has_variable(text) {
            return text.clone();
        }
        let mut out = String::new();
        let mut rest: &str = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                out += &rest[..at];
                out += "{";
                rest = &rest[at + 2..];
                continue;
            }
            let Some(length) = rest[at..].find('}') else { break };
            out += &rest[..at];
            let name = &rest[at + 2..at + length];
            match self.get(name) {
                Some(value) => out += value,
                None => self.unknown.borrow_mut().push((name.into(), span)),
            }
            rest = &rest[at + length + 1..];
        }
        out += rest;
        out.into()
    }
}

/// Whether a text has what looks like a variable.
pub(super) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, Sources};

    #[test]
    fn values_take_the_place_of_variables() {
        let span = Span::new(Sources::default().add(Source::new("t", *b"")), 0, 0);
        let mut variables = Variables::new(10);
        variables.set(&"a".into(), "1".into());
        variables.set(&"b".into(), "${a}".into());
        let fill = |text: &str| variables.text(&Text::new(text.into(), span)).value.to_string();
        assert_eq!(fill("x${a}y${b}"), "x1y${a}");
        assert_eq!(fill("$${a} ${a} $${"), "${a} 1 ${");
        assert_eq!(fill("${a"), "${a");
        assert_eq!(fill("$a {b}"), "$a {b}");
        assert_eq!((fill("${c}").as_str(), variables.take_unknown().len()), ("", 1));
        assert!(variables.is_used("a") && variables.is_used("b") && !variables.is_used("c"));
    }
}
