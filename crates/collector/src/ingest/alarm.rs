//! The alarms of tasks that sleep until a time.

use std::cell::Cell;
use std::time::Duration;

use super::clock::Clock;
use super::signal::Signal;

/// Wakes one task at a time that it sets, or earlier when another task has work for it.
///
/// The runtime fires its timers only when no task can run. So a worker that is busy without a pause rings its alarms itself,
/// in each turn of the turnstile.
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

    /// Wakes the task if its time has come.
    pub fn ring_if_due(&self, now_ns: u64) {
        if !self.rings_after(now_ns) {
            self.woken.notify();
        }
    }

    /// Sleeps until this monotonic time, or until [`Self::wake`] finds that there is work.
    pub async fn sleep(&self, clock: &Clock, rings_ns: u64, mut has_work: impl FnMut() -> bool) {
        self.rings_ns.set(rings_ns);
        let now_ns = || clock.now().monotonic_ns;
        let rest = Duration::from_nanos(rings_ns.saturating_sub(now_ns()));
        let is_over = || now_ns() >= rings_ns || has_work();
        // Either outcome means that the task looks again.
        let _ = monoio::time::timeout(rest, self.woken.until(is_over)).await;
    }
}
