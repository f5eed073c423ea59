//! Retained messages: a tree of topic levels, in the order in which the levels first came.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::message::Message;

#[derive(Debug, Default)]
struct Node {
    numbers: HashMap<Rc<str>, u64>,
    /// The nodes below, by when they were made.
    children: BTreeMap<u64, (Rc<str>, u32)>,
    message: Option<Rc<Message>>,
}

/// The last retained message of each topic.
#[derive(Debug)]
pub(super) struct Retained {
    nodes: Vec<Node>,
    free: Vec<u32>,
    made: u64,
    count: usize,
}

const ROOT: u32 = 0;

impl Retained {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new(), made: 0, count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn child(&self, at: u32, level: &str) -> Option<u32> {
        let node = &self.nodes[at as usize];
        node.children.get(node.numbers.get(level)?).map(|(_, child)| *child)
    }

    /// Keeps a message in place of the one that its topic had.
    pub(super) fn put(&mut self, message: Rc<Message>) {
        let mut at = ROOT;
        for level in message.topic.as_str().split('/') {
            at = self.child(at, level).unwrap_or_else(|| {
                self.made += 1;
                let child = self.free.pop().unwrap_or_else(|| {
                    self.nodes.push(Node::default());
                    (self.nodes.len() - 1) as u32
                });
                let node = &mut self.nodes[at as usize];
                let level: Rc<str> = level.into();
                node.numbers.insert(level.clone(), self.made);
                node.children.insert(self.made, (level, child));
                child
            });
        }
        let before = self.nodes[at as usize].message.replace(message);
        self.count += usize::from(before.is_none());
    }

    /// Forgets the message of a topic.
    pub(super) fn clear(&mut self, topic: &str) {
        let mut path = vec![ROOT];
        for level in topic.split('/') {
            let Some(child) = self.child(path[path.len() - 1], level) else { return };
            path.push(child);
        }
        let last = path[path.len() - 1] as usize;
        self.count -= usize::from(self.nodes[last].message.take().is_some());
        let levels: Vec<&str> = topic.split('/').collect();
        for depth in (1..path.len()).rev() {
            let node = &self.nodes[path[depth] as usize];
            if node.message.is_some() || !node.children.is_empty() {
                return;
            }
            let parent = &mut self.nodes[path[depth - 1] as usize];
            if let Some(number) = parent.numbers.remove(levels[depth - 1]) {
                parent.children.remove(&number);
            }
            self.nodes[path[depth] as usize] = Node::default();
            self.free.push(path[depth]);
        }
    }

    /// The messages whose topics match a filter.
    pub(super) fn matching(&self, filter: &str) -> Vec<Rc<Message>> {
        let levels: Vec<&str> = filter.split('/').collect();
        let mut found = Vec::new();
        self.walk(ROOT, &levels, true, &mut found);
        found
    }

    fn walk(&self, at: u32, levels: &[&str], is_first: bool, found: &mut Vec<Rc<Message>>) {
        let node = &self.nodes[at as usize];
        let Some((level, rest)) = levels.split_first() else {
            found.extend(node.message.clone());
            return;
        };
        match *level {
            "#" => {
                self.below(at, is_first, found);
                if !is_first {
                    found.extend(node.message.clone());
                }
            }
            "+" => {
                for (name, child) in self.children(at) {
                    if !(is_first && name.starts_with('$')) {
                        self.walk(child, rest, false, found);
                    }
                }
            }
            name => {
                if let Some(child) = self.child(at, name) {
                    self.walk(child, rest, false, found);
                }
            }
        }
    }

    fn children(&self, at: u32) -> impl Iterator<Item = (&str, u32)> {
        self.nodes[at as usize].children.values().map(|(name, child)| (&**name, *child))
    }

    /// Everything below a node, each topic before those below it, with an own stack: topics may have many levels.
    fn below(&self, at: u32, is_first: bool, found: &mut Vec<Rc<Message>>) {
        let mut stack: Vec<u32> = self
            .children(at)
            .filter(|(name, _)| !(is_first && name.starts_with('$')))
            .map(|(_, child)| child)
            .collect();
        stack.reverse();
        while let Some(at) = stack.pop() {
            let node = &self.nodes[at as usize];
            found.extend(node.message.clone());
            stack.extend(node.children.values().rev().map(|(_, child)| *child));
        }
    }

    /// Forgets every message for which `is_over` holds.
    pub(super) fn retain(&mut self, is_over: impl Fn(&Message) -> bool) {
        let over: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|node| node.message.as_ref().filter(|message| is_over(message)))
            .map(|message| message.topic.clone())
            .collect();
        over.iter().for_each(|topic| self.clear(topic.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_agrees_with_the_matcher() {
        let topics =
            ["a/b", "a", "a/c", "b/b", "/", "/x", "$SYS/a", "$SYS/a/x", "a//b", "a/b/c", "$SYS", "b"];
        let filters = [
            "a/b", "a/+", "+/b", "#", "a/#", "+", "/", "+/+", "/+", "$SYS/#", "$SYS/+/x", "a", "a//b", "+/#",
        ];
        let mut tree = Retained::new();
        for topic in topics.iter().chain(&topics) {
            tree.put(Rc::new(Message::plain(topic)));
        }
        assert_eq!(tree.count(), topics.len());
        for filter in filters {
            let mut found: Vec<_> =
                tree.matching(filter).iter().map(|message| message.topic.as_str().to_owned()).collect();
            let fits = |topic: &&&str| crate::access::matches(filter.as_bytes(), topic.as_bytes());
            let mut expected: Vec<_> = topics.iter().filter(fits).map(|topic| (*topic).to_owned()).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{filter}");
        }
        topics.iter().for_each(|topic| tree.clear(topic));
        assert_eq!(tree.count(), 0);
        assert!(tree.nodes[0].children.is_empty() && tree.nodes[0].numbers.is_empty());
    }

    #[test]
    fn messages_come_in_the_order_of_their_levels() {
        let mut tree = Retained::new();
        for topic in ["z", "a", "m/1", "b", "m/0", "a"] {
            tree.put(Rc::new(Message::plain(topic)));
        }
        let order: Vec<_> = tree.matching("#").iter().map(|message| message.topic.to_string()).collect();
        assert_eq!(order, ["z", "a", "m/1", "m/0", "b"]);
    }
}
