//! Tables of routes that decide which announces and withdraws are published.
//!
//! A [`CuratedTable`] holds one table of a router: one peer, one RIB view, one family. It decides for each announce and
//! each withdraw whether consumers have to hear of it, and it returns in slices the routes that are gone although nobody
//! withdrew them. It keeps the key of each route and a fingerprint of the route's attributes, and nothing else. Instead of the
//! fingerprint it can name the route's attribute set, of which [`AttributeSets`] keeps the octets.
//!
//! This crate knows no clock, no router and no wire format. Its input is [`RouteKey`]s and fingerprints.
#![deny(unsafe_code)]

mod key;
mod curate;
mod visit;
mod curation;
mod comparison;
mod keep;
mod sets;
mod held;
mod store;
mod batch;
mod opaque;
mod table;
mod hash;
mod segment;
mod split;
mod entries;
mod entry;
mod remains;
mod slab;
mod processor;

pub use curate::CuratedTable;
pub use curation::{Curation, CurationMode, Doom};
pub use entry::DOUBT;
pub use held::{Held, Standing};
pub use keep::{Announced, Fingerprints, Keep};
pub use key::{KeyShape, OpaqueIdentity, RouteKey};
pub use sets::{AttributeSets, Content, HeldSet, Retained, Round, SetFigures, SetId};
pub use store::StoredKey;
pub use table::Table;
