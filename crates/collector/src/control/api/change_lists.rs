//! Lists of the changes of a router or a peer.

use super::since::now_ns;

/// Most changes of one router or peer within a list of them.
const MOST_IN_LISTS: usize = 16;
const DAY_NS: u64 = 86_400 * 1_000_000_000;

/// The time a day ago, in Unix nanoseconds.
pub(super) fn a_day_ago_ns() -> u64 {
    now_ns().saturating_sub(DAY_NS)
}

/// Shortens the changes of one router or peer for a list of them.
pub(super) fn keep_last<C>(changes: &mut Vec<C>) {
    let excess = changes.len().saturating_sub(MOST_IN_LISTS);
    changes.drain(..excess);
}
