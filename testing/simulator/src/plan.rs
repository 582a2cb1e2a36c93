//! Which run: a seed, how many steps of it, and what is left out.

use std::collections::BTreeSet;

use crate::fault::Fault;
use crate::violation::Violation;
use crate::world::{Report, World};

/// A run to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// How many steps are taken before all is healed.
    pub steps: u32,
    /// Steps that are left out.
    pub without: BTreeSet<u32>,
    /// A safeguard that is taken out.
    pub fault: Option<Fault>,
    /// Tells each step on standard error.
    pub trace: bool,
}

impl Plan {
    /// Steps of a run, unless told otherwise.
    pub const STEPS: u32 = 80;

    /// The run of a seed.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self {
            seed,
            steps: Self::STEPS,
            without: BTreeSet::new(),
            fault: None,
            trace: false,
        }
    }

    /// The same with a safeguard taken out.
    #[must_use]
    pub const fn with_fault(mut self, fault: Option<Fault>) -> Self {
        self.fault = fault;
        self
    }

    /// The command that runs it again.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = format!(
            "cargo run --release -p arancini-simulator -- --seed {}",
            self.seed
        );
        if self.steps != Self::STEPS {
            command += &format!(" --steps {}", self.steps);
        }
        if !self.without.is_empty() {
            let list: Vec<String> = self.without.iter().map(u32::to_string).collect();
            command += &format!(" --without {}", list.join(","));
        }
        if let Some(fault) = self.fault {
            use clap::ValueEnum;
            let value = fault.to_possible_value();
            command += &format!(" --fault {}", value.as_ref().map_or("", |value| value.get_name()));
        }
        command
    }
}

/// Runs it.
///
/// # Errors
/// The first promise that was broken.
pub fn run(plan: &Plan) -> Result<Report, Violation> {
    let mut world = World::new(plan);
    for step in (0..plan.steps).filter(|step| !plan.without.contains(step)) {
        world.step(plan.seed, step)?;
    }
    world.settle(plan.seed)
}

/// The shortest run found that breaks the same promise: first fewer steps, then each step left out that can be.
#[must_use]
pub fn shrink(plan: &Plan, violation: &Violation) -> Plan {
    let same = |plan: &Plan| run(plan).is_err_and(|found| found.name() == violation.name());
    let mut shrunk = plan.clone();
    for steps in 0..plan.steps {
        let shorter = Plan {
            steps,
            ..shrunk.clone()
        };
        if same(&shorter) {
            shrunk = shorter;
            break;
        }
    }
    loop {
        let before = shrunk.without.len();
        for step in (0..shrunk.steps).rev() {
            let mut fewer = shrunk.clone();
            if fewer.without.insert(step) && same(&fewer) {
                shrunk = fewer;
            }
        }
        if shrunk.without.len() == before {
            return shrunk;
        }
    }
}
