//! Reads the metrics of a collector.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::BenchError;
use crate::spread::rank;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The text of `/metrics` at one moment.
pub(crate) struct Scrape {
    text: String,
}

impl Scrape {
    /// Reads the metrics from the control port at this address.
    pub(crate) fn of(control: SocketAddr) -> Result<Self, BenchError> {
        Self::read(control).map_err(BenchError::io(format!("can't read http://{control}/metrics")))
    }

    fn read(control: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&control, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {control}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, text)) if head.starts_with("HTTP/1.1 200") => Ok(Self {
                text: text.to_owned(),
            }),
            _ => Err(io::Error::other(
                "the answer is not from a control port of arancini",
            )),
        }
    }

    /// Returns a gauge with a fraction; 0 if it is missing.
    pub(crate) fn seconds(&self, name: &str) -> f64 {
        let value = self.samples(name).next();
        value.and_then(|(_, value)| value.parse().ok()).unwrap_or(0.0)
    }

    /// Returns a histogram without labels.
    pub(crate) fn histogram(&self, name: &str) -> Histogram {
        let bucket = |(labels, value): (&str, &str)| {
            let bound = labels.strip_prefix("{le=\"")?.strip_suffix("\"}")?;
            Some((bound.parse().ok()?, value.parse().ok()?))
        };
        let name = format!("{name}_bucket");
        Histogram(self.samples(&name).filter_map(bucket).collect())
    }

    /// Returns a metric, summed over its labels; 0 if it is missing. The name is given without `arancini_`.
    pub(crate) fn sum(&self, name: &str) -> u64 {
        let values = self.samples(name);
        values.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    }

    /// Returns the labels and the value of each sample of a metric.
    fn samples(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.text
            .lines()
            .filter_map(move |line| line.strip_prefix("arancini_")?.strip_prefix(name))
            .filter(|rest| rest.starts_with([' ', '{']))
            .filter_map(|rest| rest.rsplit_once(' '))
    }
}

/// A histogram: the upper bounds of its buckets, each with the number of values up to this bound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Histogram(pub Vec<(f64, u64)>);

impl Histogram {
    /// Returns the values added since an earlier reading.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let grown =
            |((bound, now), (_, before)): (&(f64, u64), &(f64, u64))| (*bound, now.saturating_sub(*before));
        Self(self.0.iter().zip(&before.0).map(grown).collect())
    }

    /// Returns the number of values.
    pub(crate) fn count(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// Returns how many values are greater than one of the bounds.
    pub(crate) fn above(&self, bound: f64) -> u64 {
        let up_to = self.0.iter().rfind(|(known, _)| *known <= bound);
        self.count() - up_to.map_or(0, |(_, count)| *count)
    }

    /// Returns the upper bound of the bucket that contains the quantile; the quantile itself is not greater. 0 without values.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        let rank = rank(self.count(), quantile);
        let bucket = self.0.iter().find(|(_, count)| *count >= rank && rank > 0);
        bucket.map_or(0.0, |(bound, _)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_name_are_summed_and_no_others() {
        let scrape = Scrape {
            text: "# HELP arancini_routes Routes held.\n# TYPE arancini_routes gauge\narancini_routes 5\n\
                   arancini_routes_x 7\narancini_seen_total{view=\"a b\"} 1\narancini_seen_total{view=\"c\"} 2\n"
                .to_owned(),
        };
        assert_eq!(scrape.sum("routes"), 5);
        assert_eq!(scrape.sum("seen_total"), 3);
        assert_eq!(scrape.sum("seen"), 0);
    }

    #[test]
    fn quantiles_of_a_histogram_are_bounds_of_its_buckets() {
        let scrape = Scrape {
            text: "arancini_turn_seconds_sum 1.5\narancini_turn_seconds_count 1000\n\
                   arancini_turn_seconds_bucket{le=\"0.0001\"} 600\narancini_turn_seconds_bucket{le=\"0.001\"} 995\n\
                   arancini_turn_seconds_bucket{le=\"+Inf\"} 1000\narancini_longest_turn_seconds 0.25\n"
                .to_owned(),
        };
        let histogram = scrape.histogram("turn_seconds");
        assert_eq!(histogram.count(), 1000);
        assert_eq!(histogram.above(0.001), 5);
        assert_eq!(histogram.quantile(0.5), 0.0001);
        assert_eq!(histogram.quantile(0.99), 0.001);
        assert_eq!(histogram.quantile(0.999), f64::INFINITY);
        let since = histogram.since(&Histogram(vec![
            (0.0001, 600),
            (0.001, 990),
            (f64::INFINITY, 990),
        ]));
        assert_eq!(
            (since.count(), since.above(0.001), since.quantile(0.5)),
            (10, 5, 0.001)
        );
        assert_eq!(Histogram::default().quantile(0.5), 0.0);
        assert_eq!(scrape.seconds("longest_turn_seconds"), 0.25);
    }
}
