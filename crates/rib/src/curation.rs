//! The rule of curation: which announces and withdraws consumers have to hear of.
//!
//! The rule compares what the table kept of a route with what the router says of the route now. It knows nothing of how
//! the table stores its routes.

use crate::entry::Value;

/// Fingerprint of a route of which nobody knows what consumers believe.
///
/// No announce counts as a repetition of such a route, in any [`CurationMode`]: presence stores 0, and an announce whose
/// attributes have this fingerprint by chance is published every time.
pub const DOUBT: u64 = u64::MAX;

/// How much of a route is compared with what consumers already know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CurationMode {
    /// A change of any attribute is an update.
    #[default]
    Attributes,
    /// Only the presence of a route counts, as in Risotto.
    Presence,
    /// Nothing is remembered and every route is published.
    Off,
}

impl CurationMode {
    /// What the table keeps for a route whose attributes have this fingerprint.
    #[inline]
    pub(crate) const fn kept(self, fingerprint: u64) -> u64 {
        match self {
            Self::Attributes => fingerprint,
            Self::Presence | Self::Off => 0,
        }
    }
}

/// Why a route is gone that no router withdrew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// The router reported its peer down.
    PeerDown,
    /// The router's BMP session ended and did not come back in time.
    SessionLost,
    /// The router dumped its table anew and the route was not in the dump.
    NotReannounced,
}

/// What a table holds of one route, for questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Fingerprint of its attributes; [`DOUBT`] while nobody knows what consumers believe of the route.
    pub fingerprint: u64,
    /// How far the route can be relied on.
    pub standing: Standing,
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

/// What consumers have to hear of one announce or one withdraw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curation {
    /// Nothing: consumers already know it.
    Suppress,
    /// The announce or the withdraw.
    Emit,
    /// A withdraw of the route as it was before, then the announce.
    EmitAfterWithdraw(Doom),
}

/// Compares announces of one fingerprint with what the table kept of each route.
pub(crate) struct Comparison {
    /// What the table stores for each of the announced routes.
    pub value: Value,
    pub doomed_below: u32,
    pub doom: Doom,
    /// How many of the routes were stale.
    pub refreshed: u64,
}

impl Comparison {
    /// Curates the announce of a route of which the table kept `before`.
    #[inline]
    pub(crate) const fn curate(&mut self, before: Option<Value>) -> Curation {
        let Some(before) = before else {
            return Curation::Emit;
        };
        if before.epoch != self.value.epoch {
            self.refreshed += 1;
        }
        if before.epoch < self.doomed_below {
            Curation::EmitAfterWithdraw(self.doom)
        } else if before.fingerprint == self.value.fingerprint && before.fingerprint != DOUBT {
            Curation::Suppress
        } else {
            Curation::Emit
        }
    }
}

impl Curation {
    /// Curates the withdraw of a route of which the table kept `before`.
    #[inline]
    pub(crate) const fn of_withdraw(before: Option<Value>) -> Self {
        match before {
            Some(_) => Self::Emit,
            None => Self::Suppress,
        }
    }
}
