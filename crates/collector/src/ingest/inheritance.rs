//! What a worker takes over from an earlier run of the collector.

use arancini_core::Router;

use super::lane::Lane;

/// What a worker begins with.
#[derive(Default)]
pub struct Inheritance {
    /// Routers of an earlier run.
    pub routers: Vec<Router>,
    /// No router may get a sequence number at or below this one.
    pub sequence_floor: u64,
    /// Whether the first dump of every router is a resync, because nobody knows what consumers hold.
    pub resync: bool,
    /// Whether everything that earlier runs published was read, as far as it was there.
    pub is_past_read: bool,
}

/// Takes over what an earlier run left.
pub fn inherit(lane: &Lane, inheritance: Inheritance) {
    let now = lane.clock.now();
    let mut shard = lane.shard.borrow_mut();
    shard.handle_sequence_floor(inheritance.sequence_floor);
    if inheritance.resync {
        shard.handle_resync_strangers();
    }
    if !inheritance.is_past_read {
        shard.handle_unread_past();
    }
    for router in inheritance.routers {
        shard.handle_adopt(router, "the collector was restarted", now);
    }
    drop(shard);
    lane.deliver();
}
