//! The rings of the history, by kind of message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::UNIX_EPOCH;

use arancini_core::{Batch, BatchKind};

use super::batch::PublishedBatch;
use super::ring::{Recent, Ring};

/// The parts of the memory for events and for malformed messages; updates have the rest. Each kind has a part of its own, so
/// that a table dump does not push out the event that explains it.
const PART_OF_EVENTS: usize = 8;

/// A part of the history with memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Updates.
    Updates,
    /// Events of routers and peers.
    Events,
    /// Malformed messages.
    Malformed,
}

impl Shelf {
    /// All shelves.
    pub const ALL: [Self; 3] = [Self::Updates, Self::Events, Self::Malformed];

    /// The name in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Updates => "updates",
            Self::Events => "events",
            Self::Malformed => "malformed",
        }
    }

    /// Where messages of this kind are kept. Reports of statistics are not: the last one of each peer is known anyway.
    const fn of(kind: BatchKind) -> Option<Self> {
        match kind {
            BatchKind::Updates => Some(Self::Updates),
            BatchKind::Peers | BatchKind::Routers => Some(Self::Events),
            BatchKind::Malformed => Some(Self::Malformed),
            BatchKind::Statistics => None,
        }
    }
}

/// What the sink took from the bridge lately.
pub struct History {
    /// In the order of [`Shelf::ALL`]; `None` if nothing is kept.
    rings: Option<[Ring; Shelf::ALL.len()]>,
    numbers: AtomicU64,
}

impl History {
    /// A history that begins now, with this bound on its memory. With 0 it keeps nothing.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        let now_ns = unix_ns();
        let rings = (most_bytes > 0).then(|| {
            Shelf::ALL.map(|shelf| {
                let part = most_bytes / PART_OF_EVENTS;
                let bytes = match shelf {
                    Shelf::Updates => most_bytes - 2 * part,
                    Shelf::Events | Shelf::Malformed => part,
                };
                Ring::new(bytes, now_ns)
            })
        });
        Self {
            rings,
            numbers: AtomicU64::new(0),
        }
    }

    /// Takes a copy of a batch that the sink has just taken from the bridge. Only the sink calls this.
    pub fn take(&self, batch: &Batch) {
        let Some(ring) = Shelf::of(batch.kind).and_then(|shelf| self.ring(shelf)) else {
            return;
        };
        let number = self.numbers.fetch_add(1, Relaxed) + 1;
        ring.push(Arc::new(PublishedBatch::copy(batch, number, unix_ns())));
    }

    /// What is on a shelf now; `None` if nothing is kept.
    pub fn recent(&self, shelf: Shelf) -> Option<Recent> {
        self.ring(shelf).map(Ring::recent)
    }

    /// The memory of a shelf.
    pub fn bytes(&self, shelf: Shelf) -> usize {
        self.ring(shelf).map_or(0, Ring::bytes)
    }

    fn ring(&self, shelf: Shelf) -> Option<&Ring> {
        self.rings.as_ref()?.get(shelf as usize)
    }
}

fn unix_ns() -> u64 {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
