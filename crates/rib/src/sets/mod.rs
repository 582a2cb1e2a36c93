//! Attribute sets: what routes have in common, kept once for all routes of a worker.
//!
//! With `rib.attributes = "retain"`, an entry of a table names its set and holds since when the route has it ([`SetId`]), in
//! the eight bytes in which it otherwise holds a fingerprint. Two routes have the same attributes if they have the same set.
//! [`AttributeSets`] counts the routes of each set, and frees a set with its last route.

mod set_id;
mod pieces;
mod set_index;
mod renumbered;
mod attribute_sets;
mod retained;

pub use attribute_sets::{AttributeSets, Content, SetFigures};
pub use retained::Retained;
pub use set_id::{HeldSet, Round, SetId};
