//! The scenario `throughput`: how fast a collector processes a load and what it uses, compared with a process that only
//! receives.

use serde_json::{Value, json};

use crate::digits::digits;
use crate::error::BenchError;
use crate::figures::Run;
use crate::load::Load;
use crate::machine::load_average;
use crate::measure::{measure, measure_limit};
use crate::report::{Case, What};
use crate::subject::Subject;

/// A figure of each run: its name in JSON, its name in the text, the number of decimals, and how to compute it.
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
    ("system_cpu_seconds", "  in the kernel, CPU s", 2, |run| {
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
    ("ideal_worker_share", "  smallest possible share", 3, |run| {
        run.ideal_share
    }),
    ("routes_held", "routes held", 0, |run| run.collector.routes as f64),
    ("bytes_per_million_routes", "bytes/million routes", 0, |run| {
        run.collector.bytes_per_million_routes()
    }),
    ("load_average", "load average before", 2, |run| run.load_average),
];

/// Runs the load against a new collector, after measuring the limit.
///
/// # Errors
/// Fails if a process does not start or does not process the load.
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

/// Runs the load against a running collector.
///
/// # Errors
/// Fails if the collector does not process the load.
pub fn run_with(load: &Load, subject: &Subject) -> Result<Run, BenchError> {
    Ok(Run {
        load_average: load_average(),
        collector: measure(load, subject)?,
        ..Run::default()
    })
}

impl Case {
    /// Adds the figures of one more run.
    pub fn add_throughput(&mut self, run: &Run) {
        for (key, name, decimals, read) in FIGURES {
            self.add(What::new(key, name, decimals), read(run));
        }
        self.add_run(run.to_json());
    }
}

impl Run {
    /// Describes the run in one line.
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
