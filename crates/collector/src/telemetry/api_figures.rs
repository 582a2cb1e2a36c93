//! What the API counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Figures of the API.
#[derive(Debug, Default)]
pub struct ApiFigures {
    pub(super) asked: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) denied: [AtomicU64; Denial::ALL.len()],
}

/// Why the API does not answer somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The request is for a name that is not that of the collector.
    Host,
    /// The request comes from a page of another origin.
    Origin,
    /// The request carries no valid token.
    Token,
    /// The request would change something, and carries no token because none is set.
    Right,
}

impl Denial {
    pub(super) const ALL: [Self; 4] = [Self::Host, Self::Origin, Self::Token, Self::Right];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Token => "token",
            Self::Right => "right",
        }
    }
}

impl ApiFigures {
    /// Counts a question that is sent to the workers.
    pub fn count_asked(&self) {
        self.asked.fetch_add(1, Relaxed);
    }

    /// Counts a question that is refused because too many run at the same time.
    pub fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Counts a request that is not answered because of who sent it.
    pub fn count_denied(&self, denial: Denial) {
        self.denied[denial as usize].fetch_add(1, Relaxed);
    }
}
