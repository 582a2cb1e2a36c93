//! Metrics in the OpenMetrics text format, written from plain numbers at scrape time.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::ControlSource;

/// What every name starts with.
const NAME_PREFIX: &str = "arancini";

/// Takes one metric family after the other. Names are given without `arancini_` and, for counters, without `_total`.
pub struct Metrics<'a> {
    encoder: DescriptorEncoder<'a>,
}

/// One metric family, of which samples with different labels are written.
pub struct Family<'m> {
    encoder: MetricEncoder<'m>,
    kind: MetricType,
}

impl Metrics<'_> {
    /// Begins a counter: a number that only grows.
    ///
    /// # Errors
    /// When the text can't be written.
    pub fn counter<'m>(&'m mut self, name: &'m str, help: &str) -> Result<Family<'m>, fmt::Error> {
        self.family(name, help, MetricType::Counter)
    }

    /// Begins a gauge: a number that goes up and down.
    ///
    /// # Errors
    /// When the text can't be written.
    pub fn gauge<'m>(&'m mut self, name: &'m str, help: &str) -> Result<Family<'m>, fmt::Error> {
        self.family(name, help, MetricType::Gauge)
    }

    /// Writes a histogram without labels. `buckets` are upper bounds, each with the number of values in that
    /// bucket alone; the last bound is [`f64::INFINITY`].
    ///
    /// # Errors
    /// When the text can't be written.
    pub fn histogram(&mut self, name: &str, help: &str, sum: f64, buckets: &[(f64, u64)]) -> fmt::Result {
        let count = buckets.iter().map(|(_, count)| count).sum();
        self.encoder
            .encode_descriptor(name, help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(sum, count, buckets, None)
    }

    fn family<'m>(
        &'m mut self,
        name: &'m str,
        help: &str,
        kind: MetricType,
    ) -> Result<Family<'m>, fmt::Error> {
        let encoder = self.encoder.encode_descriptor(name, help, None, kind)?;
        Ok(Family { encoder, kind })
    }
}

impl Family<'_> {
    /// Writes one sample.
    ///
    /// # Errors
    /// When the text can't be written.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: u64) -> fmt::Result {
        if labels.is_empty() {
            return write_value(&mut self.encoder, self.kind, value);
        }
        let labels = labels.to_vec();
        write_value(&mut self.encoder.encode_family(&labels)?, self.kind, value)
    }

    /// Writes one sample without labels that is no whole number: seconds.
    ///
    /// # Errors
    /// When the text can't be written.
    pub fn seconds(&mut self, value: f64) -> fmt::Result {
        self.encoder.encode_gauge(&value)
    }
}

fn write_value(encoder: &mut MetricEncoder<'_>, kind: MetricType, value: u64) -> fmt::Result {
    match kind {
        MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        _ => encoder.encode_gauge(&value),
    }
}

/// The whole text of `/metrics`.
///
/// # Errors
/// When the source could not write its metrics.
pub fn render(source: &Arc<dyn ControlSource>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(NAME_PREFIX);
    registry.register_collector(Box::new(Scrape(Arc::clone(source))));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// One scrape of the source.
struct Scrape(Arc<dyn ControlSource>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut metrics = Metrics { encoder };
        metrics
            .gauge("build_info", "The version that runs; always 1")?
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1)?;
        metrics
            .gauge(
                "process_start_time_seconds",
                "When this process started, in seconds since the Unix epoch",
            )?
            .sample(&[], *STARTED)?;
        self.0.metrics(&mut metrics)
    }
}

static STARTED: LazyLock<u64> = LazyLock::new(|| {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
});

/// Notes the start time; called when the server starts, so that the first scrape doesn't make it.
pub(super) fn note_start() {
    LazyLock::force(&STARTED);
}
