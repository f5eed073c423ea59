//! CONNECT: who comes in, with which session, and what it is told.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zeroize::Zeroizing;

use super::core::{Caller, Core, End, Guest};
use super::log::LogType;
use super::login::Refused;
use super::session::{Link, Outgoing, PlannedWill, Session, SessionKey};
use super::wire::{
    ConnAck, Connect, Disconnect, Packet, Properties, Property, QoS, Reason, Text, Version, Will, encode,
    encoded_len,
};
use crate::catalogue::Quirk;

/// A session that never ends by itself.
const FOR_EVER: u32 = u32::MAX;

/// What a client asks for in the properties of its CONNECT.
struct Wishes {
    session_expiry: u32,
    receive_maximum: Option<u16>,
    topic_alias_maximum: u16,
    maximum_packet_size: Option<usize>,
    authentication_method: Option<Text>,
}

impl Wishes {
    fn of(connect: &Connect) -> Self {
        let properties = &connect.properties;
        let session_expiry = match connect.version {
            Version::V5 => properties.find(|property| match property {
                Property::SessionExpiryInterval(seconds) => Some(*seconds),
                _ => None,
            }),
            _ if connect.clean_start => None,
            _ => Some(FOR_EVER),
        };
        Self {
            session_expiry: session_expiry.unwrap_or(0),
            receive_maximum: properties.find(|property| match property {
                Property::ReceiveMaximum(most) => Some(*most),
                _ => None,
            }),
            topic_alias_maximum: properties
                .find(|property| match property {
                    Property::TopicAliasMaximum(most) => Some(*most),
                    _ => None,
                })
                .unwrap_or(0),
            maximum_packet_size: properties.find(|property| match property {
                Property::MaximumPacketSize(most) => usize::try_from(*most).ok(),
                _ => None,
            }),
            authentication_method: properties.find(|property| match property {
                Property::AuthenticationMethod(method) => Some(method.clone()),
                _ => None,
            }),
        }
    }
}

/// How a CONNECT is turned down.
enum Turned {
    /// With a CONNACK: the return code before MQTT 5, and the reason code.
    Away(u8, Reason),
    /// Before MQTT 5 without a word.
    Silently(Reason),
    /// Without a word.
    Wordlessly,
}

impl From<Refused> for Turned {
    fn from(refused: Refused) -> Self {
        let code = if refused.0 == Reason::BAD_USER_OR_PASSWORD { 4 } else { 5 };
        Self::Away(code, refused.0)
    }
}

impl Core {
    /// Lets a client in, or turns it down: then the connection is closed behind the answer.
    pub(super) fn connect(&mut self, caller: &Caller, mut connect: Connect, now: Instant) -> Option<Guest> {
        match self.admit(caller, &mut connect) {
            Ok(admitted) => Some(self.welcome(caller, connect, admitted, now)),
            Err(turned) => {
                let version = connect.version;
                let answer = match turned {
                    Turned::Away(code, _) if version != Version::V5 => Some(Reason(code)),
                    Turned::Away(_, reason) | Turned::Silently(reason) => {
                        Some(reason).filter(|_| version == Version::V5)
                    }
                    Turned::Wordlessly => None,
                };
                if let Some(reason) = answer {
                    let mut properties = Properties::NONE;
                    if reason == Reason::QOS_NOT_SUPPORTED {
                        properties.0.extend(self.maximum_qos(self.doors[caller.door].max_qos));
                    }
                    let packet = Packet::ConnAck(ConnAck { session_present: false, reason, properties });
                    // A packet of a few bytes always fits.
                    caller.out.push(|out| encode(&packet, version, out).unwrap_or_default());
                }
                caller.out.close();
                if self.limits.connection_messages {
                    self.log.say(LogType::Notice, || {
                        format!("client {} at {} is not let in", connect.client_id, caller.address)
                    });
                }
                None
            }
        }
    }

    fn admit(&mut self, caller: &Caller, connect: &mut Connect) -> Result<Admitted, Turned> {
        let door = &self.doors[caller.door];
        if !door.versions.contains(&connect.version) {
            return Err(Turned::Away(1, Reason::UNSUPPORTED_VERSION));
        }
        let wishes = Wishes::of(connect);
        if wishes.authentication_method.is_some() {
            return Err(Turned::Away(5, Reason::BAD_AUTHENTICATION_METHOD));
        }
        let guard = &door.guard;
        let mut assigned = None;
        if connect.client_id.is_empty() {
            let is_taken = match connect.version {
                Version::V31 => false,
                Version::V311 => connect.clean_start && guard.allow_zero_length_clientid,
                Version::V5 => guard.allow_zero_length_clientid,
            };
            if !is_taken {
                return Err(Turned::Away(2, Reason::UNSPECIFIED));
            }
            let prefix = guard.auto_id_prefix.clone();
            assigned = Some(self.new_client_id(&prefix));
        }
        let door = &self.doors[caller.door];
        if let Some(will) = &connect.will {
            if will.qos > door.max_qos {
                return Err(Turned::Silently(Reason::QOS_NOT_SUPPORTED));
            }
            if will.retain && !self.limits.retain_available {
                return Err(Turned::Silently(Reason::RETAIN_NOT_SUPPORTED));
            }
            if self.limits.message_size_limit.is_some_and(|most| will.payload.len() > most) {
                return Err(Turned::Away(5, Reason::PACKET_TOO_LARGE));
            }
            if will.topic.as_str().starts_with("$CONTROL/") && !self.release.has(Quirk::ControlWillsTaken) {
                return Err(Turned::Wordlessly);
            }
        }
        if connect.version != Version::V5 && connect.password.is_some() && connect.user_name.is_none() {
            return Err(Turned::Silently(Reason::PROTOCOL_ERROR));
        }
        let mut server_keep_alive = None;
        if let Some(most) = self.limits.max_keepalive
            && (connect.keep_alive > most || connect.keep_alive == 0)
        {
            if connect.version == Version::V5 {
                server_keep_alive = Some(most);
                connect.keep_alive = most;
            } else if !self.release.has(Quirk::LongKeepaliveTolerated) {
                return Err(Turned::Away(2, Reason::PROTOCOL_ERROR));
            }
        }
        if let Some(id) = &assigned {
            connect.client_id = id.clone();
        }
        let user = self.login(caller, connect)?;
        let door = &self.doors[caller.door];
        if door.use_username_as_clientid {
            let name = user.as_ref().ok_or(Turned::Away(5, Reason::NOT_AUTHORIZED))?;
            assigned = assigned.map(|_| name.clone());
            connect.client_id = name.clone();
        }
        if let Some(prefix) = &self.limits.clientid_prefix
            && !connect.client_id.as_str().starts_with(&**prefix)
        {
            return Err(Turned::Away(5, Reason::NOT_AUTHORIZED));
        }
        let is_known = self.sessions.by_id(&connect.client_id).is_some();
        let most = self.limits.global_max_clients;
        if !is_known && most.is_some_and(|most| self.sessions.len() >= most) {
            return Err(Turned::Silently(Reason::SERVER_BUSY));
        }
        Ok(Admitted { user, assigned, server_keep_alive, wishes })
    }

    /// A client id that nobody has: the prefix and a random text in the form of a UUID.
    fn new_client_id(&mut self, prefix: &str) -> Text {
        let mut bytes: [u8; 16] = self.random_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut id = prefix.to_owned();
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                id.push('-');
            }
            // Writing to a text does not fail.
            let _ = write!(id, "{byte:02X}");
        }
        Text::new(Bytes::from(id)).unwrap_or_default()
    }

    fn welcome(&mut self, caller: &Caller, connect: Connect, admitted: Admitted, now: Instant) -> Guest {
        let Admitted { user, assigned, server_keep_alive, wishes } = admitted;
        let client_id = connect.client_id.detached();
        let kept = self.take_over(&client_id, connect.clean_start, now);
        let session_present = kept.is_some();
        let door = &self.doors[caller.door];
        let link = Link {
            number: caller.number,
            out: caller.out.clone(),
            version: connect.version,
            password: connect.password.as_ref().map(|password| Zeroizing::new(password.to_vec())),
            patience: (connect.keep_alive > 0)
                .then(|| Duration::from_millis(u64::from(connect.keep_alive) * 1500)),
            heard: now,
            window: usize::from(wishes.receive_maximum.unwrap_or(self.window())),
            maximum_packet_size: wishes.maximum_packet_size,
            aliases: HashMap::new(),
            own_aliases: HashMap::new(),
            most_own_aliases: wishes.topic_alias_maximum.min(door.max_topic_alias_broker),
        };
        let mount = door.mount_point.clone();
        let will = connect.will.map(|will| planned(will, mount.as_deref()));
        let Kept { filters, mut outgoing, incoming } = kept.unwrap_or_default();
        if self.loses_queues {
            outgoing.waiting.clear();
            outgoing.waiting_bytes = 0;
        }
        let mut session = Session {
            client_id: client_id.clone(),
            user,
            listener: caller.door,
            version: connect.version,
            is_bridge: connect.is_bridge,
            expiry_interval: wishes.session_expiry,
            ends: None,
            filters,
            outgoing,
            room: self.window().saturating_sub(u16::try_from(incoming.len()).unwrap_or(u16::MAX)),
            incoming,
            will,
            link: Some(link),
            offered: 0,
        };
        if connect.version == Version::V5 {
            session.incoming.retain(|_, message| message.is_some());
        }
        let key = match self.sessions.by_id(&client_id) {
            // A session that is taken up keeps its place, since the subscriptions point to it.
            Some(key) => {
                if let Some(place) = self.sessions.get_mut(key) {
                    *place = session;
                }
                key
            }
            None => self.sessions.insert(session),
        };
        let properties = match connect.version {
            Version::V5 => self.connack_properties(caller.door, assigned, server_keep_alive),
            _ => Properties::NONE,
        };
        // MQTT 3.1 has no such flag.
        let session_present = session_present && connect.version != Version::V31;
        let reason = Reason::SUCCESS;
        let answer = Packet::ConnAck(ConnAck { session_present, reason, properties });
        let guest = Guest { key, number: caller.number };
        let most = wishes.maximum_packet_size;
        if most.is_some_and(|most| encoded_len(&answer, connect.version) > most + 1) {
            self.expel(guest, None, "it takes no packet as large as the answer", now);
            return guest;
        }
        self.send(key, &answer);
        if self.limits.connection_messages {
            self.log.say(LogType::Notice, || {
                let name = self.sessions.get(key).and_then(|session| session.user.clone());
                let name = name.map(|name| format!(", u'{name}'")).unwrap_or_default();
                let version = match connect.version {
                    Version::V31 => 1,
                    Version::V311 => 2,
                    Version::V5 => 5,
                };
                format!(
                    "New client connected from {}:{} as {client_id} (p{version}, c{}, k{}{name}).",
                    caller.address,
                    caller.port,
                    u8::from(connect.clean_start),
                    connect.keep_alive,
                )
            });
        }
        self.resume(key, now);
        guest
    }

    /// How many messages may be unacknowledged, where nothing else is said.
    fn window(&self) -> u16 {
        let most = self.limits.max_inflight_messages;
        if most == 0 { u16::MAX } else { most }
    }

    fn connack_properties(
        &self,
        door: usize,
        assigned: Option<Text>,
        server_keep_alive: Option<u16>,
    ) -> Properties {
        let door = &self.doors[door];
        let mut properties = Properties::NONE;
        let server_keep_alive = server_keep_alive.map(Property::ServerKeepAlive);
        let is_first = !self.release.has(Quirk::AliasMaximumToldFirst);
        properties.0.extend(server_keep_alive.clone().filter(|_| is_first));
        if door.max_topic_alias > 0 {
            properties.push(Property::TopicAliasMaximum(door.max_topic_alias));
        }
        properties.0.extend(server_keep_alive.filter(|_| !is_first));
        properties.0.extend(assigned.map(Property::AssignedClientIdentifier));
        if !self.limits.retain_available {
            properties.push(Property::RetainAvailable(0));
        }
        properties.0.extend(self.limits.max_packet_size.map(Property::MaximumPacketSize));
        if self.limits.max_inflight_messages > 0 {
            properties.push(Property::ReceiveMaximum(self.limits.max_inflight_messages));
        }
        properties.0.extend(self.maximum_qos(door.max_qos));
        properties
    }

    /// What clients are told where the highest quality of service is not served.
    fn maximum_qos(&self, most: QoS) -> Option<Property> {
        (most < QoS::ExactlyOnce).then(|| Property::MaximumQoS(most.number()))
    }

    /// Ends what a client with the same id had, and gives what of its session goes on.
    fn take_over(&mut self, client_id: &Text, clean_start: bool, now: Instant) -> Option<Kept> {
        let key = self.sessions.by_id(client_id)?;
        let session = self.sessions.get_mut(key)?;
        let goes_on = !clean_start && !session.is_clean();
        let old = session.link.take();
        // The will of a client that was gone already is forgotten.
        let will = session.will.take().filter(|_| !goes_on && old.is_some());
        if let Some(link) = &old {
            if link.version == Version::V5 && !self.release.has(Quirk::TakeOverUntold) {
                let reason = Reason::SESSION_TAKEN_OVER;
                super::core::send_on(
                    link,
                    &Packet::Disconnect(Disconnect { reason, properties: Properties::NONE }),
                );
            }
            link.out.close();
            if self.limits.connection_messages {
                self.log.say(LogType::Error, || {
                    format!("Client {client_id} already connected, closing old connection.")
                });
            }
        }
        if let Some(will) = will {
            self.publish_will(key, &will.will, now);
        }
        if goes_on {
            let session = self.sessions.get_mut(key)?;
            Some(Kept {
                filters: std::mem::take(&mut session.filters),
                outgoing: std::mem::take(&mut session.outgoing),
                incoming: std::mem::take(&mut session.incoming),
            })
        } else {
            self.forget(key);
            None
        }
    }

    /// The end of a connection: its will, and what becomes of its session.
    pub(super) fn gone(&mut self, guest: Guest, end: End, now: Instant) {
        let Some(session) = self.session(guest) else { return };
        session.link = None;
        if end == End::Goodbye {
            session.will = None;
        }
        let expiry = session.expiry_interval;
        let lifetime = Duration::from_secs(u64::from(expiry));
        let mut waits = false;
        match session.will.take() {
            Some(mut will) if !will.delay.is_zero() => {
                // Even where the session is over the will waits, in every release.
                let delay = if expiry > 0 { will.delay.min(lifetime) } else { will.delay };
                will.due = Some(now + delay);
                waits = expiry == 0;
                session.ends = will.due;
                session.will = Some(will);
            }
            Some(will) => self.publish_will(guest.key, &will.will, now),
            None => {}
        }
        let most = self.limits.persistent_client_expiration;
        if waits {
            self.empty(guest.key);
        } else if expiry == 0 {
            self.forget(guest.key);
        } else if let Some(session) = self.sessions.get_mut(guest.key) {
            let seconds = most.map_or(expiry, |most| expiry.min(most));
            session.ends = (seconds != FOR_EVER).then(|| now + Duration::from_secs(u64::from(seconds)));
        }
    }

    /// Removes a session with all that it has.
    pub(super) fn forget(&mut self, key: SessionKey) {
        self.empty(key);
        self.sessions.remove(key);
    }

    /// Takes subscriptions and messages from a session.
    fn empty(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let filters = std::mem::take(&mut session.filters);
        session.outgoing = Outgoing::default();
        session.incoming.clear();
        for filter in &filters {
            self.subscriptions.remove(super::subscriptions::Shared::of(filter.as_str()), key);
        }
    }
}

/// What of a session goes on with a new connection.
#[derive(Default)]
struct Kept {
    filters: HashSet<Text>,
    outgoing: Outgoing,
    incoming: HashMap<u16, Option<Rc<super::message::Message>>>,
}

/// What is known of a client that may come in.
struct Admitted {
    user: Option<Text>,
    assigned: Option<Text>,
    server_keep_alive: Option<u16>,
    wishes: Wishes,
}

/// A will with the mount point in front of its topic, and its delay taken out of its properties.
fn planned(mut will: Will, mount: Option<&str>) -> PlannedWill {
    let delay = will.properties.find(|property| match property {
        Property::WillDelayInterval(seconds) => Some(*seconds),
        _ => None,
    });
    will.properties.0.retain(|property| !matches!(property, Property::WillDelayInterval(_)));
    if let Some(mount) = mount {
        let topic = format!("{mount}{}", will.topic);
        will.topic = Text::new(Bytes::from(topic)).unwrap_or_default();
    }
    PlannedWill { will, delay: Duration::from_secs(u64::from(delay.unwrap_or(0))), due: None }
}
