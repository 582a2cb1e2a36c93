//! The task that looks after a worker once a second: gauges, forgotten routers, timeouts and the log.

use std::rc::Rc;
use std::time::Duration;

use super::arrive::entrance::Entrance;

/// Time between two rounds.
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps house for as long as the worker lives.
pub async fn keep_house(entrance: Rc<Entrance>) {
    let Entrance {
        context,
        sessions,
        waiting,
        ..
    } = &*entrance;
    let lane = &*sessions.lane;
    let mut received_before = 0;
    loop {
        monoio::time::sleep(PERIOD).await;
        lane.shard.borrow().set_gauges();
        let received = lane.counters.core.received_bytes.get();
        lane.counters.rate.set(received - received_before);
        received_before = received;
        lane.counters.bridge_full.set(lane.outlet.times_blocked());
        let forgotten = lane.shard.borrow_mut().poll_forgotten();
        for router in forgotten {
            context.owners.forget(router);
        }
        let deaf_ns = lane.outlet.take_deaf_ns();
        sessions.end_overdue(&context.config.limits, deaf_ns);
        waiting.end_overdue(&context.config.limits, deaf_ns);
        lane.log_notices();
    }
}
