//! What was measured, and what follows from it.

use std::time::Duration;

use crate::spread::ratio;

/// What a collector did with the load.
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// CPU time of each worker's thread, the busiest first.
    pub workers: Vec<Duration>,
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The load average of the last minute before it: what others did to the machine.
    pub load_average: f64,
    /// The limit, where it was measured.
    pub limit: Option<Limit>,
    /// The collector.
    pub collector: Figures,
    /// The least share of the work that its busiest worker can have, since a router belongs to one worker.
    pub ideal_share: f64,
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

    /// CPU seconds for a gigabyte received.
    #[must_use]
    pub fn cpu_seconds_per_gb(&self) -> f64 {
        ratio(self.cpu.as_secs_f64(), self.bytes as f64 / 1e9)
    }

    /// Route elements a second of CPU time of the busiest worker: what the workers reach together where each has a
    /// core of its own and the routers never pause.
    #[must_use]
    pub fn elements_per_busiest_second(&self) -> f64 {
        let busiest = self.workers.first().copied().unwrap_or_default();
        ratio(self.elements as f64, busiest.as_secs_f64())
    }

    /// What share of the workers' CPU time was the busiest one's.
    #[must_use]
    pub fn busiest_share(&self) -> f64 {
        let busiest = self.workers.first().copied().unwrap_or_default();
        let all: Duration = self.workers.iter().sum();
        ratio(busiest.as_secs_f64(), all.as_secs_f64())
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

    /// CPU seconds for a gigabyte.
    #[must_use]
    pub fn cpu_seconds_per_gb(&self) -> f64 {
        ratio(self.cpu.as_secs_f64(), self.bytes as f64 / 1e9)
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
