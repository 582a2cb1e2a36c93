//! The interface through which the control port gets what it shows.

use std::fmt;

use super::metrics::Metrics;
use super::readiness::Readiness;

/// Provides metrics and readiness. Called at each request, so counters are summed over the workers only then.
pub trait ControlSource: Send + Sync + 'static {
    /// Writes the current metrics.
    ///
    /// # Errors
    /// Returns only the errors of [`Metrics`].
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result;

    /// Returns whether updates get from the routers to the sink, and otherwise what prevents it.
    fn readiness(&self) -> Readiness;
}
