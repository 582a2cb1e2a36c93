//! A segment of a table: up to [`ROUTES`] routes in no order, found by their tags.
//!
//! The head of a segment is one cache line: a tag (eight bits of the hash) for each route, and where its entries lie.
//! A route that is not there is nearly always told from the tags alone; one that is there costs one line more. The
//! entries lie in blocks of [`BLOCK`]: a segment that grows takes another block, and nothing is moved.

use crate::processor::equal_bytes;

/// Entries of a block.
pub(crate) const BLOCK: usize = 8;
/// Most blocks of a segment.
const BLOCKS: usize = 5;
/// Most routes of a segment. What is left of the cache line behind the tags is just enough for the blocks.
pub(crate) const ROUTES: usize = BLOCKS * BLOCK;

/// The tag of a place without a route.
const NO_TAG: u8 = 0;

/// The head of a segment.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Segment {
    /// [`NO_TAG`] from `used` on.
    tags: [u8; ROUTES],
    /// Where the entries lie, eight each; only as many as `used` needs mean something.
    blocks: [u32; BLOCKS],
    used: u8,
    /// How many bits of their hash the routes have in common.
    pub depth: u8,
    /// There may be routes that belong here but are in the table's overflow.
    pub overflowed: bool,
}

const _: () = assert!(size_of::<Segment>() == 64, "a cache line");

/// The places of a segment whose tags are equal to one.
pub(crate) struct Matches(u64);

impl Segment {
    /// A segment that holds nothing.
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

    /// The block of a place.
    #[inline]
    pub(crate) const fn block(&self, place: usize) -> u32 {
        self.blocks[place / BLOCK]
    }

    /// The places that may hold the route with this hash: bit `n` of the mask stands for place `n`.
    #[inline]
    pub(crate) fn matches(&self, hash: u64) -> Matches {
        Matches(equal_bytes(&self.tags, tag(hash)))
    }

    /// Whether the next route needs a block more.
    #[inline]
    pub(crate) const fn needs_block(&self) -> bool {
        self.used().is_multiple_of(BLOCK)
    }

    /// Takes a block for the places from `used` on.
    #[inline]
    pub(crate) const fn take_block(&mut self, block: u32) {
        self.blocks[self.used() / BLOCK] = block;
    }

    /// Takes the next place for a route of this hash.
    #[inline]
    pub(crate) fn push(&mut self, hash: u64) -> usize {
        let place = self.used();
        self.tags[place] = tag(hash);
        self.used += 1;
        place
    }

    /// Gives up the last place, after what was there has moved to `place`.
    #[inline]
    pub(crate) fn move_last_to(&mut self, place: usize) {
        let last = self.used() - 1;
        self.tags[place] = self.tags[last];
        self.tags[last] = NO_TAG;
        self.used -= 1;
    }
}

impl Iterator for Matches {
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

/// The top bits of a hash; its low ones choose the segment.
#[inline]
const fn tag(hash: u64) -> u8 {
    let tag = (hash >> 56) as u8;
    if tag == NO_TAG { 1 } else { tag }
}
