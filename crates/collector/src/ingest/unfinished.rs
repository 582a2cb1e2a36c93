//! The budget of a worker for unfinished messages: bytes that were received of BMP messages whose end has not come yet.
//!
//! A message whose last byte never comes would occupy its memory as long as its connection is open, and thousands of
//! connections can do that at the same time. So the worker counts these bytes over all its connections, with and without a
//! session. Beyond the budget it closes the connection that holds the most, again and again, until the budget is kept
//! (`budget_keeper`). A connection that holds a short message is never closed for that.

use std::cell::Cell;

use super::signal::Signal;
use crate::config::Limits;

/// Bytes of unfinished messages that all workers together may hold. Between two receives, an honest router holds at most one
/// message, which is rarely longer than 4 KiB: with the default of `limits.max_sessions`, each router has four times that.
const BUDGET_BYTES: usize = 64 << 20;

/// The budget of one worker, and what the connections without a session hold of it. The shard knows what the sessions hold.
pub struct Unfinished {
    /// Bytes that all connections of the worker may hold.
    pub budget: usize,
    waiting: Cell<usize>,
    /// Bytes came, and the budget is exceeded.
    exceeded: Signal,
}

impl Unfinished {
    /// The share of one of so many workers. One message of the greatest allowed length always fits.
    pub fn share_of(workers: usize, limits: &Limits) -> Self {
        Self::with_budget((BUDGET_BYTES / workers.max(1)).max(limits.max_message_bytes))
    }

    /// A budget of so many bytes.
    pub fn with_budget(budget: usize) -> Self {
        Self {
            budget,
            waiting: Cell::new(0),
            exceeded: Signal::default(),
        }
    }

    /// Notes that a connection without a session holds `now` bytes instead of `before`.
    pub fn note_waiting(&self, before: usize, now: usize) {
        self.waiting.set(self.waiting.get() - before + now);
    }

    /// Whether the budget is exceeded, while the sessions hold so many bytes.
    #[inline]
    pub fn is_exceeded(&self, of_sessions: usize) -> bool {
        of_sessions + self.waiting.get() > self.budget
    }

    /// Wakes the task that closes connections, if the budget is exceeded while the sessions hold so many bytes.
    #[inline]
    pub fn check(&self, of_sessions: usize) {
        if self.is_exceeded(of_sessions) {
            self.exceeded.notify();
        }
    }

    /// Waits until a [`Self::check`] finds the budget exceeded.
    pub async fn called(&self) {
        self.exceeded.next().await;
    }
}
