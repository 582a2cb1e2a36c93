//! The count of the routes of a shard, in slices: a router can have ten thousand peers, and a shard a thousand routers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use crate::router::Router;

/// Routers and peers that one slice looks at.
const COUNT_SLICE: usize = 500;

/// How far a count of routes has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouteCount {
    /// The router with which the count goes on, and its first peer that is not counted yet.
    next: Option<(IpAddr, usize)>,
    /// The routes of the peers that the count has passed. Some may have changed since.
    routes: u64,
}

impl RouteCount {
    /// Counts one slice more. Returns the number of routes when the count is complete.
    pub(crate) fn count_slice(&mut self, routers: &BTreeMap<IpAddr, Router>) -> Option<u64> {
        let begin = self
            .next
            .map_or(Bound::Unbounded, |(router, _)| Bound::Included(router));
        let mut left = COUNT_SLICE;
        for (id, router) in routers.range((begin, Bound::Unbounded)) {
            let from = match self.next {
                Some((stopped_in, peer)) if stopped_in == *id => peer,
                _ => 0,
            };
            let peers = router.peers.iter().skip(from).take(left);
            left -= peers.len();
            let upto = from + peers.len();
            self.routes += peers.map(|peer| peer.routes() as u64).sum::<u64>();
            if left == 0 {
                self.next = Some((*id, upto));
                return None;
            }
            left -= 1;
        }
        Some(self.routes)
    }
}
