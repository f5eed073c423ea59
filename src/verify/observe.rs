//! Clients beside those of a test: who sees what arrives, and who publishes for those that read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;

use super::client::{Client, Inbox, Refusal, Subprotocol, open};
use super::engine::{Ground, Instance};
use super::equip::{Equipment, packet_text};
use super::job::{Credentials, SuiteFile};
use super::script::Place;
use super::stage::{Door, Who, decide, is_topic};
use crate::access::Action;
use crate::broker::wire::{Connect, Properties, Publish, QoS, Reason, RetainHandling, Subscription, Version};
use crate::catalogue::options;

/// Who might help, on which listener. The list is made once for a file of tests.
pub(super) struct Candidates {
    suite: usize,
    list: Vec<Candidate>,
}

struct Candidate {
    door: usize,
    user: Option<String>,
    /// What goes in front of its client id.
    prefix: String,
    /// The broker does not let it in.
    is_out: AtomicBool,
}

impl Candidates {
    /// Everybody who can log in, the one that the tests name first, over plain TCP before all else.
    pub(super) fn of(
        ground: &Ground,
        doors: &[Door],
        suite: usize,
        file: &SuiteFile,
        known: &Credentials,
    ) -> Self {
        let prefix = ground.deployment.global.text(options::CLIENTID_PREFIXES).map_or("", |text| text.value);
        let mut order: Vec<&Door> = doors.iter().filter(|door| door.speaks_mqtt).collect();
        order.sort_by_key(|door| {
            (door.has_tls, door.is_websocket, matches!(door.place, Place::Socket(_)), door.mount_point.len())
        });
        let named = file.suite.observer.as_ref().map(|name| name.value.to_string());
        let users = known.users.keys().filter(|user| Some(*user) != named.as_ref()).cloned();
        let people = named.iter().cloned().chain(users).map(Some).chain([None]);
        let mut list = Vec::new();
        for user in people {
            for door in &order {
                if may_log_in(ground, door, user.as_deref(), known) {
                    let user = user.clone();
                    let prefix = prefix.to_owned();
                    list.push(Candidate { door: door.index, user, prefix, is_out: AtomicBool::new(false) });
                }
            }
        }
        Self { suite, list }
    }
}

/// Whether a user may be let in, as far as that can be told by looking.
fn may_log_in(ground: &Ground, door: &Door, user: Option<&str>, known: &Credentials) -> bool {
    let Some(listener) = ground.deployment.listeners.get(door.index) else { return false };
    let security = ground.deployment.security_of(listener);
    let credential = user.and_then(|user| known.users.get(user));
    let has_certificate = credential.is_some_and(|own| own.certificate.is_some() && own.key.is_some());
    if (door.wants_certificate || door.name_from.is_some()) && !has_certificate {
        return false;
    }
    if door.name_from.is_some() {
        return door.wants_certificate;
    }
    let has_password = credential.is_some_and(|own| own.password.is_some());
    match (user, security.passwords.loaded()) {
        (None, _) => ground.deployment.anonymous(listener).0,
        (Some(_), None) => security.has_plugin && has_password || ground.deployment.anonymous(listener).0,
        (Some(user), Some(passwords)) => has_password && passwords.has_user(user.as_bytes()),
    }
}

/// What a test has to do with its helpers.
pub(super) struct Helpers<'s> {
    pub(super) ground: &'s Ground,
    pub(super) doors: &'s [Door],
    pub(super) equipment: &'s Equipment<'s>,
    pub(super) known: &'s Credentials,
    pub(super) candidates: &'s Candidates,
    pub(super) instance: &'s Instance,
    /// For names that nobody else has.
    pub(super) numbers: &'s AtomicU32,
    connected: RefCell<HashMap<usize, Rc<Helper>>>,
}

/// Somebody who is there for a test's clients.
pub(super) struct Helper {
    /// As people call it: `` `Master` ``, or `an anonymous client`.
    pub(super) title: String,
    pub(super) who: Who,
    pub(super) client: Client,
    pub(super) inbox: Inbox,
}

impl<'s> Helpers<'s> {
    pub(super) fn new(
        (ground, doors): (&'s Ground, &'s [Door]),
        equipment: &'s Equipment<'s>,
        known: &'s Credentials,
        candidates: &'s Candidates,
        instance: &'s Instance,
        numbers: &'s AtomicU32,
    ) -> Self {
        let connected = RefCell::default();
        Self { ground, doors, equipment, known, candidates, instance, numbers, connected }
    }

    /// Somebody who may do something with a topic of the broker, and how they call the topic. Users in `avoided` are
    /// taken where they do not stand in the way of the test's own clients.
    pub(super) async fn who_may(
        &self,
        action: Action,
        topic: &str,
        avoided: &[Vec<u8>],
    ) -> Option<(Rc<Helper>, String)> {
        for (index, candidate) in self.candidates.list.iter().enumerate() {
            let door = &self.doors[candidate.door];
            let Some(local) = door.local(topic) else { continue };
            let user = candidate.user.clone().map(String::into_bytes);
            let is_in_the_way = door.id_is_user && user.as_ref().is_none_or(|user| avoided.contains(user));
            let is_out = candidate.is_out.load(Ordering::Relaxed);
            let client_id =
                if door.id_is_user { user.clone().unwrap_or_default() } else { b"observer".to_vec() };
            let who = Who { door: door.index, user, client_id, version: door.version };
            if is_in_the_way || is_out || !decide(self.ground, &who, action, topic).allowed {
                continue;
            }
            let known = self.connected.borrow().get(&index).cloned();
            if let Some(helper) = known.filter(|helper| helper.client.end().is_none()) {
                return Some((helper, local.to_owned()));
            }
            if let Some(helper) = self.connect(candidate, door, who).await {
                let helper = Rc::new(helper);
                self.connected.borrow_mut().insert(index, helper.clone());
                return Some((helper, local.to_owned()));
            }
        }
        None
    }

    async fn connect(&self, candidate: &Candidate, door: &Door, who: Who) -> Option<Helper> {
        let endpoint = self.instance.endpoint(door.index)?;
        let user = candidate.user.as_deref();
        let side = match door.has_tls {
            true => Some(self.equipment.helper(self.ground, self.candidates.suite, door, user).ok()?.side),
            false => None,
        };
        let subprotocol = subprotocol(door.version);
        let link = open(endpoint, side.as_ref(), subprotocol).await.ok()?;
        let inbox = Inbox::default();
        let client = Client::new(link, door.version, inbox.clone());
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}observer-{number}", candidate.prefix);
        let password = user.and_then(|user| self.known.users.get(user)?.password.as_ref());
        let connect = Connect {
            version: door.version,
            is_bridge: false,
            clean_start: true,
            keep_alive: keep_alive(self.ground),
            properties: Properties::NONE,
            client_id: packet_text(&id).ok()?,
            will: None,
            user_name: user.map(packet_text).transpose().ok()?,
            password: password.map(|password| Bytes::copy_from_slice(password.expose())),
        };
        match client.connect(connect).await {
            Ok(_) => {}
            Err(refusal) => {
                candidate.is_out.store(matches!(refusal, Refusal::Code(_)), Ordering::Relaxed);
                return None;
            }
        }
        let client_id = if door.id_is_user { who.client_id } else { id.into_bytes() };
        let title = match user {
            Some(user) => format!("`{user}`"),
            None => "an anonymous client".to_owned(),
        };
        Some(Helper { title, who: Who { client_id, ..who }, client, inbox })
    }

    /// Somebody who gets what is published to a topic of the broker, subscribed and ready.
    pub(super) async fn observer(&self, topic: &str, avoided: &[Vec<u8>]) -> Option<Observer> {
        let (helper, local) = self.who_may(Action::Receive, topic, avoided).await?;
        helper.subscribe(&local).await?;
        let seen = helper.inbox.look(|all| all.len());
        Some(Observer { helper, local, seen })
    }

    /// Lets somebody publish to a topic of the broker; gives who did.
    pub(super) async fn publish(
        &self,
        topic: &str,
        payload: Bytes,
        avoided: &[Vec<u8>],
    ) -> Option<Rc<Helper>> {
        let (helper, local) = self.who_may(Action::Publish, topic, avoided).await?;
        let max_qos = self.doors[helper.who.door].max_qos;
        let message = Publish {
            dup: false,
            qos: if max_qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce },
            retain: false,
            topic: packet_text(&local).ok()?,
            packet_id: 0,
            properties: Properties::NONE,
            payload,
        };
        let answer = helper.client.publish(message).await.ok()?;
        let is_refused = answer.is_some_and(Reason::is_failure);
        (!is_refused).then_some(helper)
    }

    /// Ends all connections, and waits until the broker has seen that.
    pub(super) async fn leave(&self) {
        let all: Vec<_> = self.connected.borrow_mut().drain().map(|(_, helper)| helper).collect();
        for helper in all {
            helper.client.disconnect(Reason::SUCCESS).await;
        }
    }
}

impl Helper {
    /// Subscribes, and waits for what is retained.
    pub(super) async fn subscribe(&self, filter: &str) -> Option<()> {
        let subscription = Subscription {
            filter: packet_text(filter).ok()?,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        };
        let reasons = self.client.subscribe(vec![subscription], Properties::NONE).await.ok()?;
        self.client.settle().await.ok()?;
        reasons.iter().all(|reason| !reason.is_failure()).then_some(())
    }
}

/// Somebody who gets what is published to a topic.
pub(super) struct Observer {
    pub(super) helper: Rc<Helper>,
    /// The topic as it calls it.
    local: String,
    /// Messages that were there before.
    seen: usize,
}

impl Observer {
    /// Whether it got a message with this payload. All that was published has been put in line before this is asked.
    pub(super) async fn got(&self, ground: &Ground, doors: &[Door], payload: &[u8]) -> Option<bool> {
        self.helper.client.settle().await.ok()?;
        let door = &doors[self.helper.who.door];
        let is_it = |message: &Publish| {
            message.payload == payload && is_topic(ground, door, message.topic.as_str(), &self.local)
        };
        Some(self.helper.inbox.look(|all| all.iter().skip(self.seen).any(is_it)))
    }
}

/// Seconds of the keepalive that every client of ours may have.
fn keep_alive(ground: &Ground) -> u16 {
    let most = ground.deployment.global.number(options::MAX_KEEPALIVE).map(|most| most.value);
    let most = most.filter(|most| *most > 0).and_then(|most| u16::try_from(most).ok());
    most.map_or(60, |most| most.min(60))
}

pub(super) fn subprotocol(version: Version) -> Subprotocol {
    match version {
        Version::V31 => Subprotocol::Mqttv31,
        Version::V311 | Version::V5 => Subprotocol::Mqtt,
    }
}
