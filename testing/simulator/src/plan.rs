//! The plan of a run: its seed, the number of its steps, and what is left out.

use std::collections::BTreeSet;

use crate::fault::Fault;

/// The plan of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seed; everything follows from it.
    pub seed: u64,
    /// Number of steps before all trouble ends.
    pub steps: u32,
    /// Steps that are left out.
    pub without: BTreeSet<u32>,
    /// A safeguard that is taken out.
    pub fault: Option<Fault>,
    /// Whether tables retain the attributes of routes (`rib.attributes = "retain"`).
    pub retain: bool,
    /// Whether resyncs are requested, of tables that retain the attributes of all their routes.
    pub resyncs: bool,
    /// Whether each broker may lose messages, while tables retain the attributes of all their routes.
    pub losses: bool,
    /// Whether each step is printed to standard error.
    pub trace: bool,
}

impl Plan {
    /// Default number of steps.
    pub const STEPS: u32 = 80;

    /// The plan of a seed.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self {
            seed,
            steps: Self::STEPS,
            without: BTreeSet::new(),
            fault: None,
            retain: false,
            resyncs: false,
            losses: false,
            trace: false,
        }
    }

    /// The same plan with a safeguard taken out.
    #[must_use]
    pub const fn with_fault(mut self, fault: Option<Fault>) -> Self {
        self.fault = fault;
        self
    }

    /// The command that runs the plan again.
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
        if self.retain {
            command += " --retain";
        }
        if self.resyncs {
            command += " --resyncs";
        }
        if self.losses {
            command += " --losses";
        }
        command
    }
}
