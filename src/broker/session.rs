//! What the broker knows of a client, connected or not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::flying::Flying;
use super::message::{Message, Source};
use super::outbox::Outbox;
use super::wire::{QoS, Text, Version, Will};

/// The place of a session in [`Sessions`]; a number is used again only for another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SessionKey {
    place: u32,
    generation: u32,
}

#[cfg(test)]
impl SessionKey {
    pub(super) fn of(place: usize) -> Self {
        Self { place: u32::try_from(place).unwrap(), generation: 0 }
    }
}

/// A message on its way to one client.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) message: Rc<Message>,
    /// The packet identifier; 0 with QoS 0.
    pub(super) id: u16,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    /// Subscription identifier; 0 for none.
    pub(super) identifier: u32,
    pub(super) stage: Stage,
}

/// What is awaited of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing yet: it was not sent.
    New,
    /// PUBACK or PUBREC.
    Sent,
    /// PUBCOMP.
    Released,
}

/// The messages for one client.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// QoS 1 and 2, within the client's window.
    pub(super) flying: Flying,
    /// What waits for room in the window, or for the client to come back.
    pub(super) waiting: VecDeque<Flight>,
    /// Payload bytes of what waits.
    pub(super) waiting_bytes: usize,
    last_id: u16,
    /// How many places of the window are taken by nothing, or were given back twice: the releases count
    /// acknowledgements, not messages.
    pub(super) leaked: isize,
    /// Whether it was said that messages are dropped.
    pub(super) is_dropping: bool,
}

impl Outgoing {
    /// How many places of the window are taken.
    pub(super) fn taken(&self) -> usize {
        self.flying.len().saturating_add_signed(self.leaked)
    }

    /// A packet identifier that is not in use.
    pub(super) fn next_id(&mut self) -> u16 {
        self.last_id = self.flying.free_id(self.last_id);
        self.last_id
    }
}

/// A connection of a session.
#[derive(Debug)]
pub(super) struct Link {
    /// Which of all connections it is.
    pub(super) number: u64,
    pub(super) out: Rc<Outbox>,
    pub(super) version: Version,
    /// What it logged in with, since a reload asks again.
    pub(super) password: Option<Zeroizing<Vec<u8>>>,
    /// One and a half times the keepalive.
    pub(super) patience: Option<Duration>,
    pub(super) heard: Instant,
    /// Messages of QoS 1 and 2 that may be unacknowledged at a time.
    pub(super) window: usize,
    /// Largest packet that the client takes.
    pub(super) maximum_packet_size: Option<usize>,
    /// Topics by the aliases that the client gave them.
    pub(super) aliases: HashMap<u16, Text>,
    /// Aliases that the broker gave to topics, and how many it may.
    pub(super) own_aliases: HashMap<Text, u16>,
    pub(super) most_own_aliases: u16,
}

impl Link {
    /// The alias for a topic, and whether the client knows it already; nothing where it takes no more.
    pub(super) fn alias_for(&mut self, topic: &Text) -> Option<(u16, bool)> {
        if self.most_own_aliases == 0 {
            return None;
        }
        if let Some(alias) = self.own_aliases.get(topic) {
            return Some((*alias, true));
        }
        let next = u16::try_from(self.own_aliases.len() + 1).ok()?;
        if next > self.most_own_aliases {
            return None;
        }
        self.own_aliases.insert(topic.detached(), next);
        Some((next, false))
    }
}

/// A will and when it is due, once its client is gone.
#[derive(Clone, Debug)]
pub(super) struct PlannedWill {
    pub(super) will: Will,
    pub(super) delay: Duration,
    /// Set when the connection broke.
    pub(super) due: Option<Instant>,
}

/// A client.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: Text,
    pub(super) user: Option<Text>,
    pub(super) listener: usize,
    pub(super) version: Version,
    pub(super) is_bridge: bool,
    /// Seconds that the session outlives its connection; `u32::MAX` for ever.
    pub(super) expiry_interval: u32,
    /// When it ends, once its client is gone.
    pub(super) ends: Option<Instant>,
    /// The filters that it subscribes to, mount point included.
    pub(super) filters: HashSet<Text>,
    pub(super) outgoing: Outgoing,
    /// Messages of QoS 2 that may still be received before one is released.
    pub(super) room: u16,
    /// Messages of QoS 2 that were received and not yet released; nothing for those that nobody may have.
    pub(super) incoming: HashMap<u16, Option<Rc<Message>>>,
    pub(super) will: Option<PlannedWill>,
    pub(super) link: Option<Link>,
    /// The last message that was offered to it, by its number.
    pub(super) offered: u64,
}

impl Session {
    pub(super) fn source(&self) -> Source {
        Source { client_id: self.client_id.clone(), user: self.user.clone(), listener: self.listener }
    }

    /// The client, for the ACL.
    pub(super) fn who(&self) -> crate::access::Client<'_> {
        crate::access::Client {
            user: self.user.as_ref().map(Text::as_bytes),
            client_id: self.client_id.as_bytes(),
        }
    }

    /// Whether the session ends with its connection.
    pub(super) fn is_clean(&self) -> bool {
        self.expiry_interval == 0
    }
}

#[derive(Debug)]
enum Place {
    Free { generation: u32 },
    Used { generation: u32, session: Box<Session> },
}

/// All sessions, by place and by client id.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    places: Vec<Place>,
    free: Vec<u32>,
    by_id: HashMap<Text, SessionKey>,
}

impl Sessions {
    pub(super) fn insert(&mut self, session: Session) -> SessionKey {
        let client_id = session.client_id.clone();
        let session = Box::new(session);
        let key = match self.free.pop() {
            Some(place) => {
                let generation = match &self.places[place as usize] {
                    Place::Free { generation } | Place::Used { generation, .. } => generation.wrapping_add(1),
                };
                self.places[place as usize] = Place::Used { generation, session };
                SessionKey { place, generation }
            }
            None => {
                self.places.push(Place::Used { generation: 0, session });
                SessionKey { place: (self.places.len() - 1) as u32, generation: 0 }
            }
        };
        self.by_id.insert(client_id, key);
        key
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Session> {
        match self.places.get(key.place as usize)? {
            Place::Used { generation, session } if *generation == key.generation => Some(session),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        match self.places.get_mut(key.place as usize)? {
            Place::Used { generation, session } if *generation == key.generation => Some(session),
            _ => None,
        }
    }

    pub(super) fn by_id(&self, client_id: &Text) -> Option<SessionKey> {
        self.by_id.get(client_id).copied()
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        let place = self.places.get_mut(key.place as usize)?;
        if !matches!(place, Place::Used { generation, .. } if *generation == key.generation) {
            return None;
        }
        let taken = std::mem::replace(place, Place::Free { generation: key.generation });
        self.free.push(key.place);
        let Place::Used { session, .. } = taken else { return None };
        self.by_id.remove(&session.client_id);
        Some(*session)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Every session, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionKey, &Session)> {
        self.places.iter().enumerate().filter_map(|(place, entry)| match entry {
            Place::Used { generation, session } => {
                Some((SessionKey { place: place as u32, generation: *generation }, &**session))
            }
            Place::Free { .. } => None,
        })
    }
}
