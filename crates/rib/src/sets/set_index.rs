//! Finds the numbers of sets by the hashes of their fingerprints.
//!
//! Extendible hashing: a directory names a segment for the upper bits of a hash, and a segment is a small table of open
//! addressing. A look-up takes one cache line of the directory, which mostly is in the cache, and one of the segment. A full
//! segment splits in two, so that no call moves more than one segment.
//!
//! Hashes begin with a secret of the process, so that nobody can choose attributes that crowd one segment.

use std::hash::{BuildHasher, RandomState};

use crate::processor::prefetch;

/// Slots of a segment.
const SLOTS: usize = 512;
/// Sets of a segment, at which it splits.
const FULL: usize = SLOTS / 4 * 3;
/// Most bits of a hash that choose a segment. The other bits choose the slot.
const MOST_DEPTH: u32 = 32 - SLOTS.trailing_zeros();

/// The hash of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SetHash(u32);

/// A place of a segment: the hash of a set in the upper half, and one more than its number in the lower half. 0 if empty.
type Slot = u64;

const fn slot(hash: SetHash, number: u32) -> Slot {
    (hash.0 as u64) << 32 | (number as u64 + 1)
}

const fn hash_of(slot: Slot) -> SetHash {
    SetHash((slot >> 32) as u32)
}

const fn number_of(slot: Slot) -> u32 {
    (slot as u32).wrapping_sub(1)
}

struct Segment {
    slots: Box<[Slot; SLOTS]>,
    /// Number of sets.
    sets: usize,
    /// The bits of the hash that all sets of the segment have in common.
    depth: u32,
}

impl Segment {
    fn new(depth: u32) -> Self {
        Self {
            slots: Box::new([0; SLOTS]),
            sets: 0,
            depth,
        }
    }

    /// The slot where a search begins.
    const fn home(hash: SetHash) -> usize {
        hash.0 as usize % SLOTS
    }

    /// The slot with this content, from the home of its hash on.
    fn place(&self, wanted: Slot) -> Option<usize> {
        let mut at = Self::home(hash_of(wanted));
        while self.slots[at] != 0 {
            if self.slots[at] == wanted {
                return Some(at);
            }
            at = (at + 1) % SLOTS;
        }
        None
    }

    /// Puts a set into the first empty slot behind its home. At least two slots are empty.
    fn put(&mut self, new: Slot) {
        let mut at = Self::home(hash_of(new));
        while self.slots[at] != 0 {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = new;
        self.sets += 1;
    }

    /// Empties a slot, and moves the sets behind it so that every search still finds its set.
    fn take(&mut self, mut hole: usize) {
        let mut at = hole;
        loop {
            at = (at + 1) % SLOTS;
            let content = self.slots[at];
            if content == 0 {
                break;
            }
            let home = Self::home(hash_of(content));
            // The set may move if its home is not between the hole and its place.
            if (at + SLOTS - home) % SLOTS >= (at + SLOTS - hole) % SLOTS {
                self.slots[hole] = content;
                hole = at;
            }
        }
        self.slots[hole] = 0;
        self.sets -= 1;
    }
}

/// The numbers of sets, by the hashes of their fingerprints.
pub(super) struct SetIndex {
    /// The number of the segment for the upper `depth` bits of a hash.
    directory: Vec<u32>,
    depth: u32,
    segments: Vec<Segment>,
    secret: u64,
}

impl SetIndex {
    /// Makes an empty index, which takes no memory.
    pub(super) fn new() -> Self {
        Self {
            directory: Vec::new(),
            depth: 0,
            segments: Vec::new(),
            secret: RandomState::new().hash_one(0),
        }
    }

    /// Hashes a fingerprint, which is uniformly distributed unless somebody chose it.
    #[inline]
    pub(super) const fn hash(&self, fingerprint: u64) -> SetHash {
        let product = (fingerprint ^ self.secret) as u128 * (self.secret.rotate_left(32) | 1) as u128;
        SetHash(((product >> 64) as u64 ^ product as u64) as u32)
    }

    /// The segment of this hash; one that does not exist if the index has none.
    #[inline]
    fn segment_of(&self, hash: SetHash) -> usize {
        let bits = (u64::from(hash.0) << self.depth >> 32) as usize;
        self.directory.get(bits).map_or(0, |segment| *segment as usize)
    }

    /// Fetches what the next call with this hash reads first.
    #[inline]
    pub(super) fn prefetch(&self, hash: SetHash) {
        if let Some(segment) = self.segments.get(self.segment_of(hash)) {
            prefetch(&segment.slots[Segment::home(hash)]);
        }
    }

    /// Finds the set with this hash that is the right one.
    #[inline]
    pub(super) fn find(&self, hash: SetHash, is_right: impl Fn(u32) -> bool) -> Option<u32> {
        let segment = self.segments.get(self.segment_of(hash))?;
        let mut at = Segment::home(hash);
        loop {
            let content = segment.slots[at];
            if content == 0 {
                return None;
            }
            if hash_of(content) == hash && is_right(number_of(content)) {
                return Some(number_of(content));
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// Adds a set. Returns `false` if there is no room, because hundreds of sets have nearly the same hash.
    pub(super) fn insert(&mut self, hash: SetHash, number: u32) -> bool {
        if self.segments.is_empty() {
            self.directory.push(0);
            self.segments.push(Segment::new(0));
        }
        let mut segment = self.segment_of(hash);
        while self.segments[segment].sets >= FULL && self.segments[segment].depth < MOST_DEPTH {
            self.split(segment, hash);
            segment = self.segment_of(hash);
        }
        let segment = &mut self.segments[segment];
        let has_room = segment.sets < SLOTS - 1;
        if has_room {
            segment.put(slot(hash, number));
        }
        has_room
    }

    /// Removes a set.
    pub(super) fn remove(&mut self, hash: SetHash, number: u32) {
        let segment = self.segment_of(hash);
        if let Some(segment) = self.segments.get_mut(segment)
            && let Some(place) = segment.place(slot(hash, number))
        {
            segment.take(place);
        }
    }

    /// Moves the sets of the segment of this hash whose next bit is set to a new segment.
    fn split(&mut self, number: usize, hash: SetHash) {
        let depth = self.segments[number].depth;
        if depth == self.depth {
            let doubled = self.directory.iter().flat_map(|segment| [*segment; 2]);
            self.directory = doubled.collect();
            self.depth += 1;
        }
        let mut halves = [Segment::new(depth + 1), Segment::new(depth + 1)];
        let next_bit = 31 - depth;
        for content in self.segments[number]
            .slots
            .iter()
            .filter(|content| **content != 0)
        {
            halves[(hash_of(*content).0 >> next_bit) as usize & 1].put(*content);
        }
        let [low, high] = halves;
        self.segments[number] = low;
        let added = self.segments.len() as u32;
        self.segments.push(high);
        // The directory names the segment under all hashes that begin as this one.
        let entries = 1_usize << (self.depth - depth);
        let first = (u64::from(hash.0) << depth >> 32) as usize * entries;
        self.directory[first + entries / 2..first + entries].fill(added);
    }

    /// Number of bytes allocated.
    pub(super) const fn allocated_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment>()
            + self.segments.len() * size_of::<[Slot; SLOTS]>()
    }

    /// Frees some segments of an index that is not used any more. Returns whether there are more.
    pub(super) fn give_up(&mut self, segments: usize) -> bool {
        let left = self.segments.len().saturating_sub(segments);
        self.segments.truncate(left);
        left > 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Compares the index with a map while sets come and go.
    #[test]
    fn an_index_finds_what_was_added_and_not_removed() {
        let mut index = SetIndex::new();
        let mut model: HashMap<u64, u32> = HashMap::new();
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for round in 0..200_000_u32 {
            // Few different fingerprints at first, many later.
            let fingerprint = random() % u64::from(round / 4 + 10);
            let hash = index.hash(fingerprint);
            let found = index.find(hash, |number| model.get(&fingerprint) == Some(&number));
            assert_eq!(found, model.get(&fingerprint).copied());
            match found {
                Some(number) if random() % 3 > 0 => {
                    index.remove(hash, number);
                    model.remove(&fingerprint);
                }
                Some(_) => {}
                None => {
                    assert!(index.insert(hash, round));
                    model.insert(fingerprint, round);
                }
            }
        }
        let sets: usize = index.segments.iter().map(|segment| segment.sets).sum();
        assert_eq!(sets, model.len());
        for (fingerprint, number) in &model {
            let found = index.find(index.hash(*fingerprint), |found| found == *number);
            assert_eq!(found, Some(*number));
        }
        assert!(index.segments.len() > 20);
    }

    #[test]
    fn sets_of_equal_hashes_are_told_apart() {
        let mut index = SetIndex::new();
        let hash = SetHash(0xffff_ffff);
        for number in 0..300 {
            assert!(index.insert(hash, number));
        }
        for number in (0..300).step_by(2) {
            index.remove(hash, number);
        }
        for number in 0..300 {
            let found = index.find(hash, |found| found == number);
            assert_eq!(found, (number % 2 == 1).then_some(number));
        }
    }

    #[test]
    fn more_sets_of_equal_hashes_than_a_segment_holds_are_refused() {
        let mut index = SetIndex::new();
        let hash = SetHash(0x1234_5678);
        let taken = (0..600).filter(|number| index.insert(hash, *number)).count();
        assert_eq!(taken, SLOTS - 1);
        assert_eq!(index.find(hash, |found| found == 600), None);
    }
}
