//! An ACL file made ready for many requests: the answers of [`decide`](super::decide()), without a walk through the file.

use std::sync::Arc;

use super::decide::{Action, Client, Decision, Layer, broker_refuses, gives, is_unsafe};
use super::filter::{CLIENT_ID, MAX_LEVELS, Placeholders, USER, is_for_named};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, Sections, Subject};
use crate::text::Index;

/// How many filters below a node are compared one by one.
const MOST_COMPARED: usize = 4;

/// Set in the number of a child that is a rule by itself.
const IS_RULE: u32 = 1 << 31;

const NONE: u32 = u32::MAX;

/// The rules of an ACL file as trees of levels, one for each user, one for clients without a user name, and two for
/// patterns.
///
/// Made once for a file; one request takes time by the levels of its topic, not by the number of rules. It takes some 10
/// to 30 bytes a rule beside the file.
#[derive(Debug)]
pub struct Compiled {
    acl: Arc<Acl>,
    release: Release,
    /// By user index, with the section of clients without a user name behind them.
    sections: Vec<u32>,
    /// Patterns with `%u`, which are for clients with a user name only, and all others.
    patterns: [u32; 2],
    has_patterns: bool,
    nodes: Vec<Node>,
    /// Children that are no `+` and hold no placeholder, by their parent and text.
    children: Index,
    /// What the nodes compare.
    rules: Vec<u32>,
}

/// A place in a tree: what is left of the rules that agree in all levels before.
#[derive(Debug)]
struct Node {
    parent: u32,
    /// Where the level that leads here stands in the text of the file.
    level: (u32, u16),
    /// The rules to compare, as a part of [`Compiled::rules`]: they end here, or are few.
    compared: (u32, u32),
    /// The child for `+`.
    any: u32,
    /// The first child with placeholders, and the next one of the same parent.
    names: u32,
    sibling: u32,
    has_texts: bool,
}

/// The first rules that fit a request.
struct Found {
    denial: u32,
    grant: u32,
}

/// A request below one root.
struct Request<'r> {
    subject: Subject,
    client: Client<'r>,
    action: Action,
    topic: &'r [u8],
    placeholders: Placeholders,
}

impl Compiled {
    /// Makes a file ready for the requests of a release.
    pub fn new(acl: Arc<Acl>, release: Release) -> Self {
        Self::comparing(acl, release, MOST_COMPARED)
    }

    pub(super) fn comparing(acl: Arc<Acl>, release: Release, most: usize) -> Self {
        let by_subject = Sections::of(&acl);
        let patterns = by_subject.rules(Subject::Everyone);
        let mut made = Self {
            release,
            sections: Vec::with_capacity(acl.users.len() + 1),
            patterns: [NONE; 2],
            has_patterns: !patterns.is_empty(),
            nodes: Vec::new(),
            children: Index::default(),
            rules: Vec::new(),
            acl: acl.clone(),
        };
        let topics = Plan { acl: &acl, placeholders: Placeholders::Text, most };
        let users = (0..acl.users.len() as u32).map(Subject::User);
        for subject in users.chain([Subject::Anonymous]) {
            let root = topics.grow(&mut made, by_subject.rules(subject).to_vec());
            made.sections.push(root);
        }
        let plan = Plan { placeholders: Placeholders::in_patterns(release), ..topics };
        let (named, others): (Vec<u32>, Vec<u32>) =
            patterns.iter().copied().partition(|rule| is_for_named(plan.filter(*rule)));
        made.patterns = [named, others].map(|rules| plan.grow(&mut made, rules));
        made.nodes.shrink_to_fit();
        made.rules.shrink_to_fit();
        made
    }

    /// The file.
    pub fn acl(&self) -> &Arc<Acl> {
        &self.acl
    }

    /// What [`decide`](super::decide()) answers for the file.
    pub fn decide(&self, client: Client<'_>, action: Action, topic: &[u8]) -> Decision {
        let answer = |allowed, layer, rule: Option<u32>| Decision {
            allowed,
            layer,
            rule: rule.map(|rule| rule as usize),
        };
        if broker_refuses(action, topic) {
            return answer(false, Layer::Broker, None);
        }
        if action == Action::Subscribe {
            return answer(true, Layer::Subscription, None);
        }
        let user = client.user.filter(|name| !name.is_empty());
        let client = Client { user, ..client };
        let (subject, section) = match user {
            None => (Subject::Anonymous, self.sections.last()),
            // Who has no section is nobody in particular.
            Some(name) => self.acl.user(name).map_or((Subject::Everyone, None), |user| {
                (Subject::User(user), self.sections.get(user as usize))
            }),
        };
        let request = Request { subject, client, action, topic, placeholders: Placeholders::Text };
        let own = self.first(&request, section.copied());
        if own.denial != NONE {
            return answer(false, Layer::OwnDeny, Some(own.denial));
        }
        if own.grant != NONE {
            return answer(true, Layer::OwnGrant, Some(own.grant));
        }
        if !self.has_patterns {
            return answer(false, Layer::Default, None);
        }
        if is_unsafe(client.client_id) || user.is_some_and(is_unsafe) {
            return answer(false, Layer::UnsafeName, None);
        }
        let placeholders = Placeholders::in_patterns(self.release);
        let request = Request { subject: Subject::Everyone, placeholders, ..request };
        let [named, others] = self.patterns;
        let found = self.first(&request, user.map(|_| named).into_iter().chain([others]));
        if found.denial != NONE {
            return answer(false, Layer::PatternDeny, Some(found.denial));
        }
        if found.grant != NONE {
            return answer(true, Layer::PatternGrant, Some(found.grant));
        }
        answer(false, Layer::Default, None)
    }

    /// The first rules below some roots that fit.
    fn first(&self, request: &Request<'_>, roots: impl IntoIterator<Item = u32>) -> Found {
        let mut found = Found { denial: NONE, grant: NONE };
        if !request.topic.is_empty() {
            roots
                .into_iter()
                .filter(|root| *root != NONE)
                .for_each(|root| self.visit(request, root, 0, &mut found));
        }
        found
    }

    /// Looks below a node for what fits the topic from a place on, which is one past its end where no level is left.
    fn visit(&self, request: &Request<'_>, at: u32, place: usize, found: &mut Found) {
        let node = &self.nodes[at as usize];
        let (start, count) = (node.compared.0 as usize, node.compared.1 as usize);
        self.rules[start..start + count].iter().for_each(|rule| self.compare(request, *rule, found));
        let Some(rest) = request.topic.get(place..) else { return };
        let end = place + rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        if node.has_texts {
            let level = &request.topic[place..end];
            for child in self.children.find(self.children.hash(at, level)) {
                if child & IS_RULE != 0 {
                    // By chance it may be a child of another node.
                    if self.is_for(request, child & !IS_RULE) {
                        self.compare(request, child & !IS_RULE, found);
                    }
                } else if self.nodes[child as usize].parent == at && self.level(child) == level {
                    self.visit(request, child, end + 1, found);
                    break;
                }
            }
        }
        if node.any != NONE && (place > 0 || !request.topic.starts_with(b"$")) {
            self.visit(request, node.any, end + 1, found);
        }
        let mut names = node.names;
        while names != NONE {
            if let Some(end) = request.skip_names(self.level(names), place) {
                self.visit(request, names, end, found);
            }
            names = self.nodes[names as usize].sibling;
        }
    }

    fn level(&self, node: u32) -> &[u8] {
        let (start, length) = self.nodes[node as usize].level;
        self.acl.text(start, length)
    }

    /// Whether a rule is one of those that are asked.
    fn is_for(&self, request: &Request<'_>, number: u32) -> bool {
        let rule = &self.acl.rules[number as usize];
        let is_general = || request.client.user.is_some() || !is_for_named(self.acl.filter(rule));
        rule.subject == request.subject && (rule.subject != Subject::Everyone || is_general())
    }

    fn compare(&self, request: &Request<'_>, number: u32, found: &mut Found) {
        let rule = &self.acl.rules[number as usize];
        let best = match rule.access {
            Access::Deny => &mut found.denial,
            access if gives(access, request.action) => &mut found.grant,
            _ => return,
        };
        if number < *best && request.fits(self.acl.filter(rule)) {
            *best = number;
        }
    }
}

impl Request<'_> {
    /// Whether a filter, with the names of the client in their places, matches the topic, which is not empty.
    fn fits(&self, filter: &[u8]) -> bool {
        let mut place = 0;
        let mut rest = filter;
        loop {
            let length = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let level = &rest[..length];
            let is_last = length == rest.len();
            let is_wild = matches!(level, b"+" | b"#");
            if is_wild && place == 0 && self.topic.starts_with(b"$") {
                return false;
            }
            if level == b"#" {
                return is_last;
            }
            if place > self.topic.len() {
                return false;
            }
            let next = if level == b"+" {
                let rest = &self.topic[place..];
                Some(place + rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()) + 1)
            } else if self.placeholders.stands_in(level) {
                self.skip_names(level, place)
            } else {
                self.skip(level, place)
            };
            match next {
                Some(next) => place = next,
                None => return false,
            }
            if is_last {
                return place > self.topic.len();
            }
            rest = &rest[length + 1..];
        }
    }

    /// Where the level behind a text begins that is all of one or several levels from a place on.
    fn skip(&self, text: &[u8], place: usize) -> Option<usize> {
        self.behind(self.topic.get(place..)?.strip_prefix(text)?)
    }

    /// Where the level begins that follows what is left, which starts behind a level.
    fn behind(&self, left: &[u8]) -> Option<usize> {
        matches!(left.first(), None | Some(b'/')).then(|| self.topic.len() - left.len() + 1)
    }

    /// The same for a level with placeholders, with the names of the client in their places.
    fn skip_names(&self, level: &[u8], place: usize) -> Option<usize> {
        let name_of = |text: &[u8]| match text {
            CLIENT_ID => Some(self.client.client_id),
            USER => self.client.user,
            _ => None,
        };
        if self.placeholders == Placeholders::WholeLevel {
            let name = name_of(level)?;
            let is_out = name.contains(&b'/') || place == 0 && name.starts_with(b"$");
            return if is_out { None } else { self.skip(name, place) };
        }
        let mut left = self.topic.get(place..)?;
        let mut level = level;
        while let Some(byte) = level.first() {
            let (text, length) = match level.get(..2).and_then(name_of) {
                Some(name) => (name, 2),
                None => (std::slice::from_ref(byte), 1),
            };
            left = left.strip_prefix(text)?;
            level = &level[length..];
        }
        self.behind(left)
    }
}

/// How a tree is made.
struct Plan<'a> {
    acl: &'a Acl,
    placeholders: Placeholders,
    most: usize,
}

/// Rules that agree in all levels before an offset, as a part of a sorted list.
struct Part {
    start: usize,
    end: usize,
    offset: usize,
    depth: usize,
    node: u32,
}

impl<'a> Plan<'a> {
    fn filter(&self, rule: u32) -> &'a [u8] {
        self.acl.filter(&self.acl.rules[rule as usize])
    }

    /// Makes the tree of some rules, in the order of the file.
    fn grow(&self, made: &mut Compiled, rules: Vec<u32>) -> u32 {
        let rules = self.without_repetitions(rules);
        if rules.is_empty() {
            return NONE;
        }
        let root = add_node(made, NONE, (0, 0));
        let mut parts = vec![Part { start: 0, end: rules.len(), offset: 0, depth: 0, node: root }];
        while let Some(part) = parts.pop() {
            self.divide(made, &rules, &part, &mut parts);
        }
        root
    }

    /// The rules sorted by their levels, and of equal ones the first of each effect only.
    fn without_repetitions(&self, mut rules: Vec<u32>) -> Vec<u32> {
        rules.sort_by(|one, other| by_levels(self.filter(*one), self.filter(*other)));
        // A denial, and a grant for each action.
        let mut seen = [false; 3];
        let mut before: &[u8] = b"";
        rules.retain(|rule| {
            let filter = self.filter(*rule);
            if filter != before {
                (seen, before) = ([false; 3], filter);
            }
            let access = self.acl.rules[*rule as usize].access;
            let effects =
                [access == Access::Deny, gives(access, Action::Publish), gives(access, Action::Receive)];
            let is_new = effects.iter().zip(&seen).any(|(new, old)| *new && !old);
            seen = std::array::from_fn(|at| seen[at] | effects[at]);
            is_new && !filter.is_empty()
        });
        rules
    }

    /// Hangs the rules of a part below its node: compared there, or by their next level below children.
    fn divide(&self, made: &mut Compiled, rules: &[u32], part: &Part, parts: &mut Vec<Part>) {
        let is_few = part.end - part.start <= self.most;
        // Filters that are no filters by their depth need not be divided further.
        if is_few && part.depth == 0 || part.depth > MAX_LEVELS {
            return compare_here(made, part.node, &rules[part.start..part.end]);
        }
        let mut ends = Vec::new();
        let mut at = part.start;
        while at < part.end {
            let filter = self.filter(rules[at]);
            let Some(rest) = filter.get(part.offset..) else {
                ends.push(rules[at]);
                at += 1;
                continue;
            };
            let length = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let level = &rest[..length];
            let is_same = |rule: &u32| {
                let rest = self.filter(*rule).get(part.offset..);
                rest.and_then(|rest| rest.strip_prefix(level))
                    .is_some_and(|left| matches!(left, [] | [b'/', ..]))
            };
            let end = at + rules[at..part.end].iter().take_while(|rule| is_same(rule)).count();
            if level == b"#" {
                ends.extend(&rules[at..end]);
            } else {
                self.add_child(made, part, &rules[at..end], length).into_iter().for_each(|node| {
                    let offset = part.offset + length + 1;
                    parts.push(Part { start: at, end, offset, depth: part.depth + 1, node });
                });
            }
            at = end;
        }
        compare_here(made, part.node, &ends);
    }

    /// Adds a child for rules whose next level is the same; returns it where something is to hang below it.
    fn add_child(&self, made: &mut Compiled, part: &Part, rules: &[u32], length: usize) -> Option<u32> {
        let first = *rules.first()?;
        let level = &self.filter(first)[part.offset..part.offset + length];
        let is_text = level != b"+" && !self.placeholders.stands_in(level);
        let hash = made.children.hash(part.node, level);
        if is_text {
            made.nodes[part.node as usize].has_texts = true;
            if let [rule] = rules {
                made.children.add(hash, rule | IS_RULE);
                return None;
            }
        }
        let start = self.acl.filter_span(&self.acl.rules[first as usize]).start;
        // A filter has at most 65,535 bytes.
        let child = add_node(made, part.node, (start + part.offset as u32, length as u16));
        let parent = &mut made.nodes[part.node as usize];
        if is_text {
            made.children.add(hash, child);
        } else if level == b"+" {
            parent.any = child;
        } else {
            let sibling = std::mem::replace(&mut parent.names, child);
            made.nodes[child as usize].sibling = sibling;
        }
        if rules.len() <= self.most {
            compare_here(made, child, rules);
            return None;
        }
        Some(child)
    }
}

/// The order of filters by their levels: those that begin with the same levels stand together.
fn by_levels(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    let rank =
        |byte: Option<&u8>| byte.map_or(0, |byte| if *byte == b'/' { 1 } else { 2 + u16::from(*byte) });
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    rank(one.get(same)).cmp(&rank(other.get(same)))
}

fn add_node(made: &mut Compiled, parent: u32, level: (u32, u16)) -> u32 {
    let node =
        Node { parent, level, compared: (0, 0), any: NONE, names: NONE, sibling: NONE, has_texts: false };
    made.nodes.push(node);
    made.nodes.len() as u32 - 1
}

fn compare_here(made: &mut Compiled, node: u32, rules: &[u32]) {
    made.nodes[node as usize].compared = (made.rules.len() as u32, rules.len() as u32);
    made.rules.extend(rules);
}
