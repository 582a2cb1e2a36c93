//! What must never be: the promises of the product, as a run can break them.

use std::fmt;
use std::net::IpAddr;

use crate::consumer::TableKey;
use crate::routes::RouteKey;

/// A route and its table.
pub type Route = Box<(TableKey, RouteKey)>;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A router holds a route, consumers do not, or not as it is now.
    Missing(Route),
    /// Consumers hold a route that no router holds.
    Ghost(Route),
    /// A route was withdrawn that was not there.
    WithdrawnTwice {
        /// Which.
        route: Route,
        /// By this message of its router.
        sequence: u64,
    },
    /// A route was announced with the attributes it had.
    AnnouncedAsItWas {
        /// Which.
        route: Route,
        /// By this message of its router.
        sequence: u64,
    },
    /// The stream holds a message twice.
    Doubled {
        /// Of this router.
        router: IpAddr,
        /// Its sequence.
        sequence: u64,
    },
    /// Sequences do not rise within a subject.
    OutOfOrder {
        /// Which subject.
        subject: String,
        /// The sequence that comes too late.
        sequence: u64,
        /// The one before it.
        after: u64,
    },
    /// An event overtook what its router said before, or was overtaken by what it said later.
    BarrierBroken {
        /// Which subject.
        subject: String,
        /// The sequence that comes too late.
        sequence: u64,
        /// The one before it.
        after: u64,
    },
    /// A stored message does not read as what it is.
    Unreadable {
        /// Which subject.
        subject: String,
        /// What is wrong.
        what: String,
    },
    /// The core keeps for consumers what they do not hold: it would suppress updates that they need.
    Disagreement {
        /// Routes that the core keeps.
        core: usize,
        /// Routes that consumers hold.
        consumers: usize,
    },
    /// A bound on memory was passed.
    Unbounded {
        /// Which bound.
        what: &'static str,
        /// What was held.
        held: usize,
        /// What may be held.
        limit: usize,
    },
    /// All is quiet and something is left.
    LeftOver {
        /// What.
        what: &'static str,
        /// How much of it.
        count: usize,
    },
    /// Routes count as not announced again, while nothing was received for want of room on the bridge.
    GivenUpUnheard,
    /// The core wants to be woken at a time that has passed, for ever.
    Restless,
    /// A snapshot once counted and a restart found none.
    SnapshotLost,
    /// A file that was cut off was taken for a snapshot.
    TornAccepted {
        /// Bytes that were there.
        bytes: usize,
    },
    /// The collector was stopped and started, the routers said what they had said before, and that was
    /// published.
    SaidAgain {
        /// How many updates.
        updates: u64,
    },
}

impl Violation {
    /// Its kind, in one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Ghost(_) => "ghost",
            Self::WithdrawnTwice { .. } => "withdrawn-twice",
            Self::AnnouncedAsItWas { .. } => "announced-as-it-was",
            Self::Doubled { .. } => "doubled",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::BarrierBroken { .. } => "barrier-broken",
            Self::Unreadable { .. } => "unreadable",
            Self::Disagreement { .. } => "disagreement",
            Self::Unbounded { .. } => "unbounded",
            Self::LeftOver { .. } => "left-over",
            Self::GivenUpUnheard => "given-up-unheard",
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
