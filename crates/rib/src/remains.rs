//! The memory of a table that lost its last route.
//!
//! To free a large table takes long, so its chunks are freed a few at a time: by the sweep, and by inserts that have to
//! do something expensive anyway.

use crate::entries::Entries;
use crate::entry::Entry;
use crate::segment::{BLOCK, Segment};
use crate::slab::Slab;

/// Chunks that one step frees; a step takes some tens of microseconds.
pub(crate) const CHUNKS_PER_STEP: usize = 32;

/// Memory of a table that became empty, until all of it is freed.
pub(crate) struct Remains<const N: usize> {
    segments: Slab<Segment>,
    blocks: Slab<[Entry<N>; BLOCK]>,
    /// The remains of the table's overflow, and what was left of earlier remains.
    others: Vec<Remains<N>>,
}

impl<const N: usize> Remains<N> {
    pub(crate) fn new(segments: Slab<Segment>, entries: Entries<N>, others: Vec<Self>) -> Self {
        Self {
            segments,
            blocks: entries.into_blocks(),
            others,
        }
    }

    /// Frees some chunks. Returns whether there are more.
    pub(crate) fn give_back(&mut self) -> bool {
        if let Some(other) = self.others.last_mut() {
            if !other.give_back() {
                self.others.pop();
            }
            return true;
        }
        self.blocks.give_up(CHUNKS_PER_STEP) || self.segments.give_up(CHUNKS_PER_STEP)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        let others = self.others.iter().map(Self::allocated_bytes);
        self.segments.allocated_bytes() + self.blocks.allocated_bytes() + others.sum::<usize>()
    }
}
