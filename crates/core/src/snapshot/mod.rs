//! Snapshots: what a shard holds, as bytes, and back (SPEC §7, §8).
//!
//! **The stream is the log, a snapshot is a checkpoint of it.** A [`Walk`] writes a shard's routers slice by slice while
//! messages go on being taken, so the picture is of no single moment. That is made good by replaying the stream from
//! the sink's position at the walk's *begin*: whatever changed during the walk, or was on its way to the sink when it
//! began, is found there, and the last word on each route is right ([`Restore`]). Two rules follow:
//!
//! * the position is read before the walk begins;
//! * a snapshot counts only when every batch that was closed until the walk's *end* is acknowledged
//!   ([`End::last_batch`]); else it would hold updates that consumers never got, and suppress them for ever.
//!
//! A file is [`MAGIC`], [`VERSION`], and blocks, each with a checksum of its own; the last block says that all is there.
//! State is keyed by router, so any number of workers can take it over.

mod block;
mod read;
mod restore;
mod walk;

use serde::{Deserialize, Serialize};

pub use block::{BlockKind, MAGIC, SnapshotError, VERSION};
use block::{append_block, append_json};
pub use read::{ReadError, read_snapshot};
pub use restore::{Restore, RestoreError};
pub use walk::Walk;

use crate::position::Position;

/// The first block of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Name of the collector.
    pub collector: String,
    /// The worker that was walked.
    pub worker: usize,
    /// When the walk began, Unix nanoseconds.
    pub begun_unix_ns: u64,
    /// Where the sink was then.
    pub position: Position,
}

/// The last block of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Routers written.
    pub routers: u64,
    /// Routes written; one that moved during the walk may count twice.
    pub routes: u64,
    /// The last batch that the worker had closed when the walk was over: all up to it must be acknowledged.
    pub last_batch: u64,
    /// No router that had been forgotten had got a sequence number above this: what
    /// [`crate::Shard::raise_sequence_floor`] has to be told after a restore, for no other place names them.
    #[serde(default)]
    pub sequence_floor: u64,
    /// [`crate::Shard::resync_strangers`] was said, and has to be said again after a restore.
    #[serde(default)]
    pub resync_strangers: bool,
}
