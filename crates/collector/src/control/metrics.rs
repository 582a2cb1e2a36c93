//! Writes metric families from plain numbers.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Accepts one metric family after the other. Names are given without `arancini_` and, for counters, without `_total`.
pub struct Metrics<'a> {
    encoder: DescriptorEncoder<'a>,
}

/// One metric family, to which samples with different labels are written.
pub struct Family<'m> {
    encoder: MetricEncoder<'m>,
    kind: MetricType,
}

impl<'a> Metrics<'a> {
    /// Makes an empty set of metric families over the encoder of one scrape.
    pub(super) const fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self { encoder }
    }

    /// Starts a counter: a number that only grows.
    ///
    /// # Errors
    /// Fails if the text can't be written.
    pub fn counter<'m>(&'m mut self, name: &'m str, help: &str) -> Result<Family<'m>, fmt::Error> {
        self.family(name, help, MetricType::Counter)
    }

    /// Starts a gauge: a number that goes up and down.
    ///
    /// # Errors
    /// Fails if the text can't be written.
    pub fn gauge<'m>(&'m mut self, name: &'m str, help: &str) -> Result<Family<'m>, fmt::Error> {
        self.family(name, help, MetricType::Gauge)
    }

    /// Writes a histogram without labels. Each bucket is an upper bound and the number of values in this bucket alone
    /// (not cumulative). The last bound is [`f64::INFINITY`].
    ///
    /// # Errors
    /// Fails if the text can't be written.
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
    /// Fails if the text can't be written.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: u64) -> fmt::Result {
        if labels.is_empty() {
            return write_value(&mut self.encoder, self.kind, value);
        }
        let labels = labels.to_vec();
        write_value(&mut self.encoder.encode_family(&labels)?, self.kind, value)
    }

    /// Writes one sample of a gauge that can be negative.
    ///
    /// # Errors
    /// Fails if the text can't be written.
    pub fn signed_sample(&mut self, labels: &[(&str, &str)], value: i64) -> fmt::Result {
        let labels = labels.to_vec();
        self.encoder.encode_family(&labels)?.encode_gauge(&value)
    }

    /// Writes one sample without labels, in seconds with a fraction.
    ///
    /// # Errors
    /// Fails if the text can't be written.
    pub fn seconds(&mut self, value: f64) -> fmt::Result {
        match self.kind {
            MetricType::Counter => self.encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
            _ => self.encoder.encode_gauge(&value),
        }
    }
}

fn write_value(encoder: &mut MetricEncoder<'_>, kind: MetricType, value: u64) -> fmt::Result {
    match kind {
        MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        _ => encoder.encode_gauge(&value),
    }
}
