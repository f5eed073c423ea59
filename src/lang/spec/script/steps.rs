//! What clients of tests do and meet.

use std::sync::Arc;
use std::time::Duration;

use super::connection::Said;
use super::decode::Scripting;
use super::message::reasons;
use super::model::*;
use super::rights;
use super::variables::Variables;
use crate::lang::spec::fields::*;
use crate::lang::spec::findings::{error, rules};
use crate::lang::spec::names::unknown;
use crate::lang::spec::read::Fields;
use crate::lang::spec::{Spanned, Text};
use crate::lang::yaml::Node;
use crate::text::Span;

/// A client of a test.
pub(super) struct Cast<'a> {
    pub(super) name: Text,
    pub(super) said: Said<'a>,
    pub(super) id: Arc<str>,
}

/// What a step can do; at most one of these.
const ACTIONS: [&str; 6] = ["connect", "publish", "subscribe", "unsubscribe", "read", "disconnect"];

/// Keys of a test without which it does nothing and expects nothing.
const IDLE: [&str; 5] = ["name", "each", "alone", "as", "within"];

/// What a test knows while its steps are read.
struct Scene<'s, 'a> {
    cast: &'s [Cast<'a>],
    variables: &'s Variables,
    spans: &'s [(Arc<str>, Span)],
    /// The connection of each client, and whether its first turn makes it.
    connections: Vec<(Arc<Connection>, Option<bool>)>,
    /// The version that each client speaks by now.
    versions: Vec<MqttVersion>,
}

impl Scripting<'_, '_> {
    fn scene<'s, 'a>(
        &mut self,
        cast: &'s [Cast<'a>],
        variables: &'s Variables,
        spans: &'s [(Arc<str>, Span)],
    ) -> Scene<'s, 'a> {
        let mut connections = Vec::new();
        for member in cast {
            let connection = self.connection(member.said, variables, spans, &member.id);
            connections.push((Arc::new(connection), None));
        }
        let versions = connections.iter().map(|(connection, _)| connection.version.value).collect();
        Scene { cast, variables, spans, connections, versions }
    }

    /// A test with one client and at most one action.
    pub(super) fn short(
        &mut self,
        fields: Fields<'_>,
        cast: &[Cast<'_>],
        variables: &Variables,
        spans: &[(Arc<str>, Span)],
    ) -> (Vec<Client>, Vec<Step>) {
        let mut scene = self.scene(cast, variables, spans);
        let has_action = ACTIONS.iter().any(|key| fields.entry(key).is_some());
        let span = cast.first().map_or(fields.span, |member| member.said.span);
        let connection = scene.connections.first().map(|(connection, _)| connection.clone());
        let mut connect =
            Turn { span, client: 0, action: connection.map(Action::Connect), expect: None, within: None };
        let mut steps = Vec::new();
        if has_action {
            let turn = self.turn(fields, 0, &mut scene);
            steps.push(Step::Turn(connect));
            steps.extend(turn.map(Step::Turn));
        } else {
            connect.expect = self.expectation(fields, Some("connect"), MqttVersion::V5);
            connect.within = within(fields);
            if fields.keys().all(|key| IDLE.contains(&&*key.text)) {
                let finding = error(rules::MISSING_KEY, "the test expects nothing", fields.span.part(0, 1));
                self.findings.add(finding.help("add `expect`, or what the client does"));
            }
            steps.push(Step::Turn(connect));
        }
        (clients(cast), steps)
    }

    /// A test with several clients, or several steps.
    pub(super) fn steps(
        &mut self,
        items: &[Node],
        cast: &[Cast<'_>],
        variables: &Variables,
        spans: &[(Arc<str>, Span)],
    ) -> (Vec<Client>, Vec<Step>) {
        let mut scene = self.scene(cast, variables, spans);
        let mut steps = Vec::new();
        let mut is_whole = !items.is_empty();
        for item in items {
            let Some(fields) = Fields::of(&STEP, item) else { continue };
            let step = self.step(fields, &mut scene);
            is_whole &= step.is_some();
            steps.extend(step);
        }
        // A client whose first turn is no connection is there from the beginning.
        let begin =
            scene.connections.iter().enumerate().filter(|(_, (_, connects))| *connects == Some(false));
        let begin = begin.map(|(client, (connection, _))| {
            let action = Some(Action::Connect(connection.clone()));
            Step::Turn(Turn { span: cast[client].said.span, client, action, expect: None, within: None })
        });
        let all = begin.collect::<Vec<_>>().into_iter().chain(steps).collect();
        for (member, (_, connects)) in cast.iter().zip(&scene.connections) {
            if connects.is_none() && is_whole {
                let message = format!("`{}` does nothing", member.name.value);
                let finding = error(rules::CONFLICT, message, member.name.span);
                self.findings.add(finding.help("leave it out, or name it in a step: `client: NAME`"));
            }
        }
        (clients(cast), all)
    }

    fn step(&mut self, fields: Fields<'_>, scene: &mut Scene<'_, '_>) -> Option<Step> {
        let own = |key| fields.entry(key).map(|(key, _)| key.span);
        let others = ACTIONS.iter().chain(&["client", "expect", "within", "parallel", "wait"]);
        for key in ["parallel", "wait"] {
            let Some(at) = own(key) else { continue };
            if let Some((other, span)) =
                others.clone().filter(|other| **other != key).find_map(|other| Some((other, own(other)?)))
            {
                let message = format!("`{other}` does not go with `{key}`");
                let finding = error(rules::CONFLICT, message, span).related(at, format!("`{key}` is here"));
                self.findings.add(finding.help("make it a step of its own"));
                return None;
            }
        }
        if let Some(span) = own("wait") {
            let seconds = fields.seconds("wait")?;
            return Some(Step::Wait(Spanned::new(Duration::from_secs(seconds.value), span)));
        }
        let Some(rows) = fields.node("parallel").and_then(Node::list) else {
            let client = self.client(fields, scene.cast)?;
            return self.turn(fields, client, scene).map(Step::Turn);
        };
        let rows = rows.iter().map(|row| {
            let items = row.list().unwrap_or(std::slice::from_ref(row));
            items.iter().filter_map(|item| self.parallel(item, scene)).collect()
        });
        Some(Step::Parallel(rows.collect()))
    }

    /// A step of several at the same time.
    fn parallel(&mut self, item: &Node, scene: &mut Scene<'_, '_>) -> Option<Turn> {
        let fields = Fields::of(&STEP, item)?;
        if let Some((key, _)) = fields.entry("parallel").or_else(|| fields.entry("wait")) {
            let message = format!("`{}` cannot stand in `parallel`", key.text);
            let finding = error(rules::CONFLICT, message, key.span);
            self.findings.add(finding.help("make it a step of the test"));
            return None;
        }
        let client = self.client(fields, scene.cast)?;
        self.turn(fields, client, scene)
    }

    /// Which client a step is about.
    fn client(&mut self, fields: Fields<'_>, cast: &[Cast<'_>]) -> Option<usize> {
        let Some(name) = fields.text("client") else {
            if cast.len() == 1 {
                return Some(0);
            }
            let finding = error(rules::MISSING_KEY, "`client` is missing in a step", fields.span.part(0, 1));
            self.findings.add(finding.help("say which of the clients it is"));
            return None;
        };
        let found = cast.iter().position(|member| member.name.value == name.value);
        if found.is_none() {
            unknown(self.findings, &name, "client", cast.iter().map(|member| &*member.name.value));
        }
        found
    }

    fn turn(&mut self, fields: Fields<'_>, client: usize, scene: &mut Scene<'_, '_>) -> Option<Turn> {
        let mut found = ACTIONS.iter().filter_map(|key| Some((*key, fields.entry(key)?)));
        let first = found.next();
        if let (Some((first, (at, _))), Some((second, (span, _)))) = (&first, found.next()) {
            let message = format!("`{second}` and `{first}` exclude each other");
            let finding = error(rules::CONFLICT, message, span.span);
            let finding = finding.related(at.span, format!("`{first}` is here"));
            self.findings.add(finding.help("make two steps of it"));
        }
        let key = first.map(|(key, _)| key);
        let (_, connects) = scene.connections.get_mut(client)?;
        connects.get_or_insert(key == Some("connect"));
        let action = match first {
            Some((key, (_, node))) => Some(self.action(key, node, fields, client, scene)?),
            None => None,
        };
        let version = *scene.versions.get(client)?;
        let mut expect = self.expectation(fields, key, version);
        if let Some(Action::Read { filter, .. }) = &action
            && expect.is_none()
        {
            expect = Some(Spanned::new(Expectation::Allowed, filter.span));
        }
        if action.is_none() && fields.entry("expect").is_none() {
            let finding = error(rules::MISSING_KEY, "the step does nothing", fields.span.part(0, 1));
            self.findings.add(finding.help(format!("add `expect`, or one of {}", alternatives(&ACTIONS))));
        }
        let is_empty = action.is_none() && expect.is_none();
        let turn = Turn { span: fields.span, client, action, expect, within: within(fields) };
        (!is_empty).then_some(turn)
    }

    fn action(
        &mut self,
        key: &str,
        node: &Node,
        fields: Fields<'_>,
        client: usize,
        scene: &mut Scene<'_, '_>,
    ) -> Option<Action> {
        let version = *scene.versions.get(client)?;
        match key {
            "connect" => {
                let member = scene.cast.get(client)?;
                let said = Said { step: Fields::of(&CONNECTION, node), ..member.said };
                let connection = self.connection(said, scene.variables, scene.spans, &member.id);
                scene.versions[client] = connection.version.value;
                Some(Action::Connect(Arc::new(connection)))
            }
            "publish" => self.message(node, version).map(Box::new).map(Action::Publish),
            "subscribe" => self.subscribe(node, version).map(Action::Subscribe),
            "unsubscribe" => Some(Action::Unsubscribe(fields.texts("unsubscribe"))),
            "read" => fields.text("read").map(rights::read),
            _ => match &**node.text()? {
                "with_will" if version != MqttVersion::V5 => {
                    let message =
                        format!("`with_will` needs MQTT 5, and the client speaks {}", version.as_str());
                    let help = "write `drop`, which closes the socket without a word, or set `version: 5`";
                    self.findings.add(error(rules::CONFLICT, message, node.span).help(help));
                    None
                }
                "with_will" => Some(Action::Disconnect(End::WithWill)),
                "drop" => Some(Action::Disconnect(End::Drop)),
                _ => Some(Action::Disconnect(End::Normal)),
            },
        }
    }

    /// What is to come of an action, or without one.
    fn expectation(
        &mut self,
        fields: Fields<'_>,
        action: Option<&str>,
        version: MqttVersion,
    ) -> Option<Spanned<Expectation>> {
        let (_, node) = fields.entry("expect")?;
        let (word, expectation) = match node.text() {
            Some(word) => (&**word, word_expectation(word)?),
            None => self.detailed(Fields::of(&EXPECTATION, node)?, version)?,
        };
        let goes_with: &[&str] = match action {
            None => &["disconnected", "message", "messages", "nothing"],
            Some("connect") => &["connected", "refused", "disconnected", "message", "messages", "nothing"],
            Some("publish") => {
                &["allowed", "delivered", "denied", "disconnected", "message", "messages", "nothing"]
            }
            Some("subscribe") => {
                &["allowed", "denied", "granted", "disconnected", "message", "messages", "nothing"]
            }
            Some("unsubscribe") => &["allowed", "denied", "disconnected", "nothing"],
            Some("read") => &["allowed", "denied"],
            Some(_) => &[],
        };
        if !goes_with.contains(&word) {
            let message = match action {
                Some(action) => format!("`{word}` does not come of `{action}`"),
                None => format!("`{word}` comes of something that the client does"),
            };
            let help = match goes_with {
                [] => "make it a step of its own".to_owned(),
                words => format!("expect {}", alternatives(words)),
            };
            self.findings.add(error(rules::CONFLICT, message, node.span).help(help));
            return None;
        }
        Some(Spanned::new(expectation, node.span))
    }

    fn detailed(&mut self, fields: Fields<'_>, version: MqttVersion) -> Option<(&'static str, Expectation)> {
        let key = EXPECTATION.one_of.iter().find(|key| fields.entry(key).is_some())?;
        let expectation = match *key {
            "connected" => {
                let said = fields.fields("connected", &CONNECTED)?;
                let keepalive = said.number("keepalive");
                Expectation::Connected(Connected {
                    session_present: said.flag("session_present"),
                    is_id_assigned: said.flag("id_assigned"),
                    server_keep_alive: keepalive.and_then(|number| {
                        Some(Spanned::new(u16::try_from(number.value).ok()?, number.span))
                    }),
                })
            }
            "refused" => Expectation::Refused(reasons(fields, key)),
            "disconnected" => Expectation::Disconnected(reasons(fields, key)),
            "denied" => Expectation::Denied(reasons(fields, key)),
            "granted" => {
                let numbers = fields.texts(key);
                Expectation::Granted(numbers.iter().filter_map(|text| text.value.parse().ok()).collect())
            }
            "message" => Expectation::Messages {
                messages: vec![self.expected(fields.node(key)?, version)?],
                is_any_order: false,
            },
            _ => {
                let items = fields.node(key).and_then(Node::list).unwrap_or_default();
                let messages: Vec<_> = items.iter().filter_map(|item| self.expected(item, version)).collect();
                let is_any_order = fields.flag("any_order").is_some_and(|flag| flag.value);
                Expectation::Messages { messages, is_any_order }
            }
        };
        Some((key, expectation))
    }
}

fn word_expectation(word: &str) -> Option<Expectation> {
    Some(match word {
        "connected" => Expectation::Connected(Connected::default()),
        "refused" => Expectation::Refused(Vec::new()),
        "disconnected" => Expectation::Disconnected(Vec::new()),
        "allowed" | "delivered" => Expectation::Allowed,
        "denied" => Expectation::Denied(Vec::new()),
        "nothing" => Expectation::Nothing,
        _ => return None,
    })
}

fn within(fields: Fields<'_>) -> Option<Spanned<Duration>> {
    let seconds = fields.seconds("within")?;
    Some(Spanned::new(Duration::from_secs(seconds.value), seconds.span))
}

fn clients(cast: &[Cast<'_>]) -> Vec<Client> {
    cast.iter().map(|member| Client { name: member.name.clone() }).collect()
}
