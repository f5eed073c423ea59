//! What a reload changes in a running broker, and who has to go for it.

use std::time::Instant;

use super::core::{Core, End, Guest};
use super::log::LogType;
use super::plan::{Door, Guard, Limits, NameSource, Rights};
use super::wire::QoS;
use crate::catalogue::{Quirk, options};
use crate::credentials::Verification;
use crate::model::{Deployment, Listener};

impl Core {
    /// Takes over what the release takes over of a deployment that was read again, and ends the connections of
    /// clients that could not log in any more. Without `has_lines` only the files that it names were read.
    pub(super) fn adopt(&mut self, deployment: &Deployment, has_lines: bool, now: Instant) {
        let kept = self.limits.clone();
        self.limits = Limits {
            max_packet_size: kept.max_packet_size,
            max_keepalive: kept.max_keepalive,
            retain_available: kept.retain_available,
            max_inflight_messages: kept.max_inflight_messages,
            max_inflight_bytes: kept.max_inflight_bytes,
            max_queued_messages: kept.max_queued_messages,
            max_queued_bytes: kept.max_queued_bytes,
            global_max_connections: kept.global_max_connections,
            global_max_clients: kept.global_max_clients,
            check_retain_source: kept.check_retain_source,
            ..Limits::of(deployment)
        };
        let mut rights = Rights::default();
        for (door, listener) in self.doors.iter_mut().zip(&deployment.listeners) {
            let prefix = std::mem::take(&mut door.guard.auto_id_prefix);
            if deployment.release.has(Quirk::ReloadResetsListenerLimits) {
                if has_lines && listener.settings.get(options::PORT).is_none() {
                    (door.max_connections, door.max_qos, door.max_topic_alias) = (None, QoS::ExactlyOnce, 10);
                }
                door.guard = Guard::of(deployment, listener, &mut rights);
            } else {
                *door = Door::of(deployment, listener, &mut rights);
            }
            door.guard.auto_id_prefix = prefix_again(deployment, listener, has_lines).unwrap_or(prefix);
        }
        let connected = self
            .sessions
            .iter()
            .filter_map(|(key, session)| Some(Guest { key, number: session.link.as_ref()?.number }));
        let unwelcome: Vec<Guest> = connected.filter(|guest| !self.is_welcome(*guest)).collect();
        for guest in unwelcome {
            let Some(session) = self.session(guest) else { continue };
            let client_id = session.client_id.clone();
            if let Some(link) = &session.link {
                link.out.close();
            }
            self.log.say(LogType::Notice, || format!("Client {client_id} disconnected."));
            self.gone(guest, End::Expelled, now);
        }
    }

    /// Whether a connected client could log in again with what it brought.
    fn is_welcome(&self, guest: Guest) -> bool {
        let Some(session) = self.sessions.get(guest.key) else { return false };
        let door = &self.doors[session.listener];
        if door.name_source != NameSource::Packet {
            return true;
        }
        let Some(users) = &door.guard.passwords else { return door.guard.allow_anonymous };
        let Some(name) = &session.user else { return door.guard.allow_anonymous };
        let password = session.link.as_ref().and_then(|link| link.password.as_deref());
        let password = password.map(Vec::as_slice).unwrap_or_default();
        let hash = users.hash(name.as_bytes());
        hash.is_some_and(|hash| !password.is_empty() && hash.verify(password) == Verification::Right)
    }
}

/// The prefix of client ids after a reload, where it is not the one before: what was written, as far as the release
/// still knows it.
fn prefix_again(deployment: &Deployment, listener: &Listener, has_lines: bool) -> Option<Box<str>> {
    let is_lost = deployment.release.has(Quirk::ReloadLosesGlobalPrefix);
    if !has_lines && !is_lost {
        return None;
    }
    let own = listener.settings.text(options::LISTENER_AUTO_ID_PREFIX);
    let block = deployment.security_of(listener).settings.text(options::AUTO_ID_PREFIX);
    let block = block.filter(|_| !is_lost || listener.security.is_some());
    Some(own.or(block).map_or_else(Box::default, |prefix| prefix.value.into()))
}
