//! The task that looks after a worker once a second: gauges, forgotten routers, timeouts and the log.

use std::rc::Rc;
use std::time::Duration;

use arancini_core::RouteCount;

use super::arrive::entrance::Entrance;

/// Time between two rounds.
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps house for as long as the worker lives.
pub async fn keep_house(entrance: Rc<Entrance>) {
    let Entrance {
        context,
        sessions,
        waiting,
        relayed,
        naming,
        ..
    } = &*entrance;
    let lane = &*sessions.lane;
    let mut received_before = 0;
    loop {
        monoio::time::sleep(PERIOD).await;
        let mut count = RouteCount::default();
        while !lane.shard.borrow().set_gauges_slice(&mut count) {
            lane.turnstile.pass().await;
        }
        let received = lane.counters.core.received_bytes.get();
        lane.counters.rate.set(received - received_before);
        received_before = received;
        lane.counters.bridge_full.set(lane.outlet.times_blocked());
        let forgotten = lane.shard.borrow_mut().poll_forgotten();
        for router in forgotten {
            context.owners.forget(router);
        }
        let deaf_ns = lane.outlet.take_deaf_ns();
        let mut last = None;
        while let Some(router) = sessions.end_overdue(last, &context.config.limits, deaf_ns) {
            last = Some(router);
            lane.turnstile.pass().await;
        }
        // Headers and names are read even while the bridge is full, so that is no excuse for them.
        for (waiting, deaf_ns) in [(waiting, deaf_ns), (relayed, 0), (naming, 0)] {
            last = None;
            while let Some(router) = waiting.end_overdue(last, &context.config.limits, deaf_ns) {
                last = Some(router);
                lane.turnstile.pass().await;
            }
        }
        lane.log_notices();
    }
}
