//! What a shard's work costs.

#![allow(clippy::unwrap_used)]
use arancini_generate::Scenario;

use super::*;

/// Each table that was swept made the sweep look at all tables of its router.
#[test]
fn the_sweep_of_a_router_that_leaves_looks_once_whether_anything_is_left() {
    let scenario = Scenario {
        peers: 1000,
        prefixes_per_peer: 1,
        churn_rounds: 0,
        ..Scenario::default()
    };
    let mut shard = Shard::new(0, Settings::default(), Arc::default());
    let router = IpAddr::from([192, 0, 2, 1]);
    let at = |monotonic_ns| Now {
        monotonic_ns,
        unix_ns: 1,
    };
    let session = shard.handle_connect(router, 1, at(1));
    shard
        .handle_all_bytes(session, &scenario.to_bytes(), at(1))
        .unwrap();
    shard.handle_disconnect(session, "gone", at(1));
    let over = at(2 + Settings::default().session_hold_ns);
    while shard.poll_timeout().is_some_and(|due| due <= over.monotonic_ns) {
        shard.handle_timeout(over);
    }
    let mut looks = 0;
    while shard.handle_sweep(100, over) {
        looks = shard.router(router).unwrap().emptiness_looks.get();
    }
    assert!(shard.router(router).is_none(), "it is forgotten");
    assert_eq!(looks, 1, "looks while tables wait for the sweep");
}
