//! The split of a full segment in two.
//!
//! Which routes leave is computed as a bit for each place, before any route is moved. The processor then has no branch per
//! route to guess, and half of the guesses would be wrong: a route leaves or stays with equal probability.

use crate::entries::Entries;
use crate::entry::Entry;
use crate::hash::hash_of;
use crate::segment::{BLOCK, BLOCKS, Places, ROUTES, Segment};

/// Both parts of a segment that was split.
pub(crate) struct Halves {
    /// The routes whose hash has the next bit clear, in blocks of the former segment.
    pub stay: Segment,
    /// The routes whose hash has the next bit set, in other blocks.
    pub moved: Segment,
}

/// Splits a full segment of a table of this level by the next bit of its routes' hashes.
pub(crate) fn split<const N: usize>(entries: &mut Entries<N>, source: &Segment, level: u64) -> Halves {
    debug_assert!(source.is_full());
    let routes: [_; BLOCKS] = std::array::from_fn(|number| *entries.block(source.block(number * BLOCK)));
    let routes = routes.as_flattened();
    let leaving = leaving(routes, source.depth, level);
    let moved = move_out(entries, source, routes, leaving);
    let stay = close_gaps(entries, source, routes, leaving);
    Halves { stay, moved }
}

/// The places whose routes leave.
#[inline]
fn leaving<const N: usize>(routes: &[Entry<N>], depth: u8, level: u64) -> u64 {
    let bits = routes.iter().enumerate();
    bits.fold(0, |leaving, (place, entry)| {
        leaving | (hash_of(&entry.key, level) >> depth & 1) << place
    })
}

/// Copies the routes of the places `leaving` to a new segment.
#[inline]
fn move_out<const N: usize>(
    entries: &mut Entries<N>,
    source: &Segment,
    routes: &[Entry<N>],
    leaving: u64,
) -> Segment {
    let mut moved = Segment::new(source.depth + 1, source.overflowed);
    let mut places = Places(leaving);
    for _ in (0..leaving.count_ones()).step_by(BLOCK) {
        let number = entries.take();
        moved.take_block(number);
        for (entry, place) in entries.block_mut(number).iter_mut().zip(&mut places) {
            *entry = routes[place];
            moved.push(source.tag(place));
        }
    }
    moved
}

/// Moves the last routes that stay to the places of routes that left. Gives back the blocks that are not needed any more.
#[inline]
fn close_gaps<const N: usize>(
    entries: &mut Entries<N>,
    source: &Segment,
    routes: &[Entry<N>],
    left: u64,
) -> Segment {
    let used = ROUTES - left.count_ones() as usize;
    let kept = (1_u64 << used) - 1;
    let gaps = Places(left & kept);
    let last = Places(!left & !kept & ((1 << ROUTES) - 1));
    let mut stay = *source;
    stay.depth += 1;
    for (gap, place) in gaps.zip(last) {
        *entries.at_mut(source, gap) = routes[place];
        stay.set_tag(gap, source.tag(place));
    }
    stay.truncate(used);
    for place in (used.next_multiple_of(BLOCK)..ROUTES).step_by(BLOCK) {
        entries.give_back(source.block(place));
    }
    stay
}
