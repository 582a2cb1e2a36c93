//! Measured figures, and figures computed from them.

use std::time::Duration;

use crate::spread::ratio;

/// What the collector did with the load, and what it used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Received route elements.
    pub elements: u64,
    /// Published updates.
    pub emitted: u64,
    /// Received bytes.
    pub bytes: u64,
    /// System calls made to receive.
    pub receive_calls: u64,
    /// Payload bytes handed to the sink.
    pub batch_bytes: u64,
    /// Time from sending the first byte until the sink acknowledged the last update.
    pub elapsed: Duration,
    /// CPU time of the whole process during this time; zero if the process is not known.
    pub cpu: Duration,
    /// The part of the CPU time spent in the kernel.
    pub system: Duration,
    /// CPU time of each worker thread, the busiest first.
    pub workers: Vec<Duration>,
    /// Voluntary context switches of its threads.
    pub voluntary_switches: u64,
    /// Resident memory before the load.
    pub resident_before_bytes: u64,
    /// Resident memory after the load.
    pub resident_bytes: u64,
    /// Routes held after the load.
    pub routes: u64,
}

/// What a process used that only received the load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limit {
    /// Route elements in the received bytes.
    pub elements: u64,
    /// Received bytes.
    pub bytes: u64,
    /// Time from sending the first byte until the last byte was read.
    pub elapsed: Duration,
    /// CPU time of the process during this time; zero if the process is not known.
    pub cpu: Duration,
}

/// One run: first the limit and then the collector, with the same bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The load average of the minute before the run, which shows how busy the host was.
    pub load_average: f64,
    /// The limit, if it was measured.
    pub limit: Option<Limit>,
    /// The collector.
    pub collector: Figures,
    /// The smallest possible share of the work for the busiest worker. A router belongs to one worker, so the work can't
    /// always be divided evenly.
    pub ideal_share: f64,
}

impl Figures {
    /// Returns route elements per second.
    #[must_use]
    pub fn elements_per_second(&self) -> f64 {
        ratio(self.elements as f64, self.elapsed.as_secs_f64())
    }

    /// Returns route elements per second of CPU time.
    #[must_use]
    pub fn elements_per_cpu_second(&self) -> f64 {
        ratio(self.elements as f64, self.cpu.as_secs_f64())
    }

    /// Returns system calls per received megabyte.
    #[must_use]
    pub fn receive_calls_per_mb(&self) -> f64 {
        ratio(self.receive_calls as f64, self.bytes as f64 / 1e6)
    }

    /// Returns CPU seconds per received gigabyte.
    #[must_use]
    pub fn cpu_seconds_per_gb(&self) -> f64 {
        ratio(self.cpu.as_secs_f64(), self.bytes as f64 / 1e9)
    }

    /// Returns route elements per second of CPU time of the busiest worker. The workers together reach this rate if each has
    /// a core of its own and the routers never pause.
    #[must_use]
    pub fn elements_per_busiest_second(&self) -> f64 {
        let busiest = self.workers.first().copied().unwrap_or_default();
        ratio(self.elements as f64, busiest.as_secs_f64())
    }

    /// Returns the share of the busiest worker in the CPU time of all workers.
    #[must_use]
    pub fn busiest_share(&self) -> f64 {
        let busiest = self.workers.first().copied().unwrap_or_default();
        let all: Duration = self.workers.iter().sum();
        ratio(busiest.as_secs_f64(), all.as_secs_f64())
    }

    /// Returns by how many bytes the memory grew per million routes.
    #[must_use]
    pub fn bytes_per_million_routes(&self) -> f64 {
        let grown = self.resident_bytes.saturating_sub(self.resident_before_bytes);
        ratio(grown as f64, self.routes as f64 / 1e6)
    }
}

impl Limit {
    /// Returns route elements per second.
    #[must_use]
    pub fn elements_per_second(&self) -> f64 {
        ratio(self.elements as f64, self.elapsed.as_secs_f64())
    }

    /// Returns route elements per second of CPU time.
    #[must_use]
    pub fn elements_per_cpu_second(&self) -> f64 {
        ratio(self.elements as f64, self.cpu.as_secs_f64())
    }

    /// Returns CPU seconds per gigabyte.
    #[must_use]
    pub fn cpu_seconds_per_gb(&self) -> f64 {
        ratio(self.cpu.as_secs_f64(), self.bytes as f64 / 1e9)
    }
}

impl Run {
    /// Returns the share of the limit that the collector reached, in elements per second of CPU time.
    #[must_use]
    pub fn share_of_limit(&self) -> f64 {
        let limit = self.limit.map_or(0.0, |limit| limit.elements_per_cpu_second());
        ratio(self.collector.elements_per_cpu_second(), limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_are_of_what_was_measured_and_zero_without() {
        let mut run = Run::default();
        assert_eq!((run.share_of_limit(), run.collector.busiest_share()), (0.0, 0.0));
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
            workers: vec![Duration::from_millis(200), Duration::from_millis(50)],
            ..Figures::default()
        };
        assert_eq!(run.collector.elements_per_second(), 200.0);
        assert_eq!(run.collector.elements_per_cpu_second(), 400.0);
        assert_eq!(run.collector.receive_calls_per_mb(), 4.0);
        assert_eq!(run.collector.bytes_per_million_routes(), 2e7);
        assert_eq!(run.collector.cpu_seconds_per_gb(), 125.0);
        assert_eq!(run.collector.elements_per_busiest_second(), 500.0);
        assert_eq!(run.collector.busiest_share(), 0.8);
        run.limit = Some(Limit {
            elements: 100,
            cpu: Duration::from_millis(125),
            ..Limit::default()
        });
        assert_eq!(run.share_of_limit(), 0.5);
    }
}
