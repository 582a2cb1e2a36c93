//! A hash table of routes that never stops the worker: extendible hashing over small segments.
//!
//! * A directory names the segment of a route by the low bits of the route's hash. A full segment is split in two. Growth
//!   therefore moves at most one segment per insert (each route moves about once for each doubling of the table) and never
//!   rehashes the whole table. Now and then the directory doubles: 4 bytes for about 20 routes are copied.
//! * Within a [`segment`](crate::segment) routes have no order and are found by tags of their hashes. There is nothing to
//!   probe, so a segment may be completely full. A new route goes to the next place. The last route fills the place of a
//!   removed one. [`entries`](crate::entries) holds what segments keep, in blocks that segments take and give back.
//! * Routes of one UPDATE are looked up together ([`batch`](crate::batch)), so that they wait for memory together.
//! * A split moves routes only to a segment with a higher number. A sweep that walks the segments in order therefore
//!   sees every route that was in the table when the sweep began and is still in the table.
//! * The hash is not secret. An attacker may choose routes with equal hashes, and such routes would split a segment for
//!   ever. They go to an overflow instead: a table with another hash.
//! * When a table becomes empty, the sweep and later inserts free its memory, some chunks at a time
//!   ([`remains`](crate::remains)).

use crate::entries::Entries;
use crate::entry::{Entry, MAXIMUM_EPOCH, Value};
use crate::hash::hash_of;
use crate::keep::NewValue;
use crate::processor::prefetch;
use crate::remains::Remains;
use crate::segment::Segment;
use crate::slab::Slab;
use crate::split::{Halves, split};

/// Segments that one step of a walk visits.
const SEGMENTS_PER_STEP: usize = 8;
/// Most places of the directory per segment. With routes that nobody chose, the ratio is 2 to 4.
const MOST_DIRECTORY_PER_SEGMENT: usize = 16;

/// A table of routes with keys of `N` bytes.
pub struct Table<const N: usize> {
    /// The segment of each value of a hash's low bits; its length is a power of two, or 0 while there is no route.
    pub(crate) directory: Vec<u32>,
    pub(crate) segments: Slab<Segment>,
    pub(crate) entries: Entries<N>,
    /// Number of routes in this table, without the routes of its overflow.
    pub(crate) own_length: usize,
    /// Routes that were chosen to share their hash in this table.
    overflow: Option<Box<Table<N>>>,
    /// Memory that is still to be freed since the table became empty.
    remains: Option<Box<Remains<N>>>,
    /// Chooses the hash: 0, and in an overflow one more than in the table that it belongs to.
    level: u64,
}

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
            entries: Entries::new(),
            own_length: 0,
            overflow: None,
            remains: None,
            level,
        }
    }

    /// Number of routes.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.overflow {
            None => self.own_length,
            Some(overflow) => self.own_length + overflow.len(),
        }
    }

    /// Whether the table has no route.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of bytes allocated for the routes.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.segments.allocated_bytes()
            + self.entries.allocated_bytes()
            + self
                .overflow
                .as_ref()
                .map_or(0, |overflow| size_of::<Self>() + overflow.allocated_bytes())
            + self
                .remains
                .as_ref()
                .map_or(0, |remains| remains.allocated_bytes())
    }

    /// Looks up a route.
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

    /// Prefetches the segment header that a look-up of this key reads first. Returns the key's hash.
    #[inline]
    pub(crate) fn prefetch_head(&self, key: &[u8; N]) -> u64 {
        let hash = self.hash(key);
        if let Some(index) = self.segment_of(hash) {
            prefetch(&self.segments[index]);
        }
        hash
    }

    /// Stores a route and returns its former value.
    #[inline]
    pub fn insert(&mut self, key: &[u8; N], value: impl NewValue) -> Option<Value> {
        self.insert_hashed(key, self.hash(key), value)
    }

    /// [`Self::insert`] with the key's [`Self::hash`].
    #[inline(always)]
    pub(crate) fn insert_hashed(&mut self, key: &[u8; N], hash: u64, value: impl NewValue) -> Option<Value> {
        let Value { epoch, .. } = value.alone();
        debug_assert!(epoch != 0 && epoch <= MAXIMUM_EPOCH, "epochs count from 1");
        let Some(index) = self.segment_of(hash) else {
            return self.insert_first(key, value);
        };
        self.insert_into(index, key, hash, value)
    }

    /// Stores a route in the segment with this index, which is the segment of its hash.
    #[inline(always)]
    pub(crate) fn insert_into(
        &mut self,
        index: u32,
        key: &[u8; N],
        hash: u64,
        value: impl NewValue,
    ) -> Option<Value> {
        let segment = &mut self.segments[index];
        if let Some(place) = self.entries.find(segment, hash, key) {
            let entry = self.entries.at_mut(segment, place);
            let before = entry.value();
            entry.set(value.over(before));
            return Some(before);
        }
        if segment.is_full() || segment.overflowed {
            return self.insert_crowded(index, hash, key, value);
        }
        self.entries.push(segment, hash, Entry::new(*key, value.alone()));
        self.own_length += 1;
        None
    }

    /// Inserts the first route of an empty table.
    #[cold]
    #[inline(never)]
    fn insert_first(&mut self, key: &[u8; N], value: impl NewValue) -> Option<Value> {
        self.give_back_remains();
        self.segments.push(Segment::ROOT);
        self.directory = vec![0];
        self.insert(key, value)
    }

    /// Inserts a route that its segment does not have. The segment is full or has routes in the overflow.
    #[cold]
    #[inline(never)]
    fn insert_crowded(
        &mut self,
        index: u32,
        hash: u64,
        key: &[u8; N],
        value: impl NewValue,
    ) -> Option<Value> {
        let segment = &mut self.segments[index];
        if segment.overflowed
            && let Some(overflow) = &mut self.overflow
            && overflow.get(key).is_some()
        {
            return overflow.insert(key, value);
        }
        if !segment.is_full() {
            self.entries.push(segment, hash, Entry::new(*key, value.alone()));
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

    /// Removes a route and returns its value.
    #[inline]
    pub fn remove(&mut self, key: &[u8; N]) -> Option<Value> {
        self.remove_hashed(key, self.hash(key))
    }

    /// [`Self::remove`] with the key's [`Self::hash`].
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

    /// Whether there is memory to free from before the table last became empty.
    #[must_use]
    pub const fn has_remains(&self) -> bool {
        self.remains.is_some()
    }

    /// Starts a new table after the last route was removed. The memory of the routes is freed later, step by step, since
    /// freeing much memory at once takes long.
    #[cold]
    fn leave_remains(&mut self) {
        let former = std::mem::replace(self, Self::of_level(self.level));
        self.remains = Some(Box::new(former.into_remains()));
        self.give_back_remains();
    }

    fn into_remains(self) -> Remains<N> {
        let mut others = Vec::new();
        others.extend(self.overflow.map(|overflow| overflow.into_remains()));
        others.extend(self.remains.map(|remains| *remains));
        Remains::new(self.segments, self.entries, others)
    }

    /// Frees some chunks of the remains.
    fn give_back_remains(&mut self) {
        if let Some(remains) = &mut self.remains
            && !remains.give_back()
        {
            self.remains = None;
        }
    }

    /// Visits the routes of some segments. Returns the cursor of the next segments, `None` behind the last one.
    ///
    /// A cursor is the number of a segment. A walk starts at 0.
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
        // One cursor serves the table and its overflow: neither of them moves a route to the other.
        let overflow = self.overflow.as_ref();
        let more = overflow.and_then(|overflow| overflow.visit_with(cursor, visit));
        (more.is_some() || end > cursor).then_some(cursor + SEGMENTS_PER_STEP)
    }

    /// Gives the routes of some segments other values. The cursor is that of [`Self::visit`].
    pub(crate) fn change(
        &mut self,
        cursor: usize,
        changed: &mut dyn FnMut(&[u8; N], Value) -> Value,
    ) -> Option<usize> {
        let end = (cursor + SEGMENTS_PER_STEP).min(self.segments.len());
        for index in cursor..end {
            let segment = &self.segments[index as u32];
            for place in 0..segment.used() {
                let entry = self.entries.at_mut(segment, place);
                let value = changed(&entry.key, entry.value());
                entry.set(value);
            }
        }
        let overflow = self.overflow.as_mut();
        let more = overflow.and_then(|overflow| overflow.change(cursor, changed));
        (more.is_some() || end > cursor).then_some(cursor + SEGMENTS_PER_STEP)
    }

    /// Removes the routes of some segments for which `doomed` returns true, and passes each to `gone`. Returns the cursor of
    /// the next segments, `None` behind the last one.
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
                    // The last entry moves to this place. It was looked at already: the walk goes from the last place down.
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

    /// Gives every route the value that `changed` returns for its present one. O(number of routes).
    pub(crate) fn change_all(&mut self, changed: &mut dyn FnMut(Value) -> Value) {
        for index in 0..self.segments.len() {
            let segment = &self.segments[index as u32];
            for place in 0..segment.used() {
                let entry = self.entries.at_mut(segment, place);
                entry.set(changed(entry.value()));
            }
        }
        if let Some(overflow) = &mut self.overflow {
            overflow.change_all(changed);
        }
    }

    /// Prefetches the place of the directory that [`Self::segment_of`] reads.
    #[inline]
    pub(crate) fn prefetch_directory(&self, hash: u64) {
        let mask = self.directory.len().wrapping_sub(1);
        if let Some(place) = self.directory.get(hash as usize & mask) {
            prefetch(place);
        }
    }

    /// The number of the segment that a hash belongs to; `None` while the table is empty.
    #[inline]
    pub(crate) fn segment_of(&self, hash: u64) -> Option<u32> {
        let mask = self.directory.len().wrapping_sub(1);
        self.directory.get(hash as usize & mask).copied()
    }

    /// Splits a segment: routes whose hash has the next bit set move to a new segment. Returns `false` if the directory would
    /// become longer than it may: then somebody chose the routes of the segment to share their hash.
    fn split(&mut self, index: u32, hash: u64) -> bool {
        let source = self.segments[index];
        let bit = 1 << source.depth;
        if self.directory.len() == bit {
            if bit >= MOST_DIRECTORY_PER_SEGMENT * self.segments.len() {
                return false;
            }
            self.directory.reserve_exact(bit);
            self.directory.extend_from_within(..);
        }
        let Halves { stay, moved } = split(&mut self.entries, &source, self.level);
        self.segments[index] = stay;
        let new_index = self.segments.push(moved);
        let first = hash as usize & (bit - 1) | bit;
        for place in (first..self.directory.len()).step_by(2 * bit) {
            self.directory[place] = new_index;
        }
        true
    }
}

#[cfg(test)]
mod tests;
