//! What makes the shard publish a router in full: losses, requests, and what is not known after a start.

use std::net::IpAddr;
use std::ops::Bound;

use crate::context::RouterContext;
use crate::coverage::Coverage;
use crate::life::{self, ResyncWay};
use crate::repeat::{self, RepeatRefusal, RepeatedPart};
use crate::shard::{LossOfRouter, Shard};
use crate::time::Now;

impl Shard {
    /// From now on the first dump of an unknown router is a resync, because it is not known what consumers hold of it.
    pub const fn handle_resync_strangers(&mut self) {
        self.resync_strangers = true;
    }

    /// From now on nothing is known of what consumers hold of an unknown router, because nobody has read what was published before
    /// the start. The end of its first resync tells consumers to sweep.
    pub const fn handle_unread_past(&mut self) {
        self.strangers = Coverage::Partial;
    }

    /// Makes up for messages of a router that consumers lost: its routes are published again from the retained attributes if all
    /// of them have theirs, else by its next dump. In the second case the shell ends the session, so that the router dumps anew.
    /// `None` if the router is not known.
    pub fn handle_loss(&mut self, router: IpAddr, now: Now) -> Option<ResyncWay> {
        let router = self.routers.get_mut(&router.to_canonical())?;
        let shared = &mut self.shared;
        Some(life::resync_after_loss(&mut RouterContext {
            router,
            shared,
            now,
        }))
    }

    /// Makes up for lost messages of the router whose address comes next behind this one, as [`Self::handle_loss`] does. `None` if
    /// there is no such router. For all routers, begin with `None`, and go on with the router that was returned.
    pub fn handle_loss_of_next(&mut self, behind: Option<IpAddr>, now: Now) -> Option<LossOfRouter> {
        let from = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let (_, router) = self.routers.range_mut((from, Bound::Unbounded)).next()?;
        let shared = &mut self.shared;
        let way = life::resync_after_loss(&mut RouterContext { router, shared, now });
        Some(LossOfRouter {
            router: router.id,
            way,
            tables: router.peers.iter().map(|peer| peer.tables.len()).sum(),
        })
    }

    /// Notes that it is not known what consumers hold of a router. The shell then ends the session, and the router's next dump is a
    /// resync. Returns whether the router is known.
    pub fn handle_need_resync(&mut self, router: IpAddr) -> bool {
        let Some(router) = self.routers.get_mut(&router.to_canonical()) else {
            return false;
        };
        router.need_resync();
        true
    }

    /// Publishes tables of a router again, between `resync-begin` and `resync-end`, from the attributes that are retained.
    /// The session of the router is not touched. [`Self::handle_sweep`] does the work, in slices. Returns how many routes the
    /// tables have now.
    ///
    /// # Errors
    /// The tables cannot be published again now; nothing has changed.
    pub fn handle_repeat(
        &mut self,
        router: IpAddr,
        part: &RepeatedPart,
        now: Now,
    ) -> Result<usize, RepeatRefusal> {
        let router = self
            .routers
            .get_mut(&router)
            .ok_or(RepeatRefusal::UnknownRouter)?;
        let mut context = RouterContext {
            router,
            shared: &mut self.shared,
            now,
        };
        repeat::begin(&mut context, part)
    }
}
