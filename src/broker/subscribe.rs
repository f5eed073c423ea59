//! SUBSCRIBE and UNSUBSCRIBE.

use std::time::Instant;

use bytes::Bytes;

use super::core::{Core, Guest};
use super::log::LogType;
use super::subscriptions::{Options, Shared};
use super::wire::{
    Packet, Properties, Property, Reason, RetainHandling, SubAck, Subscribe, Text, UnsubAck, Unsubscribe,
    Version,
};
use crate::access::Action;
use crate::catalogue::Quirk;

impl Core {
    /// A SUBSCRIBE of a client. What a filter can read is not asked here: an ACL file never restricts it.
    pub(super) fn subscribe(&mut self, guest: Guest, subscribe: Subscribe, now: Instant) {
        let Some(session) = self.session(guest) else { return };
        let (listener, version, is_bridge) = (session.listener, session.version, session.is_bridge);
        let identifier = subscribe.properties.find(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(*identifier),
            _ => None,
        });
        let mut reasons = Vec::with_capacity(subscribe.subscriptions.len());
        let mut retained = Vec::new();
        for wanted in &subscribe.subscriptions {
            let Some(filter) = self.mounted(listener, &wanted.filter) else {
                reasons.push(Reason::TOPIC_FILTER_INVALID);
                continue;
            };
            let qos = wanted.qos.min(self.doors[listener].max_qos);
            let options = Options {
                qos,
                // Bridges never get back what they sent.
                no_local: wanted.no_local || is_bridge,
                retain_as_published: wanted.retain_as_published || is_bridge,
                identifier: identifier.unwrap_or(0),
            };
            let Some(session) = self.sessions.get(guest.key) else { return };
            if !self.decide(listener, session.who(), Action::Subscribe, &filter).allowed {
                reasons.push(if version == Version::V5 { Reason::NOT_AUTHORIZED } else { Reason(0x80) });
                continue;
            }
            let parts = Shared::of(filter.as_str());
            let keeps = self.release.has(Quirk::ResubscriptionKeepsFlags);
            let was_there = self.subscriptions.insert(parts, guest.key, options, keeps);
            if !was_there && let Some(session) = self.sessions.get_mut(guest.key) {
                session.filters.insert(filter.detached());
            }
            self.log.say(LogType::Subscribe, || {
                let client = self.sessions.get(guest.key).map(|session| session.client_id.to_string());
                format!("{} {} {filter}", client.unwrap_or_default(), qos.number())
            });
            let is_sent = match wanted.retain_handling {
                RetainHandling::Send => true,
                RetainHandling::SendIfNew => !was_there,
                RetainHandling::DoNotSend => false,
            };
            if is_sent && (parts.group.is_none() || self.release.has(Quirk::SharedSubscriptionsGetRetained)) {
                retained.push((filter.clone(), options));
            }
            reasons.push(Reason(qos.number()));
        }
        let packet_id = subscribe.packet_id;
        self.send(guest.key, &Packet::SubAck(SubAck { packet_id, properties: Properties::NONE, reasons }));
        for (filter, options) in retained {
            self.send_retained(guest.key, Shared::of(filter.as_str()).filter, options, now);
        }
    }

    /// A filter with the mount point in front: before `$share`, too, so that such a subscription gets nothing, in every
    /// release.
    fn mounted(&self, listener: usize, filter: &Text) -> Option<Text> {
        match &self.doors[listener].mount_point {
            None => Some(filter.clone()),
            Some(mount) => Text::new(Bytes::from(format!("{mount}{filter}"))),
        }
    }

    /// An UNSUBSCRIBE of a client. The mount point is not put in front of it, in no release.
    pub(super) fn unsubscribe(&mut self, guest: Guest, unsubscribe: Unsubscribe) {
        let Some(session) = self.session(guest) else { return };
        let version = session.version;
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        for filter in &unsubscribe.filters {
            self.log.say(LogType::Unsubscribe, || {
                let client = self.sessions.get(guest.key).map(|session| session.client_id.to_string());
                format!("{} {filter}", client.unwrap_or_default())
            });
            let was_there = self.subscriptions.remove(Shared::of(filter.as_str()), guest.key);
            if was_there && let Some(session) = self.sessions.get_mut(guest.key) {
                session.filters.remove(filter);
            }
            reasons.push(if was_there { Reason::SUCCESS } else { Reason::NO_SUBSCRIPTION_EXISTED });
        }
        if version != Version::V5 {
            reasons.clear();
        }
        let packet_id = unsubscribe.packet_id;
        self.send(
            guest.key,
            &Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::NONE, reasons }),
        );
    }
}
