//! Which lines would have to change for the opposite answer; every proposal is made and asked again before it is told.

use super::answer::Answer;
use super::read::Inquiry;
use super::steps::{Fit, Part, Walk, walk};
use crate::access::{self, Action, Client, Layer};
use crate::catalogue::Release;
use crate::lang::acl;
use crate::lint::Kind;
use crate::model::acl::{Acl, Subject};
use crate::text::Source;

/// A change of an ACL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// This line, as an index into [`Acl::rules`], goes.
    Remove(usize),
    /// This line gets `readwrite` for its access.
    Widen(usize),
    /// A line comes in.
    Add {
        /// The user whose section it belongs to; `None` above the first `user` line.
        user: Option<Vec<u8>>,
        /// Whether the section is there already.
        has_section: bool,
        /// The line.
        line: Vec<u8>,
    },
}

/// Changes that give the opposite answer, all of them together.
pub type Remedy = Vec<Edit>;

/// The ways to the opposite answer, the shortest first; none where no line can do it.
pub fn remedy(inquiry: &Inquiry, release: Release, answer: &Answer<'_>, action: Action) -> Vec<Remedy> {
    let Some(acl) = answer.door.rights.acl().filter(|_| action != Action::Subscribe) else {
        return Vec::new();
    };
    let (client, topic) = (answer.client.client(), answer.topic.as_slice());
    let now = access::decide(release, Some(acl), client, action, topic);
    if now.layer == Layer::Broker {
        return Vec::new();
    }
    let walked = walk(release, acl, client, action, topic);
    let asked = Asked { acl, client, action, topic };
    let mut proposals = if now.allowed { asked.to_deny(&walked) } else { asked.to_allow(&walked) };
    // A denial of a spec wins over every grant, so that each that fits must go.
    if inquiry.kind == Kind::Spec && !now.allowed {
        let [own, _, patterns, _] = &walked.parts;
        let denials: Remedy = fitting(own).chain(fitting(patterns)).map(Edit::Remove).collect();
        proposals.retain(|proposal| denials.iter().all(|edit| proposal.contains(edit)));
    }
    let source = inquiry.sources.get(acl.source());
    let is_proof = |remedy: &Remedy| {
        let bytes = edited(acl, source, remedy).into();
        let (changed, _) = acl::read(acl.source(), &bytes, release);
        access::decide(release, Some(&changed), client, action, topic).allowed != now.allowed
    };
    let mut found: Vec<Remedy> = Vec::new();
    for proposal in proposals.into_iter().filter(|proposal| !proposal.is_empty()) {
        let is_longer = |other: &Remedy| other.iter().all(|edit| proposal.contains(edit));
        if !found.iter().any(is_longer) && is_proof(&proposal) {
            found.push(proposal);
        }
    }
    found
}

struct Asked<'a> {
    acl: &'a Acl,
    client: Client<'a>,
    action: Action,
    topic: &'a [u8],
}

impl Asked<'_> {
    fn to_deny(&self, walked: &Walk) -> Vec<Remedy> {
        let [_, own, _, patterns] = &walked.parts;
        let mut grants: Remedy = fitting(own).map(Edit::Remove).collect();
        if !walked.is_unsafe {
            grants.extend(fitting(patterns).map(Edit::Remove));
        }
        let mut proposals = vec![vec![self.own_line("deny")]];
        // More lines than these are no remedy, and each is a line of the report.
        if grants.len() <= MOST_LINES {
            proposals.insert(0, grants);
        }
        proposals
    }

    fn to_allow(&self, walked: &Walk) -> Vec<Remedy> {
        let word = if self.action == Action::Publish { "write" } else { "read" };
        let [own_denials, own_grants, pattern_denials, pattern_grants] = &walked.parts;
        let in_way: Remedy = fitting(own_denials).map(Edit::Remove).collect();
        if in_way.len() > MOST_LINES {
            return Vec::new();
        }
        let with = |more: Vec<Edit>| in_way.iter().cloned().chain(more).collect::<Remedy>();
        let mut proposals = vec![in_way.clone()];
        let denials: Vec<Edit> = fitting(pattern_denials).map(Edit::Remove).take(MOST_LINES + 1).collect();
        if denials.len() <= MOST_LINES {
            proposals.push(with(denials.clone()));
        }
        for part in [own_grants, pattern_grants] {
            let other = part.steps.iter().find(|step| step.fit == Fit::OtherAction);
            proposals.extend(other.map(|step| with(vec![Edit::Widen(step.rule)])));
        }
        proposals.push(with(vec![self.own_line(word)]));
        // A spec keeps to its denials: only there the others are no way.
        if !denials.is_empty() && denials.len() <= MOST_LINES {
            proposals.push(with(denials.into_iter().chain([self.own_line(word)]).collect()));
        }
        proposals
    }

    fn own_line(&self, word: &str) -> Edit {
        let user = self.client.user.filter(|name| !name.is_empty());
        Edit::Add {
            user: user.map(<[u8]>::to_vec),
            has_section: user.is_none_or(|name| self.acl.user(name).is_some()),
            line: [format!("topic {word} ").as_bytes(), self.topic].concat(),
        }
    }
}

/// No remedy has more lines that go.
const MOST_LINES: usize = 20;

fn fitting(part: &Part) -> impl Iterator<Item = usize> {
    part.steps.iter().filter(|step| step.fit == Fit::Fits).map(|step| step.rule)
}

/// The text of an ACL file with some changes made.
fn edited(acl: &Acl, source: &Source, remedy: &[Edit]) -> Vec<u8> {
    let line_of = |rule: usize| source.position(acl.filter_span(&acl.rules[rule]).start).line;
    let mut lines: Vec<Vec<u8>> = source.bytes().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let index_of = |rule: usize| line_of(rule) as usize - 1;
    for edit in remedy {
        match edit {
            Edit::Remove(rule) => lines[index_of(*rule)].clear(),
            Edit::Widen(rule) => {
                let filter = acl.filter(&acl.rules[*rule]);
                let is_pattern = acl.rules[*rule].subject == Subject::Everyone;
                let keyword: &[u8] = if is_pattern { b"pattern" } else { b"topic" };
                lines[index_of(*rule)] = [keyword, b" readwrite ", filter].concat();
            }
            Edit::Add { .. } => {}
        }
    }
    for edit in remedy {
        let Edit::Add { user, line, .. } = edit else { continue };
        match user {
            None => lines.insert(0, line.clone()),
            Some(name) => match acl.user(name).and_then(|index| acl.users.get(index as usize)) {
                Some(user) => {
                    let number = source.position(user.span.start).line as usize;
                    lines.insert(number.min(lines.len()), line.clone());
                }
                None => {
                    let last = lines.last().is_none_or(|last| last.is_empty());
                    if last {
                        lines.pop();
                    }
                    lines.extend([[b"user ", name.as_slice()].concat(), line.clone(), Vec::new()]);
                }
            },
        }
    }
    lines.join(&b'\n')
}
