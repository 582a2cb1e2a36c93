//! Many seeds, one after the other on every core.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::plan::{Plan, run};
use crate::violation::Violation;
use crate::world::Report;

/// Seeds that a thread takes at once.
const CHUNK: u64 = 64;
/// Failures kept with their violation; more are only counted.
const KEPT: usize = 20;

/// Which seeds.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first.
    pub first_seed: u64,
    /// How many.
    pub seeds: u64,
    /// Steps of each run.
    pub steps: u32,
    /// A safeguard that is taken out.
    pub fault: Option<Fault>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Runs made.
    pub runs: u64,
    /// Runs in which a promise was broken.
    pub failures: u64,
    /// The first failures found, by seed.
    pub examples: Vec<(u64, Violation)>,
    /// All runs together.
    pub sum: Report,
    /// How long it took.
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
