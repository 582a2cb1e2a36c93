//! The hash function of the tables: a multiplication for each field of a key, from a start that is random in each process.
//!
//! A consumer hashes a key for every update, and SipHash takes a good part of its time. The random start keeps a peer from choosing
//! prefixes whose hashes meet, as it does in `HashMap` itself; unlike SipHash, this function is not proof against somebody who can
//! watch its timing, which no peer of a router can.

use std::hash::{BuildHasher, Hasher, RandomState};

/// An odd number with as many ones as zeros (the fraction of the golden ratio).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes [`KeyHasher`]s that begin with the same random number.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyHash {
    start: u64,
}

impl Default for KeyHash {
    fn default() -> Self {
        Self {
            start: RandomState::new().hash_one(0_u64),
        }
    }
}

impl KeyHash {
    /// Returns the hash of a key that is four words long.
    #[inline]
    pub(super) fn of_words(self, words: [u64; 4]) -> u64 {
        let mut hasher = self.build_hasher();
        words.into_iter().for_each(|word| hasher.fold(word));
        hasher.finish()
    }
}

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    #[inline]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher { state: self.start }
    }
}

/// Hashes one key.
pub(super) struct KeyHasher {
    state: u64,
}

impl KeyHasher {
    #[inline]
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(FACTOR ^ self.state.rotate_left(32));
        self.state = (product >> 64) as u64 ^ product as u64 ^ word.rotate_left(17);
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn finish(&self) -> u64 {
        let product = u128::from(self.state) * u128::from(FACTOR);
        (product >> 64) as u64 ^ product as u64
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.fold(u64::from_le_bytes(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_that_differ_in_one_bit_have_other_hashes_in_all_bits() {
        let hash = KeyHash::default();
        let mut seen = HashSet::new();
        let mut flips = [0_u32; 64];
        for bit in 0..128 {
            let (low, high) = (
                hash.hash_one(0_u128.to_le_bytes()),
                hash.hash_one((1_u128 << bit).to_le_bytes()),
            );
            assert!(seen.insert(high));
            for (place, count) in flips.iter_mut().enumerate() {
                *count += ((low ^ high) >> place & 1) as u32;
            }
        }
        // Each bit of the hash flips for about half of the 128 bits; fewer than 24 happens by chance once in 10^13.
        assert!(flips.iter().all(|count| (24..=104).contains(count)), "{flips:?}");
    }

    #[test]
    fn the_start_differs_between_maps() {
        assert_ne!(
            KeyHash::default().hash_one(1_u64),
            KeyHash::default().hash_one(1_u64)
        );
    }
}
