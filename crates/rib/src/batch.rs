//! Batches: many keys of one table, looked up together.
//!
//! A look-up of one key waits twice for memory: for the segment's header, and for the entry. Keys of a batch wait together.
//! A first pass finds the segments of [`KEYS`] keys and prefetches their headers. A second pass finds the place of each key
//! and prefetches the entry. Only then the keys are inserted or removed, in their order.
//!
//! What was found for a key becomes wrong when an earlier key of the batch splits the segment. A split raises the depth of
//! the segment, so a key whose segment has another depth than it was found with is looked up again.

use crate::entry::{Entry, Value};
use crate::keep::NewValue;
use crate::processor::prefetch;
use crate::segment::BLOCK;
use crate::table::Table;

/// Most keys that are looked up together.
pub(crate) const KEYS: usize = 16;

/// Places of the largest directory that is expected in the processor's cache. Above, prefetching its places pays: with 10
/// million routes a batch is 10 % faster, with a million it would be slower (`examples/table_rate.rs`).
const CACHED_DIRECTORY: usize = 1 << 18;

/// The segment of a key, and its place there.
#[derive(Clone, Copy)]
struct Found {
    hash: u64,
    /// Number of the key's segment; [`NOWHERE`] if the table was empty.
    segment: u32,
    /// Number of the block with the first entry that has the key's tag.
    block: u32,
    /// Place of that entry in the segment.
    place: u8,
    /// Number of routes of the segment, if the key was certainly not in the table and the segment takes another route.
    free: u8,
    /// Depth of the segment.
    depth: u8,
}

/// Number of a segment or a block that does not exist.
const NOWHERE: u32 = u32::MAX;
/// Number of routes that no segment has.
const NONE_FREE: u8 = u8::MAX;

impl Found {
    const NOTHING: Self = Self {
        hash: 0,
        segment: NOWHERE,
        block: NOWHERE,
        place: 0,
        free: NONE_FREE,
        depth: 0,
    };
}

impl<const N: usize> Table<N> {
    /// Stores routes in the order of their keys. Passes the index of each key and its former value to `told`.
    #[inline]
    pub(crate) fn insert_batch<V: NewValue>(
        &mut self,
        keys: &[[u8; N]],
        value: impl Fn(usize) -> V,
        mut told: impl FnMut(usize, Option<Value>),
    ) {
        if let [key] = keys {
            return told(0, self.insert(key, value(0)));
        }
        for (batch, keys) in keys.chunks(KEYS).enumerate() {
            let mut found = [Found::NOTHING; KEYS];
            self.find_segments(keys, &mut found);
            self.find_places(&mut found[..keys.len()]);
            for (number, (key, found)) in keys.iter().zip(&found).enumerate() {
                let index = batch * KEYS + number;
                told(index, self.insert_found(key, found, value(index)));
            }
        }
    }

    /// Removes routes in the order of their keys. Passes the index of each key and its value to `told`.
    #[inline]
    pub(crate) fn remove_batch(&mut self, keys: &[[u8; N]], mut told: impl FnMut(usize, Option<Value>)) {
        if let [key] = keys {
            return told(0, self.remove(key));
        }
        for (batch, keys) in keys.chunks(KEYS).enumerate() {
            let mut found = [Found::NOTHING; KEYS];
            self.find_segments(keys, &mut found);
            for found in &found[..keys.len()] {
                self.prefetch_removal(found);
            }
            for (number, (key, found)) in keys.iter().zip(&found).enumerate() {
                told(batch * KEYS + number, self.remove_hashed(key, found.hash));
            }
        }
    }

    /// Finds the segments of the keys and prefetches their headers.
    #[inline(always)]
    fn find_segments(&self, keys: &[[u8; N]], found: &mut [Found; KEYS]) {
        for (found, key) in found.iter_mut().zip(keys) {
            found.hash = self.hash(key);
        }
        let found = &mut found[..keys.len()];
        if self.directory.len() > CACHED_DIRECTORY {
            for found in &*found {
                self.prefetch_directory(found.hash);
            }
        }
        for found in found {
            if let Some(index) = self.segment_of(found.hash) {
                found.segment = index;
                prefetch(&self.segments[index]);
            }
        }
    }

    /// Finds the places of keys whose segments were found. Prefetches the entry of each key, or where its entry will be.
    #[inline(always)]
    fn find_places(&self, found: &mut [Found]) {
        for found in found {
            let Some(segment) = self.segments.get(found.segment) else {
                continue;
            };
            found.depth = segment.depth;
            let matches = segment.matches(found.hash);
            let place = match matches.first() {
                Some(place) => place,
                None if segment.is_full() || segment.overflowed => continue,
                None => segment.used(),
            };
            let block = segment.block(place);
            if matches.first().is_some() {
                (found.block, found.place) = (block, place as u8);
            } else {
                found.free = place as u8;
            }
            // A segment without a block for its next place names a block that it had, or block 0.
            if let Some(block) = self.entries.get(block) {
                prefetch(&block[place % BLOCK]);
            }
        }
    }

    /// Prefetches the entry of a key, or the place that it will have. The header of its segment should have been prefetched.
    #[inline]
    pub(crate) fn prefetch_entry(&self, key: &[u8; N]) {
        let hash = self.hash(key);
        let Some(segment) = self.segment_of(hash).and_then(|index| self.segments.get(index)) else {
            return;
        };
        let place = segment.matches(hash).first().unwrap_or(segment.used());
        if place < segment.used().next_multiple_of(BLOCK)
            && let Some(block) = self.entries.get(segment.block(place))
        {
            prefetch(&block[place % BLOCK]);
        }
    }

    /// Prefetches the entries that the removal of a key moves.
    #[inline(always)]
    fn prefetch_removal(&self, found: &Found) {
        if let Some(segment) = self.segments.get(found.segment)
            && let Some(place) = segment.matches(found.hash).first()
        {
            prefetch(self.entries.at(segment, place));
            prefetch(self.entries.at(segment, segment.used() - 1));
        }
    }

    /// Stores the route of a key, where it was found.
    #[inline(always)]
    fn insert_found(&mut self, key: &[u8; N], found: &Found, value: impl NewValue) -> Option<Value> {
        let segment = match self.segments.get_mut(found.segment) {
            Some(segment) if segment.depth == found.depth => segment,
            _ => return self.insert_hashed(key, found.hash, value),
        };
        if found.block != NOWHERE {
            let entry = &mut self.entries.block_mut(found.block)[found.place as usize % BLOCK];
            if entry.key == *key {
                let before = entry.value();
                entry.set(value.over(before));
                return Some(before);
            }
        } else if segment.used() == found.free as usize {
            self.entries
                .push(segment, found.hash, Entry::new(*key, value.alone()));
            self.own_length += 1;
            return None;
        }
        self.insert_into(found.segment, key, found.hash, value)
    }
}

#[cfg(test)]
mod tests;
