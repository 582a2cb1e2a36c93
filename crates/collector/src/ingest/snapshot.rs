//! What a worker takes over from a former life, and what it leaves to the next: its walk over its routers for a snapshot,
//! beside the way of messages, in slices.

use std::rc::Rc;

use arancini_core::Router;
use arancini_core::snapshot::Walk;

use super::worker::Worker;
use crate::snapshots::{Part, SnapshotRequest};

/// Routes of a snapshot written in one go before the worker's other tasks get their turn: some 50 µs.
const SNAPSHOT_SLICE_ROUTES: usize = 2000;
/// Bytes of a snapshot handed over together.
const SNAPSHOT_PART_BYTES: usize = 256 * 1024;

/// What a worker begins with.
#[derive(Default)]
pub struct Inheritance {
    /// Routers of a former life.
    pub routers: Vec<Router>,
    /// No router may get a sequence number at or below this one.
    pub sequence_floor: u64,
    /// What consumers hold can't be known: the first dump of every router is a resync.
    pub resync: bool,
}

impl Worker {
    /// Takes over what a former life left.
    pub(super) fn inherit(&self, inheritance: Inheritance) {
        let now = self.clock.now();
        let mut shard = self.shard.borrow_mut();
        shard.handle_sequence_floor(inheritance.sequence_floor);
        if inheritance.resync {
            shard.handle_resync_strangers();
        }
        for router in inheritance.routers {
            shard.handle_adopt(router, "the collector was restarted", now);
        }
        drop(shard);
        self.deliver();
    }

    /// Writes a snapshot in slices, beside everything else, to whoever asked for it.
    pub(super) async fn snapshot(self: Rc<Self>, request: SnapshotRequest) {
        let out = request.out.to_async();
        let dropped = self.load.dropped.get();
        let mut bytes = Vec::with_capacity(SNAPSHOT_PART_BYTES);
        let mut walk = Walk::begin(&request.head, &mut bytes);
        loop {
            let more = self
                .shard
                .borrow()
                .poll_snapshot(&mut walk, SNAPSHOT_SLICE_ROUTES, &mut bytes);
            if !more {
                break;
            }
            if bytes.len() >= SNAPSHOT_PART_BYTES {
                let part = std::mem::replace(&mut bytes, Vec::with_capacity(SNAPSHOT_PART_BYTES));
                // Nobody listens any more: the snapshot was given up.
                if out.send(Part::Bytes(part)).await.is_err() {
                    return;
                }
            }
            self.turnstile.pass().await;
        }
        let last_batch = self.shard.borrow_mut().handle_seal();
        self.deliver();
        if self.load.dropped.get() != dropped {
            // With `publish.on_full = "drop"`: the walk may hold as published what was thrown away since.
            return;
        }
        let end = walk.finish(last_batch, &mut bytes);
        if out.send(Part::Bytes(bytes)).await.is_ok() {
            let _ = out.send(Part::End(end)).await;
        }
    }
}
