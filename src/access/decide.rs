//! The reference: what the broker answers to one request, and which line says so.

use std::borrow::Cow;

use super::filter::{self, CLIENT_ID, Level, Placeholders, USER, levels, matches, meet, split};
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
/// `acl` is the file of the client's listener, `None` where it has none; `topic` has the mount point in
/// front.
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
pub(super) fn broker_refuses(action: Action, topic: &[u8]) -> bool {
    if topic.starts_with(b"$SYS") {
        action == Action::Publish && !matches(BRIDGE_STATE, topic)
    } else {
        topic.starts_with(b"$share") && action != Action::Subscribe
    }
}

/// The part of a rule's filter that the broker does not refuse by itself for an action; nothing where that is
/// none.
///
/// Of a pattern with placeholders all is left where any may be.
pub(super) fn left_to_acl<'f>(
    filter: &'f [u8],
    placeholders: Placeholders,
    action: Action,
) -> Option<Cow<'f, [u8]>> {
    if filter.starts_with(b"$share") {
        return None;
    }
    if action != Action::Publish || !filter.starts_with(b"$SYS") {
        return Some(Cow::Borrowed(filter));
    }
    let levels = levels(filter, placeholders);
    let Some(at) = levels.iter().position(|level| matches!(level, Level::Names(_))) else {
        return meet(filter, BRIDGE_STATE).map(Cow::Owned);
    };
    let widest: Vec<&[u8]> = if placeholders == Placeholders::Anywhere {
        split(filter).take(at).chain([&b"#"[..]]).collect()
    } else {
        let wide = |level: &Level<'f>| match *level {
            Level::Text(text) => text,
            Level::Any | Level::Names(_) => b"+",
            Level::Rest => b"#",
        };
        levels.iter().map(wide).collect()
    };
    let may_be = at == 0 || meet(&widest.join(&b'/'), BRIDGE_STATE).is_some();
    may_be.then_some(Cow::Borrowed(filter))
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
    put_names(Placeholders::in_patterns(release), pattern, client)
}

/// The same for a way to read placeholders.
pub(super) fn put_names(placeholders: Placeholders, pattern: &[u8], client: Client<'_>) -> Option<Vec<u8>> {
    if client.user.is_none() && filter::is_for_named(pattern) {
        return None;
    }
    let name_of = |text: &[u8]| match text {
        CLIENT_ID => Some(client.client_id),
        USER => client.user,
        _ => None,
    };
    if placeholders == Placeholders::Anywhere {
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

#[cfg(test)]
mod tests {
    use super::super::sample::acl;
    use super::*;

    const FILE: &str = "\
topic read z
topic readwrite both
topic deny both/secret
user al
topic read a/#
topic deny a/no
topic readwrite a/no
topic readwrite $x/#
topic readwrite %u/lit
pattern deny a/b
pattern deny p/no/+
pattern write p/%u/+
pattern read c/%c/+
pattern readwrite m/x%u
pattern readwrite %c/front
pattern readwrite #
user a+b
topic readwrite own
user empty";

    /// Every case was answered the same by the real brokers of the releases it names.
    #[test]
    fn who_may_what() {
        use Action::{Publish, Receive, Subscribe};
        use Layer::{
            Broker, Default, OwnDeny, OwnGrant, PatternDeny, PatternGrant, Subscription, UnsafeName,
        };
        type Case = (Option<&'static str>, &'static str, Action, &'static str, bool, Layer, Option<usize>);
        let everywhere: &[Case] = &[
            (None, "c", Receive, "z", true, OwnGrant, Some(0)),
            (Some(""), "c", Receive, "z", true, OwnGrant, Some(0)),
            (None, "c", Publish, "both/secret", false, OwnDeny, Some(2)),
            (Some("al"), "c", Receive, "a/b", true, OwnGrant, Some(3)),
            (Some("al"), "c", Publish, "a/b", false, PatternDeny, Some(8)),
            (Some("al"), "c", Receive, "a/no", false, OwnDeny, Some(4)),
            (Some("al"), "c", Publish, "%u/lit", true, OwnGrant, Some(7)),
            (Some("al"), "c", Publish, "$x/y", true, OwnGrant, Some(6)),
            (Some("al"), "c", Publish, "$y/z", false, Default, None),
            (Some("al"), "c", Publish, "p/al/x", true, PatternGrant, Some(10)),
            (Some("al"), "d+", Publish, "p/al/x", false, UnsafeName, None),
            (Some("al"), "d#", Receive, "a/x", true, OwnGrant, Some(3)),
            (Some("a+b"), "c", Publish, "own", true, OwnGrant, Some(15)),
            (Some("a+b"), "c", Publish, "q", false, UnsafeName, None),
            (Some("empty"), "c", Publish, "q", true, PatternGrant, Some(14)),
            (Some("unlisted"), "c", Receive, "c/c/x", true, PatternGrant, Some(11)),
            (None, "c", Publish, "p/no/x", false, PatternDeny, Some(9)),
            (None, "c", Publish, "$SYS/a", false, Broker, None),
            (None, "c", Publish, "$SYSx", false, Broker, None),
            (None, "c", Publish, "$SYS/broker/connection/b/state", false, Default, None),
            (None, "c", Receive, "$share/g/a", false, Broker, None),
            (None, "c", Subscribe, "$share/g/a", true, Subscription, None),
            (Some("al"), "c", Subscribe, "a/no", true, Subscription, None),
        ];
        let (old, new) = (Release::new(2, 0, 21), Release::new(2, 1, 2));
        let each = |release, cases: &[Case]| {
            let file = acl(FILE);
            for (user, id, action, topic, allowed, layer, rule) in cases {
                let client = Client { user: user.map(str::as_bytes), client_id: id.as_bytes() };
                let found = decide(release, Some(&file), client, *action, topic.as_bytes());
                let expected = Decision { allowed: *allowed, layer: *layer, rule: *rule };
                assert_eq!(found, expected, "{release} {user:?} {id} {action:?} {topic}");
            }
        };
        each(old, everywhere);
        each(new, everywhere);
        each(old, &[(Some("al"), "$C", Publish, "$C/front", true, PatternGrant, Some(13))]);
        each(new, &[(Some("al"), "$C", Publish, "$C/front", false, Default, None)]);
    }

    /// What stands in the place of a placeholder: each was seen on the real brokers.
    #[test]
    fn placeholders() {
        let cases = [
            ("m/x%u", "al", "m/xal", Some("m/xal"), Some("m/x%u")),
            ("p/%u/#", "a/b", "", Some("p/a/b/#"), None),
            ("q/%u%c", "al", "c", Some("q/alc"), Some("q/%u%c")),
            ("%u/f", "$x", "", Some("$x/f"), None),
            ("e/%u", "$x", "", Some("e/$x"), Some("e/$x")),
            ("e/%u", "%c", "c", Some("e/%c"), Some("e/%c")),
        ];
        for (pattern, user, client_id, old, new) in cases {
            let client = Client { user: Some(user.as_bytes()), client_id: client_id.as_bytes() };
            for (release, expected) in [(Release::new(2, 0, 11), old), (Release::new(2, 1, 2), new)] {
                let found = expand(release, pattern.as_bytes(), client);
                assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{release} {pattern} {user}");
            }
        }
        let nobody = Client { user: None, client_id: b"c" };
        assert!(Release::known().iter().all(|release| expand(*release, b"p/x%u", nobody).is_none()));
    }

    #[test]
    fn without_a_file_all_is_allowed() {
        let client = Client { user: None, client_id: b"c" };
        let found = decide(Release::newest(), None, client, Action::Publish, b"a");
        assert_eq!(found, Decision { allowed: true, layer: Layer::NoFile, rule: None });
        assert!(!decide(Release::newest(), None, client, Action::Publish, b"$SYS/a").allowed);
    }
}
