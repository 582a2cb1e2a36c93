//! Counting a batch: when it is taken from the bridge, and when it is durable.

use arancini_core::Batch;

use crate::hooks::Hooks;
use crate::status::SinkStatus;

/// Counts and reports a batch that was taken from the bridge.
pub(crate) fn taken(status: &SinkStatus, hooks: &Hooks, batch: &Batch) {
    hooks.taken(batch);
    SinkStatus::add(&status.batches_taken, 1);
    SinkStatus::add(&status.messages_taken, u64::from(batch.messages));
}

/// What the acknowledgement of a batch needs, once its payload is handed on.
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

    /// Counts and reports the batch as durable.
    pub(crate) fn acknowledge(self, status: &SinkStatus, hooks: &Hooks) {
        SinkStatus::add(&status.batches_acknowledged, 1);
        SinkStatus::add(&status.messages_acknowledged, u64::from(self.messages));
        SinkStatus::add(&status.bytes_acknowledged, self.bytes as u64);
        hooks.acked(self.worker, self.number);
    }
}
