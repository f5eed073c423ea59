//! Filters in a tree of levels: which of them cover a filter, which of them meet it.

use std::collections::{HashMap, HashSet};

use super::Work;
use super::filter::{Level, MAX_BYTES, MAX_LEVELS, Placeholders, USER};

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// A node, one level below its parent. Children with a text and children with placeholders are two lists that
/// run through `sibling`; members are lists that run through [`Trie::members`].
struct Node<'a> {
    level: Level<'a>,
    texts: u32,
    names: u32,
    any: u32,
    sibling: u32,
    /// The members whose last level this is.
    ends: u32,
    /// The members with a `#` below.
    rests: u32,
}

/// A set of filters, each known by a number.
pub(super) struct Trie<'a> {
    placeholders: Placeholders,
    /// The children that are no `+`.
    edges: HashMap<(u32, Level<'a>), u32>,
    nodes: Vec<Node<'a>>,
    deepest: usize,
    /// The levels that [`Self::fresh_level`] would choose.
    taken: HashSet<&'a [u8]>,
    /// Each filter's number, and the next one at its node.
    members: Vec<(u32, u32)>,
}

/// A filter that is looked up.
#[derive(Clone, Copy)]
pub(super) struct Query<'q> {
    /// Its levels, read with the same placeholders as the set, or as plain text.
    pub(super) levels: &'q [Level<'q>],
    /// The client's user name, for which `%u` stands in the filters of the set.
    pub(super) user: Option<&'q [u8]>,
}

/// Whether members cover a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// These do together; a single one where a single one does.
    By(Vec<u32>),
    /// None matches the generic topic with this many levels in place of the `#`; or the work was used up.
    Gap(usize),
}

impl<'a> Trie<'a> {
    /// An empty set, with this meaning of placeholders in its filters.
    pub(super) fn new(placeholders: Placeholders) -> Self {
        let mut trie = Self {
            placeholders,
            edges: HashMap::new(),
            nodes: Vec::new(),
            deepest: 0,
            taken: HashSet::new(),
            members: Vec::new(),
        };
        trie.add_node(Level::Rest, NONE);
        trie
    }

    /// Adds a filter under a number.
    pub(super) fn insert(&mut self, levels: &[Level<'a>], number: u32) {
        let mut node = ROOT;
        self.deepest = self.deepest.max(levels.len());
        for level in levels {
            if *level == Level::Rest {
                break;
            }
            node = match self.child(node, *level) {
                NONE => self.add_child(node, *level),
                child => child,
            };
        }
        let member = self.members.len() as u32;
        let node = &mut self.nodes[node as usize];
        let list = if levels.last() == Some(&Level::Rest) { &mut node.rests } else { &mut node.ends };
        self.members.push((number, *list));
        *list = member;
    }

    /// Whether the accepted members cover the filter: for each topic, and where it holds placeholders, for
    /// each name in their place.
    ///
    /// Where 2.0 lets a name hold several levels, only a `#` at or just below the placeholder counts, or the
    /// same placeholder; a cover by one filter for each number of levels is not seen.
    pub(super) fn cover(&self, query: Query<'_>, accept: &dyn Fn(u32) -> bool, work: &Work) -> Outcome {
        let mut front = vec![ROOT];
        for (depth, level) in query.levels.iter().enumerate() {
            let wild = depth > 0 || level.starts_with_dollar(self.placeholders) == Some(false);
            if *level == Level::Rest {
                return self.cover_tails(front, &query.levels[..depth], accept, work);
            }
            if !work.spend(front.len()) {
                return Outcome::Gap(0);
            }
            if wild && let Some(member) = self.first(&front, |node| node.rests, accept) {
                return Outcome::By(vec![member]);
            }
            if matches!(level, Level::Names(_)) && self.placeholders == Placeholders::Anywhere {
                let below = if wild { self.any_children(&front) } else { Vec::new() };
                if let Some(member) = self.first(&below, |node| node.rests, accept) {
                    return Outcome::By(vec![member]);
                }
                front = front
                    .iter()
                    .map(|node| self.child(*node, *level))
                    .filter(|child| *child != NONE)
                    .collect();
            } else {
                front = self.step(&front, *level, depth, query.user);
            }
        }
        let whole = self.first(&front, |node| node.rests, accept);
        match whole.or_else(|| self.first(&front, |node| node.ends, accept)) {
            Some(member) => Outcome::By(vec![member]),
            None => Outcome::Gap(0),
        }
    }

    /// Goes on where a filter ends with `#`: one generic topic for each number of further levels.
    ///
    /// `#` of a member covers all numbers from its own level on, any other member just one, so the first `#`
    /// that is met and one member for each number before it are the fewest that do.
    fn cover_tails(
        &self,
        mut front: Vec<u32>,
        prefix: &[Level<'_>],
        accept: &dyn Fn(u32) -> bool,
        work: &Work,
    ) -> Outcome {
        let shortest: usize = prefix.iter().map(|level| shortest_level(*level) + 1).sum();
        let mut by = Vec::new();
        for tail in 0.. {
            if prefix.len() + tail > MAX_LEVELS || shortest + tail > MAX_BYTES + 1 {
                break;
            }
            if !work.spend(front.len()) {
                return Outcome::Gap(0);
            }
            if let Some(member) = self.first(&front, |node| node.rests, accept) {
                by.push(member);
                break;
            }
            if !is_no_topic(prefix, tail) {
                match self.first(&front, |node| node.ends, accept) {
                    Some(member) => by.push(member),
                    None => return Outcome::Gap(tail),
                }
            }
            front = self.any_children(&front);
        }
        Outcome::By(by)
    }

    /// Shows the members that meet the filter to `visit` until it returns true; returns whether it did.
    ///
    /// Placeholders count as meeting whatever they may stand for, so a member that is not shown surely has no
    /// topic in common with the filter. Where the work is used up, the rest is not shown.
    pub(super) fn meeting(&self, query: Query<'_>, work: &Work, visit: &mut dyn FnMut(u32) -> bool) -> bool {
        let mut stack = vec![(ROOT, Some(0))];
        while let Some((node, at)) = stack.pop() {
            if !work.spend(1) {
                return false;
            }
            let level = at.map(|at| query.levels.get(at).copied());
            let here = &self.nodes[node as usize];
            let at_root_of_dollar = node == ROOT && self.front_is(query, true);
            if !at_root_of_dollar && self.list(here.rests).any(&mut *visit) {
                return true;
            }
            if matches!(level, None | Some(None | Some(Level::Rest))) && self.list(here.ends).any(&mut *visit)
            {
                return true;
            }
            let spans = self.placeholders == Placeholders::Anywhere;
            let next = match level {
                None | Some(Some(Level::Rest)) => None,
                Some(None) => continue,
                Some(Some(Level::Names(_))) if spans => None,
                Some(Some(_)) => at.map(|at| at + 1),
            };
            self.meeting_children(query, node, level.flatten(), next, &mut stack);
        }
        false
    }

    /// Pushes the children that may match `level`, to be looked at from `next` on (`None`: whatever follows).
    fn meeting_children(
        &self,
        query: Query<'_>,
        node: u32,
        level: Option<Level<'_>>,
        next: Option<usize>,
        stack: &mut Vec<(u32, Option<usize>)>,
    ) {
        let here = &self.nodes[node as usize];
        if here.any != NONE && !(node == ROOT && self.front_is(query, true)) {
            stack.push((here.any, next));
        }
        match level {
            Some(text @ Level::Text(_)) => match self.child(node, text) {
                NONE => {}
                child => stack.push((child, next)),
            },
            _ => {
                for child in self.children(here.texts) {
                    let is_dollar = || self.level(child).starts_with_dollar(self.placeholders) == Some(true);
                    if node != ROOT || !self.front_is(query, false) || !is_dollar() {
                        stack.push((child, next));
                    }
                }
            }
        }
        for child in self.children(here.names) {
            let user =
                query.user.filter(|name| self.level(child) == Level::Names(USER) && !name.contains(&b'/'));
            match (user, level) {
                (Some(name), Some(Level::Text(text))) if name != text => {}
                (Some(_), _) => stack.push((child, next)),
                (None, _) if self.placeholders == Placeholders::Anywhere => stack.push((child, None)),
                (None, _) => stack.push((child, next)),
            }
        }
    }

    /// Whether the topics of a filter surely start with `$`, or surely do not.
    fn front_is(&self, query: Query<'_>, dollar: bool) -> bool {
        query.levels.first().and_then(|level| level.starts_with_dollar(self.placeholders)) == Some(dollar)
    }

    /// The nodes below `front` that cover a level.
    fn step(&self, front: &[u32], level: Level<'_>, depth: usize, user: Option<&[u8]>) -> Vec<u32> {
        let wild = depth > 0 || level.starts_with_dollar(self.placeholders) == Some(false);
        let is_user = matches!(level, Level::Text(text) if user == Some(text))
            && (wild || self.placeholders == Placeholders::Anywhere);
        let mut below = Vec::with_capacity(front.len());
        for node in front {
            let children = [
                if level == Level::Any { NONE } else { self.child(*node, level) },
                if is_user { self.child(*node, Level::Names(USER)) } else { NONE },
                if wild { self.nodes[*node as usize].any } else { NONE },
            ];
            below.extend(children.into_iter().filter(|child| *child != NONE));
        }
        below
    }

    fn any_children(&self, front: &[u32]) -> Vec<u32> {
        front.iter().map(|node| self.nodes[*node as usize].any).filter(|child| *child != NONE).collect()
    }

    /// The lowest accepted number in a list of the nodes.
    fn first(&self, front: &[u32], list: fn(&Node<'_>) -> u32, accept: &dyn Fn(u32) -> bool) -> Option<u32> {
        let numbers = front.iter().flat_map(|node| self.list(list(&self.nodes[*node as usize])));
        numbers.filter(|number| accept(*number)).min()
    }

    fn list(&self, head: u32) -> impl Iterator<Item = u32> {
        let member = |at: u32| self.members.get(at as usize).copied();
        std::iter::successors(member(head), move |(_, next)| member(*next)).map(|(number, _)| number)
    }

    fn children(&self, head: u32) -> impl Iterator<Item = u32> {
        let some = |node: u32| (node != NONE).then_some(node);
        std::iter::successors(some(head), move |node| some(self.nodes[*node as usize].sibling))
    }

    fn level(&self, node: u32) -> Level<'a> {
        self.nodes[node as usize].level
    }

    fn child(&self, node: u32, level: Level<'_>) -> u32 {
        if level == Level::Any {
            return self.nodes[node as usize].any;
        }
        self.edges.get(&(node, level)).copied().unwrap_or(NONE)
    }

    fn add_child(&mut self, parent: u32, level: Level<'a>) -> u32 {
        if level == Level::Any {
            let child = self.add_node(level, NONE);
            self.nodes[parent as usize].any = child;
            return child;
        }
        if let Level::Text(text) = level
            && is_candidate(text)
        {
            self.taken.insert(text);
        }
        let is_text = matches!(level, Level::Text(_));
        let here = &self.nodes[parent as usize];
        let child = self.add_node(level, if is_text { here.texts } else { here.names });
        let here = &mut self.nodes[parent as usize];
        *(if is_text { &mut here.texts } else { &mut here.names }) = child;
        self.edges.insert((parent, level), child);
        child
    }

    fn add_node(&mut self, level: Level<'a>, sibling: u32) -> u32 {
        self.nodes.push(Node {
            level,
            texts: NONE,
            names: NONE,
            any: NONE,
            sibling,
            ends: NONE,
            rests: NONE,
        });
        self.nodes.len() as u32 - 1
    }

    /// The most levels of a member.
    pub(super) fn deepest(&self) -> usize {
        self.deepest
    }

    /// A level name that occurs neither in the set nor in `levels`.
    pub(super) fn fresh_level(&self, levels: &[Level<'_>]) -> Vec<u8> {
        let is_free = |name: &Vec<u8>| !self.taken.contains(&**name) && !levels.contains(&Level::Text(name));
        let letters = (b'a'..=b'z').rev().map(|letter| vec![letter]);
        let numbered = (1u32..).map(|number| format!("x{number}").into_bytes());
        letters.chain(numbered).find(is_free).unwrap_or_default()
    }
}

/// Whether a level is a name that [`Trie::fresh_level`] may come to.
pub(super) fn is_candidate(level: &[u8]) -> bool {
    match level {
        [letter] => letter.is_ascii_lowercase(),
        [b'x', number @ ..] => number.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether a filter has no topic with `tail` levels in place of its `#`: a topic is never empty.
pub(super) fn is_no_topic(prefix: &[Level<'_>], tail: usize) -> bool {
    tail == 0 && matches!(prefix, [] | [Level::Text(b"")])
}

/// The fewest bytes of a level of a topic.
fn shortest_level(level: Level<'_>) -> usize {
    match level {
        Level::Text(text) => text.len(),
        Level::Any | Level::Rest | Level::Names(_) => 0,
    }
}
