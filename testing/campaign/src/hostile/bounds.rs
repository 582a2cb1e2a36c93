//! The bounds that hold whatever a client sends.

use std::time::Duration;

use super::outcome::Outcome;

/// What an attack may cost at most.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Peak memory of the collector, in KiB.
    pub memory_kib: u64,
    /// The honest router's 99th percentile from wire to acknowledgement, where the broker has room.
    pub p99: Duration,
    /// CPU time of the longest turn of a worker, without the noise that the witness saw.
    pub turn: Duration,
}

impl Bounds {
    /// The bounds that the product promises, for a release build.
    pub const PROMISED: Self = Self {
        memory_kib: 256 * 1024,
        p99: Duration::from_millis(100),
        turn: Duration::from_millis(1),
    };

    /// The bounds of an unoptimised build on a machine with other work: memory, and no times.
    pub const WITHOUT_TIMES: Self = Self {
        p99: Duration::MAX,
        turn: Duration::MAX,
        ..Self::PROMISED
    };

    /// What an outcome breaks, in words; nothing if the collector kept all its promises.
    #[must_use]
    pub fn broken_by(&self, outcome: &Outcome) -> Vec<String> {
        let mut broken = Vec::new();
        let noticed = &outcome.noticed;
        if let Some(status) = &outcome.died {
            broken.push(format!("the collector ended: {status}"));
        }
        if let Some(failure) = &noticed.failure {
            broken.push(format!("the honest router: {failure}"));
        }
        if noticed.lost > 0 {
            broken.push(format!("{} updates lost", noticed.lost));
        }
        broken.extend(
            noticed
                .findings
                .iter()
                .map(|finding| format!("the judge: {finding}")),
        );
        if outcome.peak_memory_kib > self.memory_kib {
            broken.push(format!("memory above {} MiB", self.memory_kib / 1024));
        }
        if outcome.broker_had_room(self.p99) && noticed.p99 > self.p99 {
            broken.push(format!("p99 above {} ms", self.p99.as_millis()));
        }
        if outcome.longest_turn.saturating_sub(outcome.witnessed.noise) > self.turn {
            broken.push(format!("turn above {} ms", self.turn.as_millis()));
        }
        broken
    }
}
