//! Every line that the procedure looks at, in its order, with what becomes of it.
//!
//! This is told apart from [`crate::access::decide`], which is the reference: tests hold the two together.

use crate::access::{self, Action, Client, Layer};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, AclRule, Subject};

/// How a line meets a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// It fits and decides, unless an earlier one has.
    Fits,
    /// It fits the topic, and gives another action.
    OtherAction,
    /// Its filter does not match the topic.
    OtherTopic,
    /// It has `%u`, and the client has no user name.
    NamedOnly,
    /// A name with `/`, or one with `$` at the front, fits in no place of it.
    NameUnfit,
}

impl Fit {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::OtherAction => "other-action",
            Self::OtherTopic => "other-topic",
            Self::NamedOnly => "named-only",
            Self::NameUnfit => "name-unfit",
        }
    }

    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Fits, Self::OtherAction, Self::OtherTopic, Self::NamedOnly, Self::NameUnfit];
}

/// A line of an ACL file that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line, as an index into [`Acl::rules`].
    pub rule: usize,
    /// Its filter with names in the place of placeholders, where that is another text.
    pub became: Option<Vec<u8>>,
    /// How it meets the request.
    pub fit: Fit,
}

/// The lines of one part of the procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The part.
    pub layer: Layer,
    /// Its lines, in the order of the file.
    pub steps: Vec<Step>,
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The parts of the procedure that lines of the file are in: own denials, own grants, pattern denials and pattern
    /// grants, those without a line included.
    pub parts: [Part; 4],
    /// Whether the name of the client keeps it from the patterns.
    pub is_unsafe: bool,
}

impl Walk {
    /// The first line that fits, in the order of the procedure.
    pub fn deciding(&self) -> Option<(Layer, usize)> {
        let fitting =
            |part: &Part| part.steps.iter().find(|step| step.fit == Fit::Fits).map(|step| step.rule);
        self.parts
            .iter()
            .filter(|part| !(self.is_unsafe && is_pattern(part.layer)))
            .find_map(|part| Some((part.layer, fitting(part)?)))
    }

    /// Whether a part is looked at, before or where something decides.
    pub fn is_asked(&self, layer: Layer) -> bool {
        let place = |layer| self.parts.iter().position(|part| part.layer == layer);
        let stopped = self.is_unsafe && is_pattern(layer);
        !stopped && self.deciding().is_none_or(|(decided, _)| place(layer) <= place(decided))
    }
}

/// Whether a part of the procedure is about `pattern` lines.
pub(super) fn is_pattern(layer: Layer) -> bool {
    matches!(layer, Layer::PatternDeny | Layer::PatternGrant)
}

/// Looks at every line that is for a client.
pub fn walk(release: Release, acl: &Acl, client: Client<'_>, action: Action, topic: &[u8]) -> Walk {
    let user = client.user.filter(|name| !name.is_empty());
    let client = Client { user, ..client };
    let section = match user {
        None => Some(Subject::Anonymous),
        Some(name) => acl.user(name).map(Subject::User),
    };
    let layers = [Layer::OwnDeny, Layer::OwnGrant, Layer::PatternDeny, Layer::PatternGrant];
    let mut parts = layers.map(|layer| Part { layer, steps: Vec::new() });
    let mut has_patterns = false;
    for (index, rule) in acl.rules.iter().enumerate() {
        let is_own = Some(rule.subject) == section;
        let is_pattern = rule.subject == Subject::Everyone;
        has_patterns |= is_pattern;
        if !is_own && !is_pattern {
            continue;
        }
        let part = usize::from(rule.access != Access::Deny) + if is_pattern { 2 } else { 0 };
        parts[part].steps.push(step(release, acl, (index, rule), client, action, topic));
    }
    let is_unsafe = access::is_unsafe(client.client_id) || user.is_some_and(access::is_unsafe);
    Walk { parts, is_unsafe: has_patterns && is_unsafe }
}

fn step(
    release: Release,
    acl: &Acl,
    (index, rule): (usize, &AclRule),
    client: Client<'_>,
    action: Action,
    topic: &[u8],
) -> Step {
    let filter = acl.filter(rule);
    let is_given = rule.access == Access::Deny || access::gives(rule.access, action);
    let judged = |filter: &[u8]| match access::matches(filter, topic) {
        false => Fit::OtherTopic,
        true if is_given => Fit::Fits,
        true => Fit::OtherAction,
    };
    if rule.subject != Subject::Everyone {
        return Step { rule: index, became: None, fit: judged(filter) };
    }
    if client.user.is_none() && access::is_for_named(filter) {
        return Step { rule: index, became: None, fit: Fit::NamedOnly };
    }
    match access::expand(release, filter, client) {
        None => Step { rule: index, became: None, fit: Fit::NameUnfit },
        Some(became) => {
            let fit = judged(&became);
            Step { rule: index, became: Some(became).filter(|became| became != filter), fit }
        }
    }
}
