//! Violations: promises of the product that a run breaks.

use std::fmt;

use arancini_judge::{Finding, Route};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A router holds a route that consumers do not hold, or that they hold with other attributes.
    Missing(Box<Route>),
    /// Consumers hold a route that no router holds.
    Ghost(Box<Route>),
    /// A consumer that sweeps only where `resync-end` asks for it does not hold what the routers hold.
    WithoutSweep(Box<Self>),
    /// A route is withdrawn as the router's word more often than the router withdrew it.
    Invented(Box<Route>),
    /// The stream by itself breaks a promise: the judge found it.
    Stream(Finding),
    /// Batches do not leave the worker in the order of their numbers.
    BatchOutOfOrder {
        /// The subject of the batch.
        subject: String,
        /// The batch's number.
        number: u64,
        /// The number of the batch before it.
        after: u64,
    },
    /// A stored message can't be read, or is not what its batch says.
    Unreadable {
        /// The message's subject.
        subject: String,
        /// What is wrong with it.
        what: String,
    },
    /// The core takes consumers to hold other routes than they hold, so it would suppress updates that they need.
    Disagreement {
        /// Routes that the core takes consumers to hold.
        core: usize,
        /// Routes that consumers hold.
        consumers: usize,
    },
    /// Something grew beyond its bound on memory.
    Unbounded {
        /// What grew.
        what: &'static str,
        /// Its size.
        held: usize,
        /// Its bound.
        limit: usize,
    },
    /// Something is left to do after everything came to rest.
    LeftOver {
        /// What is left.
        what: &'static str,
        /// How much is left.
        count: usize,
    },
    /// The core gave up routes as not announced again while it received nothing, because the bridge had no room.
    GivenUpUnheard,
    /// The core gave up routes as not announced again while their router was still dumping.
    GivenUpInDump {
        /// Routes of the router before.
        before: usize,
        /// Routes of the router after.
        after: usize,
    },
    /// The core asks again and again to be woken at a time that has passed.
    Restless,
    /// A restart found no snapshot, although one had been current.
    SnapshotLost,
    /// The core took a file that was cut off for a snapshot.
    TornAccepted {
        /// Size of the file in bytes.
        bytes: usize,
    },
    /// After a stop and a start the collector published again what the routers had said before.
    SaidAgain {
        /// How many updates it published.
        updates: u64,
    },
}

impl Violation {
    /// The kind of the violation in one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Ghost(_) => "ghost",
            Self::WithoutSweep(_) => "without-sweep",
            Self::Invented(_) => "invented",
            Self::Stream(finding) => finding.kind().name(),
            Self::BatchOutOfOrder { .. } => "batch-out-of-order",
            Self::Unreadable { .. } => "unreadable",
            Self::Disagreement { .. } => "disagreement",
            Self::Unbounded { .. } => "unbounded",
            Self::LeftOver { .. } => "left-over",
            Self::GivenUpUnheard => "given-up-unheard",
            Self::GivenUpInDump { .. } => "given-up-in-dump",
            Self::Restless => "restless",
            Self::SnapshotLost => "snapshot-lost",
            Self::TornAccepted { .. } => "torn-accepted",
            Self::SaidAgain { .. } => "said-again",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self:?}", self.name())
    }
}

impl std::error::Error for Violation {}
