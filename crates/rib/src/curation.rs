//! The rule of curation: which announces and withdraws consumers have to hear of.
//!
//! The rule compares what the table kept of a route with what the router says of the route now. It knows nothing of how
//! the table stores its routes.

use crate::entry::Value;

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
