//! Connections to other brokers.

use super::settings::{Settings, Sourced};
use crate::catalogue::options;
use crate::text::Span;

/// A connection to another broker.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Its name.
    pub name: Sourced<Box<str>>,
    /// Its options; the lines of `topic` and `address` are among them, as they were written.
    pub settings: Settings,
    /// Where it connects to, in the order in which the addresses are tried.
    pub addresses: Vec<BridgeAddress>,
    /// What it passes on, without the lines that the release drops.
    pub topics: Vec<BridgeTopic>,
}

/// An address of the remote broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAddress {
    /// The whole address.
    pub span: Span,
    /// What stands before the last colon; may be empty, and is not checked.
    pub host: Sourced<Box<str>>,
    /// The port, 1883 where none is written.
    pub port: u16,
    /// Where the port is written, if it is.
    pub port_span: Option<Span>,
}

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From here to the remote broker.
    Out,
    /// From the remote broker to here.
    In,
    /// Both ways.
    Both,
}

/// A `topic` line of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeTopic {
    /// The whole value of the line.
    pub span: Span,
    /// The pattern, without quotes; `None` for `""`, where the prefixes are whole topics.
    pub pattern: Option<Sourced<Box<str>>>,
    /// The direction; `out` at the place of the pattern where none is written.
    pub direction: Sourced<Direction>,
    /// The quality of service, 0 to 2; 0 at the place of the pattern where none is written.
    pub qos: Sourced<u8>,
    /// What the pattern has in front on this side; `None` where it is not written or `""`.
    pub local_prefix: Option<Sourced<Box<str>>>,
    /// What the pattern has in front on the remote side; `None` where it is not written or `""`.
    pub remote_prefix: Option<Sourced<Box<str>>>,
}

impl BridgeTopic {
    /// The filter on this side.
    pub fn local(&self) -> String {
        joined(self.local_prefix.as_ref(), self.pattern.as_ref())
    }

    /// The filter on the remote side.
    pub fn remote(&self) -> String {
        joined(self.remote_prefix.as_ref(), self.pattern.as_ref())
    }

    /// Whether the releases with [`BridgeTopicDuplicatesDropped`] take a later line for a repetition of this
    /// one:
    /// same direction, quality of service and pattern, if this one has a pattern, and prefixes of which an
    /// absent one
    /// resembles any.
    ///
    /// [`BridgeTopicDuplicatesDropped`]: crate::catalogue::Quirk::BridgeTopicDuplicatesDropped
    pub fn swallows(&self, later: &Self) -> bool {
        let differ = |mine: &Option<Sourced<Box<str>>>, other: &Option<Sourced<Box<str>>>| {
            mine.as_ref().zip(other.as_ref()).is_some_and(|(mine, other)| mine.value != other.value)
        };
        let is_same_pattern = self
            .pattern
            .as_ref()
            .is_none_or(|mine| later.pattern.as_ref().is_some_and(|pattern| pattern.value == mine.value));
        self.direction.value == later.direction.value
            && self.qos.value == later.qos.value
            && is_same_pattern
            && !differ(&self.local_prefix, &later.local_prefix)
            && !differ(&self.remote_prefix, &later.remote_prefix)
    }
}

fn joined(prefix: Option<&Sourced<Box<str>>>, pattern: Option<&Sourced<Box<str>>>) -> String {
    prefix.into_iter().chain(pattern).map(|part| &*part.value).collect()
}

impl Bridge {
    /// The client id on this broker, and the line that it comes from; `None` where it is made of the
    /// machine's
    /// and the bridge's name.
    pub fn local_clientid(&self) -> Option<(String, Span)> {
        let text = |option| self.settings.text(option);
        match (text(options::LOCAL_CLIENTID), text(options::REMOTE_CLIENTID)) {
            (Some(local), _) => Some((local.value.to_owned(), local.span)),
            (None, Some(remote)) => Some((format!("local.{}", remote.value), remote.span)),
            (None, None) => None,
        }
    }
}
