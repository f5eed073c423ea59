//! Messages of QoS 1 and 2 that were sent to a client and not acknowledged.

use std::collections::VecDeque;

use super::session::Flight;

/// Up to this many, looking at each is quick enough.
const FEW: usize = 64;

/// Which of all packet identifiers are in use.
type Used = Box<[u64; 1024]>;

/// The messages in the window of a client, in the order of sending.
#[derive(Debug, Default)]
pub(super) struct Flying {
    flights: VecDeque<Flight>,
    bytes: usize,
    /// Kept where there are many, since clients may ask for a window of 65,535.
    used: Option<Used>,
}

impl Flying {
    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Bytes of all payloads.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter()
    }

    pub(super) fn push(&mut self, flight: Flight) {
        self.bytes += flight.message.payload.len();
        if let Some(used) = &mut self.used {
            mark(used, flight.id);
        } else if self.flights.len() >= FEW {
            let mut used: Used = Box::new([0; 1024]);
            self.flights.iter().chain([&flight]).for_each(|flight| mark(&mut used, flight.id));
            self.used = Some(used);
        }
        self.flights.push_back(flight);
    }

    /// Whether a message has this packet identifier.
    pub(super) fn has(&self, id: u16) -> bool {
        match &self.used {
            Some(used) => used[usize::from(id / 64)] & 1 << (id % 64) != 0,
            None => self.flights.iter().any(|flight| flight.id == id),
        }
    }

    /// The message with this packet identifier, and its place.
    pub(super) fn find(&mut self, id: u16) -> Option<(usize, &mut Flight)> {
        if !self.has(id) {
            return None;
        }
        // Identifiers are given in turn: as far behind the first as it was sent, or nearer, where others are gone.
        let first = self.flights.front()?.id;
        let guess = usize::from(id.wrapping_sub(first)).min(self.flights.len() - 1);
        let mut places = (0..=guess).rev().chain(guess + 1..self.flights.len());
        let place = places.find(|place| self.flights[*place].id == id)?;
        Some((place, &mut self.flights[place]))
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, place: usize) {
        let Some(flight) = self.flights.remove(place) else { return };
        self.bytes = self.bytes.saturating_sub(flight.message.payload.len());
        if self.flights.is_empty() {
            self.used = None;
        } else if let Some(used) = &mut self.used {
            used[usize::from(flight.id / 64)] &= !(1 << (flight.id % 64));
        }
    }

    /// The next packet identifier behind `last` that is not in use.
    pub(super) fn free_id(&self, last: u16) -> u16 {
        let next = |id: u16| id.checked_add(1).unwrap_or(1);
        let mut id = next(last);
        // With all of them in use nothing more is sent.
        while self.flights.len() < usize::from(u16::MAX) && self.has(id) {
            id = next(id);
        }
        id
    }
}

fn mark(used: &mut Used, id: u16) {
    used[usize::from(id / 64)] |= 1 << (id % 64);
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::broker::message::Message;
    use crate::broker::session::Stage;
    use crate::broker::wire::QoS;

    fn flight(id: u16) -> Flight {
        Flight {
            message: Rc::new(Message::plain("a")),
            id,
            qos: QoS::AtLeastOnce,
            retain: false,
            identifier: 0,
            stage: Stage::Sent,
        }
    }

    #[test]
    fn all_identifiers_are_given_and_taken_back() {
        let mut flying = Flying::default();
        let mut last = 65_000;
        for _ in 0..u16::MAX {
            last = flying.free_id(last);
            assert!(last > 0 && !flying.has(last));
            flying.push(flight(last));
        }
        assert_eq!(flying.len(), 65_535);
        assert!(flying.free_id(last) > 0);
        let place = flying.find(7).map(|(place, _)| place).unwrap();
        flying.remove(place);
        assert!(!flying.has(7) && flying.find(7).is_none());
        assert_eq!(flying.free_id(9), 7);
        while !flying.is_empty() {
            flying.remove(0);
        }
        assert!((1..=u16::MAX).all(|id| !flying.has(id)));
    }

    #[test]
    fn messages_are_found_wherever_they_stand() {
        let mut flying = Flying::default();
        // One that stays while the identifiers begin anew, and others behind it.
        let ids = [5, 65_534, 65_535, 1, 2, 4, 6, 9];
        ids.into_iter().for_each(|id| flying.push(flight(id)));
        for (place, id) in ids.into_iter().enumerate() {
            assert_eq!(flying.find(id).map(|(place, flight)| (place, flight.id)), Some((place, id)));
        }
        assert!(flying.find(3).is_none() && flying.find(0).is_none());
        flying.remove(1);
        assert_eq!(flying.find(9).map(|(place, _)| place), Some(6));
    }
}
