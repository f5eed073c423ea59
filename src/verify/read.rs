//! Reading, and how it is told whether a client may: by what it gets of what somebody else publishes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::answer::{No, code_words};
use super::client::End;
use super::decided;
use super::equip::packet_text;
use super::perform::{Performance, Scene, Stop};
use super::script::{Expectation, Turn};
use super::stage::decide;
use crate::access;
use crate::broker::wire::{Properties, Publish, QoS, Reason, RetainHandling, Subscription};
use crate::catalogue::options;
use crate::lang::spec;

/// What nobody but the broker publishes, and every broker does.
const BROKER_TOPIC: &str = "$SYS/broker/version";

/// Seconds between the broker's own messages, where the configuration does not say.
const SYS_INTERVAL: i64 = 10;

impl Performance<'_> {
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
        let number = self.helpers.numbers.fetch_add(1, Ordering::Relaxed);
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
    pub(super) async fn settled(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
    ) -> Result<(), Stop> {
        let settling = scene.client.settle();
        let settled = self.limited(turn, expected, Some(&scene.client), settling).await?;
        settled.map_err(|end| self.failed(turn, expected(), No::of_end(&end).said, None))
    }

    /// Subscribes a client of the test to a filter, for a look; gives what the broker answers.
    pub(super) async fn listen(
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
    pub(super) async fn forget(
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
