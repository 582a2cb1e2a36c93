//! The views and families that a router monitors, as far as its peers have shown them.

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::table_limits::MAX_TABLES_PER_PEER;

/// The views and families that any peer of a router has had routes or an End-of-RIB of. A router that shows more than a peer may have makes them
/// up, and the others are not remembered. They are in order, because a Statistics Report can ask for each of them many times.
#[derive(Debug, Default)]
pub(crate) struct ShownTables(Vec<(RibView, AfiSafi)>);

impl ShownTables {
    /// Notes that a peer has routes or an End-of-RIB of this view and family.
    pub fn note(&mut self, view: RibView, family: AfiSafi) {
        if let Err(place) = self.0.binary_search(&(view, family))
            && self.0.len() < MAX_TABLES_PER_PEER
        {
            self.0.insert(place, (view, family));
        }
    }

    /// Whether the router monitors this view of a family.
    pub fn has(&self, view: RibView, family: AfiSafi) -> bool {
        self.0.binary_search(&(view, family)).is_ok()
    }
}
