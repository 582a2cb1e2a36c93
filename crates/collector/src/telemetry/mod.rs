//! Metrics and readiness of the collector. The counters of all workers are added up when somebody asks for them.
//!
//! A HELP text stands alone, as Prometheus shows it. `docs/metrics.md` lists every metric with its labels.

mod api_figures;
mod rates;
mod figures;
mod ingest;
mod curation;
mod publish;
mod snapshots;
mod api;
mod series_budget;
mod figure;
mod router_metrics;
mod peer_metrics;
mod details;
mod source;

pub use api_figures::{ApiFigures, Denial};
pub use figures::Telemetry;
pub use rates::{Rates, SAMPLE_EVERY};
