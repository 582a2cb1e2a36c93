//! What a question can learn of routes.

use arancini_rib::{AttributeSets, CurationMode};

/// What the tables of a shard keep of their routes.
#[derive(Clone, Copy)]
pub(crate) struct KeptOfRoutes<'s> {
    /// How much of a route curation compares.
    pub mode: CurationMode,
    /// The sets that the tables name, if they do.
    pub sets: Option<&'s AttributeSets>,
}
