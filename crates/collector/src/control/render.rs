//! Renders `/metrics` in the OpenMetrics text format at each scrape.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use super::metrics::Metrics;
use super::source::ControlSource;
use crate::log_queue;

/// Prefix of every metric name.
const NAME_PREFIX: &str = "arancini";

/// Renders the whole text of `/metrics`.
///
/// # Errors
/// Fails if the source could not write its metrics.
pub fn render(source: &Arc<dyn ControlSource>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(NAME_PREFIX);
    registry.register_collector(Box::new(Scrape(Arc::clone(source))));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// One scrape of a source.
struct Scrape(Arc<dyn ControlSource>);

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
        metrics
            .counter(
                "log_lines_dropped",
                "Log lines dropped because standard error was not read fast enough.",
            )?
            .sample(&[], log_queue::dropped_lines())?;
        self.0.metrics(&mut metrics)
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
