//! The RIB views that a client wants.

use std::collections::HashSet;
use std::net::IpAddr;

use arancini_wire::bmp::RibView;

/// RIB views that a client wants to hear of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Views {
    /// One view of each peer, as [`KnownViews`] chooses it, so that a client hears of each change once.
    #[default]
    OnePerPeer,
    /// These views of all peers.
    Named(NamedViews),
}

/// RIB views by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamedViews([bool; RibView::ALL.len()]);

impl NamedViews {
    /// Adds a view.
    #[must_use]
    pub const fn with(mut self, view: RibView) -> Self {
        self.0[view as usize] = true;
        self
    }

    const fn contain(self, view: RibView) -> bool {
        self.0[view as usize]
    }
}

impl Views {
    /// Returns whether routes in a view are wanted. `is_chosen` tells whether it is the one view of its peer.
    pub(super) const fn contain(self, view: RibView, is_chosen: bool) -> bool {
        match self {
            Self::OnePerPeer => is_chosen,
            Self::Named(views) => views.contain(view),
        }
    }

    /// Returns whether events of a peer in this view are wanted. A router that mirrors Adj-RIB-In before and after policy
    /// may send only one Peer Up, so the two count as one here.
    pub(super) const fn contain_peer(self, view: RibView) -> bool {
        match (self, view) {
            (Self::OnePerPeer, RibView::AdjRibOutPre | RibView::AdjRibOutPost) => false,
            (Self::OnePerPeer, _) => true,
            (Self::Named(views), RibView::AdjRibInPre | RibView::AdjRibInPost) => {
                views.contain(RibView::AdjRibInPre) || views.contain(RibView::AdjRibInPost)
            }
            (Self::Named(views), _) => views.contain(view),
        }
    }
}

/// Chooses one view of each peer: Adj-RIB-In before policy if the router sends it, and otherwise after policy. The Loc-RIB is
/// chosen for routers that send no Adj-RIB-In. Adj-RIB-Out is never chosen.
#[derive(Debug, Default)]
pub struct KnownViews {
    /// The peers with routes before policy, by router and address.
    before_policy: HashSet<(IpAddr, IpAddr)>,
    /// The routers that send Adj-RIB-In of any peer.
    with_peers: HashSet<IpAddr>,
    /// What was noted last: most updates come in runs of one peer.
    last: Option<(IpAddr, IpAddr, RibView)>,
}

impl KnownViews {
    /// Most peers that are remembered. Of further ones, routes before and after policy are both chosen.
    const MOST_PEERS: usize = 100_000;

    /// Notes that a peer has routes in a view.
    pub fn note(&mut self, router: IpAddr, peer: IpAddr, view: RibView) {
        if self.last.replace((router, peer, view)) == Some((router, peer, view)) {
            return;
        }
        let has_room =
            self.before_policy.len() < Self::MOST_PEERS && self.with_peers.len() < Self::MOST_PEERS;
        if has_room && matches!(view, RibView::AdjRibInPre | RibView::AdjRibInPost) {
            self.with_peers.insert(router);
        }
        if has_room && view == RibView::AdjRibInPre {
            self.before_policy.insert((router, peer));
        }
    }

    /// Forgets the views of a peer that went down.
    pub(super) fn forget(&mut self, router: IpAddr, peer: IpAddr) {
        self.before_policy.remove(&(router, peer));
        self.last = None;
    }

    /// Returns whether a view is the one that is chosen of its peer.
    pub(super) fn choose(&self, router: IpAddr, peer: IpAddr, view: RibView) -> bool {
        match view {
            RibView::AdjRibInPre => true,
            RibView::AdjRibInPost => !self.before_policy.contains(&(router, peer)),
            RibView::LocRib => !self.with_peers.contains(&router),
            RibView::AdjRibOutPre | RibView::AdjRibOutPost => false,
        }
    }
}
