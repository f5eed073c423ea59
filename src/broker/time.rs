//! What happens because time passes: keepalives, wills with a delay, the end of sessions and messages.

use std::time::{Duration, Instant};

use super::core::{Core, Guest};
use super::session::SessionKey;

/// How often the broker looks at the time.
pub(super) const TICK: Duration = Duration::from_millis(100);

impl Core {
    /// Does all that is due.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut silent = Vec::new();
        let mut wills = Vec::new();
        let mut ended = Vec::new();
        for (key, session) in self.sessions.iter() {
            if let Some(link) = &session.link {
                if link.patience.is_some_and(|patience| now.saturating_duration_since(link.heard) > patience)
                {
                    silent.push(Guest { key, number: link.number });
                }
                continue;
            }
            if session.will.as_ref().and_then(|will| will.due).is_some_and(|due| due <= now) {
                wills.push(key);
            }
            if session.ends.is_some_and(|ends| ends <= now) {
                ended.push(key);
            }
        }
        for guest in silent {
            self.expel(guest, None, "it exceeded its timeout", now);
        }
        wills.into_iter().for_each(|key| self.send_delayed_will(key, now));
        for key in ended {
            self.statistics.expired_sessions += 1;
            self.send_delayed_will(key, now);
            self.forget(key);
        }
    }

    fn send_delayed_will(&mut self, key: SessionKey, now: Instant) {
        let will = self.sessions.get_mut(key).and_then(|session| session.will.take());
        if let Some(will) = will
            && !self.loses_queues
        {
            self.publish_will(key, &will.will, now);
        }
    }

    /// Forgets retained messages that expired; seldom, since it looks at all of them.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.retained.retain(|message| message.is_over(now));
    }
}
