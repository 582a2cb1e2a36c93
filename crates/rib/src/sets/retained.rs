//! How a table keeps the attributes of its routes as sets.

use super::attribute_sets::AttributeSets;
use super::set_id::{Round, SetId};
use crate::curation::CurationMode;
use crate::entry::Value;
use crate::keep::{Announced, Keep, NewValue};

/// The value of a route in a table of sets.
#[derive(Clone, Copy)]
pub struct RetainedValue {
    value: Value,
    /// Routes of epochs below this one are doomed or in doubt. Their announces are published in any case.
    published_below: u32,
}

impl NewValue for RetainedValue {
    #[inline(always)]
    fn alone(self) -> Value {
        self.value
    }

    /// A route that already has the set keeps the time since when it has it.
    #[inline(always)]
    fn over(self, before: Value) -> Value {
        let fingerprint = if self.repeats(before) && before.epoch >= self.published_below {
            before.fingerprint
        } else {
            self.value.fingerprint
        };
        Value {
            fingerprint,
            ..self.value
        }
    }

    #[inline(always)]
    fn repeats(self, before: Value) -> bool {
        SetId::of_word(before.fingerprint) == SetId::of_word(self.value.fingerprint)
    }
}

/// Attributes that are announced to a table of sets. Such a table curates by attributes ([`CurationMode::Attributes`]).
pub struct Retained<'s> {
    sets: &'s mut AttributeSets,
    set: SetId,
    since: u32,
    round: Round,
}

impl<'s> Retained<'s> {
    /// The attributes of a set, announced at this time in Unix seconds. What consumers have to hear of is published in this round.
    #[inline]
    pub const fn new(sets: &'s mut AttributeSets, set: SetId, unix_s: u32, round: Round) -> Self {
        Self {
            sets,
            set,
            round,
            since: unix_s,
        }
    }
}

impl Announced for Retained<'_> {
    type Value = RetainedValue;

    #[inline(always)]
    fn value(&self, _mode: CurationMode, epoch: u32, published_below: u32) -> RetainedValue {
        RetainedValue {
            value: Value {
                fingerprint: self.set.word(self.since, self.round),
                epoch,
            },
            published_below,
        }
    }

    #[inline(always)]
    fn replaces(&mut self, before: Option<Value>) {
        if before.is_some_and(|before| SetId::of_word(before.fingerprint) == self.set) {
            return;
        }
        // First, because to count off a route that left may be to forget the set.
        self.sets.gained(self.set, 1);
        if let Some(before) = before {
            self.sets.lost(before);
        }
    }
}

impl Keep for AttributeSets {
    #[inline(always)]
    fn lost(&mut self, before: Value) {
        self.leave(SetId::of_word(before.fingerprint));
    }
}
