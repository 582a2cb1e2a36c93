//! Renders `/metrics` at each scrape.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use super::exposition::Exposition;
use super::metrics::Metrics;
use super::process::{memory_limit_bytes, resident_bytes};
use super::source::{ControlSource, Details};
use crate::log_queue;

/// Prefix of every metric name.
const NAME_PREFIX: &str = "arancini";

/// Gathers and renders the whole text of `/metrics`.
///
/// # Errors
/// Fails if the source could not write its metrics.
pub async fn scrape(source: &Arc<dyn ControlSource>, exposition: Exposition) -> Result<String, fmt::Error> {
    let details = source.details().await;
    let mut registry = Registry::with_prefix(NAME_PREFIX);
    registry.register_collector(Box::new(Scrape {
        source: Arc::clone(source),
        details,
    }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(exposition.of(text))
}

/// One scrape of a source.
struct Scrape {
    source: Arc<dyn ControlSource>,
    details: Option<Arc<dyn Details>>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut metrics = Metrics::new(encoder);
        metrics
            .gauge(
                "build_info",
                "Version of the running collector, as a label. Always 1.",
            )?
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1)?;
        metrics
            .gauge(
                "process_start_time_seconds",
                "When this process started, in seconds since the Unix epoch.",
            )?
            .sample(&[], *STARTED)?;
        for (name, help, bytes) in [
            (
                "process_resident_memory_bytes",
                "Memory that this process occupies, in bytes.",
                resident_bytes(),
            ),
            (
                "memory_limit_bytes",
                "Memory that this process may occupy, in bytes: the limit of its control group, or the memory of the host.",
                memory_limit_bytes(),
            ),
        ] {
            if let Some(bytes) = bytes {
                metrics.gauge(name, help)?.sample(&[], bytes)?;
            }
        }
        metrics
            .counter(
                "log_lines_dropped",
                "Log lines dropped because standard error was not read fast enough.",
            )?
            .sample(&[], log_queue::dropped_lines())?;
        self.source.metrics(&mut metrics)?;
        match &self.details {
            Some(details) => details.metrics(&mut metrics),
            None => Ok(()),
        }
    }
}

static STARTED: LazyLock<u64> = LazyLock::new(|| {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
});

/// Records the start time of the process. Called when the server starts; otherwise the first scrape would set it.
pub(super) fn note_start() {
    LazyLock::force(&STARTED);
}
