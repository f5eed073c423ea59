//! Messages that clients publish.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::core::{Core, Guest};
use super::log::LogType;
use super::message::{Message, Source};
use super::session::SessionKey;
use super::wire::{Ack, Packet, Properties, Property, Publish, QoS, Reason, Text, Version, Will};
use crate::access::{Action, Client};
use crate::catalogue::{Quirk, Release};

impl Core {
    /// A PUBLISH of a client.
    pub(super) fn publish(&mut self, guest: Guest, publish: Publish, now: Instant) {
        self.statistics.publishes_received += 1;
        self.statistics.publish_bytes_received += publish.payload.len() as u64;
        let Some(session) = self.session(guest) else { return };
        let (listener, version) = (session.listener, session.version);
        let (id, qos) = (publish.packet_id, publish.qos);
        let door = &self.doors[listener];
        if qos > door.max_qos {
            let why = "its quality of service is not served";
            return self.expel(guest, Some(Reason::QOS_NOT_SUPPORTED), why, now);
        }
        if publish.retain && !self.limits.retain_available {
            let why = "retained messages are not served";
            return self.expel(guest, Some(Reason::RETAIN_NOT_SUPPORTED), why, now);
        }
        let topic = match self.topic(guest, &publish) {
            Ok(topic) => topic,
            Err(reason) => return self.expel(guest, Some(reason), "its topic alias is not valid", now),
        };
        let too_large = self.limits.message_size_limit.is_some_and(|most| publish.payload.len() > most);
        if too_large {
            self.statistics.publishes_dropped += 1;
            return self.answer_refused(guest, qos, id, Reason::PACKET_TOO_LARGE);
        }
        let Some(session) = self.session(guest) else { return };
        if qos == QoS::AtLeastOnce && session.room == 0 {
            // Nobody gets it, and its acknowledgement makes room for the next one, in every release.
            session.room = 1;
            let reason = if version == Version::V5 { Reason::QUOTA_EXCEEDED } else { Reason::SUCCESS };
            return self.acknowledge(guest.key, Packet::PubAck, id, reason);
        }
        if qos == QoS::ExactlyOnce && !session.incoming.contains_key(&id) {
            match (session.room, version) {
                (0, Version::V5) => {
                    // The refusal itself makes room for the next one, in every release.
                    session.room = 1;
                    return self.acknowledge(guest.key, Packet::PubRec, id, Reason::QUOTA_EXCEEDED);
                }
                (0, _) => {
                    // Older clients are not told that nobody will get it.
                    session.incoming.insert(id, None);
                    return self.acknowledge(guest.key, Packet::PubRec, id, Reason::SUCCESS);
                }
                (room, _) => session.room = room - 1,
            }
        }
        let Some(session) = self.session(guest) else { return };
        let source = session.source();
        let who =
            Client { user: source.user.as_ref().map(Text::as_bytes), client_id: source.client_id.as_bytes() };
        if !self.decide(listener, who, Action::Publish, &topic).allowed {
            self.statistics.publishes_dropped += 1;
            self.log.say(LogType::Debug, || {
                format!("denied PUBLISH from {} (q{}, '{topic}')", source.client_id, qos.number())
            });
            return self.answer_refused(guest, qos, id, Reason::NOT_AUTHORIZED);
        }
        if topic.as_str().starts_with("$CONTROL/") {
            return self.control(guest, &topic, qos, id);
        }
        let (properties, expiry) = forwarded(publish.properties, self.release);
        let message = Rc::new(Message {
            topic,
            payload: publish.payload,
            qos,
            retain: publish.retain,
            properties,
            expires: expiry.map(|seconds| now + Duration::from_secs(u64::from(seconds))),
            source: Some(source),
        });
        match qos {
            QoS::AtMostOnce => {
                self.route(&message, Some(guest.key), now);
            }
            QoS::AtLeastOnce => {
                let is_wanted = self.route(&message, Some(guest.key), now);
                let nobody = version == Version::V5 && !is_wanted;
                let reason = if nobody { Reason::NO_MATCHING_SUBSCRIBERS } else { Reason::SUCCESS };
                self.acknowledge(guest.key, Packet::PubAck, id, reason);
            }
            QoS::ExactlyOnce => {
                if let Some(session) = self.session(guest) {
                    session.incoming.insert(id, Some(message));
                }
                self.acknowledge(guest.key, Packet::PubRec, id, Reason::SUCCESS);
            }
        }
    }

    /// The topic of a PUBLISH, alias resolved, behind the mount point.
    fn topic(&mut self, guest: Guest, publish: &Publish) -> Result<Text, Reason> {
        let alias = publish.properties.find(|property| match property {
            Property::TopicAlias(alias) => Some(*alias),
            _ => None,
        });
        let Some(session) = self.session(guest) else { return Ok(publish.topic.clone()) };
        let listener = session.listener;
        let mut topic = publish.topic.clone();
        if let Some(alias) = alias {
            let most = self.doors[listener].max_topic_alias;
            if alias == 0 || alias > most {
                return Err(Reason::TOPIC_ALIAS_INVALID);
            }
            let link = self.session(guest).and_then(|session| session.link.as_mut());
            let Some(link) = link else { return Ok(topic) };
            if topic.is_empty() {
                topic = link.aliases.get(&alias).cloned().ok_or(Reason::PROTOCOL_ERROR)?;
            } else {
                link.aliases.insert(alias, topic.detached());
            }
        }
        match &self.doors[listener].mount_point {
            None => Ok(topic),
            Some(mount) => {
                let whole = Text::new(Bytes::from(format!("{mount}{topic}")));
                whole.ok_or(Reason::TOPIC_NAME_INVALID)
            }
        }
    }

    /// A message for the control interface, which has no endpoint here; nobody else gets it.
    fn control(&mut self, guest: Guest, topic: &Text, qos: QoS, id: u16) {
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.acknowledge(guest.key, Packet::PubAck, id, Reason::SUCCESS),
            QoS::ExactlyOnce => self.acknowledge(guest.key, Packet::PubRec, id, Reason::SUCCESS),
        }
        if !self.release.has(Quirk::ControlAnswers) {
            return;
        }
        let Some(topic) = Text::new(Bytes::from(format!("{topic}/response"))) else { return };
        let answer = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            packet_id: 0,
            properties: Properties::NONE,
            payload: Bytes::from_static(br#"{"error": "endpoint not available"}"#),
        };
        self.send(guest.key, &Packet::Publish(answer));
    }

    /// What the sender of a message hears that goes no further.
    fn answer_refused(&mut self, guest: Guest, qos: QoS, id: u16, reason: Reason) {
        let Some(session) = self.session(guest) else { return };
        let is_new = session.version == Version::V5;
        let told = if is_new { reason } else { Reason::SUCCESS };
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.acknowledge(guest.key, Packet::PubAck, id, told),
            QoS::ExactlyOnce => {
                if !is_new {
                    session.incoming.insert(id, None);
                }
                self.acknowledge(guest.key, Packet::PubRec, id, told);
            }
        }
    }

    /// A PUBREL of a client: now its message goes out.
    pub(super) fn release(&mut self, guest: Guest, ack: &Ack, now: Instant) {
        let Some(session) = self.session(guest) else { return };
        if let Some(Some(message)) = session.incoming.remove(&ack.packet_id) {
            session.room = session.room.saturating_add(1);
            self.route(&message, Some(guest.key), now);
        }
        self.acknowledge(guest.key, Packet::PubComp, ack.packet_id, Reason::SUCCESS);
    }

    /// Sends a will, if its client may.
    pub(super) fn publish_will(&mut self, key: SessionKey, will: &Will, now: Instant) {
        let Some(session) = self.sessions.get(key) else { return };
        let source = session.source();
        if !self.decide(session.listener, session.who(), Action::Publish, &will.topic).allowed {
            return;
        }
        let (properties, expiry) = forwarded(will.properties.clone(), self.release);
        let message = Rc::new(Message {
            topic: will.topic.clone(),
            payload: will.payload.clone(),
            qos: will.qos,
            retain: will.retain,
            properties,
            expires: expiry.map(|seconds| now + Duration::from_secs(u64::from(seconds))),
            source: Some(source),
        });
        self.route(&message, Some(key), now);
    }

    /// A retained message of the broker itself.
    pub(super) fn announce(&mut self, topic: &str, payload: String, now: Instant) {
        let Some(topic) = Text::new(Bytes::copy_from_slice(topic.as_bytes())) else { return };
        let message = Rc::new(Message {
            topic,
            payload: Bytes::from(payload),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: Properties::NONE,
            expires: None,
            source: None::<Source>,
        });
        self.route(&message, None, now);
    }
}

/// The properties that receivers get, and the message expiry interval, which is told anew to each of them.
fn forwarded(mut properties: Properties, release: Release) -> (Properties, Option<u32>) {
    let expiry = properties.find(|property| match property {
        Property::MessageExpiryInterval(seconds) => Some(*seconds),
        _ => None,
    });
    // 0 is no interval, in every release.
    let never = if release.has(Quirk::LongestExpiryForwarded) { 0 } else { u32::MAX };
    let expiry = expiry.filter(|seconds| *seconds != 0 && *seconds != never);
    properties.0.retain(|property| {
        matches!(
            property,
            Property::PayloadFormatIndicator(_)
                | Property::ContentType(_)
                | Property::ResponseTopic(_)
                | Property::CorrelationData(_)
                | Property::UserProperty(..)
        )
    });
    (properties, expiry)
}
