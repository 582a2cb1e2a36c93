//! The control port: `/metrics`, `/healthz`, `/readyz` over HTTP, served on the sidecar's runtime, far from the workers.
//!
//! What it shows comes through [`ControlSource`]; nothing here is on the way of a message.

mod bind;
mod metrics;
mod readiness;
mod server;

pub use bind::BindError;
pub use metrics::{Family, Metrics, render};
pub use readiness::{Problem, Readiness};
pub use server::ControlServer;

use std::fmt;

/// What the control port shows. Called at each request, so counters are summed over the workers only then.
pub trait ControlSource: Send + Sync + 'static {
    /// Writes the metrics as they are now.
    ///
    /// # Errors
    /// Only what [`Metrics`] itself returns.
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result;

    /// Whether updates get from the routers to the sink, and what is in their way.
    fn readiness(&self) -> Readiness;
}
