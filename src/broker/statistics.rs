//! Counts for `$SYS`.

/// What the broker did since it began.
#[derive(Clone, Debug, Default)]
pub(super) struct Statistics {
    pub(super) connections_begun: u64,
    pub(super) packets_received: u64,
    pub(super) packets_sent: u64,
    pub(super) publishes_received: u64,
    pub(super) publishes_sent: u64,
    pub(super) publishes_dropped: u64,
    pub(super) publish_bytes_received: u64,
    pub(super) publish_bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) expired_sessions: u64,
}

impl Statistics {
    pub(super) fn new() -> Self {
        Self::default()
    }
}
