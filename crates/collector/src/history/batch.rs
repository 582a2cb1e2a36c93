//! A batch as the history keeps it.

use std::net::IpAddr;

use arancini_core::{Batch, BatchKind};

/// Memory of a kept batch besides its payload: this struct, its two counts of references, and the allocator's share.
const OVERHEAD_BYTES: usize = size_of::<PublishedBatch>() + 64;

/// A copy of a batch that the sink took from the bridge.
#[derive(Debug)]
pub struct PublishedBatch {
    /// Rising number of the batch in this process.
    pub number: u64,
    /// When the sink took it, in Unix nanoseconds. Its messages are older.
    pub taken_ns: u64,
    /// The kind of its messages.
    pub kind: BatchKind,
    /// The router that its messages are about.
    pub router: IpAddr,
    /// Its messages, as they are published.
    pub payload: Box<[u8]>,
}

impl PublishedBatch {
    /// Copies a batch.
    pub fn copy(batch: &Batch, number: u64, taken_ns: u64) -> Self {
        Self {
            number,
            taken_ns,
            kind: batch.kind,
            router: batch.router,
            payload: batch.payload.as_slice().into(),
        }
    }

    /// The memory that it needs.
    pub fn bytes(&self) -> usize {
        self.payload.len() + OVERHEAD_BYTES
    }
}
