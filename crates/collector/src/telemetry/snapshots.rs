//! Metrics of snapshots and of the restore at the start.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use super::figures::Telemetry;
use crate::control::Metrics;

impl Telemetry {
    pub(super) fn snapshot_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let figures = &self.snapshots;
        metrics
            .counter("snapshots", "Completed snapshots.")?
            .sample(&[], figures.completed.load(Relaxed))?;
        metrics
            .counter(
                "snapshot_failures",
                "Snapshots given up because of an error; the previous snapshot stays in use.",
            )?
            .sample(&[], figures.failed.load(Relaxed))?;
        let gauges = [
            (
                "snapshot_routes",
                "Routes in the last completed snapshot.",
                &figures.routes,
            ),
            (
                "snapshot_bytes",
                "Size of the last completed snapshot, in bytes.",
                &figures.bytes,
            ),
            (
                "snapshot_timestamp_seconds",
                "When the last snapshot was completed, in seconds since the Unix epoch.",
                &figures.completed_unix_s,
            ),
            (
                "restored_routes",
                "Routes restored from a snapshot and the stream when the collector started.",
                &figures.restored_routes,
            ),
        ];
        for (name, help, value) in gauges {
            metrics.gauge(name, help)?.sample(&[], value.load(Relaxed))?;
        }
        let seconds = [
            (
                "snapshot_duration_seconds",
                "How long the last snapshot took, including the wait for acknowledgements, in seconds.",
                &figures.took_ms,
            ),
            (
                "restore_duration_seconds",
                "How long the restore took when the collector started, in seconds.",
                &figures.restore_ms,
            ),
        ];
        for (name, help, ms) in seconds {
            metrics
                .gauge(name, help)?
                .seconds(ms.load(Relaxed) as f64 / 1000.0)?;
        }
        Ok(())
    }
}
