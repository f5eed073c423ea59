//! A hash table of numbers whose texts lie elsewhere: eight bytes an entry, and no copy of a text.

use std::hash::{BuildHasher, Hasher, RandomState};

/// No entry.
const FREE: u32 = u32::MAX;

/// Numbers that are found by the hash of a text. Who asks compares the text behind each number that comes.
///
/// The hash has a secret of its own for each table, so that no file can be made to be slow.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    secret: u64,
    /// Hash and number, at the first free place from the one that the hash names.
    slots: Vec<(u32, u32)>,
    count: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self::with_room(0)
    }
}

impl Index {
    /// An empty table with room for so many numbers.
    pub(crate) fn with_room(count: usize) -> Self {
        let slots = if count == 0 { Vec::new() } else { vec![(0, FREE); (count * 2).next_power_of_two()] };
        Self { secret: RandomState::new().build_hasher().finish(), slots, count: 0 }
    }

    /// The hash of a text below a number.
    pub(crate) fn hash(&self, below: u32, text: &[u8]) -> u32 {
        // The length is spread, so that it does not make up for a byte.
        let length = (text.len() as u64).wrapping_mul(0x9fb2_1c65_1e98_df25);
        let mut state = self.secret ^ u64::from(below) << 32 ^ length;
        let mut parts = text.chunks_exact(8);
        for part in &mut parts {
            let part: [u8; 8] = part.try_into().unwrap_or_default();
            state = mixed(state ^ u64::from_le_bytes(part));
        }
        let last = parts.remainder().iter().rev().fold(0, |last: u64, byte| last << 8 | u64::from(*byte));
        (mixed(state ^ last) >> 32) as u32
    }

    /// The numbers that were added under a hash, and few others.
    pub(crate) fn find(&self, hash: u32) -> impl Iterator<Item = u32> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize;
        std::iter::from_fn(move || {
            loop {
                let (found, number) = *self.slots.get(at & mask)?;
                at += 1;
                match number {
                    FREE => return None,
                    _ if found == hash => return Some(number),
                    _ => {}
                }
            }
        })
    }

    /// Adds a number, which is not [`u32::MAX`], under a hash.
    pub(crate) fn add(&mut self, hash: u32, number: u32) {
        if self.count * 2 >= self.slots.len() {
            let room = (self.slots.len() * 2).max(8);
            let old = std::mem::replace(&mut self.slots, vec![(0, FREE); room]);
            old.into_iter().filter(|(_, number)| *number != FREE).for_each(|entry| self.put(entry));
        }
        self.count += 1;
        self.put((hash, number));
    }

    fn put(&mut self, entry: (u32, u32)) {
        let mask = self.slots.len() - 1;
        let mut at = entry.0 as usize & mask;
        while self.slots[at].1 != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = entry;
    }
}

/// Folds a number times a constant of many bits.
fn mixed(state: u64) -> u64 {
    let product = u128::from(state ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again() {
        let texts: Vec<Vec<u8>> =
            (0..5000).map(|n| format!("{}{n}", "x".repeat(n % 20)).into_bytes()).collect();
        for room in [0, 5000] {
            let mut index = Index::with_room(room);
            let find = |index: &Index, below: u32, text: &[u8]| {
                index.find(index.hash(below, text)).find(|number| texts[*number as usize] == text)
            };
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(find(&index, 1, text), None);
                index.add(index.hash(1, text), number as u32);
            }
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(find(&index, 1, text), Some(number as u32));
            }
            assert!(texts.iter().filter(|text| find(&index, 2, text).is_some()).count() < 3);
            assert_eq!(find(&index, 1, b"none"), None);
        }
    }

    /// Texts that differ in any one byte, length or place have hashes as different as chance makes them.
    #[test]
    fn hashes_are_spread() {
        let index = Index::default();
        let mut hashes = std::collections::HashSet::new();
        let mut count = 0;
        for length in 0..24 {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    let mut text = vec![0; length];
                    text[at] = byte;
                    hashes.insert(index.hash(7, &text));
                    count += usize::from(byte > 0);
                }
            }
        }
        assert!(hashes.len() + 30 > count, "{} of {count}", hashes.len());
    }
}
