//! The RIB views that a client wants.

use arancini_wire::bmp::RibView;

/// RIB views that a client wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Views([bool; RibView::ALL.len()]);

impl Views {
    /// No views.
    pub const NONE: Self = Self([false; RibView::ALL.len()]);

    /// Adds a view.
    #[must_use]
    pub const fn with(mut self, view: RibView) -> Self {
        self.0[view as usize] = true;
        self
    }

    /// Returns whether a view is among them.
    pub(super) const fn contain(self, view: RibView) -> bool {
        self.0[view as usize]
    }

    /// Returns whether events of a peer in this view are wanted. A router that mirrors Adj-RIB-In before and after policy
    /// may send only one Peer Up, so the two count as one here.
    pub(super) const fn contain_peer(self, view: RibView) -> bool {
        match view {
            RibView::AdjRibInPre | RibView::AdjRibInPost => {
                self.contain(RibView::AdjRibInPre) || self.contain(RibView::AdjRibInPost)
            }
            _ => self.contain(view),
        }
    }
}

impl Default for Views {
    /// Adj-RIB-In before policy: what the peers announced.
    fn default() -> Self {
        Self::NONE.with(RibView::AdjRibInPre)
    }
}
