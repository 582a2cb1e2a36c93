//! The alarm of the task that keeps deadlines.

use std::cell::Cell;
use std::time::Duration;

use super::signal::Signal;

/// Wakes one task at a time that it sets, or earlier when another task has work for it.
#[derive(Default)]
pub struct Alarm {
    rings_ns: Cell<u64>,
    woken: Signal,
}

impl Alarm {
    /// Whether the task would sleep beyond this monotonic time.
    #[inline]
    pub fn rings_after(&self, deadline_ns: u64) -> bool {
        deadline_ns < self.rings_ns.get()
    }

    /// Makes the task look at once whether it has work.
    pub fn wake(&self) {
        self.woken.notify();
    }

    /// Sleeps until [`Self::wake`] finds that there is work, at most for `rest`. `rings_ns` is the deadline that the task
    /// knows of: an earlier one is a reason to wake it.
    pub async fn sleep(&self, rings_ns: u64, rest: Duration, has_work: impl FnMut() -> bool) {
        self.rings_ns.set(rings_ns);
        // Either outcome means that the task looks again.
        let _ = monoio::time::timeout(rest, self.woken.until(has_work)).await;
    }
}
