//! How long something has not come, in listening time.

use std::cell::Cell;

/// Measures how long something has not come. Only the time in which the worker receives counts: nobody is late because the
/// worker does not listen.
#[derive(Debug)]
pub struct Patience {
    /// When it came last, in monotonic time, moved forward by the time in which the worker did not receive.
    since_ns: Cell<u64>,
}

impl Patience {
    /// Begins to measure.
    pub const fn begin(now_ns: u64) -> Self {
        Self {
            since_ns: Cell::new(now_ns),
        }
    }

    /// Begins again: it has come.
    #[inline]
    pub fn restart(&self, now_ns: u64) {
        self.since_ns.set(now_ns);
    }

    /// Leaves out a time in which the worker did not receive.
    pub fn excuse(&self, deaf_ns: u64, now_ns: u64) {
        self.since_ns
            .set(self.since_ns.get().saturating_add(deaf_ns).min(now_ns));
    }

    /// Whether it has not come for longer than a limit of the configuration, where 0 is no limit.
    pub fn is_over(&self, limit_ms: u64, now_ns: u64) -> bool {
        limit_ms > 0 && now_ns.saturating_sub(self.since_ns.get()) > limit_ms.saturating_mul(1_000_000)
    }
}
