//! The task that keeps a worker's deadlines and withdraws doomed routes.

use std::rc::Rc;
use std::time::Duration;

use super::lane::Lane;
use super::outlet::WhenFull;

/// Routes withdrawn in one go before the worker's other tasks get their turn: some 100 to 200 µs.
pub const SWEEP_SLICE_ROUTES: u64 = 500;
/// Longest sleep of the task.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Closes batches whose linger is over, settles tables, and withdraws doomed routes slice by slice.
pub async fn keep_deadlines(lane: Rc<Lane>) {
    loop {
        let now = lane.clock.now();
        if !lane.outlet.has_room() {
            lane.shard.borrow_mut().handle_receive_paused(now);
        }
        lane.shard.borrow_mut().handle_timeout(now);
        lane.deliver();
        if lane.shard.borrow().needs_sweep() {
            sweep_slice(&lane).await;
            continue;
        }
        let deadline = lane.shard.borrow().poll_timeout().unwrap_or(u64::MAX);
        let rest = Duration::from_nanos(deadline.saturating_sub(now.monotonic_ns)).min(LONGEST_REST);
        lane.keeper
            .sleep(deadline, rest, || {
                let shard = lane.shard.borrow();
                shard.needs_sweep() || shard.poll_timeout().is_some_and(|next| next < deadline)
            })
            .await;
    }
}

/// Withdraws one slice of doomed routes, once the bridge has taken everything before it.
async fn sweep_slice(lane: &Lane) {
    if !lane.outlet.is_clear() {
        let listens = lane.outlet.has_room();
        lane.outlet.clear().await;
        if !listens {
            let now = lane.clock.now();
            lane.shard.borrow_mut().handle_receive_paused(now);
        }
    }
    let now = lane.clock.now();
    lane.shard.borrow_mut().handle_sweep(SWEEP_SLICE_ROUTES, now);
    // No router waits for these withdraws, so they wait for room and none is dropped.
    lane.deliver_with(WhenFull::Wait);
    lane.turnstile.pass().await;
}
