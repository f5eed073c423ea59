//! Client ids that are chosen so that a pattern grants what is asked for.

use std::sync::Arc;

use crate::access::{self, Action, Client, Compiled, Decision};
use crate::catalogue::Release;
use crate::model::acl::{Acl, Subject};

/// A client id with which the answer is yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The id.
    pub client_id: Vec<u8>,
    /// The answer to a client with this id.
    pub decision: Decision,
}

/// How many bytes of filters are made while looking for an id: some seconds, for files that are made to be hard.
const MOST_WORK: usize = 400_000_000;

const CLIENT_ID: &[u8] = b"%c";

/// The id with which a client may do what it may not with an id that stands nowhere; it has the beginning that the
/// listener asks for.
pub(super) fn claim(
    release: Release,
    acl: &Arc<Acl>,
    user: Option<&[u8]>,
    action: Action,
    topic: &[u8],
    prefix: &[u8],
) -> Option<Claim> {
    let mut left = MOST_WORK;
    let mut ready = None;
    for rule in &acl.rules {
        let pattern = acl.filter(rule);
        let holds_id = || pattern.windows(2).any(|pair| pair == CLIENT_ID);
        if rule.subject != Subject::Everyone || !access::gives(rule.access, action) || !holds_id() {
            continue;
        }
        // With the id standing for itself, the pattern has the user name in its place already.
        let Some(named) = access::expand(release, pattern, Client { user, client_id: CLIENT_ID }) else {
            continue;
        };
        for client_id in ids(&named, topic).filter(|id| id.starts_with(prefix) && !access::is_unsafe(id)) {
            left = left.checked_sub(pattern.len() + topic.len())?;
            let client = Client { user, client_id };
            let fits = access::expand(release, pattern, client)
                .is_some_and(|filter| access::matches(&filter, topic));
            if fits {
                let ready = ready.get_or_insert_with(|| Compiled::new(acl.clone(), release));
                let decision = ready.decide(client, action, topic);
                if decision.allowed {
                    return Some(Claim { client_id: client_id.to_vec(), decision });
                }
            }
        }
    }
    None
}

/// The texts of a topic that may stand in the place of the first `%c` of a pattern.
fn ids<'t>(pattern: &[u8], topic: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    let begin = first_place(pattern, topic).unwrap_or(topic.len());
    (begin + 1..=topic.len()).map(move |end| &topic[begin..end])
}

/// Where in a topic the first `%c` of a pattern would begin.
fn first_place(pattern: &[u8], topic: &[u8]) -> Option<usize> {
    let mut begin = 0;
    for level in pattern.split(|byte| *byte == b'/') {
        if let Some(at) = level.windows(2).position(|pair| pair == CLIENT_ID) {
            return topic.get(begin..)?.starts_with(&level[..at]).then_some(begin + at);
        }
        let rest = topic.get(begin..)?;
        let end = rest.iter().position(|byte| *byte == b'/')?;
        if level != b"+" && level != &rest[..end] {
            return None;
        }
        begin += end + 1;
    }
    None
}
