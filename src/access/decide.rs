//! The reference: what the broker answers to one request, and which line says so.

use super::filter::{self, CLIENT_ID, Placeholders, USER, matches, split};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, AclRule, Subject};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// The user name. Every known release takes an empty one for none.
    pub user: Option<&'a [u8]>,
    /// The client id.
    pub client_id: &'a [u8],
}

/// What the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To publish to a topic; also to have its will sent.
    Publish,
    /// To be sent a message of a topic.
    Receive,
    /// To subscribe to a filter, or to unsubscribe from it.
    Subscribe,
}

/// The part of the procedure that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The broker itself: nobody publishes to `$SYS…` or uses `$share…` as a topic, whatever the file says.
    Broker,
    /// No ACL file: everything is allowed.
    NoFile,
    /// An ACL file never restricts subscribing.
    Subscription,
    /// A denial of the client's own section.
    OwnDeny,
    /// A grant of the client's own section.
    OwnGrant,
    /// The user name or the client id holds `+` or `#`: no pattern is asked.
    UnsafeName,
    /// A `pattern deny`.
    PatternDeny,
    /// Another pattern.
    PatternGrant,
    /// No line: nothing is allowed that no line grants.
    Default,
}

/// An answer and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the broker lets it happen.
    pub allowed: bool,
    /// The part of the procedure that decided.
    pub layer: Layer,
    /// The deciding line, as an index into [`Acl::rules`].
    pub rule: Option<usize>,
}

/// A client and a topic that prove a statement; [`decide`] confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The user name.
    pub user: Option<Vec<u8>>,
    /// The client id.
    pub client_id: Vec<u8>,
    /// The topic.
    pub topic: Vec<u8>,
}

impl Witness {
    /// The client.
    pub fn client(&self) -> Client<'_> {
        Client { user: self.user.as_deref(), client_id: &self.client_id }
    }
}

/// Decides one request as the broker of a release does.
///
/// `acl` is the file of the client's listener, `None` where it has none; `topic` has the mount point in front.
pub fn decide(
    release: Release,
    acl: Option<&Acl>,
    client: Client<'_>,
    action: Action,
    topic: &[u8],
) -> Decision {
    let answer = |allowed, layer, rule| Decision { allowed, layer, rule };
    if broker_refuses(action, topic) {
        return answer(false, Layer::Broker, None);
    }
    let Some(acl) = acl else { return answer(true, Layer::NoFile, None) };
    if action == Action::Subscribe {
        return answer(true, Layer::Subscription, None);
    }
    let user = client.user.filter(|name| !name.is_empty());
    let client = Client { user, ..client };
    let section = match user {
        None => Some(Subject::Anonymous),
        Some(name) => acl.user(name).map(Subject::User),
    };
    let first = |subject, effect: &dyn Fn(Access) -> bool, fits: &dyn Fn(&[u8]) -> bool| {
        let decides =
            |rule: &AclRule| rule.subject == subject && effect(rule.access) && fits(acl.filter(rule));
        acl.rules.iter().position(decides)
    };
    let denies = |access| access == Access::Deny;
    let grants = |access| gives(access, action);

    if let Some(section) = section {
        let fits = |filter: &[u8]| matches(filter, topic);
        if let Some(rule) = first(section, &denies, &fits) {
            return answer(false, Layer::OwnDeny, Some(rule));
        }
        if let Some(rule) = first(section, &grants, &fits) {
            return answer(true, Layer::OwnGrant, Some(rule));
        }
    }
    let has_patterns = acl.rules.iter().any(|rule| rule.subject == Subject::Everyone);
    if has_patterns && (is_unsafe(client.client_id) || user.is_some_and(is_unsafe)) {
        return answer(false, Layer::UnsafeName, None);
    }
    let fits =
        |pattern: &[u8]| expand(release, pattern, client).is_some_and(|filter| matches(&filter, topic));
    if let Some(rule) = first(Subject::Everyone, &denies, &fits) {
        return answer(false, Layer::PatternDeny, Some(rule));
    }
    if let Some(rule) = first(Subject::Everyone, &grants, &fits) {
        return answer(true, Layer::PatternGrant, Some(rule));
    }
    answer(false, Layer::Default, None)
}

/// The only `$SYS` topics that clients may publish to: those of bridges.
pub(super) const BRIDGE_STATE: &[u8] = b"$SYS/broker/connection/+/state";

/// Whether the broker refuses by itself. Both names are prefixes of text: `$SYSx` counts too.
fn broker_refuses(action: Action, topic: &[u8]) -> bool {
    if topic.starts_with(b"$SYS") {
        action == Action::Publish && !matches(BRIDGE_STATE, topic)
    } else {
        topic.starts_with(b"$share") && action != Action::Subscribe
    }
}

/// Whether a grant allows an action.
pub(super) fn gives(access: Access, action: Action) -> bool {
    match access {
        Access::Read => action == Action::Receive,
        Access::Write => action == Action::Publish,
        Access::ReadWrite => action != Action::Subscribe,
        Access::Deny => false,
    }
}

/// Whether a name keeps its client from every pattern.
pub(super) fn is_unsafe(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// The filter that a pattern is for one client; `None` where it matches nothing for that client.
pub(super) fn expand(release: Release, pattern: &[u8], client: Client<'_>) -> Option<Vec<u8>> {
    if client.user.is_none() && filter::is_for_named(pattern) {
        return None;
    }
    let name_of = |text: &[u8]| match text {
        CLIENT_ID => Some(client.client_id),
        USER => client.user,
        _ => None,
    };
    if Placeholders::in_patterns(release) == Placeholders::Anywhere {
        let mut filter = Vec::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some(byte) = rest.first() {
            match rest.get(..2).and_then(name_of) {
                Some(name) => {
                    filter.extend_from_slice(name);
                    rest = &rest[2..];
                }
                None => {
                    filter.push(*byte);
                    rest = &rest[1..];
                }
            }
        }
        return Some(filter);
    }
    let mut levels = Vec::new();
    for (index, level) in split(pattern).enumerate() {
        let name = name_of(level);
        if name.is_some_and(|name| name.contains(&b'/') || index == 0 && name.starts_with(b"$")) {
            return None;
        }
        levels.push(name.unwrap_or(level));
    }
    Some(levels.join(&b'/'))
}
