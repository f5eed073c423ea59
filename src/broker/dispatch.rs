//! One packet of a client, after its CONNECT.

use std::time::Instant;

use super::core::{Core, End, Guest};
use super::log::LogType;
use super::session::Stage;
use super::wire::{Disconnect, Packet, Property, QoS, Reason, Version};
use crate::catalogue::Quirk;

impl Core {
    /// Does what a packet asks for.
    pub(super) fn packet(&mut self, guest: Guest, packet: Packet, now: Instant) {
        self.statistics.packets_received += 1;
        let Some(session) = self.session(guest) else { return };
        if let Some(link) = &mut session.link {
            link.heard = now;
        }
        let client_id = session.client_id.clone();
        self.log.say(LogType::Debug, || format!("Received {} from {client_id}", packet.kind().name()));
        match packet {
            Packet::Publish(publish) => self.publish(guest, publish, now),
            Packet::PubAck(ack) => self.done(guest, ack.packet_id, QoS::AtLeastOnce, Stage::Sent, now),
            Packet::PubRec(ack) => self.received(guest, &ack, now),
            Packet::PubRel(ack) => self.release(guest, &ack, now),
            Packet::PubComp(ack) => self.done(guest, ack.packet_id, QoS::ExactlyOnce, Stage::Released, now),
            Packet::Subscribe(subscribe) => self.subscribe(guest, subscribe, now),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(guest, unsubscribe),
            Packet::PingReq => self.send(guest.key, &Packet::PingResp),
            Packet::Disconnect(disconnect) => self.goodbye(guest, &disconnect, now),
            Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp
                if self.release.has(Quirk::MalformedPacketsTolerated) => {}
            Packet::Connect(_)
            | Packet::Auth(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => {
                self.expel(guest, Some(Reason::PROTOCOL_ERROR), "a packet that clients do not send", now);
            }
        }
    }

    fn goodbye(&mut self, guest: Guest, disconnect: &Disconnect, now: Instant) {
        let Some(session) = self.session(guest) else { return };
        let expiry = disconnect.properties.find(|property| match property {
            Property::SessionExpiryInterval(seconds) => Some(*seconds),
            _ => None,
        });
        if let Some(seconds) = expiry {
            if session.expiry_interval == 0 && seconds > 0 {
                let why = "it wants to keep a session that it said ends";
                return self.expel(guest, Some(Reason::PROTOCOL_ERROR), why, now);
            }
            session.expiry_interval = seconds;
        }
        let with_will = session.version == Version::V5 && disconnect.reason == Reason::WITH_WILL;
        if let Some(link) = &session.link {
            link.out.close();
        }
        let client_id = session.client_id.clone();
        if self.limits.connection_messages {
            self.log.say(LogType::Notice, || format!("Client {client_id} disconnected."));
        }
        self.gone(guest, if with_will { End::GoodbyeWithWill } else { End::Goodbye }, now);
    }
}
