//! Lines, parts of the procedure and answers in words.

use super::answer::{Answer, Open, Outcome};
use super::door::{Door, Rights};
use super::read::{Inquiry, Reading};
use crate::access::{Action, Decision, Layer};
use crate::catalogue::Release;
use crate::model::acl::Acl;
use crate::report::render::{printable_line, wrapped};
use crate::show::place;

/// A layer in JSON.
pub(super) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Broker => "broker",
        Layer::NoFile => "no-file",
        Layer::Subscription => "subscription",
        Layer::OwnDeny => "own-deny",
        Layer::OwnGrant => "own-grant",
        Layer::UnsafeName => "unsafe-name",
        Layer::PatternDeny => "pattern-deny",
        Layer::PatternGrant => "pattern-grant",
        Layer::Default => "default",
    }
}

/// Each layer's name in JSON.
pub(super) fn layer_names() -> [&'static str; 9] {
    [
        Layer::Broker,
        Layer::NoFile,
        Layer::Subscription,
        Layer::OwnDeny,
        Layer::OwnGrant,
        Layer::UnsafeName,
        Layer::PatternDeny,
        Layer::PatternGrant,
        Layer::Default,
    ]
    .map(layer_name)
}

/// An action as it is asked for.
pub(super) fn action_name(action: Action) -> &'static str {
    match action {
        Action::Publish => "publish",
        Action::Receive => "receive",
        Action::Subscribe => "subscribe",
    }
}

/// What kind of line a layer is.
pub(super) fn layer_words(layer: Layer) -> &'static str {
    match layer {
        Layer::OwnDeny => "own denial",
        Layer::OwnGrant => "own grant",
        Layer::PatternDeny => "pattern denial",
        Layer::PatternGrant => "pattern grant",
        Layer::Broker => "the broker itself",
        Layer::NoFile => "no ACL file",
        Layer::Subscription => "subscribing",
        Layer::UnsafeName => "unsafe name",
        Layer::Default => "no line",
    }
}

/// Yes or no.
pub(super) fn yes_or_no(allowed: Option<bool>) -> &'static str {
    match allowed {
        Some(true) => "allowed",
        Some(false) => "denied",
        None => "no answer",
    }
}

/// Longest part of a line or a name that is shown.
const MOST_SHOWN: usize = 200;

/// Bytes in a sentence: what cannot be shown is escaped, and what is very long is cut.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = printable_line(&String::from_utf8_lossy(bytes));
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Joins the releases of which the same is told: their names, and what is told.
pub(super) fn shared<T: PartialEq>(parts: Vec<(Release, T)>) -> Vec<(String, T)> {
    let mut joined: Vec<(String, T)> = Vec::new();
    for (release, told) in parts {
        let inferred = if release.is_observed() { "" } else { " (inferred from its neighbours)" };
        match joined.iter_mut().find(|(_, other)| *other == told) {
            Some((names, _)) => *names += &format!(", {release}{inferred}"),
            None => joined.push((format!("{release}{inferred}"), told)),
        }
    }
    joined
}

/// The files that were not looked at.
pub(super) fn unseen(inquiry: &Inquiry, width: usize) -> String {
    let line = |(path, missing): &(String, String)| {
        let text = format!("not checked: {path} ({missing} does not exist here)");
        wrapped("", 2, &printable_line(&text), width)
    };
    inquiry.not_checked.iter().map(line).collect()
}

/// Why a release does not start with an input, where it does not.
pub(super) fn not_started(inquiry: &Inquiry, reading: &Reading) -> Option<String> {
    let verdict = &reading.verdict;
    let (span, why) = verdict.reason.as_ref().filter(|_| verdict.loads == Some(false))?;
    let at = place(&inquiry.sources, *span);
    Some(printable_line(&format!("the broker does not start: {at}: {why}")))
}

/// A line of an ACL file: its place, its text, and the place in a spec that it comes from.
pub(super) struct Line {
    pub(super) place: String,
    pub(super) text: String,
    pub(super) origin: Option<String>,
}

impl Line {
    pub(super) fn of(inquiry: &Inquiry, acl: &Acl, rule: usize) -> Option<Self> {
        let span = acl.filter_span(acl.rules.get(rule)?);
        let source = inquiry.sources.get(span.source);
        let bytes = source.line(source.position(span.start).line).trim_ascii();
        Some(Self {
            place: printable_line(&place(&inquiry.sources, span)),
            text: shown(bytes),
            origin: inquiry.origin(span).map(|home| printable_line(&place(&inquiry.sources, home))),
        })
    }

    /// Where the line is to be changed.
    pub(super) fn home(&self) -> &str {
        self.origin.as_deref().unwrap_or(&self.place)
    }
}

/// What decides, in a sentence.
pub(super) fn sentence(inquiry: &Inquiry, answer: &Answer<'_>) -> String {
    match &answer.outcome {
        Outcome::Decided(decision) => reason(inquiry, answer, *decision),
        Outcome::Open(open) => open_words(inquiry, answer, open),
    }
}

fn reason(inquiry: &Inquiry, answer: &Answer<'_>, decision: Decision) -> String {
    let file = file_name(inquiry, answer.door);
    let line = decision.rule.zip(answer.door.rights.acl());
    if let Some(line) = line.and_then(|(rule, acl)| Line::of(inquiry, acl, rule)) {
        let from = line.origin.map(|origin| format!(", from {origin}")).unwrap_or_default();
        return format!("{} `{}`{from} ({})", line.place, line.text, layer_words(decision.layer));
    }
    match decision.layer {
        Layer::NoFile => "there is no ACL file, so that everything is allowed".to_owned(),
        Layer::Subscription => {
            "no ACL file restricts subscribing; what is sent is decided message by message".to_owned()
        }
        Layer::Broker if answer.topic.starts_with(b"$share") => {
            "the broker takes no `$share…` for the topic of a message, whatever an ACL file says".to_owned()
        }
        Layer::Broker => "the broker lets no client publish to `$SYS…`, whatever an ACL file says".to_owned(),
        Layer::UnsafeName => {
            format!("{}, so that no pattern is asked, and no own line grants it", unsafe_name(answer))
        }
        _ => format!("no line of {file} grants it"),
    }
}

/// Which name keeps the client from the patterns.
pub(super) fn unsafe_name(answer: &Answer<'_>) -> String {
    let client = &answer.client;
    match client.user.as_deref().filter(|name| crate::access::is_unsafe(name)) {
        Some(name) => format!("the user name `{}` holds `+` or `#`", shown(name)),
        None => format!("the client id `{}` holds `+` or `#`", shown(&client.client_id)),
    }
}

/// The ACL file of a listener, as it is called here.
pub(super) fn file_name(inquiry: &Inquiry, door: &Door) -> String {
    let name = door.rights.acl().map(|acl| inquiry.sources.get(acl.source()).name());
    printable_line(name.or(door.rights.file()).unwrap_or_default())
}

/// Why a listener has no answer, whatever the question.
pub(super) fn silent(door: &Door, open: &Open) -> String {
    let file = printable_line(door.rights.file().unwrap_or_default());
    match open {
        Open::NotMqtt => "it serves HTTP, not MQTT".to_owned(),
        Open::NotSeen => format!("{file} is not here"),
        Open::NotLoaded => format!("the broker does not start with {file}"),
        Open::Plugin(_) => "a plugin decides, and nobody sees into it".to_owned(),
        Open::ClientId(..) => "it hangs on the client id".to_owned(),
    }
}

fn open_words(inquiry: &Inquiry, answer: &Answer<'_>, open: &Open) -> String {
    let first = silent(answer.door, open);
    match open {
        Open::NotMqtt | Open::NotSeen | Open::NotLoaded => first,
        Open::Plugin(otherwise) => {
            let otherwise = otherwise.map(|decision| {
                let word = yes_or_no(Some(decision.allowed));
                format!("; where it leaves that open: {word}: {}", reason(inquiry, answer, decision))
            });
            first + &otherwise.unwrap_or_default()
        }
        Open::ClientId(decision, claim) => {
            let Rights::File { acl, .. } = &answer.door.rights else { return String::new() };
            let line = claim.decision.rule.and_then(|rule| Line::of(inquiry, acl, rule));
            let line = line.map(|line| format!(" by {} `{}`", line.place, line.text)).unwrap_or_default();
            format!(
                "{first}: allowed for `{}`{line}, denied for `{}`: {}",
                shown(&claim.client_id),
                shown(&answer.client.client_id),
                reason(inquiry, answer, *decision)
            )
        }
    }
}
