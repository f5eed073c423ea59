//! Many questions, one JSON object a line.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::answer::{Outcome, judged};
use super::door::{Door, NoListener, chosen};
use super::json::open_name;
use super::question::Question;
use super::read::{Inquiry, Reading};
use super::words::{layer_name, yes_or_no};
use crate::access::{self, Action, Compiled, Decision};
use crate::model::acl::Acl;
use crate::report::render::is_unshown;

/// Answers lines as they come.
pub struct Batch<'a> {
    inquiry: &'a Inquiry,
    reading: &'a Reading,
    listener: Option<String>,
    /// The ACL files, made ready, by where they lie in memory.
    files: HashMap<*const Acl, Compiled>,
    doors: HashMap<Option<String>, Result<Rc<[&'a Door]>, NoListener>>,
}

/// Why a line has no answer, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine(pub String);

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(deserialize_with = "nullable")]
    user: Option<String>,
    client_id: String,
    action: String,
    topic: String,
    #[serde(default)]
    listener: Option<String>,
}

/// A key that must be there, and may be null.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// An answered line.
pub struct Answered {
    /// The same object with `allowed`, `line` and `layer`.
    pub line: String,
    /// Whether it could be told.
    pub is_told: bool,
}

impl<'a> Batch<'a> {
    /// Questions to one release; `listener` is asked where a line names none.
    pub fn new(inquiry: &'a Inquiry, reading: &'a Reading, listener: Option<&str>) -> Self {
        let mut files = HashMap::new();
        for acl in reading.doors.iter().filter_map(|door| door.rights.shared()) {
            let release = reading.release();
            files.entry(Arc::as_ptr(&acl)).or_insert_with(|| Compiled::new(acl, release));
        }
        Self { inquiry, reading, listener: listener.map(str::to_owned), files, doors: HashMap::new() }
    }

    /// Answers a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn answer(&mut self, line: &str) -> Result<Answered, BadLine> {
        // A list would be taken for the values of an object.
        if !line.trim_start().starts_with('{') {
            return Err(BadLine("it is no JSON object".to_owned()));
        }
        let asked: Asked = serde_json::from_str(line).map_err(|error| BadLine(words(&error)))?;
        let action = match asked.action.as_str() {
            "publish" => Action::Publish,
            "receive" => Action::Receive,
            "subscribe" => Action::Subscribe,
            other => {
                let words = format!("`{other}` is no action: a client may publish, receive or subscribe");
                return Err(BadLine(words));
            }
        };
        let question =
            Question { user: asked.user, client_id: Some(asked.client_id), action, topic: asked.topic };
        question.check().map_err(BadLine)?;
        let doors = self.doors(asked.listener)?;
        let mut found: Option<(Outcome, &Door)> = None;
        for door in doors.iter().copied() {
            let outcome = judged(door, action, self.decision(door, &question));
            match &found {
                None => found = Some((outcome, door)),
                Some((other, first)) if allowed(other) != allowed(&outcome) => {
                    return Err(BadLine(format!(
                        "the listeners differ ({}: {}, {}: {}); name one with `listener`",
                        first.title(),
                        yes_or_no(allowed(other)),
                        door.title(),
                        yes_or_no(allowed(&outcome))
                    )));
                }
                Some(_) => {}
            }
        }
        let Some((outcome, door)) = found else { return Err(BadLine("there is no listener".to_owned())) };
        Ok(self.answered(line, &outcome, door))
    }

    /// What the ACL file of a listener says.
    fn decision(&self, door: &Door, question: &Question) -> Decision {
        let (client, topic) = (question.known(door), question.topic_at(door));
        let file = door.rights.acl().and_then(|acl| self.files.get(&std::ptr::from_ref(acl)));
        match file {
            Some(file) => file.decide(client.client(), question.action, &topic),
            None => access::decide(self.reading.release(), None, client.client(), question.action, &topic),
        }
    }

    fn answered(&self, line: &str, outcome: &Outcome, door: &Door) -> Answered {
        let (layer, rule) = match outcome {
            Outcome::Decided(decision) => (layer_name(decision.layer), decision.rule),
            Outcome::Open(open) => (open_name(open), None),
        };
        let number = rule
            .zip(door.rights.acl())
            .map(|(rule, acl)| self.inquiry.sources.position(acl.filter_span(&acl.rules[rule])).line);
        let null = || "null".to_owned();
        let told = allowed(outcome);
        let answer = told.map_or_else(null, |allowed| allowed.to_string());
        let number = number.map_or_else(null, |number| number.to_string());
        // What was read is an object, so that it ends so; it has keys already.
        let object = line.trim_end();
        let object = object.strip_suffix('}').unwrap_or(object).trim_end();
        let line = format!("{object},\"allowed\":{answer},\"line\":{number},\"layer\":\"{layer}\"}}");
        Answered { line: escaped(line), is_told: told.is_some() }
    }

    fn doors(&mut self, named: Option<String>) -> Result<Rc<[&'a Door]>, BadLine> {
        let name = named.or_else(|| self.listener.clone());
        let reading = self.reading;
        let found = self
            .doors
            .entry(name.clone())
            .or_insert_with(|| chosen(&reading.doors, name.as_deref()).map(Rc::from));
        match found {
            Ok(doors) => Ok(doors.clone()),
            Err(none) => Err(BadLine(none.words(name.as_deref().unwrap_or_default()))),
        }
    }
}

fn allowed(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::Decided(decision) => Some(decision.allowed),
        Outcome::Open(_) => None,
    }
}

/// Texts may hold what a terminal would obey; outside of texts there is no such thing.
fn escaped(line: String) -> String {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line;
    }
    let mut out = String::with_capacity(line.len());
    for character in line.chars() {
        match character {
            // All of them are of the plane that four digits can name.
            other if is_unshown(other) => out += &format!("\\u{:04x}", u32::from(other)),
            other => out.push(other),
        }
    }
    out
}

/// What serde says, without the number of the line, which is always the first.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((text, column)) => format!("{text} (column {column})"),
        None => text,
    }
}
