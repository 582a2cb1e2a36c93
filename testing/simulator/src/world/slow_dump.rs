//! A dump that takes longer than the quiet period, beside tables that are complete.

use arancini_core::Router;

use super::state::World;
use crate::fault::Fault;
use crate::violation::Violation;

/// Bytes of a piece: at least one whole message.
const PIECE_BYTES: usize = 400;

impl World {
    /// Lets a router dump its tables again, without End-of-RIB. It sends a piece three times in every quiet period, so no route
    /// may be given up before the dump is over.
    pub(super) fn dump_slowly(&mut self, index: usize) -> Result<(), Violation> {
        for other in 0..self.routers.len() {
            while self.is_idle() && self.network.has_unread(other) {
                self.receive(other, usize::MAX)?;
            }
        }
        // Without the safeguard `stale-sweep` there are no quiet periods.
        let has_quiet_periods = self.fault != Some(Fault::StaleSweep);
        if !has_quiet_periods || !self.is_idle() || self.collector.shard.needs_sweep() {
            return Ok(());
        }
        // The dump of a resync begins with no routes. A Peer Up with another BGP identifier ends the routes of the one before.
        let router = &self.routers[index];
        let known = self.collector.shard.router(router.address);
        if router.oddities.new_ids || known.is_some_and(Router::needs_resync) {
            return Ok(());
        }
        self.connect(index, false);
        self.slow_dumps += 1;
        self.tell(|| format!("router {index} dumps slowly"));
        let gap_ns = self.setup.settings.quiet_period_ns / 3;
        let mut held = 0;
        while self.is_idle() && self.network.has_unread(index) {
            self.receive(index, PIECE_BYTES)?;
            let Some(router) = self.collector.shard.router(self.routers[index].address) else {
                return Ok(());
            };
            if router.routes() < held {
                return Err(Violation::GivenUpInDump {
                    before: held,
                    after: router.routes(),
                });
            }
            held = router.routes();
            self.advance(gap_ns)?;
        }
        Ok(())
    }

    /// Whether the worker receives and has nothing to wait for.
    fn is_idle(&self) -> bool {
        self.collector.runs && self.collector.listens && self.collector.backlog.is_empty()
    }
}
