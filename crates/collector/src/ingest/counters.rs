//! What a worker counts.

use std::sync::Arc;

use arancini_core::Counters;
use arancini_core::counters::Counter;

use super::end::EndReason;
use super::turns::Turns;

/// Counters of one worker. Only that worker writes them; a scrape reads them.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    /// Counters of the core.
    pub core: Arc<Counters>,
    /// Gauge: bytes received in the last second.
    pub rate: Counter,
    /// System calls that received something.
    pub receive_calls: Counter,
    /// Times the bridge was found full.
    pub bridge_full: Counter,
    /// Messages dropped because the bridge was full.
    pub dropped: Counter,
    /// Connections handed over to the worker that owns the router.
    pub handed_over: Counter,
    /// Connections of load balancers whose PROXY header named a router.
    pub relayed: Counter,
    /// Connections whose sysName said which router they belong to.
    pub named: Counter,
    /// Gauge: connections that have not sent a whole BMP message of a known type yet.
    pub waiting: Counter,
    /// Connections that ended before their first whole BMP message of a known type.
    pub without_message: Counter,
    /// Lengths of the turns of the worker's tasks.
    pub turns: Turns,
    /// Connections ended, by reason.
    pub ended: [Counter; EndReason::ALL.len()],
}

impl WorkerCounters {
    /// Counts the end of a connection.
    pub(super) fn count_end(&self, reason: EndReason) {
        self.ended[reason as usize].add(1);
    }

    /// Number of ended connections per reason, with the label of the reason.
    pub fn ended_by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        EndReason::ALL
            .iter()
            .map(|&reason| (reason.label(), self.ended[reason as usize].get()))
    }
}
