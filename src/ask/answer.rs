//! The answer to a question, listener by listener.

use super::claim::{Claim, claim};
use super::door::{Door, Rights};
use super::login::Entry;
use super::question::{Known, Question};
use super::read::Reading;
use crate::access::{self, Action, Decision, Layer};

/// What a listener answers.
pub struct Answer<'d> {
    /// The listener.
    pub door: &'d Door,
    /// The client as the broker knows it.
    pub client: Known,
    /// The topic as the broker sees it, the mount point included.
    pub topic: Vec<u8>,
    /// What comes of it.
    pub outcome: Outcome,
    /// Whether the client can be connected; `None` where only an ACL file was looked at.
    pub entry: Option<Entry>,
}

/// What comes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This.
    Decided(Decision),
    /// It cannot be told.
    Open(Open),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// The listener does not speak MQTT.
    NotMqtt,
    /// A plugin decides first; where it leaves the decision to the ACL file, that one says this.
    Plugin(Option<Decision>),
    /// The ACL file does not lie here.
    NotSeen,
    /// The broker does not start with the ACL file.
    NotLoaded,
    /// It hangs on the client id, which the question leaves open: denied so with an id that no line names, and allowed
    /// with another.
    ClientId(Decision, Claim),
}

impl Answer<'_> {
    /// Yes, no, or not to be told.
    pub fn allowed(&self) -> Option<bool> {
        match &self.outcome {
            Outcome::Decided(decision) => Some(decision.allowed),
            Outcome::Open(_) => None,
        }
    }
}

/// What the listeners of a name answer, or all of them.
pub fn answers<'d>(reading: &Reading, doors: &[&'d Door], question: &Question) -> Vec<Answer<'d>> {
    doors.iter().map(|door| answer(reading, door, question)).collect()
}

/// The answer that all have in common.
pub fn common(answers: &[Answer<'_>]) -> Option<bool> {
    let first = answers.first()?.allowed()?;
    answers.iter().all(|answer| answer.allowed() == Some(first)).then_some(first)
}

fn answer<'d>(reading: &Reading, door: &'d Door, question: &Question) -> Answer<'d> {
    let client = question.known(door);
    let topic = question.topic_at(door);
    let outcome = outcome(reading, door, question, &client, &topic);
    let entry = door.login.as_ref().map(|login| login.entry(door, question));
    Answer { door, client, topic, outcome, entry }
}

/// What a listener answers, without a look at the login.
fn outcome(reading: &Reading, door: &Door, question: &Question, client: &Known, topic: &[u8]) -> Outcome {
    let release = reading.release();
    let decision = access::decide(release, door.rights.acl(), client.client(), question.action, topic);
    let outcome = judged(door, question.action, decision);
    let Outcome::Decided(decision) = outcome else { return outcome };
    if let Some(acl) = door.rights.shared().filter(|_| client.is_example && !decision.allowed) {
        let prefix = door.clientid_prefix.as_deref().unwrap_or_default().as_bytes();
        let found = claim(release, &acl, client.user.as_deref(), question.action, topic, prefix);
        if let Some(found) = found {
            return Outcome::Open(Open::ClientId(decision, found));
        }
    }
    outcome
}

/// What comes of a listener whose ACL file says this; where the file is not known, it stands for none.
pub(super) fn judged(door: &Door, action: Action, decision: Decision) -> Outcome {
    if !door.speaks_mqtt {
        return Outcome::Open(Open::NotMqtt);
    }
    let is_told = match &door.rights {
        Rights::Everything | Rights::File { .. } => true,
        Rights::NotLoaded { .. } | Rights::NotSeen { .. } => false,
    };
    // What the broker refuses by itself comes before plugins and files.
    if decision.layer == Layer::Broker {
        return Outcome::Decided(decision);
    }
    if door.asks_plugin {
        return Outcome::Open(Open::Plugin(is_told.then_some(decision)));
    }
    match &door.rights {
        Rights::NotLoaded { .. } => return Outcome::Open(Open::NotLoaded),
        // No ACL file restricts subscribing, whatever stands in it.
        Rights::NotSeen { .. } if action == Action::Subscribe => {
            return Outcome::Decided(Decision { layer: Layer::Subscription, ..decision });
        }
        Rights::NotSeen { .. } => return Outcome::Open(Open::NotSeen),
        Rights::Everything | Rights::File { .. } => {}
    }
    Outcome::Decided(decision)
}
