//! A campaign: many seeds, on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::plan::Plan;
use crate::report::Report;
use crate::run::run;
use crate::violation::Violation;

/// Number of seeds that a thread takes at once.
const CHUNK: u64 = 64;
/// Number of failures that are kept with their violations; more are only counted.
const KEPT: usize = 20;

/// The seeds of a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first seed.
    pub first_seed: u64,
    /// Number of seeds.
    pub seeds: u64,
    /// Steps of each run.
    pub steps: u32,
    /// A safeguard that is taken out.
    pub fault: Option<Fault>,
    /// Whether tables retain the attributes of routes.
    pub retain: bool,
    /// Whether resyncs are requested.
    pub resyncs: bool,
    /// Whether each broker may lose messages, while tables retain all attributes.
    pub losses: bool,
}

/// The outcome of a campaign.
#[derive(Debug)]
pub struct Outcome {
    /// Number of runs.
    pub runs: u64,
    /// Number of runs with a violation.
    pub failures: u64,
    /// The first violations, by seed.
    pub examples: Vec<(u64, Violation)>,
    /// The sum of all reports.
    pub sum: Report,
    /// How long the campaign took.
    pub elapsed: Duration,
}

impl Campaign {
    /// Runs all seeds, a thread for each core.
    #[must_use]
    pub fn run(&self, threads: usize) -> Outcome {
        let started = Instant::now();
        let next = AtomicU64::new(0);
        let outcome = Mutex::new(Outcome {
            runs: 0,
            failures: 0,
            examples: Vec::new(),
            sum: Report::default(),
            elapsed: Duration::ZERO,
        });
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let from = next.fetch_add(CHUNK, Relaxed);
                        if from >= self.seeds {
                            return;
                        }
                        self.chunk(from, &outcome);
                    }
                });
            }
        });
        let mut outcome = outcome
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome.examples.sort_by_key(|(seed, _)| *seed);
        outcome.elapsed = started.elapsed();
        outcome
    }

    fn chunk(&self, from: u64, outcome: &Mutex<Outcome>) {
        let (mut runs, mut sum, mut failed) = (0, Report::default(), Vec::new());
        for number in from..(from + CHUNK).min(self.seeds) {
            let seed = self.first_seed + number;
            let plan = Plan {
                steps: self.steps,
                retain: self.retain,
                resyncs: self.resyncs,
                losses: self.losses,
                ..Plan::of_seed(seed).with_fault(self.fault)
            };
            runs += 1;
            match run(&plan) {
                Ok(report) => sum += report,
                Err(violation) => failed.push((seed, violation)),
            }
        }
        if let Ok(mut outcome) = outcome.lock() {
            outcome.runs += runs;
            outcome.sum += sum;
            outcome.failures += failed.len() as u64;
            let room = KEPT.saturating_sub(outcome.examples.len());
            outcome.examples.extend(failed.into_iter().take(room));
        }
    }
}
