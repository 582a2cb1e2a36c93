//! The outcome of a campaign: what consumers hold compared with what the routers hold, and the judge's findings.

use std::collections::BTreeMap;

use arancini_judge::FindingKind;
use arancini_judge::finding::Counts;
use serde_json::{Value, json};

use crate::book::NumberedBook;
use crate::client::Client;
use crate::route::TABLES;

/// How many differences of each kind are described; all are counted.
const EXAMPLES: usize = 4;

/// Some of what is wrong, in words, by its kind.
pub type Examples = BTreeMap<&'static str, Vec<String>>;

/// Differences between routers and consumers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    /// Routes that routers hold.
    pub held: u64,
    /// Of those, consumers do not have, or not as they are.
    pub lost: u64,
    /// Routes that consumers hold and routers do not.
    pub ghosts: u64,
}

impl Difference {
    /// Compares all tables. Some of the differences are described in the examples.
    pub fn between(book: &NumberedBook, clients: &[Client], examples: &mut Examples) -> Self {
        let mut difference = Self::default();
        for client in clients {
            let router = client.router();
            let address = router.address();
            for (index, (table, versions)) in TABLES.iter().zip(router.tables()).enumerate() {
                for (number, &version) in versions.iter().enumerate() {
                    let held = book.held(address, index, number);
                    difference.held += u64::from(version != 0);
                    let kind = match (version, held) {
                        (version, held) if version == held => continue,
                        (0, _) => {
                            difference.ghosts += 1;
                            "ghost"
                        }
                        _ => {
                            difference.lost += 1;
                            "lost"
                        }
                    };
                    let of_kind = examples.entry(kind).or_default();
                    if of_kind.len() < EXAMPLES {
                        of_kind.push(format!(
                            "{address} peer {} {} {:?} route {number}, {}: the router has version {version}, \
                             consumers have {held} (0 is none)",
                            table.header().address,
                            table.view.name(),
                            table.kind,
                            table.name(number as u32),
                        ));
                    }
                }
            }
        }
        difference
    }
}

/// What a campaign came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// `nats` or `file`.
    pub sink: &'static str,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Consumers were left without some updates, as is told of in the documentation: what repairs them may
    /// announce and withdraw what they know. It still may not come twice.
    pub repaired: bool,
    /// Further figures of a campaign.
    pub figures: BTreeMap<&'static str, u64>,
    /// Times that everything was judged.
    pub checks: u64,
    /// Updates read back and replayed.
    pub updates: u64,
    /// Resyncs in the stream.
    pub resyncs: u64,
    /// Changes that routers made.
    pub changes: u64,
    /// Sessions that routers opened.
    pub sessions: u64,
    /// Starts of the collector that failed because the killed one's port was not free yet.
    pub starts_refused: u64,
    /// Seconds of load, checks not counted.
    pub load_seconds: f64,
    /// Seconds in all.
    pub seconds: f64,
    /// Differences at the last check.
    pub difference: Difference,
    /// The findings of the judge, counted.
    pub findings: Counts,
    /// What is wrong and is not in the stream: a process that died, a collector that never settles.
    pub failures: Vec<String>,
    /// Some of what is wrong.
    pub examples: Examples,
}

impl Outcome {
    /// Messages that are there twice, or say what consumers know.
    #[must_use]
    pub fn doubled(&self) -> u64 {
        let same_sequence = self.findings.of(FindingKind::SameSequence);
        if self.repaired {
            return same_sequence;
        }
        same_sequence
            + self.findings.of(FindingKind::WithdrawnUnheld)
            + self.findings.of(FindingKind::AnnouncedAsHeld)
    }

    /// Messages that stand in a wrong place.
    #[must_use]
    pub fn out_of_order(&self) -> u64 {
        self.findings.of(FindingKind::OutOfOrder) + self.findings.of(FindingKind::BarrierBroken)
    }

    /// Messages that should not be in the stream at all: no router caused them, or nobody can read them.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        let kinds = [
            FindingKind::Foreign,
            FindingKind::Unexpected,
            FindingKind::EndWithoutBegin,
            FindingKind::WrongSubject,
            FindingKind::Unreadable,
        ];
        kinds.into_iter().map(|kind| self.findings.of(kind)).sum()
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let broken = self.doubled() + self.out_of_order() + self.foreign();
        broken + self.difference.lost + self.difference.ghosts == 0 && self.failures.is_empty()
    }

    /// As one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let kills: serde_json::Map<String, Value> = self
            .faults
            .iter()
            .map(|(fault, count)| ((*fault).to_owned(), json!(count)))
            .collect();
        json!({
            "seed": self.seed,
            "sink": self.sink,
            "kills": kills,
            "checks": self.checks,
            "updates": self.updates,
            "routes": self.difference.held,
            "changes": self.changes,
            "changes_per_second": (self.changes as f64 / self.load_seconds.max(0.001)) as u64,
            "sessions": self.sessions,
            "starts_refused": self.starts_refused,
            "resyncs": self.resyncs,
            "seconds": self.seconds as u64,
            "lost": self.difference.lost,
            "ghosts": self.difference.ghosts,
            "doubled": self.doubled(),
            "doubled_by": {
                "same_sequence": self.findings.of(FindingKind::SameSequence),
                "withdrawn_unheld": self.findings.of(FindingKind::WithdrawnUnheld),
                "announced_as_held": self.findings.of(FindingKind::AnnouncedAsHeld),
            },
            "out_of_order": self.out_of_order(),
            "foreign": self.foreign(),
            "figures": self.figures,
            "failures": self.failures,
        })
    }
}
