//! ACLs for tests, written as the lines of a small file.

use crate::model::acl::{Access, Acl, Subject};
use crate::text::{Source, Sources, Span};

/// Reads well-formed lines: `user NAME`, and `topic` or `pattern` with an access word and a filter.
pub(super) fn acl(text: &str) -> Acl {
    let mut sources = Sources::default();
    let source = sources.add(Source::new("acl", text.as_bytes()));
    let mut acl = Acl::new(source, text.as_bytes().into());
    let mut section = Subject::Anonymous;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (keyword, rest) = line.split_once(' ').unwrap();
        if keyword == "user" {
            section = Subject::User(acl.add_user(rest.as_bytes(), Span::new(source, 0, 0)));
            continue;
        }
        let (access, filter) = rest.split_once(' ').unwrap();
        let access = match access {
            "read" => Access::Read,
            "write" => Access::Write,
            "readwrite" => Access::ReadWrite,
            "deny" => Access::Deny,
            _ => panic!("no access word: {line}"),
        };
        let subject = if keyword == "pattern" { Subject::Everyone } else { section };
        let start = filter.as_ptr() as usize - text.as_ptr() as usize;
        assert!(acl.push(subject, access, start, start + filter.len()));
    }
    acl
}

/// The same rules without those whose index is listed.
pub(super) fn without(acl: &Acl, dead: &[usize]) -> Acl {
    let mut rest = acl.clone();
    let mut index = 0;
    rest.rules.retain(|_| {
        index += 1;
        !dead.contains(&(index - 1))
    });
    rest
}
