//! Subscribing and its end.

use super::answer::{No, code_words, of_code};
use super::client::End;
use super::equip::packet_text;
use super::packets;
use super::perform::{Performance, Stop, end_words};
use super::script::{self, Expectation, Turn};
use crate::broker::wire::{Properties, Property, Reason, Text};
use crate::lang::spec;

impl Performance<'_> {
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
                let no = No { reason: of_code(*reason, version), said: String::new() };
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
        let is_left = |known: &String| filters.iter().all(|filter| *filter.value != **known);
        self.slots[turn.client].borrow_mut().filters.retain(is_left);
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
    pub(super) fn answered(
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
}
