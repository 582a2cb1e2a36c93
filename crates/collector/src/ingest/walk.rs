//! A worker's walk over its routers for a snapshot, in slices, beside the way of messages.

use std::rc::Rc;

use super::lane::Lane;
use super::snapshot_request::{Part, SnapshotRequest};

/// Routes of a snapshot written in one go before the worker's other tasks get their turn: some 50 µs.
const SLICE_ROUTES: usize = 2000;
/// Bytes of a snapshot handed over together.
const PART_BYTES: usize = 256 * 1024;

/// Writes a snapshot in slices to whoever asked for it.
pub async fn write_snapshot(lane: Rc<Lane>, request: SnapshotRequest) {
    let out = request.out.to_async();
    let dropped = lane.counters.dropped.get();
    let mut bytes = Vec::with_capacity(PART_BYTES);
    let mut walk = lane.shard.borrow().begin_snapshot(&request.head, &mut bytes);
    loop {
        let more = lane
            .shard
            .borrow()
            .poll_snapshot(&mut walk, SLICE_ROUTES, &mut bytes);
        if !more {
            break;
        }
        if bytes.len() >= PART_BYTES {
            let part = std::mem::replace(&mut bytes, Vec::with_capacity(PART_BYTES));
            // An error means that nobody listens any more: the snapshot was given up.
            if out.send(Part::Bytes(part)).await.is_err() {
                return;
            }
        }
        lane.turnstile.pass().await;
    }
    let last_batch = lane.shard.borrow_mut().handle_seal();
    lane.deliver();
    if lane.counters.dropped.get() != dropped {
        // With `publish.on_full = "drop"`, the snapshot may list updates as published that were dropped since.
        return;
    }
    let end = walk.finish(last_batch, &mut bytes);
    if out.send(Part::Bytes(bytes)).await.is_ok() {
        let _ = out.send(Part::End(end)).await;
    }
}
