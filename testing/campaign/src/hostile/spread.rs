//! Percentiles of measured times.

use std::time::Duration;

/// The time that this share of the times does not exceed; zero without times. They are sorted.
pub(super) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index).or(sorted.last()).copied().unwrap_or_default()
}
