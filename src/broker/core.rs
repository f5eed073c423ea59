//! The state of a running broker, and what all its parts need.

use std::rc::Rc;
use std::time::Instant;

use super::connection::{Scratch, scratch};
use super::log::{Log, LogType};
use super::message::Message;
use super::outbox::Outbox;
use super::plan::{Door, Limits, Rights};
use super::retained::Retained;
use super::session::{Link, Session, SessionKey, Sessions};
use super::statistics::Statistics;
use super::subscriptions::{Match, Subscriptions};
use super::wire::{Ack, Disconnect, Packet, Properties, Reason, Text, Version, encode};
use crate::access::{self, Action, Decision};
use crate::catalogue::{Quirk, Release};
use crate::credentials::KeySource;
use crate::model::Deployment;

/// A running broker. Everything happens in one thread, so that nothing here is locked.
pub(super) struct Core {
    pub(super) release: Release,
    pub(super) limits: Limits,
    /// Whether what waits for a client is lost when it comes back, and its will if it waits.
    pub(super) loses_queues: bool,
    pub(super) doors: Vec<Door>,
    /// Connections of each door, those included that did not say who they are.
    pub(super) visitors: Vec<isize>,
    pub(super) sessions: Sessions,
    pub(super) subscriptions: Subscriptions,
    pub(super) retained: Retained,
    pub(super) statistics: Statistics,
    pub(super) log: Log,
    pub(super) random: Rc<dyn KeySource>,
    /// Kept between messages, so that it need not be made anew.
    pub(super) matches: Vec<Match>,
    /// What every connection reads into.
    pub(super) scratch: Scratch,
    /// How many messages were given to those who subscribe.
    pub(super) routed: u64,
    last_connection: u64,
}

/// A connection that did not say yet who it is.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The listener.
    pub(super) door: usize,
    /// Which of all connections it is.
    pub(super) number: u64,
    pub(super) address: Rc<str>,
    pub(super) port: u16,
    pub(super) out: Rc<Outbox>,
    /// What its certificate says, if it showed one.
    pub(super) common_name: Option<Vec<u8>>,
    pub(super) subject: Option<Vec<u8>>,
}

/// A session of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    pub(super) key: SessionKey,
    /// The connection's number; once the session has another one, this connection has nothing to say any more.
    pub(super) number: u64,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client said goodbye.
    Goodbye,
    /// The client said goodbye and wants its will sent.
    GoodbyeWithWill,
    /// The client went away without a word.
    Lost,
    /// The client did what it may not.
    Expelled,
}

impl Core {
    pub(super) fn new(deployment: &Deployment, log: Log, random: Rc<dyn KeySource>) -> Self {
        let mut rights = Rights::default();
        let doors = deployment.listeners.iter().map(|listener| Door::of(deployment, listener, &mut rights));
        let doors: Vec<_> = doors.collect();
        Self {
            release: deployment.release,
            limits: Limits::of(deployment),
            loses_queues: deployment.is_per_listener()
                && deployment.release.has(Quirk::QueuesLostPerListener),
            visitors: vec![0; doors.len()],
            doors,
            sessions: Sessions::default(),
            subscriptions: Subscriptions::new(),
            retained: Retained::new(),
            statistics: Statistics::new(),
            log,
            random,
            matches: Vec::new(),
            scratch: scratch(),
            routed: 0,
            last_connection: 0,
        }
    }

    /// Lets a connection in that was just accepted, or not.
    pub(super) fn enter(&mut self, door: usize) -> Option<u64> {
        let is_full = |most: Option<usize>, count: isize| {
            most.and_then(|most| isize::try_from(most).ok()).is_some_and(|most| count >= most)
        };
        let total = self.visitors.iter().sum();
        if is_full(self.doors[door].max_connections, self.visitors[door])
            || is_full(self.limits.global_max_connections, total)
        {
            return None;
        }
        self.visitors[door] += 1;
        self.last_connection += 1;
        self.statistics.connections_begun += 1;
        Some(self.last_connection)
    }

    /// A connection that was let in is over.
    pub(super) fn leave(&mut self, door: usize) {
        self.visitors[door] -= if self.release.has(Quirk::EndedConnectionsCountedTwice) { 2 } else { 1 };
    }

    /// The session of a connection, as long as it is that connection's.
    pub(super) fn session(&mut self, guest: Guest) -> Option<&mut Session> {
        let session = self.sessions.get_mut(guest.key)?;
        session.link.as_ref().is_some_and(|link| link.number == guest.number).then_some(session)
    }

    /// Asks the ACL of the listener that a client came by.
    pub(super) fn decide(
        &self,
        listener: usize,
        who: access::Client<'_>,
        action: Action,
        topic: &Text,
    ) -> Decision {
        match &self.doors[listener].guard.acl {
            Some(acl) => acl.decide(who, action, topic.as_bytes()),
            None => access::decide(self.release, None, who, action, topic.as_bytes()),
        }
    }

    /// Sends a packet to a client, unless too many wait for it already.
    pub(super) fn send(&mut self, key: SessionKey, packet: &Packet) {
        let Some(session) = self.sessions.get(key) else { return };
        let Some(link) = &session.link else { return };
        if link.out.is_full(self.limits.max_queued_messages) {
            return self.drop_for(key);
        }
        send_on(link, packet);
        self.statistics.packets_sent += 1;
        self.log.say(LogType::Debug, || format!("Sending {} to {}", packet.kind().name(), session.client_id));
    }

    /// Sends one of the four acknowledgements.
    pub(super) fn acknowledge(
        &mut self,
        key: SessionKey,
        make: fn(Ack) -> Packet,
        packet_id: u16,
        reason: Reason,
    ) {
        self.send(key, &make(Ack { packet_id, reason, properties: Properties::NONE }));
    }

    /// Ends a connection because of an acknowledgement that does not fit.
    pub(super) fn expel_for_acknowledgement(&mut self, guest: Guest, now: Instant) {
        let is_told = !self.release.has(Quirk::TakeOverUntold);
        let reason = is_told.then_some(Reason::PROTOCOL_ERROR);
        self.expel(guest, reason, "an acknowledgement of the wrong kind", now);
    }

    /// Ends a connection; a client of MQTT 5 is told why, if there is a reason to tell.
    pub(super) fn expel(&mut self, guest: Guest, reason: Option<Reason>, why: &str, now: Instant) {
        let Some(session) = self.session(guest) else { return };
        let client_id = session.client_id.clone();
        if let Some(link) = &session.link {
            if let Some(reason) = reason.filter(|_| link.version == Version::V5) {
                send_on(link, &Packet::Disconnect(Disconnect { reason, properties: Properties::NONE }));
            }
            link.out.close();
        }
        if self.limits.connection_messages {
            self.log.say(LogType::Notice, || format!("client {client_id} disconnected: {why}"));
        }
        self.gone(guest, End::Expelled, now);
    }

    /// Keeps a message for those who subscribe later; an empty one clears what was kept.
    pub(super) fn retain(&mut self, message: &Rc<Message>) {
        if message.payload.is_empty() {
            self.retained.clear(message.topic.as_str());
        } else {
            self.retained.put(message.clone());
        }
    }

    /// Random bytes; without randomness still others for each connection.
    pub(super) fn random_bytes<const COUNT: usize>(&self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        if self.random.fill(&mut bytes).is_err() {
            self.log.say(LogType::Error, || "no randomness for client ids".to_owned());
            // Still different for each connection.
            let count = self.last_connection.to_be_bytes();
            bytes.iter_mut().zip(count.iter().cycle()).for_each(|(byte, part)| *byte = *part);
        }
        bytes
    }
}

/// Encodes a packet for a connection. Its maximum packet size holds for messages and CONNACK only, in every release.
pub(super) fn send_on(link: &Link, packet: &Packet) {
    // What no packet can hold is left out.
    link.out.push(|out| encode(packet, link.version, out).unwrap_or_default());
}
