//! What a release answers to a packet that it does not take.

use super::wire::{FrameError, Malformed, Reason, Version};
use crate::catalogue::Release;

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It did not say who it is.
    New,
    /// Its CONNECT was accepted.
    Connected,
}

/// What a client is told before its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    Close,
    /// A CONNACK of a version.
    ConnAck(Version, Reason),
    /// A DISCONNECT of MQTT 5.
    Disconnect(Reason),
}

pub(super) fn to_packet(_: Release, version: Option<Version>, state: State, malformed: &Malformed) -> Answer {
    match (version, state) {
        (Some(Version::V5), State::Connected) => Answer::Disconnect(malformed.reason),
        _ => Answer::Close,
    }
}

pub(super) fn to_frame(_: Release, version: Option<Version>, state: State, error: FrameError) -> Answer {
    match (version, state, error) {
        (Some(Version::V5), State::Connected, FrameError::TooLarge { .. }) => {
            Answer::Disconnect(Reason::PACKET_TOO_LARGE)
        }
        (Some(Version::V5), State::Connected, _) => Answer::Disconnect(Reason::MALFORMED_PACKET),
        _ => Answer::Close,
    }
}
