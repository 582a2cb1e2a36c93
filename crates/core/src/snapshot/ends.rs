//! The first and the last block of a snapshot.

use serde::{Deserialize, Serialize};

use crate::position::Position;

/// The first block of a snapshot: whose it is and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Name of the collector.
    pub collector: String,
    /// The worker whose routers the snapshot holds.
    pub worker: usize,
    /// When the walk began, Unix nanoseconds.
    pub begun_unix_ns: u64,
    /// Position of the sink when the walk began.
    pub position: Position,
}

/// The last block of a snapshot: how much it holds and when it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Routers written.
    pub routers: u64,
    /// Routes written. A route that moved within its table during the walk may count twice.
    pub routes: u64,
    /// The last batch that the worker had closed when the walk ended. The snapshot counts once the sink has acknowledged
    /// every batch up to this one.
    pub last_batch: u64,
    /// No forgotten router had a sequence number above this one. A restart passes it to
    /// [`crate::Shard::handle_sequence_floor`]: a forgotten router is named nowhere else.
    #[serde(default)]
    pub sequence_floor: u64,
    /// Whether the first dump of an unknown router is a resync. A restart then calls
    /// [`crate::Shard::handle_resync_strangers`].
    #[serde(default)]
    pub resync_strangers: bool,
}
