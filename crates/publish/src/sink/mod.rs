//! The sinks that need no network: each takes batches from the bridge until it closes.

pub mod file;
pub mod null;
pub mod segment;
pub mod stdout;

use arancini_core::Batch;

use crate::sidecar::Hooks;
use crate::status::SinkStatus;

/// A batch was taken from the bridge.
pub(crate) fn taken(status: &SinkStatus, batch: &Batch) {
    SinkStatus::add(&status.batches_taken, 1);
    SinkStatus::add(&status.messages_taken, u64::from(batch.messages));
}

/// What is left to say of a batch once its payload is handed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    worker: u16,
    number: u64,
    messages: u32,
    bytes: usize,
}

impl Receipt {
    pub(crate) fn of(batch: &Batch) -> Self {
        Self {
            worker: batch.worker,
            number: batch.number,
            messages: batch.messages,
            bytes: batch.payload.len(),
        }
    }

    /// The batch is durable.
    pub(crate) fn acknowledge(self, status: &SinkStatus, hooks: &Hooks) {
        SinkStatus::add(&status.batches_acknowledged, 1);
        SinkStatus::add(&status.messages_acknowledged, u64::from(self.messages));
        SinkStatus::add(&status.bytes_acknowledged, self.bytes as u64);
        hooks.acked(self.worker, self.number);
    }
}
