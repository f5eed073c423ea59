//! The `$SYS` topics that tell about the broker itself.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::core::Core;
use super::log::LogTopics;
use super::message::Message;
use super::wire::{Properties, QoS, Text};

/// How long messages of the log wait for their receivers.
const LOG_EXPIRY: Duration = Duration::from_secs(20);

impl Core {
    /// What never changes.
    pub(super) fn announce_version(&mut self, now: Instant) {
        if self.limits.sys_interval.is_some() {
            let version = format!("mosquitto version {}", self.release);
            self.announce("$SYS/broker/version", version, now);
        }
    }

    /// Sends what waits in the log, as every release does: with quality of service 2, not retained, for twenty
    /// seconds.
    pub(super) fn tell_log(&mut self, now: Instant) {
        let lines = self.log.topics().map(LogTopics::take).unwrap_or_default();
        for (kind, line) in lines {
            let Some(topic) = kind.topic().and_then(|topic| Text::new(Bytes::from_static(topic.as_bytes())))
            else {
                continue;
            };
            let message = Rc::new(Message {
                topic,
                payload: Bytes::from(line),
                qos: QoS::ExactlyOnce,
                retain: false,
                properties: Properties::NONE,
                expires: Some(now + LOG_EXPIRY),
                source: None,
            });
            self.route(&message, None, now);
        }
    }

    /// One round of everything that changes.
    pub(super) fn announce_statistics(&mut self, begun: Instant, now: Instant) {
        let uptime = now.saturating_duration_since(begun).as_secs();
        let connected = self.sessions.iter().filter(|(_, session)| session.link.is_some()).count();
        let total = self.sessions.len();
        let away = total - connected;
        let (subscriptions, shared) = self.subscriptions.counts();
        let statistics = self.statistics.clone();
        let retained = self.retained.count();
        let list = [
            ("uptime", format!("{uptime} seconds")),
            ("clients/total", total.to_string()),
            ("clients/inactive", away.to_string()),
            ("clients/disconnected", away.to_string()),
            ("clients/active", connected.to_string()),
            ("clients/connected", connected.to_string()),
            ("clients/expired", statistics.expired_sessions.to_string()),
            ("messages/received", statistics.packets_received.to_string()),
            ("messages/sent", statistics.packets_sent.to_string()),
            ("publish/messages/received", statistics.publishes_received.to_string()),
            ("publish/messages/sent", statistics.publishes_sent.to_string()),
            ("publish/messages/dropped", statistics.publishes_dropped.to_string()),
            ("publish/bytes/received", statistics.publish_bytes_received.to_string()),
            ("publish/bytes/sent", statistics.publish_bytes_sent.to_string()),
            ("bytes/received", statistics.bytes_received.to_string()),
            ("bytes/sent", statistics.bytes_sent.to_string()),
            ("retained messages/count", retained.to_string()),
            ("subscriptions/count", subscriptions.to_string()),
            ("shared_subscriptions/count", shared.to_string()),
        ];
        for (name, value) in list {
            self.announce(&format!("$SYS/broker/{name}"), value, now);
        }
    }
}
