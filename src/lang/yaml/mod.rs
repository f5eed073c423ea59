//! YAML read with spans, aliases and merge keys resolved.
//!
//! This is the only module that names the YAML parser. It gives a tree in which each value knows where it
//! stands, reads every scalar as text (`2.1` is two digits and a dot, `no` a word), and never fails: what is
//! wrong is a [`Problem`] with a place. Aliases share what they stand for, so that a file of nested aliases
//! costs no memory, and the bounds below limit what a walk over the tree visits.

mod layout;
mod messages;
mod page;
mod reader;
#[cfg(test)]
mod tests;

pub use layout::layout;

use std::sync::Arc;

use crate::text::{SourceId, Span};

/// Lists and maps may be nested this deep, aliases expanded.
pub const MAX_DEPTH: usize = 64;

/// A tree has at most this many values, aliases expanded; a million ACL entries need a little more than half.
pub const MAX_NODES: usize = 4_000_000;

/// The aliases of a text stand for at most this many values.
pub const MAX_ALIASED: usize = 1_000_000;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The value of the document; `None` where there is none, or none that could be read.
    pub root: Option<Node>,
    /// What is wrong, in the order in which it was met.
    pub problems: Vec<Problem>,
    /// The comments, from `#` to the end of the line; without those after the place where reading stopped.
    pub comments: Vec<Span>,
    /// Where reading stopped: the text after it is not in the tree, and the values around it may be cut.
    pub stopped: Option<u32>,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value stands; for an alias, the alias.
    pub span: Span,
    /// For an alias, where the value that it stands for is written.
    pub definition: Option<Span>,
    /// The value.
    pub kind: Kind,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A text.
    Scalar {
        /// The text, quotes and escapes resolved.
        text: Arc<str>,
        /// How it is written.
        style: Style,
    },
    /// Keys and values in the order of the file, each key once; those that a merge key brings come last.
    Map(Arc<[(Key, Node)]>),
    /// Values in the order of the file.
    List(Arc<[Node]>),
    /// Nothing, or `~`.
    Null,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a block below `|` or `>`.
    Block,
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// Of what sort a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The text is no YAML, or YAML that has no meaning here.
    Syntax,
    /// A value begins with a character that needs quotes.
    Unquoted,
    /// A key that its map has already.
    DuplicateKey,
    /// A bound was reached.
    Limit,
}

/// Something that is wrong with a text as YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place.
    pub span: Span,
    /// Of what sort it is.
    pub cause: Cause,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Another place that explains it, and a remark on it.
    pub related: Option<(Span, &'static str)>,
}

/// Reads a text.
pub fn parse(source: SourceId, bytes: &[u8]) -> Tree {
    reader::read(source, bytes)
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&Arc<str>> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The values of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }
}
