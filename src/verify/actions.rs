//! What clients do, and how it is told whether they may: by the broker's answer, and by somebody who watches.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::answer::{No, any_of, code_words};
use super::client::{Client, End};
use super::decided;
use super::equip::packet_text;
use super::observe::Observer;
use super::packets;
use super::perform::{Performance, Scene, Stop, end_words};
use super::script::{self, Expectation, Message, Turn};
use super::stage::decide;
use crate::access;
use crate::broker::wire::{
    Properties, Property, Publish, QoS, Reason, RetainHandling, Subscription, Text, Version,
};
use crate::catalogue::options;
use crate::lang::spec;

/// What nobody but the broker publishes, and every broker does.
const BROKER_TOPIC: &str = "$SYS/broker/version";

/// Seconds between the broker's own messages, where the configuration does not say.
const SYS_INTERVAL: i64 = 10;

impl Performance<'_> {
    /// A message of the test, and whether it may be sent with a higher quality of service, where an answer is wanted
    /// that no quality 0 gets.
    fn message(&self, turn: &Turn, message: &Message, needs_answer: bool) -> Result<Publish, String> {
        let helpers = &self.helpers;
        let payload = packets::payload(helpers.equipment, self.suite, &message.payload, helpers.numbers)?;
        let mut qos = packets::qos(message.qos);
        let door = self.slots[turn.client].borrow().who.as_ref().map(|who| who.door);
        let may_rise = door.is_some_and(|door| helpers.doors[door].max_qos > 0);
        if needs_answer && qos == QoS::AtMostOnce && may_rise {
            qos = QoS::AtLeastOnce;
        }
        Ok(Publish {
            dup: false,
            qos,
            retain: message.retain,
            topic: packet_text(&message.topic.value)?,
            packet_id: 0,
            properties: packets::properties(&message.properties)?,
            payload,
        })
    }

    /// The topic that a message is for, an alias replaced.
    fn topic(&self, turn: &Turn, message: &Message) -> Result<String, String> {
        let mut slot = self.slots[turn.client].borrow_mut();
        let text = packet_text(&message.topic.value)?;
        let Some(alias) = message.properties.topic_alias else { return Ok(text.as_str().to_owned()) };
        if text.is_empty() {
            return Ok(slot.aliases.get(&alias).map(|topic| topic.as_str().to_owned()).unwrap_or_default());
        }
        slot.aliases.insert(alias, text.clone());
        Ok(text.as_str().to_owned())
    }

    pub(super) async fn publish(&self, turn: &Turn, said: &Message) -> Result<(), Stop> {
        let topic = self.topic(turn, said).map_err(Stop::Broken)?;
        let expect = turn.expect.as_ref().map(|expect| &expect.value);
        let words = match expect {
            Some(Expectation::Denied(reasons)) if !reasons.is_empty() => {
                format!("the message on `{topic}` to be denied: {}", any_of(reasons))
            }
            Some(Expectation::Denied(_)) => format!("the message on `{topic}` to be denied"),
            Some(Expectation::Disconnected(reasons)) => end_words(reasons),
            _ => format!("the message on `{topic}` to be allowed"),
        };
        let expected = || words.clone();
        let scene = self.scene(turn, &expected)?;
        let broker_topic = self.helpers.doors[scene.who.door].global(&topic);
        let is_watched = matches!(expect, Some(Expectation::Allowed | Expectation::Denied(_)));
        let users = self.users();
        let watching = self.helpers.observer(&broker_topic, &users);
        let observer = match is_watched {
            true => self.limited(turn, &expected, None, watching).await?,
            false => None,
        };
        // Where nobody else may read it, the client itself perhaps may.
        let watches_itself = is_watched
            && observer.is_none()
            && decide(self.helpers.ground, &scene.who, access::Action::Receive, &broker_topic).allowed;
        let before = scene.inbox.look(|all| all.len());
        if watches_itself {
            // Where this ends the connection, publishing will tell.
            drop(self.listen(turn, &expected, &scene, &topic).await?);
        }
        let is_watched_by_nobody = is_watched && observer.is_none() && !watches_itself;
        if is_watched_by_nobody && scene.who.version != Version::V5 {
            let version = if scene.who.version == Version::V31 { "3.1" } else { "3.1.1" };
            return Err(Stop::Skipped(format!(
                "nobody who is known may read `{broker_topic}`, and MQTT {version} does not tell whether a message \
                 is taken; name an `observer`, or let the client speak MQTT 5"
            )));
        }
        let message = self.message(turn, said, is_watched_by_nobody).map_err(Stop::Broken)?;
        if is_watched_by_nobody && message.qos == QoS::AtMostOnce {
            return Err(Stop::Skipped(format!(
                "nobody who is known may read `{broker_topic}`, and the broker answers no message of quality of \
                 service 0; name an `observer`"
            )));
        }
        let payload = message.payload.clone();
        let client = &scene.client;
        let answer = self.limited(turn, &expected, Some(client), client.publish(message)).await?;
        let answer = match (answer, expect) {
            (Ok(answer), _) => answer,
            (Err(end), Some(Expectation::Disconnected(reasons))) => {
                return self.judge_end(turn, &end, reasons);
            }
            (Err(end), _) => return Err(self.failed(turn, words, No::of_end(&end).said, None)),
        };
        // What MQTT 3 answers says nothing.
        let answer = answer.filter(|_| scene.who.version == Version::V5);
        let decided =
            || decided::right(self.helpers.ground, &scene.who, access::Action::Publish, &broker_topic);
        let arrived = match &observer {
            Some(observer) => Some(self.arrived(turn, &expected, observer, &payload).await?),
            None if watches_itself => {
                self.settled(turn, &expected, &scene).await?;
                let is_it = |message: &Publish| message.payload == payload;
                let got = scene.inbox.look(|all| all.iter().skip(before).any(is_it));
                self.forget(turn, &expected, &scene, &topic, before).await?;
                Some(got)
            }
            None => None,
        };
        let observer = match observer {
            Some(observer) => format!("the observer {}", observer.helper.title),
            None => "the client itself".to_owned(),
        };
        let seen = Seen { answer, arrived, observer };
        match expect {
            Some(Expectation::Allowed) => match seen.refusal() {
                Some(came) => Err(self.failed(turn, words, came, decided())),
                None => Ok(()),
            },
            Some(Expectation::Denied(reasons)) => match seen.admission(reasons) {
                Some(came) => Err(self.failed(turn, words, came, decided())),
                None => Ok(()),
            },
            _ => match answer.filter(|answer| answer.is_failure()) {
                Some(_) => Err(self.failed(turn, words, seen.refusal().unwrap_or_default(), decided())),
                None => self.meet(turn).await,
            },
        }
    }

    async fn arrived(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        observer: &Observer,
        payload: &[u8],
    ) -> Result<bool, Stop> {
        let looking = observer.got(self.helpers.ground, self.helpers.doors, payload);
        let client: &Client = &observer.helper.client;
        let got = self.limited(turn, expected, Some(client), looking).await?;
        got.ok_or_else(|| Stop::Broken(format!("the connection of {} broke", observer.helper.title)))
    }

    pub(super) async fn subscribe(&self, turn: &Turn, said: &script::Subscribe) -> Result<(), Stop> {
        let filters: Vec<&str> = said.subscriptions.iter().map(|one| &*one.filter.value).collect();
        let expect = turn.expect.as_ref().map(|expect| &expect.value);
        let words = match expect {
            Some(Expectation::Denied(_)) => {
                format!("the subscription to `{}` not to be granted", filters.join("`, `"))
            }
            Some(Expectation::Granted(numbers)) => {
                let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                format!(
                    "the subscription to `{}` to be granted with qos {}",
                    filters.join("`, `"),
                    numbers.join(", ")
                )
            }
            Some(Expectation::Disconnected(reasons)) => end_words(reasons),
            _ => format!("the subscription to `{}` to be granted", filters.join("`, `")),
        };
        let expected = || words.clone();
        let scene = self.scene(turn, &expected)?;
        let subscriptions = packets::subscriptions(&said.subscriptions).map_err(Stop::Broken)?;
        let mut properties = Properties::NONE;
        if let Some(identifier) = said.identifier {
            properties.push(Property::SubscriptionIdentifier(identifier));
        }
        let client = &scene.client;
        let subscribing = client.subscribe(subscriptions, properties);
        let reasons = self.limited(turn, &expected, Some(client), subscribing).await?;
        let reasons = self.answered(turn, reasons, &words)?;
        let Some(reasons) = reasons else { return Ok(()) };
        self.slots[turn.client].borrow_mut().filters.extend(filters.iter().map(ToString::to_string));
        let version = scene.who.version;
        let shown = |reason: &Reason| match reason.0 {
            qos @ 0..=2 => format!("qos {qos}"),
            _ => code_words(*reason, version),
        };
        let all: Vec<_> = reasons.iter().map(shown).collect();
        let came = format!("the broker answered {}", all.join(", "));
        let is_right = match expect {
            Some(Expectation::Denied(wanted)) => reasons.iter().all(|reason| {
                let no = No { reason: super::answer::of_code(*reason, version), said: String::new() };
                reason.is_failure() && no.is_for(wanted)
            }),
            Some(Expectation::Granted(numbers)) => {
                reasons.iter().map(|reason| reason.0).eq(numbers.iter().copied())
            }
            _ => !reasons.iter().any(|reason| reason.is_failure()),
        };
        if is_right { self.meet(turn).await } else { Err(self.failed(turn, words, came, None)) }
    }

    pub(super) async fn unsubscribe(&self, turn: &Turn, filters: &[spec::Text]) -> Result<(), Stop> {
        let expect = turn.expect.as_ref().map(|expect| &expect.value);
        let is_denied = matches!(expect, Some(Expectation::Denied(_)));
        let words = match expect {
            Some(Expectation::Disconnected(reasons)) => end_words(reasons),
            _ if is_denied => "the end of the subscription to be denied".to_owned(),
            _ => "the end of the subscription to be allowed".to_owned(),
        };
        let expected = || words.clone();
        let scene = self.scene(turn, &expected)?;
        let texts: Result<Vec<Text>, String> =
            filters.iter().map(|filter| packet_text(&filter.value)).collect();
        let unsubscribing = scene.client.unsubscribe(texts.map_err(Stop::Broken)?);
        let reasons = self.limited(turn, &expected, Some(&scene.client), unsubscribing).await?;
        let Some(reasons) = self.answered(turn, reasons, &words)? else { return Ok(()) };
        let mut slot = self.slots[turn.client].borrow_mut();
        slot.filters.retain(|known| filters.iter().all(|filter| *filter.value != **known));
        drop(slot);
        let is_refused = reasons.iter().any(|reason| reason.is_failure());
        if is_refused == is_denied {
            return self.meet(turn).await;
        }
        let all: Vec<_> = reasons.iter().map(|reason| code_words(*reason, scene.who.version)).collect();
        let came = if all.is_empty() {
            "it was allowed".to_owned()
        } else {
            format!("the broker answered {}", all.join(", "))
        };
        Err(self.failed(turn, words, came, None))
    }

    /// The answer to a packet; `None` where the connection ended instead, and was to.
    fn answered(
        &self,
        turn: &Turn,
        answer: Result<Vec<Reason>, End>,
        words: &str,
    ) -> Result<Option<Vec<Reason>>, Stop> {
        match (answer, turn.expect.as_ref().map(|expect| &expect.value)) {
            (Ok(reasons), _) => Ok(Some(reasons)),
            (Err(end), Some(Expectation::Disconnected(reasons))) => {
                self.judge_end(turn, &end, reasons).map(|()| None)
            }
            (Err(end), _) => Err(self.failed(turn, words, No::of_end(&end).said, None)),
        }
    }

    /// Tells whether the client may read, by what it gets of a message that somebody else publishes.
    pub(super) async fn read(
        &self,
        turn: &Turn,
        filter: &spec::Text,
        topic: Option<&str>,
    ) -> Result<(), Stop> {
        let is_allowed =
            !matches!(turn.expect.as_ref().map(|expect| &expect.value), Some(Expectation::Denied(_)));
        let words =
            format!("`{}` to be {}", filter.value, if is_allowed { "readable" } else { "unreadable" });
        let expected = || words.clone();
        let scene = self.scene(turn, &expected)?;
        let before = scene.inbox.look(|all| all.len());
        let reasons = self.listen(turn, &expected, &scene, &filter.value).await?;
        let reasons = self.answered(turn, reasons, &words)?.unwrap_or_default();
        if let Some(refused) = reasons.iter().find(|reason| reason.is_failure()) {
            let came = format!("the broker answered {}", code_words(*refused, scene.who.version));
            return if is_allowed { Err(self.failed(turn, words, came, None)) } else { Ok(()) };
        }
        let (got, tried) = match topic {
            Some(topic) => self.read_published(turn, &expected, &scene, topic).await?,
            None => self.read_broker(turn, &expected, &scene, &filter.value, before).await?,
        };
        self.forget(turn, &expected, &scene, &filter.value, before).await?;
        if got.is_read == is_allowed {
            return Ok(());
        }
        let came = match got.is_read {
            true => format!("the client got what {} published on `{tried}`", got.publisher),
            false => format!("the client did not get what {} published on `{tried}`", got.publisher),
        };
        let decided = decided::right(self.helpers.ground, &scene.who, access::Action::Receive, &tried);
        Err(self.failed(turn, words, came, decided))
    }

    async fn read_published(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
        topic: &str,
    ) -> Result<(Reading, String), Stop> {
        let door = &self.helpers.doors[scene.who.door];
        let topic = door.global(topic);
        let number = self.helpers.numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let payload = Bytes::from(format!("moskit-{number}"));
        let users = self.users();
        let publishing = self.helpers.publish(&topic, payload.clone(), &users);
        let helper = self.limited(turn, expected, None, publishing).await?;
        let publisher = match helper {
            Some(helper) => helper.title.clone(),
            // The client itself perhaps may.
            None if decide(self.helpers.ground, &scene.who, access::Action::Publish, &topic).allowed => {
                let local = door.local(&topic).unwrap_or_default();
                let message = Publish {
                    dup: false,
                    qos: QoS::AtMostOnce,
                    retain: false,
                    topic: packet_text(local).map_err(Stop::Broken)?,
                    packet_id: 0,
                    properties: Properties::NONE,
                    payload: payload.clone(),
                };
                let client = &scene.client;
                let sent = self.limited(turn, expected, Some(client), client.publish(message)).await?;
                sent.map_err(|end| self.failed(turn, expected(), No::of_end(&end).said, None))?;
                "it".to_owned()
            }
            None => {
                return Err(Stop::Skipped(format!(
                    "nobody who is known may publish on `{topic}`, so nothing can tell who reads it; name an \
                     `observer`"
                )));
            }
        };
        self.settled(turn, expected, scene).await?;
        let is_read = scene.inbox.look(|all| all.iter().any(|message| message.payload == payload));
        Ok((Reading { is_read, publisher }, topic))
    }

    /// A round trip of a client of the test.
    async fn settled(&self, turn: &Turn, expected: &dyn Fn() -> String, scene: &Scene) -> Result<(), Stop> {
        let settling = scene.client.settle();
        let settled = self.limited(turn, expected, Some(&scene.client), settling).await?;
        settled.map_err(|end| self.failed(turn, expected(), No::of_end(&end).said, None))
    }

    /// Subscribes a client of the test to a filter, for a look; gives what the broker answers.
    async fn listen(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
        filter: &str,
    ) -> Result<Result<Vec<Reason>, End>, Stop> {
        let subscription = Subscription {
            filter: packet_text(filter).map_err(Stop::Broken)?,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        };
        let subscribing = scene.client.subscribe(vec![subscription], Properties::NONE);
        self.limited(turn, expected, Some(&scene.client), subscribing).await
    }

    /// Reading what the broker itself publishes: retained, and again and again.
    async fn read_broker(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
        filter: &str,
        before: usize,
    ) -> Result<(Reading, String), Stop> {
        let door = &self.helpers.doors[scene.who.door];
        let filter = door.global(filter);
        let topic = match access::matches(filter.as_bytes(), BROKER_TOPIC.as_bytes()) {
            true => BROKER_TOPIC.to_owned(),
            false => filter.replace(['+', '#'], "x"),
        };
        let reading = |is_read| Reading { is_read, publisher: "the broker".to_owned() };
        let has_read = || scene.inbox.look(|all| all.len() > before);
        self.settled(turn, expected, scene).await?;
        if has_read() {
            return Ok((reading(true), topic));
        }
        // Somebody who may read it tells when there is something to read.
        let users = self.users();
        let watching = self.helpers.who_may(access::Action::Receive, &topic, &users);
        let Some((helper, _)) = self.limited(turn, expected, None, watching).await? else {
            return Err(Stop::Skipped(format!("nobody who is known may read `{topic}`; name an `observer`")));
        };
        let local = self.helpers.doors[helper.who.door].local(&filter).unwrap_or(&filter).to_owned();
        let known = helper.inbox.look(|all| all.len());
        let subscribed = self.limited(turn, expected, Some(&helper.client), helper.subscribe(&local)).await?;
        let interval = self.helpers.ground.deployment.global.number(options::SYS_INTERVAL);
        let interval = interval.map_or(SYS_INTERVAL, |interval| interval.value).clamp(0, 3600);
        let limit = Duration::from_secs(interval.unsigned_abs() + 2);
        let limit = turn.within.as_ref().map_or(limit, |within| within.value);
        let waiting = helper.client.message(|all| (all.len() > known).then_some(()));
        let is_there = subscribed.is_some() && matches!(timeout(limit, waiting).await, Ok(Ok(())));
        if !is_there {
            return Err(Stop::Skipped(format!("the broker publishes nothing that `{filter}` matches")));
        }
        self.settled(turn, expected, scene).await?;
        Ok((reading(has_read()), topic))
    }

    /// Takes back a subscription that was there for a look only, and what came of it.
    async fn forget(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
        filter: &str,
        before: usize,
    ) -> Result<(), Stop> {
        let is_kept = self.slots[turn.client].borrow().filters.iter().any(|known| known == filter);
        if !is_kept {
            let text = packet_text(filter).map_err(Stop::Broken)?;
            let ending = async {
                let reasons = scene.client.unsubscribe(vec![text]).await;
                reasons.and(scene.client.settle().await)
            };
            let ended = self.limited(turn, expected, Some(&scene.client), ending).await?;
            ended.map_err(|end| self.failed(turn, expected(), No::of_end(&end).said, None))?;
        }
        scene.inbox.look(|all| all.truncate(before));
        Ok(())
    }
}

/// Whether a client got what somebody published.
struct Reading {
    is_read: bool,
    publisher: String,
}

/// What shows whether a message was taken.
struct Seen {
    /// The reason code, with MQTT 5.
    answer: Option<Reason>,
    /// Whether the observer got it.
    arrived: Option<bool>,
    /// Who observed.
    observer: String,
}

impl Seen {
    /// How it showed that the message was not taken.
    fn refusal(&self) -> Option<String> {
        match (self.answer.filter(|answer| answer.is_failure()), self.arrived) {
            (Some(code), _) => Some(format!("the broker answered {}", code_words(code, Version::V5))),
            (None, Some(false)) => Some(format!("{} got nothing", self.observer)),
            (None, _) => None,
        }
    }

    /// How it showed that the message was taken, or not for one of the wanted reasons.
    fn admission(&self, reasons: &[script::Reason]) -> Option<String> {
        if self.arrived == Some(true) {
            return Some(format!("{} got it", self.observer));
        }
        let answer = self.answer?;
        let no = No { reason: super::answer::of_code(answer, Version::V5), said: String::new() };
        if answer.is_failure() && no.is_for(reasons) {
            return None;
        }
        Some(format!("the broker answered {}", code_words(answer, Version::V5)))
    }
}
