//! What was measured, and what follows from it.

use std::time::Duration;

/// What a collector did with the load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Route elements that it received.
    pub elements: u64,
    /// Updates that it published.
    pub emitted: u64,
    /// Bytes that it received.
    pub bytes: u64,
    /// System calls with which it received them.
    pub receive_calls: u64,
    /// Payload bytes that it handed to its sink.
    pub batch_bytes: u64,
    /// From the first byte sent to the last update durable in the sink.
    pub elapsed: Duration,
    /// CPU time of the whole process meanwhile; zero where its process is not known.
    pub cpu: Duration,
    /// Of this, in the kernel.
    pub system: Duration,
    /// How often its threads waited meanwhile.
    pub voluntary_switches: u64,
    /// Its resident memory before.
    pub resident_before_bytes: u64,
    /// Its resident memory after.
    pub resident_bytes: u64,
    /// Routes that it held after.
    pub routes: u64,
}

/// What a process did that only received the load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limit {
    /// Route elements in the bytes.
    pub elements: u64,
    /// Bytes that it received.
    pub bytes: u64,
    /// From the first byte sent to the last one read.
    pub elapsed: Duration,
    /// CPU time of the process meanwhile; zero where its process is not known.
    pub cpu: Duration,
}

/// One turn: the limit and then the collector, same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Run {
    /// The load average of the last minute before it: what others did to the machine.
    pub load_average: f64,
    /// The limit, where it was measured.
    pub limit: Option<Limit>,
    /// The collector.
    pub collector: Figures,
}

impl Figures {
    /// Route elements a second.
    #[must_use]
    pub fn elements_per_second(&self) -> f64 {
        ratio(self.elements as f64, self.elapsed.as_secs_f64())
    }

    /// Route elements a second of CPU time.
    #[must_use]
    pub fn elements_per_cpu_second(&self) -> f64 {
        ratio(self.elements as f64, self.cpu.as_secs_f64())
    }

    /// System calls for a megabyte received.
    #[must_use]
    pub fn receive_calls_per_mb(&self) -> f64 {
        ratio(self.receive_calls as f64, self.bytes as f64 / 1e6)
    }

    /// How many bytes its memory grew for a million routes.
    #[must_use]
    pub fn bytes_per_million_routes(&self) -> f64 {
        let grown = self.resident_bytes.saturating_sub(self.resident_before_bytes);
        ratio(grown as f64, self.routes as f64 / 1e6)
    }
}

impl Limit {
    /// Route elements a second.
    #[must_use]
    pub fn elements_per_second(&self) -> f64 {
        ratio(self.elements as f64, self.elapsed.as_secs_f64())
    }

    /// Route elements a second of CPU time.
    #[must_use]
    pub fn elements_per_cpu_second(&self) -> f64 {
        ratio(self.elements as f64, self.cpu.as_secs_f64())
    }
}

impl Run {
    /// What share of the limit the collector reached, in elements a second of CPU time.
    #[must_use]
    pub fn share_of_limit(&self) -> f64 {
        let limit = self.limit.map_or(0.0, |limit| limit.elements_per_cpu_second());
        ratio(self.collector.elements_per_cpu_second(), limit)
    }
}

/// 0 where there is nothing to divide by: the figure was not measured.
fn ratio(of: f64, to: f64) -> f64 {
    if to > 0.0 { of / to } else { 0.0 }
}

/// The middle of several runs, and how far they lie apart.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// The middle one; of an even number, the mean of the middle two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these values; zeros of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else {
            return Self::default();
        };
        let middle = values.len() / 2;
        let above = values.get(middle).copied().unwrap_or(max);
        let below = values.get(values.len().div_ceil(2) - 1).copied().unwrap_or(min);
        Self {
            median: f64::midpoint(below, above),
            min,
            max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        let spread = |values: &[f64]| {
            let spread = Spread::of(values.iter().copied());
            (spread.median, spread.min, spread.max)
        };
        assert_eq!(spread(&[]), (0.0, 0.0, 0.0));
        assert_eq!(spread(&[3.0]), (3.0, 3.0, 3.0));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), (2.0, 1.0, 9.0));
        assert_eq!(spread(&[4.0, 1.0, 9.0, 2.0]), (3.0, 1.0, 9.0));
    }

    #[test]
    fn what_was_not_measured_is_zero() {
        let mut run = Run::default();
        assert_eq!(run.share_of_limit(), 0.0);
        assert_eq!(run.collector.bytes_per_million_routes(), 0.0);
        run.collector = Figures {
            elements: 100,
            bytes: 2_000_000,
            receive_calls: 8,
            elapsed: Duration::from_millis(500),
            cpu: Duration::from_millis(250),
            resident_before_bytes: 1000,
            resident_bytes: 3000,
            routes: 100,
            ..Figures::default()
        };
        assert_eq!(run.collector.elements_per_second(), 200.0);
        assert_eq!(run.collector.elements_per_cpu_second(), 400.0);
        assert_eq!(run.collector.receive_calls_per_mb(), 4.0);
        assert_eq!(run.collector.bytes_per_million_routes(), 2e7);
        run.limit = Some(Limit {
            elements: 100,
            cpu: Duration::from_millis(125),
            ..Limit::default()
        });
        assert_eq!(run.share_of_limit(), 0.5);
    }
}
