//! What a table tells of a route.

use crate::entry::Value;
use crate::sets::{AttributeSets, HeldSet};

/// What a table holds of one route, for questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What the entry of the route holds: a fingerprint, or the word of a set.
    pub(crate) word: u64,
    /// How far the route can be relied on.
    pub standing: Standing,
}

impl Held {
    /// A route of a table of fingerprints.
    #[must_use]
    pub const fn of_fingerprint(fingerprint: u64, standing: Standing) -> Self {
        Self {
            word: fingerprint,
            standing,
        }
    }

    /// Fingerprint of the route's attributes; [`DOUBT`](crate::DOUBT) while nobody knows what consumers believe of the route. `sets`: the
    /// sets that the table names, if it does.
    #[must_use]
    pub fn fingerprint(&self, sets: Option<&AttributeSets>) -> u64 {
        match sets {
            None => self.word,
            Some(sets) => sets.fingerprint(self.set().set),
        }
    }

    /// The attribute set of a route in a table of sets, and since when the route has it.
    #[must_use]
    pub const fn set(&self) -> HeldSet {
        HeldSet::of_word(self.word)
    }
}

/// How far a route of a table can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The router announced it since the table last became stale.
    Current,
    /// The table became stale, and the router has not announced the route again so far.
    Stale,
    /// The route is gone, and its withdraw waits for the sweep.
    Doomed,
}

/// The fingerprint of a route that has this value. `sets`: the sets that the table names, if it does.
pub(crate) fn fingerprint_of(value: Value, sets: Option<&AttributeSets>) -> u64 {
    match sets {
        None => value.fingerprint,
        Some(sets) => sets.fingerprint(HeldSet::of_word(value.fingerprint).set),
    }
}
