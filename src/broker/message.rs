//! Messages on their way.

use std::time::Instant;

use bytes::Bytes;

use super::wire::{Properties, QoS, Text};

/// A message as it was published.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Its topic, mount point included.
    pub(super) topic: Text,
    pub(super) payload: Bytes,
    pub(super) qos: QoS,
    /// Whether it was published to be retained.
    pub(super) retain: bool,
    /// The properties that go to its receivers, without the message expiry interval.
    pub(super) properties: Properties,
    /// When nobody is to be sent it any more.
    pub(super) expires: Option<Instant>,
    /// Who published it; nobody where the broker itself did.
    pub(super) source: Option<Source>,
}

/// Who published a message.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) client_id: Text,
    pub(super) user: Option<Text>,
    pub(super) listener: usize,
}

impl Message {
    /// Seconds until it expires; `None` where it never does, 0 where it did.
    pub(super) fn seconds_left(&self, now: Instant) -> Option<u32> {
        let left = self.expires?.saturating_duration_since(now);
        // Begun seconds count, so that what was published just now keeps its interval.
        Some(u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// Whether nobody is to be sent it any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    #[cfg(test)]
    pub(super) fn plain(topic: &str) -> Self {
        Self {
            topic: Text::new(Bytes::copy_from_slice(topic.as_bytes())).unwrap(),
            payload: Bytes::new(),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: Properties::NONE,
            expires: None,
            source: None,
        }
    }
}
