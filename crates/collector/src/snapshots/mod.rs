//! Snapshots of the tables, taken at intervals and restored at the start (`docs/adr/0050-snapshots.md`,
//! `docs/operating.md`).
//!
//! One thread asks the workers one after the other for a walk over their routers, and writes the parts of the walk to a
//! [`store`]: a [`directory`], or [`nats`]. Workers do no I/O; they send the parts over a bounded channel, between the
//! messages of routers. A generation becomes current when the sink has acknowledged every batch that the workers had closed
//! by the end of their walks. [`restore`] loads the newest generation when the collector starts.

mod request;
mod watermarks;
mod generation;
mod snapshotter;
mod last_generation;
pub mod store;
pub mod directory;
pub mod nats;
pub mod configured;
pub mod restore;
mod figures;
mod clock;

pub use figures::SnapshotFigures;
pub use generation::Snapshots;
pub use last_generation::{LastGeneration, SinkOutcome};
pub use request::{Part, SnapshotRequest};
pub use snapshotter::Snapshotter;
pub use watermarks::Watermarks;
