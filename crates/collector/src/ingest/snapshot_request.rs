//! What a worker is asked for when a snapshot is taken, and what it answers.

use arancini_core::snapshot::{End, Head};

/// Asks a worker for a walk over its routers.
pub struct SnapshotRequest {
    /// What stands first in the snapshot.
    pub head: Head,
    /// Where the walk goes.
    pub out: kanal::Sender<Part>,
}

/// A part of the answer.
#[derive(Debug)]
pub enum Part {
    /// The next bytes of the snapshot.
    Bytes(Vec<u8>),
    /// The end of the snapshot.
    End(End),
}
