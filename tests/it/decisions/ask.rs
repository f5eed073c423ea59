//! Questions over the wire. Nothing waits for what does not come: a round trip says that it did not.

use std::cell::Cell;
use std::collections::BTreeSet;

use bytes::Bytes;
use moskit::access::Action;
use moskit::broker::wire::{
    Connect, Properties, Property, Publish, QoS, Reason, RetainHandling, Subscription, Text, Version, Will,
};
use moskit::verify::client::{Client, Endpoint, Inbox, Subprotocol, TlsSide, open};

use super::scene::{JUDGE, Question, Scene, VERSION, Way};

fn text(text: &str) -> Text {
    Text::new(Bytes::copy_from_slice(text.as_bytes())).unwrap_or_else(|| panic!("`{text}` cannot be sent"))
}

fn message(topic: &str, payload: &str) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: text(topic),
        packet_id: 0,
        properties: Properties::NONE,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn subscription(filter: &str, qos: QoS) -> Subscription {
    let retain_handling = RetainHandling::Send;
    Subscription { filter: text(filter), qos, no_local: false, retain_as_published: false, retain_handling }
}

/// Whether an answer to a PUBLISH says that it was allowed; no other answer is known.
fn is_accepted(reason: Reason) -> bool {
    match reason {
        Reason::SUCCESS | Reason::NO_MATCHING_SUBSCRIBERS => true,
        Reason::NOT_AUTHORIZED => false,
        other => panic!("the answer to a PUBLISH is {other:?}"),
    }
}

/// A client, and how it comes in.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) tls: Option<&'a TlsSide>,
    /// What the listener puts in front of topics.
    pub(crate) mount: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    pub(crate) client_id: &'a str,
}

impl Entry<'_> {
    fn hello(&self) -> Connect {
        Connect {
            version: Version::V5,
            is_bridge: false,
            clean_start: true,
            keep_alive: 60,
            properties: Properties::NONE,
            client_id: text(self.client_id),
            will: None,
            user_name: self.user.map(text),
            password: self.password.map(|password| Bytes::copy_from_slice(password.as_bytes())),
        }
    }

    async fn enter(&self, connect: Connect, inbox: &Inbox) -> Result<Client, String> {
        let link =
            open(self.endpoint, self.tls, Subprotocol::Mqtt).await.map_err(|failure| failure.to_string())?;
        let client = Client::new(link, connect.version, inbox.clone());
        let answer = client.connect(connect).await;
        answer.map_err(|refusal| format!("{:?} as `{}`: {refusal:?}", self.user, self.client_id))?;
        Ok(client)
    }

    /// Whether it is let in.
    pub(crate) async fn is_let_in(&self) -> bool {
        match self.enter(self.hello(), &Inbox::default()).await {
            Ok(client) => {
                client.disconnect(Reason::SUCCESS).await;
                true
            }
            Err(_) => false,
        }
    }
}

/// Asks all questions of a scene.
pub(super) async fn all(scene: &Scene, endpoints: &[Endpoint]) -> Vec<bool> {
    let judge = Judge::enter(endpoints.last().unwrap()).await;
    let mut answers = Vec::new();
    for (door, endpoint) in scene.doors.iter().zip(endpoints) {
        for asker in &door.askers {
            let entry = Entry {
                endpoint,
                tls: None,
                mount: door.mount.as_deref().unwrap_or_default(),
                user: asker.user.as_deref(),
                password: None,
                client_id: &asker.client_id,
            };
            answers.extend(judge.ask(entry, &asker.questions).await);
        }
    }
    answers
}

/// The one who may do everything.
pub(crate) struct Judge {
    writer: Client,
    reader: Client,
    inbox: Inbox,
    next: Cell<usize>,
}

impl Judge {
    /// Comes in where everything is allowed to it.
    pub(crate) async fn enter(endpoint: &Endpoint) -> Self {
        let inbox = Inbox::default();
        let user = Some(JUDGE);
        let of = |client_id| Entry { endpoint, tls: None, mount: "", user, password: None, client_id };
        let (reads, writes) = (of("judge reads"), of("judge writes"));
        let reader = reads.enter(reads.hello(), &inbox).await.unwrap();
        let writer = writes.enter(writes.hello(), &Inbox::default()).await.unwrap();
        Self { writer, reader, inbox, next: Cell::new(0) }
    }

    /// What the broker answers to the questions of a client.
    pub(crate) async fn ask(&self, entry: Entry<'_>, questions: &[Question]) -> Vec<bool> {
        Asking { judge: self, entry, questions }.all().await
    }

    /// A payload that no other message has.
    fn payload(&self) -> String {
        self.next.set(self.next.get() + 1);
        format!("m{}", self.next.get())
    }

    async fn send(&self, topic: &str, payload: &str, retain: bool) {
        let reason = self.writer.publish(Publish { retain, ..message(topic, payload) }).await.unwrap();
        assert!(reason.is_some_and(is_accepted), "the judge may not publish to `{topic}`: {reason:?}");
    }

    async fn listen(&self, topics: BTreeSet<String>) {
        self.inbox.look(Vec::clear);
        if !topics.is_empty() {
            let all = topics.iter().map(|topic| subscription(topic, QoS::AtMostOnce)).collect();
            self.reader.subscribe(all, Properties::NONE).await.unwrap();
        }
    }
}

fn has(inbox: &Inbox, payload: &str) -> bool {
    inbox.look(|all| all.iter().any(|message| message.payload == payload))
}

/// A client and its questions.
struct Asking<'a> {
    judge: &'a Judge,
    entry: Entry<'a>,
    questions: &'a [Question],
}

/// A question with the payload of its message.
type Asked<'a> = (&'a Question, String);

impl Asking<'_> {
    async fn all(&self) -> Vec<bool> {
        let mut questions: Vec<Asked<'_>> = Vec::new();
        for question in self.questions {
            // Of a topic one message is retained, however often it is asked for.
            let is_same =
                |(other, _): &&Asked<'_>| (other.way, &other.topic) == (question.way, &question.topic);
            let known = questions.iter().find(is_same).filter(|_| question.way == Way::Retained);
            let payload = known.map_or_else(|| self.judge.payload(), |(_, payload)| payload.clone());
            questions.push((question, payload));
        }
        let of = |ways: &[Way]| -> Vec<&Asked<'_>> {
            questions.iter().filter(|(question, _)| ways.contains(&question.way)).collect()
        };
        let sent = of(&[Way::Publish, Way::Will]);
        let seen = sent.iter().filter(|(question, _)| is_seen(&self.full(question)));
        self.judge.listen(seen.map(|(question, _)| self.full(question)).collect()).await;
        for (question, payload) in of(&[Way::Retained]) {
            if !self.is_brokers(question) {
                self.judge.send(&self.full(question), payload, true).await;
            }
        }
        let inbox = Inbox::default();
        let mut taken = self.present(&questions, &inbox).await;
        if !of(&[Way::Queued]).is_empty() {
            self.away(&of(&[Way::Queued]), &inbox).await;
        }
        for (question, payload) in of(&[Way::Will]) {
            self.die(question, payload).await;
        }
        self.judge.reader.ping().await.unwrap();
        let mut answers = Vec::new();
        for (question, payload) in &questions {
            let is_seen = is_seen(&self.full(question)) && has(&self.judge.inbox, payload);
            answers.push(match question.way {
                Way::Publish => {
                    let is_taken = taken.remove(0);
                    // The word of the broker, and what it does.
                    let is_sent = is_taken && self::is_seen(&self.full(question));
                    assert_eq!(is_sent, is_seen, "{} {question:?}", self.who());
                    is_taken
                }
                Way::Subscribe => taken.remove(0),
                Way::Will => is_seen,
                _ if self.is_brokers(question) => {
                    inbox.look(|all| all.iter().any(|message| message.topic.as_str() == VERSION))
                }
                _ => has(&inbox, payload),
            });
        }
        answers
    }

    fn full(&self, question: &Question) -> String {
        format!("{}{}", self.entry.mount, question.topic)
    }

    /// Whether the broker retains something there by itself.
    fn is_brokers(&self, question: &Question) -> bool {
        question.topic == VERSION && self.entry.mount.is_empty()
    }

    fn who(&self) -> String {
        format!("{:?} as `{}`", self.entry.user, self.entry.client_id)
    }

    /// What a connected client can be asked; returns the answers to what it publishes and subscribes to, in the order of
    /// the questions.
    async fn present(&self, asked: &[Asked<'_>], inbox: &Inbox) -> Vec<bool> {
        let is_away_later = asked.iter().any(|(question, _)| question.way == Way::Queued);
        let mut connect = self.entry.hello();
        if is_away_later {
            connect.properties.push(Property::SessionExpiryInterval(600));
        }
        let client = self.entry.enter(connect, inbox).await.unwrap();
        let received = asked.iter().filter(|(question, _)| question.way.action() == Action::Receive);
        let topics: BTreeSet<&str> = received.map(|(question, _)| question.topic.as_str()).collect();
        if !topics.is_empty() {
            let all = topics.iter().map(|topic| subscription(topic, QoS::AtLeastOnce)).collect();
            let reasons = client.subscribe(all, Properties::NONE).await.unwrap();
            assert!(reasons.iter().all(|reason| !reason.is_failure()), "{topics:?}: {reasons:?}");
        }
        for (question, payload) in asked.iter().filter(|(question, _)| question.way == Way::Live) {
            self.judge.send(&self.full(question), payload, false).await;
        }
        client.settle().await.unwrap();
        let mut answers = Vec::new();
        for (question, payload) in asked {
            match question.way {
                Way::Publish => {
                    let reason = client.publish(message(&question.topic, payload)).await;
                    let reason = reason.unwrap_or_else(|end| panic!("{} {question:?}: {end}", self.who()));
                    answers.push(reason.is_some_and(is_accepted));
                }
                Way::Subscribe => {
                    // With less, it would take from a subscription that another question needs.
                    let all = vec![subscription(&question.topic, QoS::AtLeastOnce)];
                    let reasons = client.subscribe(all, Properties::NONE).await;
                    let reasons = reasons.unwrap_or_else(|end| panic!("{} {question:?}: {end}", self.who()));
                    answers.push(!reasons[0].is_failure());
                }
                _ => {}
            }
        }
        client.disconnect(Reason::SUCCESS).await;
        answers
    }

    /// Messages while the client is away, and its return.
    async fn away(&self, queued: &[&Asked<'_>], inbox: &Inbox) {
        for (question, payload) in queued {
            self.judge.send(&self.full(question), payload, false).await;
        }
        let back = Connect { clean_start: false, ..self.entry.hello() };
        let client = self.entry.enter(back, inbox).await.unwrap();
        client.settle().await.unwrap();
        client.disconnect(Reason::SUCCESS).await;
    }

    /// Leaves a will.
    async fn die(&self, question: &Question, payload: &str) {
        let will = Will {
            topic: text(&question.topic),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::NONE,
        };
        let mortal = Connect { will: Some(will), ..self.entry.hello() };
        let client = self.entry.enter(mortal, &Inbox::default()).await.unwrap();
        client.vanish().await;
    }
}

/// Whether the judge can subscribe to exactly this topic.
fn is_seen(topic: &str) -> bool {
    !topic.starts_with("$share") && !topic.starts_with("$CONTROL")
}
