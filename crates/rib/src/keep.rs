//! The two ways in which a table keeps attributes: as fingerprints, or as attribute sets.
//!
//! A table does not know which of them it uses; whoever changes it always names the same one. The compiler makes a copy of the
//! table's code for each, so that tables of fingerprints do no work for sets.

use crate::curation::CurationMode;
use crate::entry::Value;

/// What an announce stores for a route.
pub trait NewValue: Copy {
    /// The value of a route that was not in the table.
    fn alone(self) -> Value;

    /// The value of a route that had the value `before`.
    fn over(self, before: Value) -> Value;

    /// Whether a route that had the value `before` has the same attributes as announced.
    fn repeats(self, before: Value) -> bool;
}

impl NewValue for Value {
    #[inline(always)]
    fn alone(self) -> Value {
        self
    }

    #[inline(always)]
    fn over(self, _before: Value) -> Value {
        self
    }

    #[inline(always)]
    fn repeats(self, before: Value) -> bool {
        before.fingerprint == self.fingerprint
    }
}

/// The attributes of announced routes, as their table keeps them: a fingerprint, or [`Retained`](crate::Retained).
pub trait Announced {
    /// What the table stores.
    type Value: NewValue;

    /// What a table of this mode and this epoch stores. Routes of epochs below `published_below` are doomed or in doubt: their
    /// announces are published in any case.
    fn value(&self, mode: CurationMode, epoch: u32, published_below: u32) -> Self::Value;

    /// Takes the value that a route had before its announce.
    fn replaces(&mut self, before: Option<Value>);
}

impl Announced for u64 {
    type Value = Value;

    #[inline(always)]
    fn value(&self, mode: CurationMode, epoch: u32, _published_below: u32) -> Value {
        Value {
            fingerprint: mode.kept(*self),
            epoch,
        }
    }

    #[inline(always)]
    fn replaces(&mut self, _before: Option<Value>) {}
}

/// Hears of each route that leaves a table.
pub trait Keep {
    /// Takes the value that the route had.
    fn lost(&mut self, before: Value);
}

/// Tables of fingerprints: nobody has to hear of routes that leave them.
pub struct Fingerprints;

impl Keep for Fingerprints {
    #[inline(always)]
    fn lost(&mut self, _before: Value) {}
}
