//! The rules of an ACL file, in the order of the file.

use std::sync::Arc;

use crate::text::{SourceId, Span};

/// What a rule gives or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Receiving messages.
    Read,
    /// Publishing.
    Write,
    /// Both.
    ReadWrite,
    /// Neither: takes both away.
    Deny,
}

/// Whom a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Clients without a user name: the `topic` lines above the first `user` line.
    Anonymous,
    /// The user with this index in [`Acl::users`].
    User(u32),
    /// Every client: a `pattern` line, in which `%u` and `%c` stand for user name and client id.
    Everyone,
}

/// A user name of an ACL file and its first `user` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclUser {
    /// The name, as bytes: the broker does not ask for UTF-8.
    pub name: Box<[u8]>,
    /// The name in the first `user` line that has it.
    pub span: Span,
}

/// One `topic` or `pattern` line; 16 bytes, since files hold up to millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// Whom it is for.
    pub subject: Subject,
    /// Offset of the filter in the text.
    filter_start: u32,
    /// Length of the filter; filters of more than 65,535 bytes are refused by every release.
    filter_length: u16,
    /// What it gives or takes.
    pub access: Access,
}

/// The rules of one ACL file.
#[derive(Clone, Debug)]
pub struct Acl {
    source: SourceId,
    bytes: Arc<[u8]>,
    /// The users that have a section, in the order of their first `user` line.
    pub users: Vec<AclUser>,
    /// The rules, in the order of the file.
    pub rules: Vec<AclRule>,
}

impl Acl {
    /// An empty list over the text `bytes` of `source`.
    pub fn new(source: SourceId, bytes: Arc<[u8]>) -> Self {
        Self { source, bytes, users: Vec::new(), rules: Vec::new() }
    }

    /// Adds a rule whose filter is the range `start..end` of the text.
    ///
    /// Returns false, and adds nothing, where the range is longer than 65,535 bytes.
    pub fn push(&mut self, subject: Subject, access: Access, start: usize, end: usize) -> bool {
        let (Ok(filter_start), Ok(filter_length)) = (u32::try_from(start), u16::try_from(end - start)) else {
            return false;
        };
        self.rules.push(AclRule { subject, filter_start, filter_length, access });
        true
    }

    /// The filter of a rule of this list.
    pub fn filter(&self, rule: &AclRule) -> &[u8] {
        let start = rule.filter_start as usize;
        &self.bytes[start..start + usize::from(rule.filter_length)]
    }

    /// Where the filter of a rule stands.
    pub fn filter_span(&self, rule: &AclRule) -> Span {
        let start = rule.filter_start as usize;
        Span::new(self.source, start, start + usize::from(rule.filter_length))
    }

    /// The text that the list was read from.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// The index of a user by name.
    pub fn user(&self, name: &[u8]) -> Option<u32> {
        self.users.iter().position(|user| &*user.name == name).map(|index| index as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_small() {
        assert!(size_of::<AclRule>() <= 16);
    }
}
