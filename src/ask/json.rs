//! The answers for programs.

use serde_json::{Value, json};

use super::answer::{Answer, Open, Outcome, common};
use super::claim::Claim;
use super::door::Rights;
use super::question::Question;
use super::read::{Inquiry, Reading};
use super::remedy::{Edit, remedy};
use super::steps::{Part, Walk, walk};
use super::text::Answers;
use super::words::{action_name, layer_name, sentence};
use crate::access::{self, Decision, Layer};
use crate::catalogue::Release;
use crate::model::acl::Acl;
use crate::text::Span;

/// The version of the forms.
pub(super) const VERSION: u32 = 1;

/// What the releases answer, as one JSON document; [`super::schema`] describes it.
pub fn can(inquiry: &Inquiry, answers: &Answers<'_>, question: &Question, listener: Option<&str>) -> Value {
    Writer { inquiry, question }.document("can", answers, listener)
}

/// The same with every line that is looked at, and the ways to the opposite answer.
pub fn explain(
    inquiry: &Inquiry,
    answers: &Answers<'_>,
    question: &Question,
    listener: Option<&str>,
) -> Value {
    Writer { inquiry, question }.document("explain", answers, listener)
}

struct Writer<'a> {
    inquiry: &'a Inquiry,
    question: &'a Question,
}

/// Bytes in a JSON text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A place as file and line.
pub(super) fn place(inquiry: &Inquiry, span: Span) -> Value {
    let source = inquiry.sources.get(span.source);
    json!({ "file": source.name(), "line": source.position(span.start).line })
}

/// A line of an ACL file.
pub(super) fn line(inquiry: &Inquiry, acl: &Acl, rule: usize) -> Value {
    let Some(rule) = acl.rules.get(rule) else { return Value::Null };
    let span = acl.filter_span(rule);
    let source = inquiry.sources.get(span.source);
    let number = source.position(span.start).line;
    json!({
        "file": source.name(),
        "line": number,
        "text": text(source.line(number).trim_ascii()),
        "origin": inquiry.origin(span).map(|home| place(inquiry, home)),
    })
}

/// What a release makes of an input, before any answer.
pub(super) fn release(inquiry: &Inquiry, reading: &Reading) -> serde_json::Map<String, Value> {
    let verdict = &reading.verdict;
    let reason = verdict.reason.as_ref().map(|(span, message)| {
        let source = inquiry.sources.get(span.source);
        let position = source.position(span.start);
        json!({
            "file": source.name(),
            "line": position.line,
            "column": position.column,
            "message": message,
        })
    });
    let mut fields = serde_json::Map::new();
    fields.insert("release".into(), json!(verdict.release.to_string()));
    fields.insert("inferred".into(), json!(!verdict.release.is_observed()));
    fields.insert("loads".into(), json!(verdict.loads));
    fields.insert("reason".into(), json!(reason));
    fields
}

/// Files that were not looked at.
pub(super) fn not_checked(inquiry: &Inquiry) -> Vec<Value> {
    let files = inquiry.not_checked.iter();
    files.map(|(path, missing)| json!({ "path": path, "missing": missing })).collect()
}

impl Writer<'_> {
    fn document(&self, command: &str, answers: &Answers<'_>, listener: Option<&str>) -> Value {
        let releases = answers.iter().map(|(reading, list)| {
            let mut fields = release(self.inquiry, reading);
            let all = common(list).filter(|_| reading.verdict.loads != Some(false));
            fields.insert("allowed".into(), json!(all));
            let list = list.iter().map(|answer| {
                let mut fields = self.answer(answer);
                if command == "explain" {
                    let explanation = self.explanation(reading.release(), answer);
                    fields.insert("explanation".into(), explanation);
                }
                Value::Object(fields)
            });
            fields.insert("listeners".into(), list.collect());
            Value::Object(fields)
        });
        let releases: Vec<Value> = releases.collect();
        json!({
            "version": VERSION,
            "command": command,
            "path": self.inquiry.name,
            "kind": self.inquiry.kind.as_str(),
            "question": {
                "user": self.question.name(),
                "client_id": self.question.client_id,
                "action": action_name(self.question.action),
                "topic": self.question.topic,
                "listener": listener,
            },
            "releases": releases,
            "not_checked": not_checked(self.inquiry),
        })
    }

    fn answer(&self, answer: &Answer<'_>) -> serde_json::Map<String, Value> {
        let acl = answer.door.rights.acl();
        let at = |rule: Option<usize>| acl.zip(rule).map(|(acl, rule)| line(self.inquiry, acl, rule));
        let (decision, unknown, claim) = match &answer.outcome {
            Outcome::Decided(decision) => (Some(*decision), None, None),
            Outcome::Open(open) => {
                let (decision, claim) = of_open(open);
                (decision, Some(open_name(open)), claim)
            }
        };
        let claim = claim
            .map(|claim| json!({ "client_id": text(&claim.client_id), "line": at(claim.decision.rule) }));
        let entry = answer.entry.as_ref();
        let fields = json!({
            "listener": answer.door.key,
            "allowed": answer.allowed(),
            "layer": decision.map(|decision| layer_name(decision.layer)),
            "line": at(decision.and_then(|decision| decision.rule)),
            "acl_file": answer.door.rights.file(),
            "unknown": unknown,
            "claim": claim,
            "summary": sentence(self.inquiry, answer),
            "client": {
                "user": answer.client.user.as_deref().map(text),
                "client_id": text(&answer.client.client_id),
                "example": answer.client.is_example,
            },
            "topic": text(&answer.topic),
            "login": entry.map(|entry| json!({ "possible": entry.possible, "summary": entry.words })),
        });
        if let Value::Object(fields) = fields { fields } else { serde_json::Map::new() }
    }

    fn explanation(&self, release: Release, answer: &Answer<'_>) -> Value {
        let Rights::File { acl, .. } = &answer.door.rights else { return Value::Null };
        let (client, action) = (answer.client.client(), self.question.action);
        let decision = access::decide(release, Some(acl), client, action, &answer.topic);
        if matches!(decision.layer, Layer::Broker | Layer::Subscription) {
            return Value::Null;
        }
        let walked = walk(release, acl, client, action, &answer.topic);
        let parts: Vec<Value> =
            walked.parts.iter().map(|part| self.part(acl, &walked, part, decision)).collect();
        let remedies = remedy(self.inquiry, release, answer, action);
        let remedies: Vec<Value> =
            remedies.iter().map(|way| way.iter().map(|edit| self.edit(acl, edit)).collect()).collect();
        json!({ "unsafe_name": walked.is_unsafe, "parts": parts, "remedies": remedies })
    }

    fn part(&self, acl: &Acl, walked: &Walk, part: &Part, decision: Decision) -> Value {
        let is_asked = walked.is_asked(part.layer);
        let decides = |rule| decision.layer == part.layer && decision.rule == Some(rule);
        let last = decision.rule.filter(|_| decision.layer == part.layer);
        let steps = part.steps.iter().map(|step| {
            json!({
                "at": line(self.inquiry, acl, step.rule),
                "became": step.became.as_deref().map(text),
                "fit": step.fit.name(),
                "asked": is_asked && last.is_none_or(|last| step.rule <= last),
                "decides": decides(step.rule),
            })
        });
        let steps: Vec<Value> = steps.collect();
        json!({ "layer": layer_name(part.layer), "asked": is_asked, "lines": steps })
    }

    fn edit(&self, acl: &Acl, edit: &Edit) -> Value {
        let blank = json!({ "edit": null, "at": null, "user": null, "line": null });
        let mut fields = if let Value::Object(fields) = blank { fields } else { return Value::Null };
        match edit {
            Edit::Remove(rule) => {
                fields.insert("edit".into(), json!("remove"));
                fields.insert("at".into(), line(self.inquiry, acl, *rule));
            }
            Edit::Widen(rule) => {
                fields.insert("edit".into(), json!("readwrite"));
                fields.insert("at".into(), line(self.inquiry, acl, *rule));
            }
            Edit::Add { user, line, .. } => {
                fields.insert("edit".into(), json!("add"));
                fields.insert("user".into(), json!(user.as_deref().map(text)));
                fields.insert("line".into(), json!(text(line)));
            }
        }
        Value::Object(fields)
    }
}

fn of_open(open: &Open) -> (Option<Decision>, Option<&Claim>) {
    match open {
        Open::NotMqtt | Open::NotSeen | Open::NotLoaded => (None, None),
        Open::Plugin(decision) => (*decision, None),
        Open::ClientId(decision, claim) => (Some(*decision), Some(claim)),
    }
}

/// Why there is no answer, in a word.
pub(super) fn open_name(open: &Open) -> &'static str {
    match open {
        Open::NotMqtt => "not-mqtt",
        Open::Plugin(_) => "plugin",
        Open::NotSeen => "not-seen",
        Open::NotLoaded => "not-loaded",
        Open::ClientId(..) => "client-id",
    }
}

/// Each word for no answer.
pub(super) const OPEN_NAMES: [&str; 5] = ["not-mqtt", "plugin", "not-seen", "not-loaded", "client-id"];
