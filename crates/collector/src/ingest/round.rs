//! Rounds over all routers of a worker, in slices: other tasks have their turns between them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

/// Routers that a round visits before the worker's other tasks get their turn.
const ROUND_SLICE: usize = 500;

/// Visits the next slice of routers behind `after`. Returns the last router of the slice if there may be more.
pub fn visit_slice<T>(
    routers: &BTreeMap<IpAddr, T>,
    after: Option<IpAddr>,
    mut visit: impl FnMut(&T),
) -> Option<IpAddr> {
    let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut visited = 0;
    for (router, value) in routers.range((begin, Bound::Unbounded)) {
        visit(value);
        visited += 1;
        if visited == ROUND_SLICE {
            return Some(*router);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The timeouts of 10,000 connections were checked in one turn, which took more than a millisecond.
    #[test]
    fn a_round_stops_between_routers_and_leaves_none_out() {
        for number in [0, 1, ROUND_SLICE, ROUND_SLICE + 1, 3 * ROUND_SLICE] {
            let routers: BTreeMap<IpAddr, usize> = (0..number)
                .map(|router| (IpAddr::from((router as u32).to_be_bytes()), router))
                .collect();
            let (mut last, mut visited, mut slices) = (None, Vec::new(), 0);
            loop {
                let before = visited.len();
                last = visit_slice(&routers, last, |router| visited.push(*router));
                slices += 1;
                assert!(visited.len() - before <= ROUND_SLICE);
                if last.is_none() {
                    break;
                }
            }
            assert_eq!(visited, (0..number).collect::<Vec<_>>());
            assert_eq!(slices, number / ROUND_SLICE + 1);
        }
    }
}
