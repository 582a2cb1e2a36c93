//! The short way of common UPDATEs: Route Monitoring messages with one UPDATE that only announces, or only withdraws, prefixes of
//! one table, with attributes of the common kind. The prefixes are unicast, or in a VPN with one label each. Nearly all messages are
//! such.
//!
//! A lane belongs to the messages of one per-peer header and family, and keeps what they have in common: peer, table and the
//! start of the layout. The general way ([`crate::route_monitoring`]) is the definition of what is right. It opens the lanes,
//! and takes each message that no lane accepts.
//!
//! Invariants:
//!
//! * A lane changes nothing before it has accepted the whole message.
//! * Both ways publish the same bytes and leave the same state (`core/tests/lanes.rs`).
//! * A lane holds only until something changes among the router's peers and tables ([`crate::router::Router::revision`]), or a
//!   message of another type comes.

mod prefixes;
mod lanes;
mod message;
mod take;

pub(crate) use lanes::Lanes;
pub(crate) use prefixes::Prefixes;
pub(crate) use take::take;
