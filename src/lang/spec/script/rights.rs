//! `rights`: a test for each topic.

use std::sync::Arc;

use super::connection::Said;
use super::decode::Scripting;
use super::model::*;
use super::test::{CLIENT_ID, CLIENT_NAME, Entry};
use super::variables::Variables;
use crate::lang::spec::fields::*;
use crate::lang::spec::findings::{error, quoted, rules};
use crate::lang::spec::read::Fields;
use crate::lang::spec::{Spanned, Text};

/// The level that is tried in place of a wildcard.
const SAMPLE: &str = "moskit";

/// A topic and what is to come of it.
struct Row {
    topic: Text,
    is_read: bool,
    is_allowed: bool,
}

impl Row {
    fn verb(&self) -> &'static str {
        match (self.is_read, self.is_allowed) {
            (true, true) => "reads",
            (true, false) => "does not read",
            (false, true) => "writes",
            (false, false) => "does not write",
        }
    }

    fn turn(&self, topic: Text) -> Turn {
        let span = topic.span;
        let expect = if self.is_allowed { Expectation::Allowed } else { Expectation::Denied(Vec::new()) };
        let action = if self.is_read {
            read(topic)
        } else {
            Action::Publish(Box::new(Message {
                topic: Text::new(sample(&topic.value), span),
                payload: Payload::Unique,
                qos: 1,
                retain: false,
                properties: MessageProperties::default(),
            }))
        };
        Turn { span, client: 0, action: Some(action), expect: Some(Spanned::new(expect, span)), within: None }
    }
}

impl Scripting<'_, '_> {
    /// Adds the tests that `rights` stands for; gives whether more may follow.
    pub(super) fn rights(&mut self, entry: &Entry<'_>, variables: &mut Variables) -> bool {
        let Some(fields) = entry.raw.fields("rights", &RIGHTS) else { return true };
        let rows = rows(fields);
        if rows.is_empty() {
            let finding = error(rules::MISSING_KEY, "`rights` names no topic", fields.span);
            self.findings.add(finding.help("add `read`, `write`, `not_read` or `not_write`"));
        }
        for row in rows {
            if !self.right(entry, variables, &row) {
                return false;
            }
        }
        true
    }

    fn right(&mut self, entry: &Entry<'_>, variables: &mut Variables, row: &Row) -> bool {
        let node = entry.raw.node("as");
        let own_id: Arc<str> = Arc::from(format!("m{}-{}-0", self.number, self.tests.len()));
        let client_id = node.and_then(|node| Fields::of(&CONNECTION, node)?.text("client_id"));
        let id = client_id.map(|id| variables.text(&id).value).unwrap_or_else(|| own_id.clone());
        variables.set(&CLIENT_ID.into(), id);
        let filled = node.and_then(|node| variables.node(node));
        let node = filled.as_ref().or(node);
        let span = node.map_or(entry.raw.span, |node| node.span);
        let said = Said { step: None, client: node, span };
        let connection = self.connection(said, variables, &entry.spans, &own_id);
        let topic = variables.text(&row.topic);
        if !(FILTER.matches)(&topic.value) {
            let message = format!("`{}` is no topic filter", quoted(&topic.value));
            let help = "give other values to its variables";
            self.findings.add(error(rules::BAD_VALUE, message, topic.span).help(help));
            return true;
        }
        let who = match &entry.name {
            Some(name) => format!("{}:", variables.text(name).value),
            None => connection.user.as_ref().map_or("anonymous", |user| &*user.value).to_owned(),
        };
        let name = format!("{who} {} {}{}", row.verb(), row.topic.value, entry.suffix);
        let connect = Turn {
            span,
            client: 0,
            action: Some(Action::Connect(Arc::new(connection))),
            expect: None,
            within: None,
        };
        let span = topic.span;
        let test = Test {
            name: name.into(),
            span,
            is_alone: entry.is_alone,
            mosquitto: entry.mosquitto.clone(),
            clients: vec![Client { name: Text::new(CLIENT_NAME.into(), span) }],
            steps: vec![Step::Turn(connect), Step::Turn(row.turn(topic))],
        };
        self.add(test, entry.name.as_ref().map_or(span, |name| name.span))
    }
}

fn rows(fields: Fields<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let actions = [(true, ["read", "readwrite"], "not_read"), (false, ["write", "readwrite"], "not_write")];
    for (is_read, allowed, denied) in actions {
        let row = |topic, is_allowed| Row { topic, is_read, is_allowed };
        let begin = rows.len();
        rows.extend(allowed.iter().flat_map(|key| fields.texts(key)).map(|topic| row(topic, true)));
        rows.extend(fields.texts(denied).into_iter().map(|topic| row(topic, false)));
        for topic in fields.texts("topics") {
            if rows[begin..].iter().all(|row| row.topic.value != topic.value) {
                rows.push(row(topic, false));
            }
        }
    }
    rows
}

/// What tells whether a client may read.
pub(super) fn read(filter: Text) -> Action {
    let shared = filter.value.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    let own = shared.map_or(&*filter.value, |(_, own)| own);
    let topic = (!own.starts_with('$')).then(|| sample(own));
    Action::Read { filter, topic }
}

/// A topic that a filter matches.
fn sample(filter: &str) -> Arc<str> {
    let levels: Vec<_> =
        filter.split('/').map(|level| if level == "+" || level == "#" { SAMPLE } else { level }).collect();
    levels.join("/").into()
}
