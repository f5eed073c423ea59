//! How a run is stopped from outside.

use std::sync::Arc;

use tokio::sync::watch;

/// Stops a run. Its clones are the same, and may be used from any thread.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Nothing is stopped yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Stops the run: no further test is begun, those that run are given up, and all brokers end.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the run is to stop.
    pub(super) async fn wanted(&self) {
        // It fails where there is no sender any more, of which this is one.
        let _ = self.0.subscribe().wait_for(|is_wanted| *is_wanted).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
