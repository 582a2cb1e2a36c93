//! Whether the tables of a router hold every route that consumers may hold of it.
//!
//! A resync withdraws the routes of the tables that the router does not have any more. Where the tables hold all that consumers
//! may hold, a consumer that applies updates alone is right afterwards, and `resync-end` says so (`allWithdrawn`). Where they do
//! not, consumers have to sweep by themselves. [`Coverage::Partial`] is the answer in each case of doubt:
//!
//! * Consumers lost messages. A withdraw may be among them, and nobody remembers of which route.
//! * A start could not read all that was published before, or read nothing.
//! * The broker stored messages of the router in another order, so a consumer may hold the outcome of either order.
//! * Another collector has published the router.
//!
//! It also says no if updates were thrown away during the resync ([`crate::dropped`]): withdraws may be among them, which come
//! again behind the next dump.
//!
//! The end of a resync of the whole router makes the coverage whole again: consumers have swept, or had nothing to sweep.

/// How much of what consumers may hold of a router its tables hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Every route.
    #[default]
    Whole,
    /// Consumers may hold routes that the tables do not hold.
    Partial,
}

impl Coverage {
    /// Whether the tables hold every route that consumers may hold.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Whole)
    }
}
