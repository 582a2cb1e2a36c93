//! A segment of a table: up to [`ROUTES`] routes in no order, found by their tags.
//!
//! The header of a segment is one cache line: a tag (eight bits of the hash) for each route, and the numbers of the blocks
//! that hold the entries. For a route that is not in the segment, the tags alone nearly always say so. For a route that is
//! in the segment, a look-up reads one more cache line. A block holds [`BLOCK`] entries; a segment that grows takes another
//! block, and no entry moves.

use crate::processor::equal_bytes;

/// Entries of a block.
pub(crate) const BLOCK: usize = 8;
/// Most blocks of a segment.
pub(crate) const BLOCKS: usize = 5;
/// Most routes of a segment. The rest of the cache line behind the tags is just enough for the blocks.
pub(crate) const ROUTES: usize = BLOCKS * BLOCK;

/// The tag of a place without a route.
const NO_TAG: u8 = 0;

/// The header of a segment.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Segment {
    /// Tag of each place; [`NO_TAG`] from place `used` on.
    tags: [u8; ROUTES],
    /// Numbers of the blocks with the entries, eight entries each. Only the blocks that `used` places need are valid.
    blocks: [u32; BLOCKS],
    used: u8,
    /// Number of low bits that the hashes of all routes of the segment share.
    pub depth: u8,
    /// Whether routes that belong to this segment may be in the table's overflow.
    pub overflowed: bool,
}

const _: () = assert!(size_of::<Segment>() == 64, "a cache line");

/// Some places of a segment, in ascending order: bit `n` stands for place `n`.
#[derive(Clone, Copy)]
pub(crate) struct Places(pub u64);

impl Segment {
    /// The empty first segment of a table.
    pub(crate) const ROOT: Self = Self::new(0, false);

    /// Makes an empty segment.
    pub(crate) const fn new(depth: u8, overflowed: bool) -> Self {
        Self {
            tags: [NO_TAG; ROUTES],
            blocks: [0; BLOCKS],
            used: 0,
            depth,
            overflowed,
        }
    }

    #[inline]
    pub(crate) const fn used(&self) -> usize {
        self.used as usize
    }

    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.used() == ROUTES
    }

    /// Number of the block that holds a place.
    #[inline]
    pub(crate) const fn block(&self, place: usize) -> u32 {
        self.blocks[place / BLOCK]
    }

    /// The places that may hold the route with this hash.
    #[inline]
    pub(crate) fn matches(&self, hash: u64) -> Places {
        Places(equal_bytes(&self.tags, tag(hash)))
    }

    /// Whether the next route needs another block.
    #[inline]
    pub(crate) const fn needs_block(&self) -> bool {
        self.used().is_multiple_of(BLOCK)
    }

    /// Uses a block for the places from `used` on.
    #[inline]
    pub(crate) const fn take_block(&mut self, block: u32) {
        self.blocks[self.used() / BLOCK] = block;
    }

    /// Takes the next place for a route with this tag.
    #[inline]
    pub(crate) fn push(&mut self, tag: u8) -> usize {
        let place = self.used();
        self.tags[place] = tag;
        self.used += 1;
        place
    }

    /// The tag of a place.
    #[inline]
    pub(crate) const fn tag(&self, place: usize) -> u8 {
        self.tags[place]
    }

    /// Gives a place the tag of another route.
    #[inline]
    pub(crate) const fn set_tag(&mut self, place: usize, tag: u8) {
        self.tags[place] = tag;
    }

    /// Removes the places from `used` on.
    #[inline]
    pub(crate) fn truncate(&mut self, used: usize) {
        self.tags[used..].fill(NO_TAG);
        self.used = used as u8;
    }

    /// Removes the last place, after its entry has moved to `place`.
    #[inline]
    pub(crate) fn move_last_to(&mut self, place: usize) {
        let last = self.used() - 1;
        self.tags[place] = self.tags[last];
        self.tags[last] = NO_TAG;
        self.used -= 1;
    }
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let place = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(place)
    }
}

impl Places {
    /// The first place, if there is one.
    #[inline]
    pub(crate) const fn first(self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        Some(self.0.trailing_zeros() as usize)
    }
}

/// The top eight bits of a hash. Its low bits choose the segment.
#[inline]
pub(crate) const fn tag(hash: u64) -> u8 {
    let tag = (hash >> 56) as u8;
    if tag == NO_TAG { 1 } else { tag }
}
