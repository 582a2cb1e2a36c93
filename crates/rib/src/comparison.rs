//! The comparison of an announce with what the table kept.

use crate::curation::{Curation, Doom};
use crate::entry::{DOUBT, Value};
use crate::keep::NewValue;

/// Compares announces with what the table kept of each route.
pub(crate) struct Comparison<V> {
    /// What the table stores for each of the announced routes.
    pub value: V,
    pub epoch: u32,
    pub doomed_below: u32,
    /// Routes of epochs below this one are doomed or in doubt. Their announces are published in any case.
    pub published_below: u32,
    pub doom: Doom,
    /// How many of the routes were stale.
    pub refreshed: u64,
}

impl<V: NewValue> Comparison<V> {
    /// Curates the announce of a route of which the table kept `before`.
    #[inline]
    pub(crate) fn curate(&mut self, before: Option<Value>) -> Curation {
        let Some(before) = before else {
            return Curation::Emit;
        };
        if before.epoch != self.epoch {
            self.refreshed += 1;
        }
        if before.epoch < self.published_below {
            return if before.epoch < self.doomed_below {
                Curation::EmitAfterWithdraw(self.doom)
            } else {
                Curation::Emit
            };
        }
        if self.value.repeats(before) && before.fingerprint != DOUBT {
            Curation::Suppress
        } else {
            Curation::Emit
        }
    }
}
