//! Messages, payloads and subscriptions of tests.

use std::sync::Arc;

use super::decode::Scripting;
use super::model::*;
use super::reason::Reason;
use crate::lang::spec::Text;
use crate::lang::spec::fields::*;
use crate::lang::spec::findings::{error, quoted, rules};
use crate::lang::spec::read::{self, Fields};
use crate::lang::yaml::Node;
use crate::text::Span;

impl Scripting<'_, '_> {
    /// A message that is published.
    pub(super) fn message(&mut self, node: &Node, version: MqttVersion) -> Option<Message> {
        if let Some(topic) = node.text() {
            return Some(Message {
                topic: Text::new(topic.clone(), node.span),
                payload: Payload::Unique,
                qos: 1,
                retain: false,
                properties: MessageProperties::default(),
            });
        }
        let fields = Fields::of(&MESSAGE, node)?;
        let topic_alias = fields.number("topic_alias").and_then(|alias| u16::try_from(alias.value).ok());
        let topic = fields.text("topic")?;
        if topic.value.is_empty() && topic_alias.is_none() {
            let message = "a message without a topic needs `topic_alias`";
            self.findings.add(error(rules::MISSING_KEY, message, topic.span).help("give the topic"));
        }
        self.only_in_5(fields, "topic_alias", version);
        let properties = self.properties(fields, version);
        Some(Message {
            topic,
            payload: payload(fields).unwrap_or(Payload::Unique),
            qos: qos(fields, 1),
            retain: fields.flag("retain").is_some_and(|flag| flag.value),
            properties: MessageProperties { topic_alias, ..properties },
        })
    }

    /// The message that is sent when a connection breaks.
    pub(super) fn will(&mut self, fields: Fields<'_>, version: MqttVersion) -> Option<Will> {
        self.only_in_5(fields, "delay", version);
        let message = Message {
            topic: fields.text("topic")?,
            payload: payload(fields).unwrap_or(Payload::Unique),
            qos: qos(fields, 0),
            retain: fields.flag("retain").is_some_and(|flag| flag.value),
            properties: self.properties(fields, version),
        };
        Some(Will { message, delay: self.seconds(fields, "delay").unwrap_or(0) })
    }

    /// A message that is to arrive.
    pub(super) fn expected(&mut self, node: &Node, version: MqttVersion) -> Option<Expected> {
        if let Some(text) = node.text() {
            let payload = Payload::Bytes(text.as_bytes().into());
            return Some(Expected { payload: Some(payload), ..Expected::default() });
        }
        let fields = Fields::of(&EXPECTED, node)?;
        self.only_in_5(fields, "identifier", version);
        let identifiers = fields.node("identifier").map(|_| {
            let numbers = fields.texts("identifier");
            numbers.iter().filter_map(|text| text.value.parse().ok()).collect()
        });
        Some(Expected {
            topic: fields.text("topic"),
            payload: payload(fields),
            qos: fields.number("qos").and_then(|qos| u8::try_from(qos.value).ok()),
            retain: fields.flag("retain").map(|flag| flag.value),
            properties: self.properties(fields, version),
            identifiers,
        })
    }

    fn properties(&mut self, fields: Fields<'_>, version: MqttVersion) -> MessageProperties {
        let keys = [
            "expiry",
            "payload_format",
            "content_type",
            "response_topic",
            "correlation_data",
            "user_properties",
        ];
        for key in keys {
            self.only_in_5(fields, key, version);
        }
        let user_properties = fields.map("user_properties").iter().flat_map(|(key, node)| {
            let values = read::texts(node, &PROPERTY_VALUES);
            values.into_iter().map(|value| (read::name(key), value))
        });
        MessageProperties {
            expiry: self.seconds(fields, "expiry"),
            is_text: fields.text("payload_format").map(|format| &*format.value == "text"),
            content_type: fields.text("content_type"),
            response_topic: fields.text("response_topic"),
            correlation_data: fields.text("correlation_data"),
            user_properties: user_properties.collect(),
            topic_alias: None,
        }
    }

    /// The filters of a subscription and their options.
    pub(super) fn subscribe(&mut self, node: &Node, version: MqttVersion) -> Option<Subscribe> {
        let items = node.list().unwrap_or(std::slice::from_ref(node));
        let mut subscriptions = Vec::new();
        let mut identifier: Option<(u32, Span)> = None;
        for item in items {
            let Some(fields) = Fields::of(&SUBSCRIPTION, item) else {
                let filter = Text::new(item.text()?.clone(), item.span);
                subscriptions.push(subscription(filter));
                continue;
            };
            for key in ["no_local", "retain_as_published", "retain_handling", "identifier"] {
                self.only_in_5(fields, key, version);
            }
            if let Some(number) = fields.number("identifier") {
                let value = u32::try_from(number.value).ok()?;
                match identifier {
                    Some((first, at)) if first != value => {
                        let message = "filters of one packet have one identifier";
                        let finding = error(rules::CONFLICT, message, number.span);
                        let finding = finding.related(at, "another one is here");
                        self.findings.add(finding.help("subscribe in two steps"));
                    }
                    _ => identifier = Some((value, number.span)),
                }
            }
            let is_on = |key| fields.flag(key).is_some_and(|flag| flag.value);
            let handling = fields.text("retain_handling");
            subscriptions.push(Subscription {
                qos: qos(fields, 2),
                no_local: is_on("no_local"),
                retain_as_published: is_on("retain_as_published"),
                retain_handling: match handling.as_ref().map(|word| &*word.value) {
                    Some("new") => RetainHandling::New,
                    Some("never") => RetainHandling::Never,
                    _ => RetainHandling::Always,
                },
                filter: fields.text("filter")?,
            });
        }
        let identifier = identifier.map(|(number, _)| number);
        (!subscriptions.is_empty()).then_some(Subscribe { subscriptions, identifier })
    }

    /// Seconds, as a number or as a span of time.
    pub(super) fn seconds(&mut self, fields: Fields<'_>, key: &str) -> Option<u32> {
        let text = fields.text(key)?;
        let told = text.value.parse().ok().or_else(|| fields.seconds(key).map(|seconds| seconds.value));
        let seconds = u32::try_from(told?).ok();
        if seconds.is_none() {
            let message = format!("`{}` is longer than MQTT can say", quoted(&text.value));
            let help = "give at most 4294967295 seconds, which stands for ever in `session_expiry`";
            self.findings.add(error(rules::BAD_VALUE, message, text.span).help(help));
        }
        seconds
    }

    /// Complains of a key that only MQTT 5 has a meaning for.
    pub(super) fn only_in_5(&mut self, fields: Fields<'_>, key: &str, version: MqttVersion) {
        if version == MqttVersion::V5 {
            return;
        }
        let Some((found, _)) = fields.entry(key) else { return };
        let message = format!("`{key}` needs MQTT 5, and the client speaks {}", version.as_str());
        self.findings
            .add(error(rules::CONFLICT, message, found.span).help("leave it out, or set `version: 5`"));
    }
}

fn subscription(filter: Text) -> Subscription {
    Subscription {
        filter,
        qos: 2,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Always,
    }
}

fn qos(fields: Fields<'_>, default: u8) -> u8 {
    fields.number("qos").and_then(|qos| u8::try_from(qos.value).ok()).unwrap_or(default)
}

fn payload(fields: Fields<'_>) -> Option<Payload> {
    let node = fields.node("payload")?;
    if let Some(text) = node.text() {
        return Some(Payload::Bytes(text.as_bytes().into()));
    }
    let of = Fields::of(&PAYLOAD_OF, node)?;
    if let Some(file) = of.text("file") {
        return Some(Payload::File(file));
    }
    if let Some(digits) = of.text("hex") {
        let pairs = digits.value.as_bytes().chunks(2);
        let byte =
            |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        return pairs.map(byte).collect::<Option<Arc<[u8]>>>().map(Payload::Bytes);
    }
    Some(Payload::Size(u32::try_from(of.number("size")?.value).ok()?))
}

/// The reasons that a field names.
pub(super) fn reasons(fields: Fields<'_>, key: &str) -> Vec<Reason> {
    fields.texts(key).iter().filter_map(|word| Reason::of_word(&word.value)).collect()
}
