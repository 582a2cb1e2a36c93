//! The outcome of a restore: routers with their tables, spread over the workers.

use std::time::Duration;

use arancini_core::Router;

/// The outcome of a restore.
#[derive(Default)]
pub struct Restored {
    /// The restored routers with their tables. They hold exactly the routes that consumers hold, except for routers that need a
    /// resync: of these, they hold what could be read.
    pub routers: Vec<Router>,
    /// Whether the published messages are incomplete, so that the first dump of every router must be a resync.
    pub resync: bool,
    /// Whether the published messages were read. They are not where nothing is restored.
    pub is_past_read: bool,
    /// The next sequence number of every router must be above this number.
    pub sequence_floor: u64,
    /// The number of restored routes.
    pub routes: u64,
    /// How long the restore took.
    pub took: Duration,
}

impl Restored {
    /// Spreads the routers over the workers: the largest router first, each to the worker with the fewest routes.
    #[must_use]
    pub fn spread(mut self, workers: usize) -> Vec<Vec<Router>> {
        let mut shares: Vec<(usize, Vec<Router>)> = (0..workers.max(1)).map(|_| (0, Vec::new())).collect();
        self.routers
            .sort_by_key(|router| std::cmp::Reverse(router.routes()));
        for router in self.routers {
            if let Some((routes, share)) = shares
                .iter_mut()
                .min_by_key(|(routes, share)| (*routes, share.len()))
            {
                *routes += router.routes();
                share.push(router);
            }
        }
        shares.into_iter().map(|(_, share)| share).collect()
    }
}
