//! Log lines about messages that were dropped with `publish.on_full = "drop"`; they name the router.

use std::collections::HashMap;
use std::net::IpAddr;

use tracing::warn;

/// Shortest time between two reports. The counter of dropped messages is always up to date.
const PERIOD_NS: u64 = 10_000_000_000;
/// Routers named in one report.
const MOST_NAMED: usize = 20;

/// Messages that were dropped and not reported yet.
#[derive(Default)]
pub struct Losses {
    of_routers: HashMap<IpAddr, u64>,
    reported_ns: Option<u64>,
}

impl Losses {
    /// Adds dropped messages of a router.
    pub fn add(&mut self, router: IpAddr, messages: u64) {
        *self.of_routers.entry(router).or_default() += messages;
    }

    /// Reports dropped messages: the first time at once, later once per period.
    pub fn log(&mut self, now_ns: u64) {
        let too_early = |reported_ns| now_ns.saturating_sub(reported_ns) < PERIOD_NS;
        if self.of_routers.is_empty() || self.reported_ns.is_some_and(too_early) {
            return;
        }
        self.reported_ns = Some(now_ns);
        let others = self.of_routers.len().saturating_sub(MOST_NAMED);
        for (router, messages) in self.of_routers.drain().take(MOST_NAMED) {
            warn!(%router, messages, "messages dropped because the sink takes no more (publish.on_full = \"drop\"); the router's next dump repairs the stream");
        }
        if others > 0 {
            warn!(
                routers = others,
                "messages dropped of further routers; the metrics have the total"
            );
        }
    }
}
