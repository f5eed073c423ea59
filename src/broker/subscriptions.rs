//! Who subscribes to what: a tree of filter levels.

use std::collections::HashMap;

use super::session::SessionKey;
use super::wire::{QoS, Text};

/// A subscription as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    /// Subscription identifier; 0 for none.
    pub(super) identifier: u32,
}

/// A filter in the tree that matches a topic, for one session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) session: SessionKey,
    pub(super) options: Options,
}

/// The parts of `$share/GROUP/FILTER`, or the filter alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared<'a> {
    pub(super) group: Option<&'a str>,
    pub(super) filter: &'a str,
}

impl<'a> Shared<'a> {
    /// Takes a filter apart. One that names no group and filter, and that a release took all the same, is an ordinary
    /// one, which no topic matches. The group may be empty.
    pub(super) fn of(filter: &'a str) -> Self {
        let shared = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        match shared.filter(|(_, filter)| !filter.is_empty()) {
            Some((group, filter)) => Self { group: Some(group), filter },
            None => Self { group: None, filter },
        }
    }
}

type Members = Vec<(SessionKey, Options)>;

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, u32>,
    /// Its child for `+`, and the one for `#`; both are asked for at every level of every topic.
    any: Option<u32>,
    all_below: Option<u32>,
    members: Members,
    groups: Vec<(Box<str>, Members)>,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && (self.any, self.all_below) == (None, None)
            && self.members.is_empty()
            && self.groups.is_empty()
    }

    /// The child for a level of a filter.
    fn child(&self, level: &str) -> Option<u32> {
        match level {
            "+" => self.any,
            "#" => self.all_below,
            _ => self.children.get(level).copied(),
        }
    }

    fn add_child(&mut self, level: &str, child: u32) {
        match level {
            "+" => self.any = Some(child),
            "#" => self.all_below = Some(child),
            _ => drop(self.children.insert(level.into(), child)),
        }
    }

    fn remove_child(&mut self, level: &str) {
        match level {
            "+" => self.any = None,
            "#" => self.all_below = None,
            _ => drop(self.children.remove(level)),
        }
    }
}

/// All subscriptions of all sessions.
#[derive(Debug)]
pub(super) struct Subscriptions {
    nodes: Vec<Node>,
    free: Vec<u32>,
    count: usize,
    shared: usize,
}

const ROOT: u32 = 0;

impl Subscriptions {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new(), count: 0, shared: 0 }
    }

    /// How many subscriptions there are, and how many of them are shared.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.count, self.shared)
    }

    /// Adds a subscription or replaces its options; whether it was there before.
    ///
    /// With `keeps` (see [`Quirk::ResubscriptionKeepsFlags`](crate::catalogue::Quirk)) only its quality of service and its
    /// identifier are replaced.
    pub(super) fn insert(
        &mut self,
        shared: Shared<'_>,
        session: SessionKey,
        options: Options,
        keeps: bool,
    ) -> bool {
        let mut at = ROOT;
        for level in shared.filter.split('/') {
            at = match self.nodes[at as usize].child(level) {
                Some(child) => child,
                None => {
                    let child = self.new_node();
                    self.nodes[at as usize].add_child(level, child);
                    child
                }
            };
        }
        let node = &mut self.nodes[at as usize];
        let members = match shared.group {
            None => &mut node.members,
            Some(group) => {
                let place = node.groups.iter().position(|(name, _)| &**name == group);
                let place = place.unwrap_or_else(|| {
                    node.groups.push((group.into(), Vec::new()));
                    node.groups.len() - 1
                });
                &mut node.groups[place].1
            }
        };
        match members.iter_mut().find(|(member, _)| *member == session) {
            Some((_, kept)) => {
                *kept = if keeps {
                    Options { qos: options.qos, identifier: options.identifier, ..*kept }
                } else {
                    options
                };
                true
            }
            None => {
                members.push((session, options));
                self.count += 1;
                self.shared += usize::from(shared.group.is_some());
                false
            }
        }
    }

    /// Takes a subscription away; whether it was there.
    pub(super) fn remove(&mut self, shared: Shared<'_>, session: SessionKey) -> bool {
        let mut path = vec![ROOT];
        for level in shared.filter.split('/') {
            let node = &self.nodes[path[path.len() - 1] as usize];
            let Some(child) = node.child(level) else { return false };
            path.push(child);
        }
        let node = &mut self.nodes[path[path.len() - 1] as usize];
        let before = |members: &Members| members.iter().position(|(member, _)| *member == session);
        let was_there = match shared.group {
            None => before(&node.members).map(|index| node.members.remove(index)).is_some(),
            Some(group) => match node.groups.iter().position(|(name, _)| &**name == group) {
                None => false,
                Some(place) => {
                    let members = &mut node.groups[place].1;
                    let found = before(members).map(|index| members.remove(index)).is_some();
                    if members.is_empty() {
                        node.groups.remove(place);
                    }
                    found
                }
            },
        };
        if was_there {
            self.count -= 1;
            self.shared -= usize::from(shared.group.is_some());
            self.prune(shared.filter, &path);
        }
        was_there
    }

    /// Frees the nodes at the end of a path that hold nothing any more.
    fn prune(&mut self, filter: &str, path: &[u32]) {
        let levels: Vec<&str> = filter.split('/').collect();
        for depth in (1..path.len()).rev() {
            if !self.nodes[path[depth] as usize].is_empty() {
                return;
            }
            self.nodes[path[depth - 1] as usize].remove_child(levels[depth - 1]);
            self.nodes[path[depth] as usize] = Node::default();
            self.free.push(path[depth]);
        }
    }

    fn new_node(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            // More nodes than that do not fit any memory.
            (self.nodes.len() - 1) as u32
        })
    }

    /// Puts every session to which a message of a topic goes into `found`; of each group the member whose turn it
    /// is, who then goes to the end of the queue.
    pub(super) fn matching(&mut self, topic: &Text, found: &mut Vec<Match>) {
        let topic = topic.as_str();
        let mut groups = Vec::new();
        self.walk(ROOT, Some(topic), topic.starts_with('$'), found, &mut groups);
        for (node, group) in groups {
            let members = &mut self.nodes[node as usize].groups[group].1;
            if let Some((session, options)) = members.first().copied() {
                found.push(Match { session, options });
                members.rotate_left(1);
            }
        }
    }

    /// `rest`: the levels below this node, or nothing where the topic ends here. The depth is that of a filter, and
    /// so bounded.
    fn walk(
        &self,
        at: u32,
        rest: Option<&str>,
        hides_wildcards: bool,
        found: &mut Vec<Match>,
        groups: &mut Vec<(u32, usize)>,
    ) {
        let node = &self.nodes[at as usize];
        // Every release serves the exact level first, then `+`, then `#`.
        let all_below = node.all_below.filter(|_| !hides_wildcards);
        match rest.map(|rest| rest.split_once('/').map_or((rest, None), |(level, rest)| (level, Some(rest))))
        {
            None => take_node(node, at, found, groups),
            Some((level, rest)) => {
                let exact = node.children.get(level).copied();
                let any = node.any.filter(|_| !hides_wildcards);
                for child in exact.into_iter().chain(any) {
                    self.walk(child, rest, false, found, groups);
                }
            }
        }
        // `a/#` is for `a`, too.
        if let Some(child) = all_below {
            take_node(&self.nodes[child as usize], child, found, groups);
        }
    }
}

/// Adds the members and groups of one node.
fn take_node(node: &Node, at: u32, found: &mut Vec<Match>, groups: &mut Vec<(u32, usize)>) {
    found
        .extend(node.members.iter().map(|(session, options)| Match { session: *session, options: *options }));
    groups.extend((0..node.groups.len()).map(|group| (at, group)));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const PLAIN: Options =
        Options { qos: QoS::AtMostOnce, no_local: false, retain_as_published: false, identifier: 0 };

    fn matching(tree: &mut Subscriptions, topic: &str) -> Vec<SessionKey> {
        let mut found = Vec::new();
        tree.matching(&Text::new(Bytes::copy_from_slice(topic.as_bytes())).unwrap(), &mut found);
        let mut keys: Vec<_> = found.iter().map(|found| found.session).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_tree_agrees_with_the_matcher() {
        let filters = [
            "a/b", "a/+", "+/b", "#", "a/#", "+", "/", "+/+", "/+", "$SYS/#", "$SYS/+/x", "a", "a//b", "+/#",
        ];
        let topics =
            ["a/b", "a", "a/c", "b/b", "/", "/x", "$SYS/a", "$SYS/a/x", "a//b", "a/b/c", "$SYS", "b"];
        let mut tree = Subscriptions::new();
        let shared = |filter| Shared::of(filter);
        for (number, filter) in filters.iter().enumerate() {
            assert!(!tree.insert(shared(filter), SessionKey::of(number), PLAIN, false));
            assert!(tree.insert(shared(filter), SessionKey::of(number), PLAIN, false));
        }
        for topic in topics {
            let fits = |filter: &&str| crate::access::matches(filter.as_bytes(), topic.as_bytes());
            let expected: Vec<_> = filters
                .iter()
                .enumerate()
                .filter(|(_, filter)| fits(filter))
                .map(|(number, _)| SessionKey::of(number))
                .collect();
            assert_eq!(matching(&mut tree, topic), expected, "{topic}");
        }
        for (number, filter) in filters.iter().enumerate() {
            assert!(tree.remove(shared(filter), SessionKey::of(number)), "{filter}");
            assert!(!tree.remove(shared(filter), SessionKey::of(number)), "{filter}");
        }
        assert!(tree.nodes[0].is_empty() && tree.counts() == (0, 0));
    }

    #[test]
    fn a_group_takes_turns() {
        let mut tree = Subscriptions::new();
        for number in 0..3 {
            tree.insert(Shared::of("$share/g/a/+"), SessionKey::of(number), PLAIN, false);
        }
        let turns: Vec<_> = (0..4).flat_map(|_| matching(&mut tree, "a/x")).collect();
        assert_eq!(turns, [0, 1, 2, 0].map(SessionKey::of));
    }

    #[test]
    fn shared_subscriptions_have_a_group_and_a_filter() {
        let cases = [
            ("a/b", None, "a/b"),
            ("$share/g/a", Some("g"), "a"),
            ("$share/g//", Some("g"), "/"),
            ("$share/g", None, "$share/g"),
            ("$share/g/", None, "$share/g/"),
            ("$share//a", Some(""), "a"),
            ("$share/+/a", Some("+"), "a"),
            ("$shared/a", None, "$shared/a"),
        ];
        for (filter, group, inner) in cases {
            assert_eq!(Shared::of(filter), Shared { group, filter: inner }, "{filter}");
        }
    }
}
