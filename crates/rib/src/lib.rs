//! The routing table of one worker: what is new, what changed, what is gone (SPEC §5).
//!
//! A [`CuratedTable`] holds one table of a router: one peer, one RIB view, one family. It answers for each announce
//! and withdraw whether consumers have to hear of it, and hands out in slices the routes that went away without a
//! word. It keeps a fingerprint of each route's attributes and nothing else.
//!
//! It knows no clock, no router and no wire format; it is fed with [`RouteKey`]s and fingerprints.
#![deny(unsafe_code)]

mod ahead;
mod curate;
mod key;
mod opaque;
mod processor;
mod segment;
mod slab;
mod store;
mod table;

pub use curate::{CuratedTable, CurationMode, DOUBT, Doom, Verdict};
pub use key::{KeyShape, RouteKey};
pub use table::Table;
