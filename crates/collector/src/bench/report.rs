//! All runs of a bench, as text and as JSON.

use std::fmt;
use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::figures::{Run, Spread};
use super::load::Load;

/// All runs of a bench.
#[derive(Debug)]
pub struct Report<'a> {
    load: &'a Load,
    machine: Machine,
    runs: Vec<Run>,
}

/// A figure of each run: its name in JSON, its name in the text, how to read it, and how many digits it deserves.
type Figure = (&'static str, &'static str, fn(&Run) -> f64, usize);

const FIGURES: [Figure; 9] = [
    (
        "elements_per_second",
        "elements/s",
        |run| run.collector.elements_per_second(),
        0,
    ),
    (
        "elements_per_cpu_second",
        "elements/CPU s",
        |run| run.collector.elements_per_cpu_second(),
        0,
    ),
    (
        "limit_elements_per_cpu_second",
        "limit, elements/CPU s",
        limit_per_cpu_second,
        0,
    ),
    ("share_of_limit", "share of the limit", Run::share_of_limit, 3),
    ("cpu_seconds", "CPU s", |run| run.collector.cpu.as_secs_f64(), 3),
    (
        "system_cpu_seconds",
        "  of it in the kernel",
        |run| run.collector.system.as_secs_f64(),
        2,
    ),
    (
        "bytes_per_million_routes",
        "bytes/million routes",
        |run| run.collector.bytes_per_million_routes(),
        0,
    ),
    (
        "receive_calls_per_mb",
        "receive calls/MB",
        |run| run.collector.receive_calls_per_mb(),
        2,
    ),
    (
        "voluntary_switches",
        "voluntary switches",
        |run| run.collector.voluntary_switches as f64,
        0,
    ),
];

fn limit_per_cpu_second(run: &Run) -> f64 {
    run.limit.map_or(0.0, |limit| limit.elements_per_cpu_second())
}

impl<'a> Report<'a> {
    /// Of a load that is yet to be sent.
    #[must_use]
    pub fn new(load: &'a Load) -> Self {
        Self {
            load,
            machine: Machine::this(),
            runs: Vec::new(),
        }
    }

    /// One more run.
    pub fn add(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// One run in a line.
    #[must_use]
    pub fn line(run: &Run) -> String {
        format!(
            "load average {:.2}: {:.3} s, {:.3} CPU s, {} elements/s, {} elements/CPU s{}",
            run.load_average,
            run.collector.elapsed.as_secs_f64(),
            run.collector.cpu.as_secs_f64(),
            digits(run.collector.elements_per_second(), 0),
            digits(run.collector.elements_per_cpu_second(), 0),
            run.limit.map_or_else(String::new, |limit| format!(
                " (limit {})",
                digits(limit.elements_per_cpu_second(), 0)
            )),
        )
    }

    /// One object with everything: what was sent, where, each run, and the spread of each figure.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let runs: Vec<Value> = self.runs.iter().map(run_json).collect();
        let mut spreads = serde_json::Map::new();
        for (name, _, read, _) in FIGURES {
            let spread = Spread::of(self.runs.iter().map(read));
            spreads.insert(
                name.to_owned(),
                json!({"median": spread.median, "min": spread.min, "max": spread.max}),
            );
        }
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "machine": {"cpu": self.machine.cpu, "cores": self.machine.cores, "kernel": self.machine.kernel},
            "load": self.load.to_json(),
            "runs": runs,
            "figures": spreads,
        })
    }
}

fn run_json(run: &Run) -> Value {
    let collector = &run.collector;
    let limit = run.limit.map(|limit| {
        json!({
            "seconds": limit.elapsed.as_secs_f64(),
            "cpu_seconds": limit.cpu.as_secs_f64(),
            "elements_per_second": limit.elements_per_second(),
        })
    });
    let mut object = json!({
        "load_average": run.load_average,
        "limit": limit,
        "elements": collector.elements,
        "emitted": collector.emitted,
        "bytes": collector.bytes,
        "batch_bytes": collector.batch_bytes,
        "receive_calls": collector.receive_calls,
        "routes": collector.routes,
        "seconds": collector.elapsed.as_secs_f64(),
        "resident_before_bytes": collector.resident_before_bytes,
        "resident_bytes": collector.resident_bytes,
    });
    for (name, _, read, _) in FIGURES {
        object[name] = json!(read(run));
    }
    object
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "load     {}", self.load)?;
        writeln!(f, "machine  {}", self.machine)?;
        writeln!(f, "runs     {}\n", self.runs.len())?;
        writeln!(f, "{:<22}{:>14}{:>14}{:>14}", "", "median", "min", "max")?;
        for (_, name, read, precision) in FIGURES {
            let spread = Spread::of(self.runs.iter().map(read));
            if spread.max > 0.0 {
                writeln!(
                    f,
                    "{name:<22}{:>14}{:>14}{:>14}",
                    digits(spread.median, precision),
                    digits(spread.min, precision),
                    digits(spread.max, precision)
                )?;
            }
        }
        Ok(())
    }
}

impl Load {
    /// What it was made from, and what must come of it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let load = &self.settings;
        json!({
            "routers": load.routers,
            "peers": load.peers,
            "prefixes": load.prefixes,
            "prefixes_per_update": load.prefixes_per_update,
            "ipv6_percent": load.ipv6_percent,
            "churn_rounds": load.churn_rounds,
            "seed": load.seed,
            "bytes": self.bytes(),
            "messages": self.wanted.messages,
            "elements": self.wanted.elements,
            "emitted": self.wanted.emitted,
            "routes": self.wanted.routes,
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = &self.settings;
        write!(
            f,
            "{} × {} × {} (routers × peers × prefixes), {} % IPv6, prefixes per UPDATE {}, rounds of churn {}, seed {}: \
             {} elements in {} messages, {:.1} MB",
            load.routers,
            load.peers,
            digits(f64::from(load.prefixes), 0),
            load.ipv6_percent,
            load.prefixes_per_update,
            load.churn_rounds,
            load.seed,
            digits(self.wanted.elements as f64, 0),
            digits(self.wanted.messages as f64, 0),
            self.bytes() as f64 / 1e6,
        )
    }
}

/// Where the bench runs.
#[derive(Debug)]
struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cpu: model.map_or("unknown CPU", |(_, model)| model).to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores, Linux {}", self.cpu, self.cores, self.kernel)
    }
}

/// A number with so many decimals and its thousands set apart.
fn digits(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(digits(0.0, 0), "0");
        assert_eq!(digits(999.4, 0), "999");
        assert_eq!(digits(1000.0, 0), "1,000");
        assert_eq!(digits(1_234_567.25, 2), "1,234,567.25");
        assert_eq!(digits(0.1875, 3), "0.188");
    }
}
