//! The rings of the history, by kind of message.

use std::sync::Arc;

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
    pub const fn of(kind: BatchKind) -> Option<Self> {
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
}

impl History {
    /// A history that begins now, with this bound on its memory. With 0 it keeps nothing.
    #[must_use]
    pub fn new(most_bytes: usize, now_ns: u64) -> Self {
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
        Self { rings }
    }

    /// Whether a batch is to be kept on a shelf. Updates that come too fast are left out, and remembered as a gap; events and malformed
    /// messages are all kept.
    pub fn takes(&self, shelf: Shelf, batch: &Batch, now_ns: u64) -> bool {
        self.ring(shelf).is_some_and(|ring| match shelf {
            Shelf::Updates => ring.takes(batch.payload.len(), batch.messages, now_ns),
            Shelf::Events | Shelf::Malformed => true,
        })
    }

    /// Keeps a batch on a shelf. Batches come in the order of their numbers.
    pub fn keep(&self, shelf: Shelf, batch: Arc<PublishedBatch>) {
        if let Some(ring) = self.ring(shelf) {
            ring.push(batch);
        }
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
