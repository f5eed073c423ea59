//! Which line of the configuration decided.

use super::engine::Ground;
use super::outcome::Decision;
use super::stage::{Who, decide};
use crate::access::{Action, Layer};
use crate::catalogue::options;
use crate::text::{Source, Span};

/// What gives or takes a right, line and words.
pub(super) fn right(ground: &Ground, who: &Who, action: Action, topic: &str) -> Option<Decision> {
    let listener = ground.deployment.listeners.get(who.door)?;
    let security = ground.deployment.security_of(listener);
    let decision = decide(ground, who, action, topic);
    if decision.layer == Layer::Broker {
        // No configuration could change it.
        return None;
    }
    let bare = Decision { allows: decision.allowed, file: None, line: None, origin: None };
    if decision.layer == Layer::NoFile || security.has_plugin {
        return Some(bare);
    }
    let name = security.settings.text(options::ACL_FILE)?.value.to_owned();
    let with_file = Decision { file: Some(name), ..bare };
    let (Some(acl), Some(rule)) = (security.acl.loaded(), decision.rule) else { return Some(with_file) };
    let rule = acl.rules.get(rule)?;
    Some(at(ground, acl.filter_span(rule), with_file))
}

/// The line that lets clients without a user name in, or keeps them out.
pub(super) fn anonymous(ground: &Ground, door: usize) -> Option<Decision> {
    let listener = ground.deployment.listeners.get(door)?;
    let (allows, span) = ground.deployment.anonymous(listener);
    let span = span?;
    let file = ground.sources.get(span.source).name().to_owned();
    Some(at(ground, span, Decision { allows, file: Some(file), line: None, origin: None }))
}

fn at(ground: &Ground, span: Span, decision: Decision) -> Decision {
    let source = ground.sources.get(span.source);
    let number = source.position(span.start).line;
    let text = String::from_utf8_lossy(source.line(number)).trim().to_owned();
    Decision { line: Some((number, text)), origin: origin(source, number), ..decision }
}

/// How far above a line the comment is looked for that says where it comes from.
const MOST_LINES: u32 = 10_000;

/// The place in the spec that the comment above a line of a pack tells, `(deployment.yaml:12)` at its end.
fn origin(source: &Source, line: u32) -> Option<(String, u32)> {
    if !source.line(1).starts_with(b"# Made by moskit from ") {
        return None;
    }
    let above = (1..line).rev().take(MOST_LINES as usize).map(|number| source.line(number));
    let comment = above.into_iter().find(|text| text.starts_with(b"# ") || text.is_empty())?;
    let comment = std::str::from_utf8(comment).ok()?;
    let (_, place) = comment.strip_suffix(')')?.rsplit_once('(')?;
    let (file, number) = place.rsplit_once(':')?;
    Some((file.to_owned(), number.parse().ok()?))
}
