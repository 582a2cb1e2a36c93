//! The interface through which the control port gets what it shows.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::metrics::Metrics;
use super::readiness::Readiness;

/// Provides metrics and readiness. Called at each request, so counters are summed over the workers only then.
pub trait ControlSource: Send + Sync + 'static {
    /// Writes the current metrics.
    ///
    /// # Errors
    /// Returns only the errors of [`Metrics`].
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result;

    /// Gathers the metrics of single routers and peers, which the workers have to be asked for. `None` if there are none.
    fn details(&self) -> Gathering {
        Box::pin(std::future::ready(None))
    }

    /// Takes a sample of the rates that the port shows for the last hour. Called every few seconds.
    fn keep_rates(&self) {}

    /// Returns whether updates get from the routers to the sink, and otherwise what prevents it.
    fn readiness(&self) -> Readiness;
}

/// Metrics that were gathered for one scrape.
pub trait Details: fmt::Debug + Send + Sync + 'static {
    /// Writes the metrics.
    ///
    /// # Errors
    /// Returns only the errors of [`Metrics`].
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result;
}

/// The metrics of single routers and peers, while the workers are asked for them.
pub type Gathering = Pin<Box<dyn Future<Output = Option<Arc<dyn Details>>> + Send>>;
