//! The number of a worker.

/// The place of a worker among the workers of its collector, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerIndex(usize);

impl WorkerIndex {
    /// The worker at this place.
    #[must_use]
    pub const fn new(place: usize) -> Self {
        Self(place)
    }

    /// The place as a number, for vectors with one element per worker, for the log and for metrics.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}
