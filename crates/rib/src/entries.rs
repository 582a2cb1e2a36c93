//! The entries of a table, in blocks that segments take and give back.
//!
//! A segment names its blocks ([`Segment::block`]); a place of a segment is an entry of one of them. Entries move only
//! within their segment, or when it is split.

use crate::entry::Entry;
use crate::segment::{BLOCK, Segment, tag};
use crate::slab::Slab;

/// The entries of all segments of a table, in blocks.
pub(crate) struct Entries<const N: usize> {
    blocks: Slab<[Entry<N>; BLOCK]>,
    /// The first block that no segment has, or [`NONE`]. A free block holds the number of the next free one.
    free: u32,
}

/// Stands for the number of a block where there is none.
const NONE: u32 = u32::MAX;

impl<const N: usize> Entries<N> {
    pub(crate) const fn new() -> Self {
        Self {
            blocks: Slab::new(),
            free: NONE,
        }
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.blocks.allocated_bytes()
    }

    /// The blocks, without what is known of the free ones.
    pub(crate) fn into_blocks(self) -> Slab<[Entry<N>; BLOCK]> {
        self.blocks
    }

    #[inline]
    pub(crate) fn at(&self, segment: &Segment, place: usize) -> &Entry<N> {
        &self.blocks[segment.block(place)][place % BLOCK]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, segment: &Segment, place: usize) -> &mut Entry<N> {
        &mut self.blocks[segment.block(place)][place % BLOCK]
    }

    /// Finds the place of a key in a segment.
    #[inline]
    pub(crate) fn find(&self, segment: &Segment, hash: u64, key: &[u8; N]) -> Option<usize> {
        segment
            .matches(hash)
            .find(|&place| self.at(segment, place).key == *key)
    }

    /// The entries of a block.
    #[inline]
    pub(crate) fn block(&self, block: u32) -> &[Entry<N>; BLOCK] {
        &self.blocks[block]
    }

    /// The entries of a block, or `None` if there is no memory for such a block.
    #[inline]
    pub(crate) fn get(&self, block: u32) -> Option<&[Entry<N>; BLOCK]> {
        self.blocks.get(block)
    }

    #[inline]
    pub(crate) fn block_mut(&mut self, block: u32) -> &mut [Entry<N>; BLOCK] {
        &mut self.blocks[block]
    }

    /// Puts an entry into a segment. The segment is not full and does not have the entry's key.
    #[inline]
    pub(crate) fn push(&mut self, segment: &mut Segment, hash: u64, entry: Entry<N>) {
        if segment.needs_block() {
            segment.take_block(self.take());
        }
        let place = segment.push(tag(hash));
        *self.at_mut(segment, place) = entry;
    }

    /// Removes the entry of a place. The segment's last entry moves to that place.
    #[inline]
    pub(crate) fn remove(&mut self, segment: &mut Segment, place: usize) {
        let last = segment.used() - 1;
        *self.at_mut(segment, place) = *self.at(segment, last);
        segment.move_last_to(place);
        if segment.needs_block() {
            self.give_back(segment.block(last));
        }
    }

    /// Takes a block for a segment: a free one, or a new one.
    #[inline(never)]
    pub(crate) fn take(&mut self) -> u32 {
        if self.free == NONE {
            return self.blocks.push([Entry::EMPTY; BLOCK]);
        }
        let block = self.free;
        let [a, b, c, d, ..] = self.blocks[block][0].fingerprint;
        self.free = u32::from_le_bytes([a, b, c, d]);
        block
    }

    /// Puts a block that its segment needs no more to the free ones.
    #[inline]
    pub(crate) fn give_back(&mut self, block: u32) {
        self.blocks[block][0].fingerprint = u64::from(self.free).to_le_bytes();
        self.free = block;
    }
}
