//! What was thrown away with `publish.on_full = "drop"`, as log lines that name the router.

use std::collections::HashMap;
use std::net::IpAddr;

use tracing::warn;

/// Once in so long; the counter has every message at once.
const PERIOD_NS: u64 = 10_000_000_000;
/// Routers named each time.
const MOST_NAMED: usize = 20;

/// Messages thrown away and not said yet.
#[derive(Default)]
pub struct Losses {
    of_routers: HashMap<IpAddr, u64>,
    said_ns: Option<u64>,
}

impl Losses {
    /// So many messages of the router are lost.
    pub fn add(&mut self, router: IpAddr, messages: u64) {
        *self.of_routers.entry(router).or_default() += messages;
    }

    /// Says what there is to say, at once the first time and then once a period.
    pub fn log(&mut self, now_ns: u64) {
        let too_early = |said| now_ns.saturating_sub(said) < PERIOD_NS;
        if self.of_routers.is_empty() || self.said_ns.is_some_and(too_early) {
            return;
        }
        self.said_ns = Some(now_ns);
        let others = self.of_routers.len().saturating_sub(MOST_NAMED);
        for (router, messages) in self.of_routers.drain().take(MOST_NAMED) {
            warn!(%router, messages, "thrown away, since the sink takes no more (publish.on_full = \"drop\"); the router's next dump repairs the stream");
        }
        if others > 0 {
            warn!(routers = others, "messages of further routers were thrown away");
        }
    }
}
