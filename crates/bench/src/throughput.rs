//! The first scenario: how much of a load a collector takes, and what that costs, beside a process that only receives.

use serde_json::{Value, json};

use crate::error::BenchError;
use crate::figures::Run;
use crate::load::{Load, LoadSettings};
use crate::machine::load_average;
use crate::measure::{measure, measure_limit};
use crate::report::{Case, What, digits};
use crate::subject::Subject;

/// A figure of each run: its name in JSON, its name in the text, how many decimals it deserves, and how to read it.
type Figure = (&'static str, &'static str, usize, fn(&Run) -> f64);

const FIGURES: [Figure; 17] = [
    ("elements_per_second", "elements/s", 0, |run| {
        run.collector.elements_per_second()
    }),
    ("elements_per_cpu_second", "elements/CPU s", 0, |run| {
        run.collector.elements_per_cpu_second()
    }),
    (
        "limit_elements_per_cpu_second",
        "receive only, elements/CPU s",
        0,
        |run| run.limit.map_or(0.0, |limit| limit.elements_per_cpu_second()),
    ),
    ("share_of_limit", "share of receive only", 3, Run::share_of_limit),
    ("seconds", "seconds", 3, |run| run.collector.elapsed.as_secs_f64()),
    ("cpu_seconds", "CPU s", 3, |run| run.collector.cpu.as_secs_f64()),
    ("system_cpu_seconds", "  of it in the kernel", 2, |run| {
        run.collector.system.as_secs_f64()
    }),
    ("cpu_seconds_per_gb", "CPU s/GB", 3, |run| {
        run.collector.cpu_seconds_per_gb()
    }),
    ("limit_cpu_seconds_per_gb", "receive only, CPU s/GB", 3, |run| {
        run.limit.map_or(0.0, |limit| limit.cpu_seconds_per_gb())
    }),
    ("receive_calls_per_mb", "receive calls/MB", 2, |run| {
        run.collector.receive_calls_per_mb()
    }),
    ("voluntary_switches", "voluntary switches", 0, |run| {
        run.collector.voluntary_switches as f64
    }),
    (
        "elements_per_busiest_worker_second",
        "elements/busiest worker's CPU s",
        0,
        |run| run.collector.elements_per_busiest_second(),
    ),
    ("busiest_worker_share", "busiest worker's share", 3, |run| {
        run.collector.busiest_share()
    }),
    (
        "ideal_worker_share",
        "  best that whole routers allow",
        3,
        |run| run.ideal_share,
    ),
    ("routes_held", "routes held", 0, |run| run.collector.routes as f64),
    ("bytes_per_million_routes", "bytes/million routes", 0, |run| {
        run.collector.bytes_per_million_routes()
    }),
    ("load_average", "load average before", 2, |run| run.load_average),
];

/// One run with a new collector, its limit before it.
///
/// # Errors
/// A process does not start, or it does not take the load.
pub fn run(load: &Load, start: impl FnOnce() -> Result<Subject, BenchError>) -> Result<Run, BenchError> {
    let load_average = load_average();
    let limit = Some(measure_limit(load, &Subject::receive_only()?)?);
    let collector = measure(load, &start()?)?;
    let workers = collector.workers.len();
    Ok(Run {
        load_average,
        limit,
        collector,
        ideal_share: load.settings.ideal_share(workers),
    })
}

/// One run with a collector that runs already.
///
/// # Errors
/// It does not take the load.
pub fn run_with(load: &Load, subject: &Subject) -> Result<Run, BenchError> {
    Ok(Run {
        load_average: load_average(),
        collector: measure(load, subject)?,
        ..Run::default()
    })
}

impl Case {
    /// One more run of a load.
    pub fn add_throughput(&mut self, run: &Run) {
        for (key, name, decimals, read) in FIGURES {
            self.add(What::new(key, name, decimals), read(run));
        }
        self.add_run(run.to_json());
    }
}

impl Run {
    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "load average {:.2}: {:.3} s, {:.3} CPU s, {} elements/s, {} elements/CPU s{}",
            self.load_average,
            self.collector.elapsed.as_secs_f64(),
            self.collector.cpu.as_secs_f64(),
            digits(self.collector.elements_per_second(), 0),
            digits(self.collector.elements_per_cpu_second(), 0),
            self.limit.map_or_else(String::new, |limit| format!(
                " (limit {})",
                digits(limit.elements_per_cpu_second(), 0)
            )),
        )
    }

    fn to_json(&self) -> Value {
        let collector = &self.collector;
        let limit = self.limit.map(|limit| {
            json!({
                "seconds": limit.elapsed.as_secs_f64(),
                "cpu_seconds": limit.cpu.as_secs_f64(),
                "elements_per_second": limit.elements_per_second(),
            })
        });
        let workers: Vec<f64> = collector
            .workers
            .iter()
            .map(std::time::Duration::as_secs_f64)
            .collect();
        let mut object = json!({
            "limit": limit,
            "elements": collector.elements,
            "emitted": collector.emitted,
            "bytes": collector.bytes,
            "batch_bytes": collector.batch_bytes,
            "receive_calls": collector.receive_calls,
            "routes": collector.routes,
            "worker_cpu_seconds": workers,
            "resident_before_bytes": collector.resident_before_bytes,
            "resident_bytes": collector.resident_bytes,
        });
        for (key, _, _, read) in FIGURES {
            object[key] = json!(read(self));
        }
        object
    }
}

/// More routers than this can be spread in too many ways to try all.
const MOST_TRIED: u16 = 16;

impl LoadSettings {
    /// The least share that the busiest of so many workers can have, since a router belongs to one worker.
    #[must_use]
    pub fn ideal_share(&self, workers: usize) -> f64 {
        if workers < 2 {
            return workers as f64;
        }
        let mut weights: Vec<u64> = (0..self.routers)
            .map(|router| u64::from(self.weight(router)))
            .collect();
        weights.reverse();
        let all: u64 = weights.iter().sum();
        let even = all
            .div_ceil(workers as u64)
            .max(weights.first().copied().unwrap_or(0));
        let busiest = if self.routers <= MOST_TRIED {
            least_busiest(&weights, &mut vec![0; workers], all)
        } else {
            even
        };
        busiest as f64 / all.max(1) as f64
    }
}

/// The least that the busiest has when these are spread over the workers, `best` if that is less.
fn least_busiest(weights: &[u64], workers: &mut [u64], best: u64) -> u64 {
    let Some((first, rest)) = weights.split_first() else {
        return best.min(workers.iter().copied().max().unwrap_or(0));
    };
    let mut best = best;
    for worker in 0..workers.len() {
        let Some(load) = workers.get(worker).copied() else {
            continue;
        };
        // Workers with the same load are alike: the first of them stands for all.
        if load + first < best && !workers.iter().take(worker).any(|other| *other == load) {
            workers[worker] = load + first;
            best = least_busiest(rest, workers, best);
            workers[worker] = load;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ideal_share_is_that_of_the_best_spread() {
        let share = |routers, unequal, workers| {
            LoadSettings {
                routers,
                unequal,
                ..LoadSettings::default()
            }
            .ideal_share(workers)
        };
        assert_eq!(share(8, false, 2), 0.5);
        assert_eq!(share(8, false, 1), 1.0);
        assert_eq!(share(1, false, 2), 1.0);
        assert_eq!(share(3, false, 2), 2.0 / 3.0);
        // 5 + 3 or 5 + 2 + 1 of 15.
        assert_eq!(share(5, true, 2), 8.0 / 15.0);
        assert_eq!(share(1000, false, 2), 0.5);
        assert_eq!(share(8, false, 0), 0.0);
    }
}
