//! Messages on their way to those who subscribe.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::core::{Core, Guest};
use super::log::LogType;
use super::message::Message;
use super::session::{Flight, SessionKey, Stage};
use super::subscriptions::Options;
use super::wire::{Ack, Delivery, Packet, Properties, Property, QoS, Reason, Text, Version};
use crate::access::{Action, Client};
use crate::catalogue::Quirk;

impl Core {
    /// Gives a message to everyone who subscribes to its topic and may read it; whether anybody subscribes.
    pub(super) fn route(&mut self, message: &Rc<Message>, from: Option<SessionKey>, now: Instant) -> bool {
        if message.retain {
            self.retain(message);
        }
        let mut matches = std::mem::take(&mut self.matches);
        matches.clear();
        self.subscriptions.matching(&message.topic, &mut matches);
        let is_wanted = !matches.is_empty();
        self.routed += 1;
        for found in &matches {
            if found.options.no_local && Some(found.session) == from {
                continue;
            }
            let Some(session) = self.sessions.get_mut(found.session) else { continue };
            // Older clients get one copy, whatever number of their filters match.
            if session.version != Version::V5 && !self.limits.allow_duplicate_messages && matches.len() > 1 {
                if session.offered == self.routed {
                    continue;
                }
                session.offered = self.routed;
            }
            let Some(session) = self.sessions.get(found.session) else { continue };
            if !self.may_read(session.listener, session.who(), &message.topic) {
                continue;
            }
            let retain = message.retain && found.options.retain_as_published;
            self.offer(found.session, message, found.options, retain, now);
        }
        self.matches = matches;
        is_wanted
    }

    fn may_read(&self, listener: usize, who: Client<'_>, topic: &Text) -> bool {
        self.decide(listener, who, Action::Receive, topic).allowed
    }

    /// Sends the retained messages of a new subscription.
    pub(super) fn send_retained(&mut self, key: SessionKey, filter: &str, options: Options, now: Instant) {
        for message in self.retained.matching(filter) {
            let Some(session) = self.sessions.get(key) else { return };
            if message.is_over(now) || !self.may_read(session.listener, session.who(), &message.topic) {
                continue;
            }
            if self.limits.check_retain_source
                && let Some(source) = &message.source
            {
                let who = Client {
                    user: source.user.as_ref().map(Text::as_bytes),
                    client_id: source.client_id.as_bytes(),
                };
                if !self.decide(source.listener, who, Action::Publish, &message.topic).allowed {
                    continue;
                }
            }
            self.offer(key, &message, options, true, now);
        }
    }

    /// Sends a message to a session, or keeps it for later, or drops it where too many wait.
    fn offer(
        &mut self,
        key: SessionKey,
        message: &Rc<Message>,
        options: Options,
        retain: bool,
        now: Instant,
    ) {
        let upgrade = self.limits.upgrade_outgoing_qos;
        let Some(session) = self.sessions.get_mut(key) else { return };
        let most = self.doors[session.listener].max_qos;
        let qos = if upgrade { options.qos } else { message.qos.min(options.qos) }.min(most);
        let mut flight = Flight {
            message: message.clone(),
            id: 0,
            qos,
            retain,
            identifier: options.identifier,
            stage: Stage::New,
        };
        let size = message.payload.len();
        if qos == QoS::AtMostOnce {
            if session.link.is_some() {
                self.transmit(key, &flight, false, now);
            } else if self.limits.queue_qos0_messages && self.has_room(key) {
                self.wait(key, flight);
            }
            return;
        }
        flight.id = session.outgoing.next_id();
        if self.may_fly(key, size) {
            flight.stage = Stage::Sent;
            self.transmit(key, &flight, false, now);
            if let Some(session) = self.sessions.get_mut(key) {
                session.outgoing.flying.push(flight);
            }
        } else if self.has_room(key) {
            self.wait(key, flight);
        } else {
            self.drop_for(key);
        }
    }

    /// Whether one more message of QoS 1 or 2 may be on its way to a client.
    fn may_fly(&self, key: SessionKey, size: usize) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let Some(link) = &session.link else { return false };
        let outgoing = &session.outgoing;
        let bytes = self.limits.max_inflight_bytes;
        outgoing.waiting.is_empty()
            && outgoing.taken() < link.window
            && bytes.is_none_or(|most| outgoing.flying.is_empty() || outgoing.flying.bytes() + size <= most)
    }

    /// Whether one more message may wait for a client. Early releases count what is in flight, too; of a connected
    /// client all of them take off what its window may hold.
    fn has_room(&self, key: SessionKey) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let outgoing = &session.outgoing;
        let (mut count, mut bytes) = (outgoing.waiting.len(), outgoing.waiting_bytes);
        if self.release.has(Quirk::QueueCountsFlights) {
            count += outgoing.flying.len();
            bytes += outgoing.flying.bytes();
        }
        if let Some(link) = &session.link {
            count = count.saturating_sub(link.window);
            bytes = bytes.saturating_sub(self.limits.max_inflight_bytes.unwrap_or(0));
        }
        self.limits.max_queued_messages.is_none_or(|most| count < most)
            && self.limits.max_queued_bytes.is_none_or(|most| bytes < most)
    }

    fn wait(&mut self, key: SessionKey, flight: Flight) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.outgoing.waiting_bytes += flight.message.payload.len();
            session.outgoing.waiting.push_back(flight);
        }
    }

    /// Counts a packet for a client that is not sent.
    pub(super) fn drop_for(&mut self, key: SessionKey) {
        self.statistics.publishes_dropped += 1;
        let Some(session) = self.sessions.get_mut(key) else { return };
        if !session.outgoing.is_dropping {
            session.outgoing.is_dropping = true;
            let client_id = session.client_id.clone();
            self.log.say(LogType::Notice, || {
                format!("Outgoing messages are being dropped for client {client_id}.")
            });
        }
    }

    /// Writes a PUBLISH to a client; nothing where too many packets wait for it, the message expired, or is larger than
    /// the client takes.
    fn transmit(&mut self, key: SessionKey, flight: &Flight, dup: bool, now: Instant) {
        let keeps_mount = self.release.has(Quirk::MountPointKeptOnDelivery);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let mount = self.doors[session.listener].mount_point.as_deref().filter(|_| !keeps_mount);
        let Some(link) = &mut session.link else { return };
        if link.out.is_full(self.limits.max_queued_messages) {
            return self.drop_for(key);
        }
        let message = &flight.message;
        let left = message.seconds_left(now);
        if left == Some(0) {
            return;
        }
        let unmounted = mount.and_then(|mount| {
            let shown = message.topic.as_str().strip_prefix(mount)?;
            Text::new(Bytes::copy_from_slice(shown.as_bytes()))
        });
        let mut topic = unmounted.as_ref().unwrap_or(&message.topic);
        let (mut first, mut last) = (Properties::NONE, Properties::NONE);
        let empty = Text::default();
        if link.version == Version::V5 {
            let alias = link.alias_for(topic);
            if alias.is_some_and(|(_, is_known)| is_known) {
                topic = &empty;
            }
            let identifier = Some(flight.identifier).filter(|identifier| *identifier > 0);
            let identifier = identifier.map(Property::SubscriptionIdentifier);
            let left = left.map(Property::MessageExpiryInterval);
            if self.release.has(Quirk::SubscriptionIdentifierFirst) {
                first.0.extend(identifier);
                last.0.extend(left);
            } else {
                let alias = alias.map(|(alias, _)| Property::TopicAlias(alias));
                last.0.extend(left.into_iter().chain(alias).chain(identifier));
            }
        }
        let delivery = Delivery {
            dup,
            qos: flight.qos,
            retain: flight.retain,
            topic,
            packet_id: flight.id,
            first: &first.0,
            properties: &message.properties.0,
            last: &last.0,
            payload: &message.payload,
        };
        let most = link.maximum_packet_size;
        // The first byte of a packet is not counted, in any release.
        if most.is_some_and(|most| delivery.encoded_len(link.version) > most + 1) {
            return;
        }
        link.out.deliver(&delivery, &message.payload, link.version);
        self.statistics.packets_sent += 1;
        self.statistics.publishes_sent += 1;
        self.statistics.publish_bytes_sent += message.payload.len() as u64;
        self.log.say(LogType::Debug, || {
            let (client, topic) = (&session.client_id, &message.topic);
            let (dup, qos, retain) = (u8::from(dup), flight.qos.number(), u8::from(flight.retain));
            let (id, bytes) = (flight.id, message.payload.len());
            format!("Sending PUBLISH to {client} (d{dup}, q{qos}, r{retain}, m{id}, '{topic}', ... ({bytes} bytes))")
        });
    }

    /// Sends again what a client did not acknowledge, and then what waited for it.
    pub(super) fn resume(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let mut again: Vec<Flight> = session.outgoing.flying.iter().cloned().collect();
        session.outgoing.is_dropping = false;
        session.outgoing.leaked = 0;
        for flight in &mut again {
            match flight.stage {
                Stage::Released => {
                    self.acknowledge(key, Packet::PubRel, flight.id, Reason::SUCCESS);
                }
                Stage::New | Stage::Sent => self.transmit(key, flight, true, now),
            }
        }
        self.fill(key, None, now);
    }

    /// Moves what waits into the window, as far as there is room. `counted`: how many messages are taken to be in the
    /// window, where that is not what is in it.
    fn fill(&mut self, key: SessionKey, mut counted: Option<usize>, now: Instant) {
        loop {
            let bytes = self.limits.max_inflight_bytes;
            let Some(session) = self.sessions.get_mut(key) else { return };
            let Some(link) = &session.link else { return };
            let outgoing = &mut session.outgoing;
            let Some(next) = outgoing.waiting.front() else { return };
            let size = next.message.payload.len();
            let is_free = next.qos == QoS::AtMostOnce
                || (counted.unwrap_or(outgoing.taken()) < link.window
                    && bytes.is_none_or(|most| {
                        outgoing.flying.is_empty() || outgoing.flying.bytes() + size <= most
                    }));
            if !is_free {
                return;
            }
            let Some(mut flight) = outgoing.waiting.pop_front() else { return };
            outgoing.waiting_bytes = outgoing.waiting_bytes.saturating_sub(size);
            if flight.message.is_over(now) {
                continue;
            }
            self.transmit(key, &flight, false, now);
            if flight.qos > QoS::AtMostOnce
                && let Some(session) = self.sessions.get_mut(key)
            {
                flight.stage = Stage::Sent;
                session.outgoing.flying.push(flight);
                counted = counted.map(|counted| counted + 1);
            }
        }
    }

    /// A PUBACK or PUBCOMP, or a PUBREC that says no: a message is done. One that nobody knows is passed over; one for
    /// a message that awaits something else ends the connection.
    pub(super) fn done(&mut self, guest: Guest, id: u16, qos: QoS, awaited: Stage, now: Instant) {
        let is_early = self.release.has(Quirk::AcknowledgementOpensWindow);
        let counts_unsent = self.release.has(Quirk::UnsentMessageAcknowledged);
        let Some(session) = self.session(guest) else { return };
        let outgoing = &mut session.outgoing;
        let Some((place, flight)) = outgoing.flying.find(id) else {
            // In later releases it makes room all the same, and in some the next message even counts as sent.
            if counts_unsent && outgoing.waiting.front().is_some_and(|flight| flight.id == id) {
                outgoing.waiting.pop_front();
            }
            if is_early {
                return;
            }
            if outgoing.taken() > 0 {
                outgoing.leaked -= 1;
            }
            return self.fill(guest.key, None, now);
        };
        if flight.qos != qos || flight.stage != awaited {
            return self.expel_for_acknowledgement(guest, now);
        }
        outgoing.flying.remove(place);
        // Only what stands before the message is counted there.
        let counted = self.release.has(Quirk::AcknowledgementOpensWindow).then_some(place);
        self.fill(guest.key, counted, now);
    }

    /// A PUBREC of a client.
    pub(super) fn received(&mut self, guest: Guest, ack: &Ack, now: Instant) {
        let id = ack.packet_id;
        let is_early = self.release.has(Quirk::AcknowledgementOpensWindow);
        let Some(session) = self.session(guest) else { return };
        if let Some((place, flight)) = session.outgoing.flying.find(id) {
            if flight.qos != QoS::ExactlyOnce {
                return self.expel_for_acknowledgement(guest, now);
            }
            if ack.reason.is_failure() {
                session.outgoing.flying.remove(place);
                // In later releases this makes no room.
                if is_early {
                    self.fill(guest.key, None, now);
                } else {
                    session.outgoing.leaked += 1;
                }
                return;
            }
            flight.stage = Stage::Released;
        } else if ack.reason.is_failure() {
            return;
        }
        // What nobody knows is released, too.
        self.acknowledge(guest.key, Packet::PubRel, id, Reason::SUCCESS);
    }
}
