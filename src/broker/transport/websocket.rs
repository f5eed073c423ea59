//! WebSockets as a stream of bytes.

use crate::catalogue::Release;
use crate::model::{Listener, Protocol, Settings};

/// How a WebSocket listener answers requests.
#[derive(Clone, Debug)]
pub struct Upgrade {}

impl Upgrade {
    /// As a listener's options and those of the broker ask for; nothing where it does not speak WebSockets.
    pub fn of(listener: &Listener, global: &Settings, release: Release) -> Option<Self> {
        let _ = (global, release);
        (listener.protocol == Protocol::Websockets).then_some(Self {})
    }
}
