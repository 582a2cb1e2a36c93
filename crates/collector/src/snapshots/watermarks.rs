//! Watermarks: how far the sink has acknowledged the batches of each worker.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arancini_publish::Acked;

/// The number of the last acknowledged batch of each worker.
#[derive(Debug, Default)]
pub struct Watermarks(Vec<AtomicU64>);

impl Watermarks {
    /// Makes watermarks for this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicU64::new(0)).collect())
    }

    /// Records that a batch is acknowledged, and with it all earlier batches of its worker.
    pub fn acked(&self, acked: Acked) {
        if let Some(mark) = self.0.get(usize::from(acked.worker)) {
            mark.store(acked.number, Relaxed);
        }
    }

    /// Returns whether this batch of a worker is acknowledged.
    #[must_use]
    pub fn is_acked(&self, worker: usize, batch: u64) -> bool {
        self.0.get(worker).is_some_and(|mark| mark.load(Relaxed) >= batch)
    }

    /// Returns the number of the last acknowledged batch of a worker; 0 if there is none.
    #[must_use]
    pub fn last_acked(&self, worker: usize) -> u64 {
        self.0.get(worker).map_or(0, |mark| mark.load(Relaxed))
    }
}
