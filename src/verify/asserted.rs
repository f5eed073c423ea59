//! Tests that the assertions of a spec stand for: somebody who may, somebody who may not.

use std::collections::HashSet;
use std::sync::Arc;

use super::script::{
    Action, CertificateChoice, Client, Connection, Expectation, ListenerChoice, MAX_TESTS, Message,
    MessageProperties, MqttVersion, PasswordChoice, Payload, Place, Step, Test, TrustChoice, Turn,
};
use crate::access;
use crate::compile::{Attempt, attempts};
use crate::lang::spec::{Spanned, Spec, Text};

/// A test for each attempt of each assertion of a spec without problems; not more than a file can have. `number` is another
/// one for each spec of a run: client ids are made from it.
pub fn asserted(spec: &Spec, number: usize) -> Vec<Test> {
    let mut names: HashSet<Arc<str>> = spec.tests.tests.iter().map(|test| test.name.clone()).collect();
    let room = MAX_TESTS.saturating_sub(names.len());
    let mut tests = Vec::new();
    for attempt in attempts(spec).iter().take(room) {
        let test = test(spec, attempt, &format!("asserted-{number}-{}", tests.len()));
        // Assertions that say the same are tried once.
        if names.insert(test.name.clone()) {
            tests.push(test);
        }
    }
    tests
}

fn test(spec: &Spec, attempt: &Attempt, own_id: &str) -> Test {
    let span = attempt.span;
    let text = |text: &str| Text::new(text.into(), span);
    let listener = &spec.listeners[attempt.listener];
    let user = attempt.user.map(|user| spec.users[user].name.value.clone());
    let verb = match (attempt.action, attempt.is_allowed) {
        (access::Action::Publish, true) => "writes",
        (access::Action::Publish, false) => "does not write",
        (_, true) => "reads",
        (_, false) => "does not read",
    };
    let who = user.as_deref().unwrap_or("anonymous");
    let name = format!("asserted: {who} {verb} {} (listener={})", attempt.topic, listener.name.value);
    let client_id = attempt.client_id.as_deref().unwrap_or(own_id);
    let connection = Connection {
        listener: Some(ListenerChoice {
            said: listener.name.clone(),
            endpoint: Place::from(&listener.endpoint),
        }),
        user: user.map(|name| Text::new(name, span)),
        password: PasswordChoice::Right,
        certificate: CertificateChoice::Own,
        trust: TrustChoice::Known,
        server_name: None,
        tls_version: None,
        client_id: text(client_id),
        version: Spanned::new(MqttVersion::V5, span),
        clean_start: true,
        keep_alive: 60,
        session_expiry: None,
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: None,
        will: None,
    };
    let action = match attempt.action {
        access::Action::Publish => Action::Publish(Box::new(Message {
            topic: text(&attempt.topic),
            payload: Payload::Unique,
            qos: 1,
            retain: false,
            properties: MessageProperties::default(),
        })),
        _ => {
            let topic = (!attempt.topic.starts_with('$')).then(|| attempt.topic.as_str().into());
            Action::Read { filter: text(&attempt.topic), topic }
        }
    };
    let expect = if attempt.is_allowed { Expectation::Allowed } else { Expectation::Denied(Vec::new()) };
    let turn = |action, expect| Turn { span, client: 0, action: Some(action), expect, within: None };
    Test {
        name: name.into(),
        span,
        is_alone: false,
        mosquitto: Vec::new(),
        clients: vec![Client { name: text("client") }],
        steps: vec![
            Step::Turn(turn(Action::Connect(Arc::new(connection)), None)),
            Step::Turn(turn(action, Some(Spanned::new(expect, span)))),
        ],
    }
}
