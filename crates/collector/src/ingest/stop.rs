//! The stop of a worker.

use std::time::Instant;

use super::deadlines::SWEEP_SLICE_ROUTES;
use super::lane::Lane;
use super::outlet::{LeftBehind, WhenFull};
use super::receiver::Receiver;

/// Stops receiving and hands everything that was decoded to the bridge, as far as the bridge takes it before the deadline.
/// Returns what the bridge did not take.
pub async fn stop(lane: &Lane, receiver: &Receiver, deadline: Instant) -> LeftBehind {
    lane.stop();
    receiver.stop(lane);
    loop {
        let more = decide_slice(lane);
        lane.deliver_with(WhenFull::Wait);
        let rest = deadline.saturating_duration_since(Instant::now());
        if monoio::time::timeout(rest, lane.outlet.clear()).await.is_err() {
            return lane.outlet.give_up().await;
        }
        if !more {
            lane.shard.borrow().set_gauges();
            lane.log_notices();
            lane.outlet.disconnect();
            return LeftBehind::default();
        }
    }
}

/// Withdraws one slice of doomed routes, or else closes all batches. Returns whether there are more doomed routes.
fn decide_slice(lane: &Lane) -> bool {
    let now = lane.clock.now();
    let mut shard = lane.shard.borrow_mut();
    let more = shard.handle_sweep(SWEEP_SLICE_ROUTES, now);
    if !more {
        shard.handle_flush(now);
    }
    more
}
