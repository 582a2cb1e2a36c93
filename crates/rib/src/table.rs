//! A hash table of routes that never stops the worker: extendible hashing over small segments.
//!
//! * A directory names the segment of a route by the low bits of its hash. A segment that is full is split in two:
//!   growth costs at most one segment's move per insert (each route is moved about once in all for each doubling),
//!   never a rehash of the whole. The directory doubles now and then: 4 bytes for some 20 routes, copied.
//! * Within a segment ([`segment`](crate::segment)) routes stand in no order and are found by tags of their hashes:
//!   there is nothing to probe, so a segment may be full to the last place. A new route goes to the next place; the
//!   last one fills the place of a removed one. Entries lie in blocks that segments take and give back.
//! * Splitting only moves routes to a segment of a higher number. A sweep that walks the segments in order therefore
//!   sees every route that was there when it began and is still there.
//! * Hashes are not secret. Routes that were chosen to share theirs would split a segment for ever; they go to an
//!   overflow, a table with another hash.
//!
//! * The memory of a table that became empty is given back some chunks at a time, by the sweep or by what comes next.
//!
//! An entry is `fingerprint (8) ‖ epoch (3) ‖ key (N)` bytes, unpadded: 16 bytes for an IPv4 route.

use crate::processor::prefetch;
use crate::segment::{BLOCK, Segment};
use crate::slab::Slab;

/// Segments that one step of a walk visits.
const SEGMENTS_PER_STEP: usize = 8;
/// The directory is longer than the segments are many by this factor at most; with routes that nobody chose it is
/// 2 to 4.
const MOST_DIRECTORY_PER_SEGMENT: usize = 16;

/// Chunks of a former table that are given back at once: some tens of microseconds.
const CHUNKS_PER_STEP: usize = 32;

/// The largest epoch an entry can carry.
pub const MAXIMUM_EPOCH: u32 = (1 << 24) - 1;

/// One route: all bytes, so that nothing is padded.
#[derive(Clone, Copy)]
struct Entry<const N: usize> {
    fingerprint: [u8; 8],
    epoch: [u8; 3],
    key: [u8; N],
}

impl<const N: usize> Entry<N> {
    const EMPTY: Self = Self {
        fingerprint: [0; 8],
        epoch: [0; 3],
        key: [0; N],
    };

    #[inline]
    fn new(key: [u8; N], value: Value) -> Self {
        let [a, b, c, _] = value.epoch.to_le_bytes();
        Self {
            fingerprint: value.fingerprint.to_le_bytes(),
            epoch: [a, b, c],
            key,
        }
    }

    #[inline]
    fn value(&self) -> Value {
        let [a, b, c] = self.epoch;
        Value {
            fingerprint: u64::from_le_bytes(self.fingerprint),
            epoch: u32::from_le_bytes([a, b, c, 0]),
        }
    }
}

/// What a table keeps of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// Fingerprint of the route's attributes.
    pub fingerprint: u64,
    /// The epoch in which the route was last announced: 1 to [`MAXIMUM_EPOCH`].
    pub epoch: u32,
}

/// A table of routes with keys of `N` bytes.
pub struct Table<const N: usize> {
    /// The segment of each value of a hash's low bits; its length is a power of two, or 0 while there is no route.
    directory: Vec<u32>,
    segments: Slab<Segment>,
    entries: Entries<N>,
    /// Routes here, without those of the overflow.
    own_length: usize,
    overflow: Option<Box<Table<N>>>,
    /// What was here when the last route went, as far as its memory is not given back yet.
    remains: Option<Box<Remains<N>>>,
    /// 0, in an overflow one more than in the table it is of: makes another hash.
    level: u64,
}

/// Memory of a table that became empty.
struct Remains<const N: usize> {
    segments: Slab<Segment>,
    blocks: Slab<[Entry<N>; BLOCK]>,
    /// Those of its overflow.
    others: Vec<Remains<N>>,
}

/// The entries of all segments, in blocks.
struct Entries<const N: usize> {
    blocks: Slab<[Entry<N>; BLOCK]>,
    /// The first block that nobody has; it names the next one.
    free: u32,
}

/// No block is free.
const NONE: u32 = u32::MAX;

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Self::of_level(0)
    }
}

impl<const N: usize> Table<N> {
    const fn of_level(level: u64) -> Self {
        Self {
            directory: Vec::new(),
            segments: Slab::new(),
            entries: Entries {
                blocks: Slab::new(),
                free: NONE,
            },
            own_length: 0,
            overflow: None,
            remains: None,
            level,
        }
    }

    /// How many routes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.overflow {
            None => self.own_length,
            Some(overflow) => self.own_length + overflow.len(),
        }
    }

    /// Whether there is no route.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated for the routes.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.segments.allocated_bytes()
            + self.entries.blocks.allocated_bytes()
            + self
                .overflow
                .as_ref()
                .map_or(0, |overflow| size_of::<Self>() + overflow.allocated_bytes())
            + self
                .remains
                .as_ref()
                .map_or(0, |remains| remains.allocated_bytes())
    }

    /// What is kept of a route.
    #[must_use]
    pub fn get(&self, key: &[u8; N]) -> Option<Value> {
        let hash = hash_of(key, self.level);
        let segment = &self.segments[self.segment_of(hash)?];
        match self.entries.find(segment, hash, key) {
            Some(place) => Some(self.entries.at(segment, place).value()),
            None if segment.overflowed => self.overflow.as_ref()?.get(key),
            None => None,
        }
    }

    /// The hash of a key in this table.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8; N]) -> u64 {
        hash_of(key, self.level)
    }

    /// Has fetched what a look-up of this key reads first: the head of its segment. Returns the key's hash.
    #[inline]
    pub(crate) fn prefetch_head(&self, key: &[u8; N]) -> u64 {
        let hash = self.hash(key);
        if let Some(index) = self.segment_of(hash) {
            prefetch(&self.segments[index]);
        }
        hash
    }

    /// Has fetched what a look-up of the key with this hash reads next: the entry that may be its own.
    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: u64) {
        if let Some(index) = self.segment_of(hash) {
            let segment = &self.segments[index];
            if let Some(place) = segment.matches(hash).next() {
                prefetch(self.entries.at(segment, place));
            }
        }
    }

    /// Stores a route and returns what was kept of it before.
    #[inline]
    pub fn insert(&mut self, key: &[u8; N], value: Value) -> Option<Value> {
        self.insert_hashed(key, self.hash(key), value)
    }

    /// The same with the key's [`Self::hash`].
    #[inline(always)]
    pub(crate) fn insert_hashed(&mut self, key: &[u8; N], hash: u64, value: Value) -> Option<Value> {
        debug_assert!(
            value.epoch != 0 && value.epoch <= MAXIMUM_EPOCH,
            "epochs count from 1"
        );
        let Some(index) = self.segment_of(hash) else {
            return self.insert_first(key, value);
        };
        let segment = &mut self.segments[index];
        if let Some(place) = self.entries.find(segment, hash, key) {
            let entry = self.entries.at_mut(segment, place);
            let before = entry.value();
            *entry = Entry::new(*key, value);
            return Some(before);
        }
        if segment.is_full() || segment.overflowed {
            return self.insert_crowded(index, hash, key, value);
        }
        self.entries.push(segment, hash, Entry::new(*key, value));
        self.own_length += 1;
        None
    }

    #[cold]
    #[inline(never)]
    fn insert_first(&mut self, key: &[u8; N], value: Value) -> Option<Value> {
        self.give_back_remains();
        self.segments.push(Segment::new(0, false));
        self.directory = vec![0];
        self.insert(key, value)
    }

    /// Inserts a route that is not in its segment, which is full or has routes in the overflow.
    #[cold]
    #[inline(never)]
    fn insert_crowded(&mut self, index: u32, hash: u64, key: &[u8; N], value: Value) -> Option<Value> {
        let segment = &mut self.segments[index];
        if segment.overflowed
            && let Some(overflow) = &mut self.overflow
            && overflow.get(key).is_some()
        {
            return overflow.insert(key, value);
        }
        if !segment.is_full() {
            self.entries.push(segment, hash, Entry::new(*key, value));
            self.own_length += 1;
            return None;
        }
        self.give_back_remains();
        if self.split(index, hash) {
            return self.insert(key, value);
        }
        self.segments[index].overflowed = true;
        let level = self.level + 1;
        let overflow = self
            .overflow
            .get_or_insert_with(|| Box::new(Self::of_level(level)));
        overflow.insert(key, value)
    }

    /// Removes a route and returns what was kept of it.
    #[inline]
    pub fn remove(&mut self, key: &[u8; N]) -> Option<Value> {
        self.remove_hashed(key, self.hash(key))
    }

    /// The same with the key's [`Self::hash`].
    #[inline]
    pub(crate) fn remove_hashed(&mut self, key: &[u8; N], hash: u64) -> Option<Value> {
        let index = self.segment_of(hash)?;
        let segment = &mut self.segments[index];
        let value = match self.entries.find(segment, hash, key) {
            Some(place) => {
                let value = self.entries.at(segment, place).value();
                self.entries.remove(segment, place);
                self.own_length -= 1;
                value
            }
            None if segment.overflowed => self.overflow.as_mut()?.remove(key)?,
            None => return None,
        };
        if self.is_empty() {
            self.leave_remains();
        }
        Some(value)
    }

    /// Whether memory of routes that were here before the table was empty last waits to be given back.
    #[must_use]
    pub const fn has_remains(&self) -> bool {
        self.remains.is_some()
    }

    /// Forgets every route.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            self.leave_remains();
        }
    }

    /// The last route went: begins anew. What the routes lay in goes later, since to give back much takes long.
    #[cold]
    fn leave_remains(&mut self) {
        let former = std::mem::replace(self, Self::of_level(self.level));
        self.remains = Some(Box::new(Remains::of(former)));
        self.give_back_remains();
    }

    /// Gives some of the remains back.
    fn give_back_remains(&mut self) {
        if let Some(remains) = &mut self.remains
            && !remains.give_back()
        {
            self.remains = None;
        }
    }

    /// Visits the routes of some segments; returns the cursor of the next ones, `None` behind the last.
    ///
    /// A cursor is the number of a segment; a walk starts at 0.
    pub fn visit(&self, cursor: usize, mut visit: impl FnMut(&[u8; N], Value)) -> Option<usize> {
        self.visit_with(cursor, &mut visit)
    }

    fn visit_with(&self, cursor: usize, visit: &mut dyn FnMut(&[u8; N], Value)) -> Option<usize> {
        let end = (cursor + SEGMENTS_PER_STEP).min(self.segments.len());
        for index in cursor..end {
            let segment = &self.segments[index as u32];
            for place in 0..segment.used() {
                let entry = self.entries.at(segment, place);
                visit(&entry.key, entry.value());
            }
        }
        // The overflow is walked beside the table, by the same cursor: neither moves a route to the other.
        let overflow = self.overflow.as_ref();
        let more = overflow.and_then(|overflow| overflow.visit_with(cursor, visit));
        (more.is_some() || end > cursor).then_some(cursor + SEGMENTS_PER_STEP)
    }

    /// Removes the routes of some segments for which `doomed` says so, and hands each to `gone`; returns the cursor of
    /// the next segments, `None` behind the last.
    pub fn sweep(
        &mut self,
        cursor: usize,
        mut doomed: impl FnMut(Value) -> bool,
        mut gone: impl FnMut(&[u8; N], Value),
    ) -> Option<usize> {
        self.sweep_with(cursor, &mut doomed, &mut gone)
    }

    fn sweep_with(
        &mut self,
        cursor: usize,
        doomed: &mut dyn FnMut(Value) -> bool,
        gone: &mut dyn FnMut(&[u8; N], Value),
    ) -> Option<usize> {
        let end = (cursor + SEGMENTS_PER_STEP).min(self.segments.len());
        for index in cursor..end {
            let segment = &mut self.segments[index as u32];
            for place in (0..segment.used()).rev() {
                let Entry { key, .. } = *self.entries.at(segment, place);
                let value = self.entries.at(segment, place).value();
                if doomed(value) {
                    // The last place, which fills this one, was looked at before it.
                    self.entries.remove(segment, place);
                    self.own_length -= 1;
                    gone(&key, value);
                }
            }
        }
        let overflow = self.overflow.as_mut();
        let more = overflow.and_then(|overflow| overflow.sweep_with(cursor, doomed, gone));
        if self.is_empty() {
            match self.remains {
                Some(_) => self.give_back_remains(),
                None if self.segments.len() > 0 => self.leave_remains(),
                None => {}
            }
            return self.has_remains().then_some(cursor);
        }
        (more.is_some() || end > cursor).then_some(cursor + SEGMENTS_PER_STEP)
    }

    /// The segment a hash belongs to; none while there is no route.
    #[inline]
    fn segment_of(&self, hash: u64) -> Option<u32> {
        let mask = self.directory.len().wrapping_sub(1);
        self.directory.get(hash as usize & mask).copied()
    }

    /// Splits a segment: what has the next bit of its hash set moves to a new segment. `false` if the directory would
    /// have to be longer than it may: then the routes of the segment were chosen to be together.
    fn split(&mut self, index: u32, hash: u64) -> bool {
        let Segment {
            depth, overflowed, ..
        } = self.segments[index];
        let bit = 1 << depth;
        if self.directory.len() == bit {
            if bit >= MOST_DIRECTORY_PER_SEGMENT * self.segments.len() {
                return false;
            }
            self.directory.reserve_exact(bit);
            self.directory.extend_from_within(..);
        }
        let source = self.segments[index];
        let mut stay = Segment::new(depth + 1, overflowed);
        let mut moved = Segment::new(depth + 1, overflowed);
        for place in 0..source.used() {
            let entry = *self.entries.at(&source, place);
            let hash = hash_of(&entry.key, self.level);
            if hash as usize & bit != 0 {
                self.entries.push(&mut moved, hash, entry);
            } else {
                // What stays keeps to the blocks there are: it never gets ahead of what is read.
                if stay.needs_block() {
                    stay.take_block(source.block(stay.used()));
                }
                let place = stay.push(hash);
                *self.entries.at_mut(&stay, place) = entry;
            }
        }
        for place in (stay.used().next_multiple_of(BLOCK)..source.used()).step_by(BLOCK) {
            self.entries.give_back(source.block(place));
        }
        self.segments[index] = stay;
        let new_index = self.segments.push(moved);
        let first = hash as usize & (bit - 1) | bit;
        for place in (first..self.directory.len()).step_by(2 * bit) {
            self.directory[place] = new_index;
        }
        true
    }
}

impl<const N: usize> Remains<N> {
    fn of(table: Table<N>) -> Self {
        let mut others = Vec::new();
        others.extend(table.overflow.map(|overflow| Self::of(*overflow)));
        others.extend(table.remains.map(|remains| *remains));
        Self {
            segments: table.segments,
            blocks: table.entries.blocks,
            others,
        }
    }

    /// Gives some chunks back; whether there are more.
    fn give_back(&mut self) -> bool {
        if let Some(other) = self.others.last_mut() {
            if !other.give_back() {
                self.others.pop();
            }
            return true;
        }
        self.blocks.give_up(CHUNKS_PER_STEP) || self.segments.give_up(CHUNKS_PER_STEP)
    }

    fn allocated_bytes(&self) -> usize {
        let others = self.others.iter().map(Self::allocated_bytes);
        self.segments.allocated_bytes() + self.blocks.allocated_bytes() + others.sum::<usize>()
    }
}

impl<const N: usize> Entries<N> {
    #[inline]
    fn at(&self, segment: &Segment, place: usize) -> &Entry<N> {
        &self.blocks[segment.block(place)][place % BLOCK]
    }

    #[inline]
    fn at_mut(&mut self, segment: &Segment, place: usize) -> &mut Entry<N> {
        &mut self.blocks[segment.block(place)][place % BLOCK]
    }

    /// The place of a key.
    #[inline]
    fn find(&self, segment: &Segment, hash: u64, key: &[u8; N]) -> Option<usize> {
        segment
            .matches(hash)
            .find(|&place| self.at(segment, place).key == *key)
    }

    /// Puts an entry that is not there into a segment that is not full.
    #[inline]
    fn push(&mut self, segment: &mut Segment, hash: u64, entry: Entry<N>) {
        if segment.needs_block() {
            segment.take_block(self.take());
        }
        let place = segment.push(hash);
        *self.at_mut(segment, place) = entry;
    }

    /// Removes an entry; the segment's last one takes its place.
    #[inline]
    fn remove(&mut self, segment: &mut Segment, place: usize) {
        let last = segment.used() - 1;
        *self.at_mut(segment, place) = *self.at(segment, last);
        segment.move_last_to(place);
        if segment.needs_block() {
            self.give_back(segment.block(last));
        }
    }

    #[inline]
    fn take(&mut self) -> u32 {
        if self.free == NONE {
            return self.blocks.push([Entry::EMPTY; BLOCK]);
        }
        let block = self.free;
        let [a, b, c, d, ..] = self.blocks[block][0].fingerprint;
        self.free = u32::from_le_bytes([a, b, c, d]);
        block
    }

    #[inline]
    fn give_back(&mut self, block: u32) {
        self.blocks[block][0].fingerprint = u64::from(self.free).to_le_bytes();
        self.free = block;
    }
}

/// Mixes all bytes of a key; the low bits choose the segment, the high bits are the tag in it.
#[inline]
fn hash_of<const N: usize>(key: &[u8; N], level: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = N as u64 | level << 32;
    let mut chunks = key.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    fold(state ^ MULTIPLIER, 0xd6e8_feb8_6659_fd93)
}

/// High and low half of the 128-bit product, folded.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
