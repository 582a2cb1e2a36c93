//! The soak: a steady load for a long time without faults, a stream that is bounded, and a consumer that follows it.
//!
//! The judge is the consumer. It reads the stream as it grows and holds the tables, so a message that ages out before it was
//! read is found as a lost route. Each look notes the memory of the three processes and how far the consumer was behind.

use std::io;
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_bed::process::{Process, resident_memory_kib};

use crate::outcome::Outcome;
use crate::reader::Reader;
use crate::rig::{Rig, Setup};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Growth that no process may exceed between the second and the last quarter, beside a tenth of its memory.
const GROWTH_KIB: u64 = 16 * 1024;

/// A soak to run.
#[derive(Debug, Clone)]
pub struct Soak {
    /// The rig. Its settings should bound the stream.
    pub setup: Setup,
    /// How long the load goes on.
    pub time: Duration,
    /// The consumer may be this far behind.
    pub lag: Duration,
    /// Time between two lines of the report.
    pub say_every: Duration,
}

/// The memory of a process over time.
#[derive(Debug)]
struct Memory {
    name: &'static str,
    /// Seconds since the start, and resident KiB.
    samples: Vec<(f64, u64)>,
}

impl Soak {
    /// Runs the soak and says a line now and then.
    ///
    /// # Errors
    /// The soak itself can't go on. What the collector does wrong is in the outcome.
    pub fn run(&self, say: &mut dyn FnMut(&str)) -> io::Result<Outcome> {
        let mut rig = Rig::start(&self.setup)?;
        let mut reader = Reader::new(&rig.collector)?;
        let mut memories = ["collector", "broker", "generator and consumer"].map(Memory::of);
        let (mut longest_lag, mut said) = (Duration::ZERO, Instant::now());
        let since = Instant::now();
        while since.elapsed() < self.time {
            rig.load(LOOK_EVERY)?;
            let begun = Instant::now();
            reader.read(&mut rig.judge)?;
            let lag = begun.elapsed();
            // The load goes on while the consumer reads.
            rig.outcome.load_seconds += lag.as_secs_f64();
            longest_lag = lag.max(longest_lag);
            let pids = [
                rig.collector.process().map(Process::id),
                rig.brokers.first().and_then(NatsServer::pid),
                Some(std::process::id()),
            ];
            for (memory, pid) in memories.iter_mut().zip(pids) {
                let resident = pid.and_then(resident_memory_kib);
                memory
                    .samples
                    .extend(resident.map(|kib| (since.elapsed().as_secs_f64(), kib)));
            }
            if said.elapsed() > self.say_every {
                said = Instant::now();
                let now: Vec<String> = memories.iter().map(Memory::now).collect();
                say(&format!(
                    "{:>6.0} s: {} changes, {} updates read; lag {} ms, {} ms at most; MiB: {}",
                    since.elapsed().as_secs_f64(),
                    rig.changes(),
                    rig.judge.updates(),
                    lag.as_millis(),
                    longest_lag.as_millis(),
                    now.join(", ")
                ));
            }
        }
        let updates = rig.judge.updates();
        let seconds = since.elapsed().as_secs_f64();
        rig.reader = Some(reader);
        rig.check(say)?;
        let figures = &mut rig.outcome.figures;
        figures.insert("updates_per_second", (updates as f64 / seconds) as u64);
        figures.insert("longest_lag_ms", longest_lag.as_millis() as u64);
        if longest_lag > self.lag {
            let failure = format!("the consumer was {} ms behind", longest_lag.as_millis());
            rig.outcome.failures.push(failure);
        }
        for memory in &memories {
            say(&format!("     memory of {}: {}", memory.name, memory.course()));
            rig.outcome.failures.extend(memory.failure());
        }
        rig.finish()
    }
}

impl Memory {
    const fn of(name: &'static str) -> Self {
        Self {
            name,
            samples: Vec::new(),
        }
    }

    fn now(&self) -> String {
        let last = self.samples.last().map_or(0, |(_, kib)| kib / 1024);
        format!("{} {last}", self.name)
    }

    /// The median of a quarter of the samples, in KiB.
    fn quarter(&self, number: usize) -> u64 {
        let samples = self.samples.len();
        let quarter = self
            .samples
            .get(samples * number / 4..samples * (number + 1) / 4)
            .unwrap_or_default();
        let mut sorted: Vec<u64> = quarter.iter().map(|(_, kib)| *kib).collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The slope of the second half by least squares, in KiB an hour.
    fn slope(&self) -> f64 {
        let half = self.samples.get(self.samples.len() / 2..).unwrap_or_default();
        let count = half.len().max(1) as f64;
        let mean = |value: fn(&(f64, u64)) -> f64| half.iter().map(value).sum::<f64>() / count;
        let (mean_time, mean_kib) = (mean(|sample| sample.0), mean(|sample| sample.1 as f64));
        let (mut over, mut under) = (0.0, 0.0);
        for (time, kib) in half {
            over += (time - mean_time) * (*kib as f64 - mean_kib);
            under += (time - mean_time).powi(2);
        }
        if under > 0.0 { over / under * 3600.0 } else { 0.0 }
    }

    fn course(&self) -> String {
        let quarters = [0, 1, 2, 3].map(|number| (self.quarter(number) / 1024).to_string());
        let most = self
            .samples
            .iter()
            .map(|(_, kib)| kib / 1024)
            .max()
            .unwrap_or_default();
        format!(
            "medians of the quarters {} MiB, {most} MiB at most, slope of the second half {:+.1} MiB an hour",
            quarters.join(", "),
            self.slope() / 1024.0
        )
    }

    /// What to say if the memory grows: in a short soak the first quarter is the start.
    fn failure(&self) -> Option<String> {
        let (second, last) = (self.quarter(1), self.quarter(3));
        let grows = last > second + second / 10 + GROWTH_KIB;
        grows.then(|| format!("the memory of {} grows: {}", self.name, self.course()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(kib: impl Fn(u64) -> u64) -> Memory {
        Memory {
            name: "it",
            samples: (0..1000).map(|second| (second as f64, kib(second))).collect(),
        }
    }

    #[test]
    fn a_slope_is_said_and_growth_is_a_failure() {
        let flat = memory(|second| 100_000 + second % 7);
        assert!(flat.slope().abs() < 10.0 && flat.failure().is_none());
        let growing = memory(|second| 100_000 + 100 * second);
        assert!((growing.slope() - 360_000.0).abs() < 1.0);
        assert!(
            growing
                .failure()
                .is_some_and(|failure| failure.contains("+351.6 MiB an hour"))
        );
        assert_eq!(Memory::of("nobody").quarter(1), 0);
    }
}
