//! Publishing, and how it is told whether a client may: by the broker's answer, and by somebody who watches.

use super::answer::{No, any_of, code_words, of_code};
use super::decided;
use super::equip::packet_text;
use super::observe::Observer;
use super::packets;
use super::perform::{Performance, Scene, Stop, end_words};
use super::script::{self, Expectation, Message, Turn};
use super::stage::decide;
use crate::access;
use crate::broker::wire::{Publish, QoS, Reason, Version};

/// Who watches what is published.
enum Watch {
    /// Nothing hangs on it.
    Needless,
    /// Somebody else.
    Other(Observer),
    /// The client itself, which had so many messages before.
    Itself(usize),
    /// Nobody who is known may read the topic.
    Nobody,
}

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
        let words = words(&topic, expect);
        let expected = || words.clone();
        let scene = self.scene(turn, &expected)?;
        let broker_topic = self.helpers.doors[scene.who.door].global(&topic);
        let watch = match expect {
            Some(Expectation::Allowed | Expectation::Denied(_)) => {
                self.watch(turn, &expected, &scene, &topic, &broker_topic).await?
            }
            _ => Watch::Needless,
        };
        let message = self.message(turn, said, matches!(watch, Watch::Nobody)).map_err(Stop::Broken)?;
        if matches!(watch, Watch::Nobody) && message.qos == QoS::AtMostOnce {
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
        let observer = match &watch {
            Watch::Other(observer) => format!("the observer {}", observer.helper.title),
            _ => "the client itself".to_owned(),
        };
        let arrived = self.arrived(turn, &expected, &scene, (&watch, &topic), &payload).await?;
        // What MQTT 3 answers says nothing.
        let answer = answer.filter(|_| scene.who.version == Version::V5);
        let seen = Seen { answer, arrived, observer };
        let came = match expect {
            Some(Expectation::Denied(reasons)) => seen.admission(reasons),
            _ => seen.refusal(),
        };
        match came {
            Some(came) => {
                let action = access::Action::Publish;
                let decided = decided::right(self.helpers.ground, &scene.who, action, &broker_topic);
                Err(self.failed(turn, words, came, decided))
            }
            None => self.meet(turn).await,
        }
    }

    /// Finds somebody who watches what arrives on a topic.
    async fn watch(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
        topic: &str,
        broker_topic: &str,
    ) -> Result<Watch, Stop> {
        let users = self.users();
        let watching = self.helpers.observer(broker_topic, &users);
        if let Some(observer) = self.limited(turn, expected, None, watching).await? {
            return Ok(Watch::Other(observer));
        }
        // Where nobody else may read it, the client itself perhaps may.
        if decide(self.helpers.ground, &scene.who, access::Action::Receive, broker_topic).allowed {
            let before = scene.inbox.look(|all| all.len());
            // Where this ends the connection, publishing will tell.
            drop(self.listen(turn, expected, scene, topic).await?);
            return Ok(Watch::Itself(before));
        }
        match scene.who.version {
            Version::V5 => Ok(Watch::Nobody),
            other => Err(Stop::Skipped(format!(
                "nobody who is known may read `{broker_topic}`, and MQTT {} does not tell whether a message is \
                 taken; name an `observer`, or let the client speak MQTT 5",
                if other == Version::V31 { "3.1" } else { "3.1.1" }
            ))),
        }
    }

    /// Whether a message arrived, as far as anybody watched.
    async fn arrived(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        scene: &Scene,
        (watch, topic): (&Watch, &str),
        payload: &[u8],
    ) -> Result<Option<bool>, Stop> {
        match watch {
            Watch::Needless | Watch::Nobody => Ok(None),
            Watch::Other(observer) => {
                let looking = observer.got(self.helpers.ground, self.helpers.doors, payload);
                let client = &observer.helper.client;
                let got = self.limited(turn, expected, Some(client), looking).await?;
                let broken = || Stop::Broken(format!("the connection of {} broke", observer.helper.title));
                got.ok_or_else(broken).map(Some)
            }
            Watch::Itself(before) => {
                self.settled(turn, expected, scene).await?;
                let is_it = |message: &Publish| message.payload == payload;
                let got = scene.inbox.look(|all| all.iter().skip(*before).any(is_it));
                self.forget(turn, expected, scene, topic, *before).await?;
                Ok(Some(got))
            }
        }
    }
}

fn words(topic: &str, expect: Option<&Expectation>) -> String {
    match expect {
        Some(Expectation::Denied(reasons)) if !reasons.is_empty() => {
            format!("the message on `{topic}` to be denied: {}", any_of(reasons))
        }
        Some(Expectation::Denied(_)) => format!("the message on `{topic}` to be denied"),
        Some(Expectation::Disconnected(reasons)) => end_words(reasons),
        _ => format!("the message on `{topic}` to be allowed"),
    }
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
        let no = No { reason: of_code(answer, Version::V5), said: String::new() };
        if answer.is_failure() && no.is_for(reasons) {
            return None;
        }
        Some(format!("the broker answered {}", code_words(answer, Version::V5)))
    }
}
