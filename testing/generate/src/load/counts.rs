//! What pieces contain, and what a collector must make of it.

use std::ops::{Add, AddAssign};

/// The content of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// BMP messages.
    pub messages: u64,
    /// UPDATEs other than End-of-RIBs.
    pub updates: u64,
    /// Announced prefixes.
    pub announced: u64,
    /// Withdrawn prefixes. Each of them is held.
    pub withdrawn: u64,
    /// Announcements that change nothing, so that a collector suppresses them.
    pub suppressed: u64,
}

impl Counts {
    /// Returns the number of announced and withdrawn prefixes.
    #[must_use]
    pub const fn elements(&self) -> u64 {
        self.announced + self.withdrawn
    }

    /// Returns the number of updates that a collector must publish.
    #[must_use]
    pub const fn emitted(&self) -> u64 {
        self.elements() - self.suppressed
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.updates += other.updates;
        self.announced += other.announced;
        self.withdrawn += other.withdrawn;
        self.suppressed += other.suppressed;
    }
}
