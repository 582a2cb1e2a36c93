//! What happens to each batch that the sink takes from the bridge: it goes to the history and to those who listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::UNIX_EPOCH;

use arancini_core::Batch;

use crate::history::{History, PublishedBatch, Shelf};
use crate::live::Hub;

/// The history and the live stream of a collector.
pub struct Tap {
    /// What was published lately.
    pub history: History,
    /// Those who listen now.
    pub live: Arc<Hub>,
    numbers: AtomicU64,
}

impl Tap {
    /// A tap with an empty history of this size.
    pub fn new(history_bytes: usize) -> Self {
        Self {
            history: History::new(history_bytes, unix_ns()),
            live: Arc::default(),
            numbers: AtomicU64::new(0),
        }
    }

    /// Copies a batch that the sink has just taken, if somebody wants it. Only the thread of the sink calls this.
    pub fn take(&self, batch: &Batch) {
        let now_ns = unix_ns();
        let shelf = Shelf::of(batch.kind).filter(|shelf| self.history.takes(*shelf, batch, now_ns));
        let is_heard = self.live.is_heard();
        if shelf.is_none() && !is_heard {
            return;
        }
        let number = self.numbers.fetch_add(1, Relaxed) + 1;
        let batch = Arc::new(PublishedBatch::copy(batch, number, now_ns));
        if is_heard {
            self.live.offer(Arc::clone(&batch));
        }
        if let Some(shelf) = shelf {
            self.history.keep(shelf, batch);
        }
    }
}

fn unix_ns() -> u64 {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
