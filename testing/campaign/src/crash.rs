//! The campaign of crashes: load, faults at seeded moments, and a check of everything after every few faults.

use std::io;
use std::time::{Duration, Instant};

use arancini_generate::Random;

use crate::fault::{Fault, Step, inflict, plan};
use crate::outcome::Outcome;
use crate::rig::{Rig, Setup, tail};

/// A campaign to run.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The rig.
    pub setup: Setup,
    /// Number of faults.
    pub faults: usize,
    /// Kinds of faults. Those that need a broker or snapshots are left out where there are none.
    pub kinds: Vec<Fault>,
    /// Number of faults between two checks.
    pub check_every: usize,
    /// Average time of load between two faults.
    pub gap: Duration,
}

impl Campaign {
    /// Runs the campaign and says a line for each fault and each check.
    ///
    /// # Errors
    /// The campaign itself can't go on. What the collector does wrong is in the outcome.
    pub fn run(&self, say: &mut dyn FnMut(&str)) -> io::Result<Outcome> {
        let mut rig = Rig::start(&self.setup)?;
        let mut random = Random::of(&[self.setup.seed, 3]);
        let mut kinds = self.kinds.clone();
        kinds.retain(|kind| self.setup.brokers > 0 || !kind.needs_broker());
        kinds.retain(|kind| self.setup.snapshot_interval_ms.is_some() || !kind.needs_snapshots());
        let steps = plan(self.setup.seed, self.faults, &kinds, self.gap);
        for (index, step) in steps.iter().enumerate() {
            round(&mut rig, index, *step, &mut random, say)?;
            let is_due = (index + 1) % self.check_every.max(1) == 0 || index + 1 == steps.len();
            if is_due {
                rig.check(say)?;
            }
            if !rig.outcome.is_clean() {
                break;
            }
        }
        if steps.is_empty() {
            rig.load(self.gap)?;
            rig.check(say)?;
        }
        rig.finish()
    }
}

fn round(
    rig: &mut Rig,
    index: usize,
    step: Step,
    random: &mut Random,
    say: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let since = Instant::now();
    rig.load(step.after)?;
    let at = since.elapsed();
    if let Err(error) = inflict(step.fault, &mut rig.collector, rig.brokers.first_mut(), random) {
        let failure = format!("{}: {error}: {}", step.fault.name(), tail(&rig.collector.log()));
        rig.outcome.failures.push(failure);
        rig.collector.kill()?;
        rig.collector.up()?;
    }
    *rig.outcome.faults.entry(step.fault.name()).or_default() += 1;
    let faulty = since.elapsed() - at;
    rig.outcome.load_seconds += faulty.as_secs_f64();
    say(&format!(
        "{:>4} {:<26} after {:>5} ms, back after {:>5} ms; changes {}, sessions {}",
        index + 1,
        step.fault.name(),
        at.as_millis(),
        faulty.as_millis(),
        rig.changes(),
        rig.sessions(),
    ));
    Ok(())
}
