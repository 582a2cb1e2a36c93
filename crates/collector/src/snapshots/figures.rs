//! Figures of snapshots and of the restore, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::restore::Restored;

/// Figures of snapshots and of the restore.
#[derive(Debug, Default)]
pub struct SnapshotFigures {
    /// Completed generations.
    pub completed: AtomicU64,
    /// Generations given up because of an error.
    pub failed: AtomicU64,
    /// Routes in the last completed generation.
    pub routes: AtomicU64,
    /// Bytes of the last completed generation.
    pub bytes: AtomicU64,
    /// How long the last completed generation took, including the wait for acknowledgements, in milliseconds.
    pub took_ms: AtomicU64,
    /// When the last generation was completed, in seconds since the Unix epoch.
    pub completed_unix_s: AtomicU64,
    /// Routes restored when the collector started.
    pub restored_routes: AtomicU64,
    /// How long the restore took, in milliseconds.
    pub restore_ms: AtomicU64,
}

impl SnapshotFigures {
    /// Records the outcome of the restore.
    pub fn restored(&self, restored: &Restored) {
        self.restored_routes.store(restored.routes, Relaxed);
        self.restore_ms.store(restored.took.as_millis() as u64, Relaxed);
    }
}
