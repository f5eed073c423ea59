//! The rules of an ACL file, in the order of the file.

use std::sync::Arc;

use crate::text::{Index, SourceId, Span};

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

/// The users of an ACL file, each once, in the order of their first `user` line.
#[derive(Clone, Debug, Default)]
pub struct AclUsers {
    list: Vec<AclUser>,
    names: Index,
}

impl AclUsers {
    fn find(&self, hash: u32, name: &[u8]) -> Option<u32> {
        self.names.find(hash).find(|user| *self.list[*user as usize].name == *name)
    }
}

impl std::ops::Deref for AclUsers {
    type Target = [AclUser];

    fn deref(&self) -> &[AclUser] {
        &self.list
    }
}

/// The kinds of bytes in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// `+` or `#`.
    const WILD: u8 = 1;
    /// `%`, with which placeholders begin.
    const PERCENT: u8 = 2;
    /// A blank.
    const BLANK: u8 = 4;
    /// Anything that is not printable ASCII.
    const OTHER: u8 = 8;
    /// No kind: that the text is known to be a filter.
    const FILTER: u8 = 16;

    const OF_BYTES: [u8; 256] = {
        let mut kinds = [Self::OTHER; 256];
        let mut byte = b' ';
        while byte <= b'~' {
            kinds[byte as usize] = match byte {
                b'+' | b'#' => Self::WILD,
                b'%' => Self::PERCENT,
                b' ' => Self::BLANK,
                _ => 0,
            };
            byte += 1;
        }
        kinds
    };

    /// The kinds of a text, found in one go.
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(text.iter().fold(0, |kinds, byte| kinds | Self::OF_BYTES[usize::from(*byte)]))
    }

    /// The same kinds, of a text that is known to be a filter.
    pub(crate) fn of_filter(self) -> Self {
        Self(self.0 | Self::FILTER)
    }

    /// Whether the text is known to be a filter.
    pub(crate) fn is_of_filter(self) -> bool {
        self.0 & Self::FILTER != 0
    }

    /// Whether the text holds a wildcard.
    pub(crate) fn has_wildcard(self) -> bool {
        self.0 & Self::WILD != 0
    }

    /// Whether the text may hold a placeholder.
    pub(crate) fn has_percent(self) -> bool {
        self.0 & Self::PERCENT != 0
    }

    /// Whether the text holds a blank.
    pub(crate) fn has_blank(self) -> bool {
        self.0 & Self::BLANK != 0
    }

    /// Whether the text is printable ASCII.
    pub(crate) fn is_plain(self) -> bool {
        self.0 & Self::OTHER == 0
    }
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
    kinds: Kinds,
}

impl AclRule {
    /// The kinds of bytes in the filter.
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds
    }
}

/// The rules of one ACL file.
#[derive(Clone, Debug)]
pub struct Acl {
    source: SourceId,
    bytes: Arc<[u8]>,
    /// The users that have a section.
    pub users: AclUsers,
    /// The rules, in the order of the file.
    pub rules: Vec<AclRule>,
}

impl Acl {
    /// An empty list over the text `bytes` of `source`.
    pub fn new(source: SourceId, bytes: Arc<[u8]>) -> Self {
        Self { source, bytes, users: AclUsers::default(), rules: Vec::new() }
    }

    /// Adds a rule whose filter is the range `start..end` of the text.
    ///
    /// Returns false, and adds nothing, where the range is longer than 65,535 bytes.
    pub fn push(&mut self, subject: Subject, access: Access, start: usize, end: usize) -> bool {
        let kinds = Kinds::of(&self.bytes[start..end]);
        self.push_of(kinds, subject, access, start, end)
    }

    /// The same where it is known what kinds of bytes the filter holds.
    pub(crate) fn push_of(
        &mut self,
        kinds: Kinds,
        subject: Subject,
        access: Access,
        start: usize,
        end: usize,
    ) -> bool {
        let (Ok(filter_start), Ok(filter_length)) = (u32::try_from(start), u16::try_from(end - start)) else {
            return false;
        };
        self.rules.push(AclRule { subject, filter_start, filter_length, access, kinds });
        true
    }

    /// The filter of a rule of this list.
    pub fn filter(&self, rule: &AclRule) -> &[u8] {
        self.text(rule.filter_start, rule.filter_length)
    }

    /// A part of the text.
    pub(crate) fn text(&self, start: u32, length: u16) -> &[u8] {
        let start = start as usize;
        &self.bytes[start..start + usize::from(length)]
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
        self.users.find(self.users.names.hash(0, name), name)
    }

    /// The index of a user by name, who is added where there is none of that name; `span` is the name's place.
    pub fn add_user(&mut self, name: &[u8], span: Span) -> u32 {
        let hash = self.users.names.hash(0, name);
        self.users.find(hash, name).unwrap_or_else(|| {
            let user = self.users.list.len() as u32;
            self.users.list.push(AclUser { name: name.into(), span });
            self.users.names.add(hash, user);
            user
        })
    }
}

/// The rules of a file by whom they are for, each section in the order of the file.
///
/// Rules for users that are not in [`Acl::users`] are left out.
#[derive(Clone, Debug)]
pub struct Sections {
    /// Where the rules of each section begin: clients without a user name, every client, then the users.
    starts: Vec<u32>,
    rules: Vec<u32>,
}

impl Sections {
    /// Sorts the rules of a file.
    pub fn of(acl: &Acl) -> Self {
        let sections = acl.users.len() + 2;
        let mut starts = vec![0; sections + 1];
        for rule in &acl.rules {
            if let Some(count) = starts.get_mut(section_of(rule.subject) + 1) {
                *count += 1;
            }
        }
        (0..sections).for_each(|section| starts[section + 1] += starts[section]);
        let mut rules = vec![0; starts[sections] as usize];
        let mut next = starts[..sections].to_vec();
        for (index, rule) in acl.rules.iter().enumerate() {
            if let Some(next) = next.get_mut(section_of(rule.subject)) {
                rules[*next as usize] = index as u32;
                *next += 1;
            }
        }
        Self { starts, rules }
    }

    /// The indices of the rules for a subject.
    pub fn rules(&self, subject: Subject) -> &[u32] {
        match self.starts.get(section_of(subject)..) {
            Some([start, end, ..]) => &self.rules[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

fn section_of(subject: Subject) -> usize {
    match subject {
        Subject::Anonymous => 0,
        Subject::Everyone => 1,
        Subject::User(user) => user as usize + 2,
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
