//! The exchange between the snapshot thread and a worker: a request for a walk, and the parts of the walk.

use arancini_core::snapshot::{End, Head};

/// One part of a walk, which the worker sends to the snapshot thread.
#[derive(Debug)]
pub enum Part {
    /// The next bytes of the snapshot.
    Bytes(Vec<u8>),
    /// The end of the walk.
    End(End),
}

/// A request to a worker: walk over your routers and send the snapshot.
pub struct SnapshotRequest {
    /// The head of the snapshot.
    pub head: Head,
    /// Where the worker sends the parts.
    pub out: kanal::Sender<Part>,
}
