//! Whether the messages that are to arrive do, and no others.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::answer::{No, message_words, payload_words};
use super::client::End;
use super::packets;
use super::perform::{Performance, Stop};
use super::script::{Expected, Payload, Turn};
use crate::broker::wire::{Properties, Property, Publish};

/// How long a message may take that a round trip has not brought: one that the broker sends of itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// A message that is to arrive, its payload at hand.
struct Wanted<'e> {
    expected: &'e Expected,
    payload: Option<Bytes>,
}

/// What the messages that came so far are to those that are wanted.
enum Verdict {
    /// They are those.
    All,
    /// More must come; the index of the first of the wanted ones that has not.
    More(usize),
    /// One is there that is not wanted now, and what is wanted in its place, if one thing is.
    Other(Box<Publish>, Option<usize>),
}

/// Waits until all messages are there.
pub(super) async fn arrive(
    performance: &Performance<'_>,
    turn: &Turn,
    messages: &[Expected],
    is_any_order: bool,
    within: Option<Duration>,
) -> Result<(), Stop> {
    let mut wanted = Vec::new();
    for expected in messages {
        let payload = expected.payload.as_ref().map(|payload| {
            let helpers = &performance.helpers;
            packets::payload(helpers.equipment, performance.suite, payload, helpers.numbers)
        });
        wanted.push(Wanted { expected, payload: payload.transpose().map_err(Stop::Broken)? });
    }
    let expected = || match wanted.as_slice() {
        [one] => one.words(),
        many => format!("{} messages", many.len()),
    };
    let scene = performance.scene(turn, &expected)?;
    let take = |all: &mut Vec<Publish>| {
        let verdict = judge(all, &wanted, is_any_order);
        if matches!(verdict, Verdict::All) {
            all.drain(..wanted.len());
        }
        verdict
    };
    let settled = performance.limited(turn, &expected, Some(&scene.client), scene.client.settle()).await?;
    let mut verdict = scene.inbox.look(take);
    if let (Verdict::More(_), Ok(())) = (&verdict, &settled) {
        let waiting = scene.client.message(|all| match take(all) {
            Verdict::More(_) => None,
            other => Some(other),
        });
        match timeout(within.unwrap_or(PATIENCE), waiting).await {
            Ok(Ok(found)) => verdict = found,
            Ok(Err(end)) => return Err(performance.failed(turn, expected(), No::of_end(&end).said, None)),
            Err(_) => verdict = scene.inbox.look(take),
        }
    }
    let named = |at: usize| wanted[at].words();
    match (verdict, settled) {
        (Verdict::All, _) => Ok(()),
        (Verdict::Other(message, None), _) => {
            Err(performance.failed(turn, expected(), format!("{} came", message_words(&message)), None))
        }
        (Verdict::Other(message, Some(at)), _) => {
            Err(performance.failed(turn, named(at), format!("{} came", message_words(&message)), None))
        }
        (Verdict::More(_), Err(end)) => {
            Err(performance.failed(turn, expected(), No::of_end(&end).said, None))
        }
        (Verdict::More(at), Ok(())) => {
            let came = match (at, wanted.len()) {
                (0, _) | (_, 1) => "nothing came".to_owned(),
                (count, of) => format!("only {count} of {of} messages came"),
            };
            Err(performance.failed(turn, named(at), came, None))
        }
    }
}

/// Makes sure that no message is there, and none is on its way.
pub(super) async fn none(
    performance: &Performance<'_>,
    turn: &Turn,
    within: Option<Duration>,
) -> Result<(), Stop> {
    let expected = || "no message".to_owned();
    if let Some(within) = within {
        sleep(within).await;
    }
    let slot = &performance.slots[turn.client];
    let (client, inbox) = {
        let slot = slot.borrow();
        (slot.client.clone(), slot.inbox.clone())
    };
    let ended = match &client {
        Some(client) => performance.limited(turn, &expected, Some(client), client.settle()).await?.err(),
        // It has left by itself, and nothing can come any more.
        None => None,
    };
    if let Some(message) = inbox.look(|all| all.first().cloned()) {
        let came = format!("{} came", message_words(&message));
        return Err(performance.failed(turn, expected(), came, None));
    }
    match ended {
        Some(end) if !matches!(end, End::Unsendable(_)) => {
            Err(performance.failed(turn, expected(), No::of_end(&end).said, None))
        }
        _ => Ok(()),
    }
}

/// Holds what came against what is wanted.
fn judge(came: &[Publish], wanted: &[Wanted<'_>], is_any_order: bool) -> Verdict {
    let first = &came[..came.len().min(wanted.len())];
    if !is_any_order {
        let pairs = first.iter().zip(wanted).enumerate();
        for (at, (message, wanted)) in pairs {
            if !wanted.is(message) {
                return Verdict::Other(Box::new(message.clone()), Some(at));
            }
        }
        return if first.len() == wanted.len() { Verdict::All } else { Verdict::More(first.len()) };
    }
    // Which message each of the wanted ones has; a message that finds none may take another's, if that finds one.
    let mut has: Vec<Option<usize>> = vec![None; wanted.len()];
    for (index, message) in first.iter().enumerate() {
        let mut seen = vec![false; wanted.len()];
        if !place(index, first, wanted, &mut has, &mut seen) {
            return Verdict::Other(Box::new(message.clone()), None);
        }
    }
    match has.iter().position(Option::is_none) {
        None => Verdict::All,
        Some(_) => Verdict::More(first.len()),
    }
}

/// Finds a wanted message for the message `index`.
fn place(
    index: usize,
    came: &[Publish],
    wanted: &[Wanted<'_>],
    has: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for at in 0..wanted.len() {
        if seen[at] || !wanted[at].is(&came[index]) {
            continue;
        }
        seen[at] = true;
        let is_free = match has[at] {
            None => true,
            Some(other) => place(other, came, wanted, has, seen),
        };
        if is_free {
            has[at] = Some(index);
            return true;
        }
    }
    false
}

impl Wanted<'_> {
    /// Whether a message is this one.
    fn is(&self, message: &Publish) -> bool {
        let Expected { topic, payload: _, qos, retain, properties, identifiers } = self.expected;
        let has = |wanted: Option<Property>| {
            wanted.is_none_or(|wanted| message.properties.iter().any(|own| *own == wanted))
        };
        let expiry = message.properties.find(|property| match property {
            Property::MessageExpiryInterval(seconds) => Some(*seconds),
            _ => None,
        });
        let bare = super::script::MessageProperties { expiry: None, topic_alias: None, ..properties.clone() };
        let Ok(Properties(others)) = packets::properties(&bare) else { return false };
        topic.as_ref().is_none_or(|topic| *topic.value == *message.topic.as_str())
            && self.payload.as_ref().is_none_or(|payload| *payload == message.payload)
            && qos.is_none_or(|qos| qos == message.qos.number())
            && retain.is_none_or(|retain| retain == message.retain)
            && properties.expiry.is_none_or(|most| expiry.is_some_and(|expiry| expiry <= most))
            && others.into_iter().all(|wanted| has(Some(wanted)))
            && identifiers.as_ref().is_none_or(|wanted| same_numbers(wanted, message))
    }

    fn words(&self) -> String {
        let topic = self.expected.topic.as_ref();
        let topic = topic.map(|topic| format!(" on `{}`", topic.value)).unwrap_or_default();
        let payload = match (&self.expected.payload, &self.payload) {
            (Some(Payload::File(path)), _) => format!(" with the payload of `{}`", path.value),
            (_, Some(payload)) => format!(" with {}", payload_words(payload)),
            (_, None) => String::new(),
        };
        let mut notes = Vec::new();
        notes.extend(self.expected.qos.map(|qos| format!("qos {qos}")));
        notes.extend(
            self.expected.retain.map(|is| if is { "retained".to_owned() } else { "not retained".to_owned() }),
        );
        if self.expected.properties != super::script::MessageProperties::default() {
            notes.push("with those properties".to_owned());
        }
        if let Some(numbers) = &self.expected.identifiers {
            notes.push(format!("subscription identifiers {numbers:?}"));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        format!("a message{topic}{payload}{notes}")
    }
}

fn same_numbers(wanted: &[u32], message: &Publish) -> bool {
    let mut wanted = wanted.to_vec();
    let mut came: Vec<u32> = message
        .properties
        .iter()
        .filter_map(|property| match property {
            Property::SubscriptionIdentifier(number) => Some(*number),
            _ => None,
        })
        .collect();
    wanted.sort_unstable();
    came.sort_unstable();
    wanted == came
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::wire::{QoS, Text};
    use crate::text::{Source, Sources, Span};

    fn published(topic: &str, payload: &str) -> Publish {
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: Text::new(Bytes::copy_from_slice(topic.as_bytes())).unwrap(),
            packet_id: 0,
            properties: Properties::NONE,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }

    /// A message that is wanted: topic and payload, `*` for any.
    fn expected(text: &str) -> Expected {
        let span = Span::new(Sources::default().add(Source::new("t", *b"")), 0, 0);
        let (topic, payload) = text.split_once(' ').unwrap();
        let said = |text: &str| (text != "*").then(|| text.to_owned());
        Expected {
            topic: said(topic).map(|topic| crate::lang::spec::Spanned::new(topic.into(), span)),
            payload: said(payload).map(|payload| Payload::Bytes(payload.as_bytes().into())),
            ..Expected::default()
        }
    }

    fn verdict(came: &[(&str, &str)], wanted: &[&str], is_any_order: bool) -> String {
        let came: Vec<_> = came.iter().map(|(topic, payload)| published(topic, payload)).collect();
        let all: Vec<_> = wanted.iter().map(|text| expected(text)).collect();
        let payload = |expected: &Expected| match &expected.payload {
            Some(Payload::Bytes(bytes)) => Some(Bytes::copy_from_slice(bytes)),
            _ => None,
        };
        let wanted: Vec<_> =
            all.iter().map(|expected| Wanted { expected, payload: payload(expected) }).collect();
        match judge(&came, &wanted, is_any_order) {
            Verdict::All => "all".to_owned(),
            Verdict::More(at) => format!("more from {at}"),
            Verdict::Other(message, at) => format!("other {} {at:?}", message.topic.as_str()),
        }
    }

    #[test]
    fn messages_are_held_against_those_that_are_wanted() {
        let (a, b, c) = (("a", "1"), ("b", "2"), ("c", "1"));
        /// What came, what is expected, whether in any order, what is said.
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], bool, &'a str);
        let cases: &[Case] = &[
            (&[a, b], &["a 1", "b *"], false, "all"),
            (&[a, b, c], &["a 1", "b *"], false, "all"),
            (&[a], &["a 1", "b *"], false, "more from 1"),
            (&[b], &["a 1", "b *"], false, "other b Some(0)"),
            (&[a, c], &["a 1", "b *"], false, "other c Some(1)"),
            (&[], &["* *"], true, "more from 0"),
            (&[b, a], &["a 1", "b *"], true, "all"),
            // The first takes what the second needs, and gives it back.
            (&[a, c], &["* 1", "a *"], true, "all"),
            (&[c, a, b], &["* *", "* 1", "a *"], true, "all"),
            (&[a, b], &["* 1", "a *"], true, "other b None"),
        ];
        for (came, wanted, is_any_order, expected) in cases {
            assert_eq!(verdict(came, wanted, *is_any_order), *expected, "{came:?} {wanted:?}");
        }
    }
}
