//! The octets of sets, in pieces of one size that are linked to chains.
//!
//! Pieces never move and never leave gaps, so that sets may come and go for ever. A new set takes pieces of sets that are gone
//! before it takes new memory.

use crate::processor::prefetch;
use crate::slab::Slab;

/// Octets that a piece holds.
const OCTETS: usize = 28;

/// A part of the octets of a set. It takes 32 bytes.
#[derive(Clone, Copy)]
struct Piece {
    octets: [u8; OCTETS],
    /// The next piece of the chain, or [`NONE`].
    next: u32,
}

/// Stands for the number of a piece where there is none.
pub(super) const NONE: u32 = u32::MAX;

impl Piece {
    /// In the first piece of a free chain: the first piece of the next free chain, or [`NONE`].
    const fn next_chain(&self) -> u32 {
        let [a, b, c, d, ..] = self.octets;
        u32::from_le_bytes([a, b, c, d])
    }

    fn set_next_chain(&mut self, chain: u32) {
        self.octets[..4].copy_from_slice(&chain.to_le_bytes());
    }
}

/// Number of pieces that so many octets take. A set without octets takes a piece too, so that every known set has a chain.
#[inline]
const fn pieces_of(octets: usize) -> usize {
    if octets == 0 { 1 } else { octets.div_ceil(OCTETS) }
}

/// All pieces.
pub(super) struct Pieces {
    pieces: Slab<Piece>,
    /// The first piece of the first chain that no set has, or [`NONE`]. Chains of sets that are gone stay together, so that
    /// [`Self::release`] takes the same time for a set of any size.
    free: u32,
    used: usize,
}

impl Pieces {
    pub(super) const fn new() -> Self {
        Self {
            pieces: Slab::new(),
            free: NONE,
            used: 0,
        }
    }

    /// Bytes that the pieces of all sets take.
    pub(super) const fn used_bytes(&self) -> usize {
        self.used * size_of::<Piece>()
    }

    /// Bytes that so many octets would take.
    #[inline]
    pub(super) const fn bytes_for(octets: usize) -> usize {
        pieces_of(octets) * size_of::<Piece>()
    }

    pub(super) const fn allocated_bytes(&self) -> usize {
        self.pieces.allocated_bytes()
    }

    /// Fetches the first piece of a chain.
    #[inline]
    pub(super) fn prefetch(&self, first: u32) {
        if let Some(piece) = self.pieces.get(first) {
            prefetch(piece);
        }
    }

    /// Stores octets. Returns the first piece.
    pub(super) fn store(&mut self, octets: &[u8]) -> u32 {
        let mut next = NONE;
        for number in (0..pieces_of(octets.len())).rev() {
            let part = &octets[number * OCTETS..octets.len().min((number + 1) * OCTETS)];
            let mut piece = Piece {
                octets: [0; OCTETS],
                next,
            };
            piece.octets[..part.len()].copy_from_slice(part);
            next = self.put(piece);
        }
        next
    }

    #[inline]
    fn put(&mut self, piece: Piece) -> u32 {
        self.used += 1;
        if self.free == NONE {
            return self.pieces.push(piece);
        }
        let place = self.free;
        let taken = self.pieces[place];
        self.free = if taken.next == NONE {
            taken.next_chain()
        } else {
            self.pieces[taken.next].set_next_chain(taken.next_chain());
            taken.next
        };
        self.pieces[place] = piece;
        place
    }

    /// Appends the first `octets` octets of a chain to `out`.
    pub(super) fn read(&self, first: u32, octets: usize, out: &mut Vec<u8>) {
        let (mut at, mut left) = (first, octets);
        while let Some(piece) = self.pieces.get(at)
            && left > 0
        {
            let part = &piece.octets[..left.min(OCTETS)];
            out.extend_from_slice(part);
            left -= part.len();
            at = piece.next;
        }
    }

    /// Frees the chain of so many octets that begins at `first`.
    pub(super) fn release(&mut self, first: u32, octets: usize) {
        if first == NONE {
            return;
        }
        self.used -= pieces_of(octets);
        self.pieces[first].set_next_chain(self.free);
        self.free = first;
    }

    /// Frees some of the memory of pieces that no set has. Returns whether there is more.
    pub(super) fn give_up(&mut self, chunks: usize) -> bool {
        self.pieces.give_up(chunks)
    }
}
