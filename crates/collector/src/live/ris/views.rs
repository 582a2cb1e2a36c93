//! The RIB views that a client wants.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    /// The peers that announced routes in an Adj-RIB-In, by router and address.
    peers: HashMap<(IpAddr, IpAddr), PeerViews>,
    /// How many of the peers of a router are up. A router without such peers is not in the map.
    routers: HashMap<IpAddr, usize>,
    /// How many of all peers are up.
    up: usize,
    /// The view that was noted last. Most updates come in runs of one peer.
    last: Option<(IpAddr, IpAddr, RibView)>,
}

/// The Adj-RIB-In of one peer.
#[derive(Debug)]
struct PeerViews {
    is_before_policy: bool,
    /// A peer that went down is kept until its next announce, because its routes are withdrawn after its Peer Down: a client
    /// gets these withdraws in the view in which it got the announces.
    is_up: bool,
}

impl KnownViews {
    /// Most peers that are remembered. Of further ones, routes before and after policy are both chosen.
    const MOST_PEERS: usize = 100_000;

    /// Notes that a peer announced routes in a view. A withdraw is no sign of a view: it also ends routes of a peer that went down.
    pub fn note(&mut self, router: IpAddr, peer: IpAddr, view: RibView) {
        if self.last.replace((router, peer, view)) == Some((router, peer, view)) {
            return;
        }
        if !matches!(view, RibView::AdjRibInPre | RibView::AdjRibInPost) {
            return;
        }
        let is_before_policy = view == RibView::AdjRibInPre;
        if let Some(known) = self.peers.get_mut(&(router, peer)).filter(|known| known.is_up) {
            known.is_before_policy |= is_before_policy;
            return;
        }
        if self.up >= Self::MOST_PEERS {
            return;
        }
        if self.peers.len() >= Self::MOST_PEERS {
            self.peers.retain(|_, known| known.is_up);
        }
        let views = PeerViews {
            is_before_policy,
            is_up: true,
        };
        self.peers.insert((router, peer), views);
        *self.routers.entry(router).or_default() += 1;
        self.up += 1;
    }

    /// Notes that a peer went down: its next announce tells its views anew.
    pub(super) fn note_down(&mut self, router: IpAddr, peer: IpAddr) {
        self.last = None;
        let Some(known) = self.peers.get_mut(&(router, peer)).filter(|known| known.is_up) else {
            return;
        };
        known.is_up = false;
        self.up -= 1;
        if let Entry::Occupied(mut peers) = self.routers.entry(router) {
            *peers.get_mut() -= 1;
            if *peers.get() == 0 {
                peers.remove();
            }
        }
    }

    /// Returns whether a view is the one that is chosen of its peer.
    pub(super) fn choose(&self, router: IpAddr, peer: IpAddr, view: RibView) -> bool {
        match view {
            RibView::AdjRibInPre => true,
            RibView::AdjRibInPost => {
                let known = self.peers.get(&(router, peer));
                !known.is_some_and(|known| known.is_before_policy)
            }
            RibView::LocRib => !self.routers.contains_key(&router),
            RibView::AdjRibOutPre | RibView::AdjRibOutPost => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_peer_that_comes_back_with_routes_after_policy_only_is_heard_of() {
        let mut known = KnownViews::default();
        known.note(ROUTER, PEER, RibView::AdjRibInPre);
        known.note(ROUTER, PEER, RibView::AdjRibInPost);
        assert!(!known.choose(ROUTER, PEER, RibView::AdjRibInPost));
        known.note_down(ROUTER, PEER);
        // The withdraws of its routes come in the view of their announces.
        assert!(!known.choose(ROUTER, PEER, RibView::AdjRibInPost));
        known.note(ROUTER, PEER, RibView::AdjRibInPost);
        assert!(known.choose(ROUTER, PEER, RibView::AdjRibInPost));
    }

    #[test]
    fn the_loc_rib_is_chosen_when_the_last_peer_of_its_router_is_down() {
        let other = IpAddr::from([192, 0, 2, 2]);
        let mut known = KnownViews::default();
        known.note(ROUTER, PEER, RibView::AdjRibInPre);
        known.note(ROUTER, other, RibView::AdjRibInPost);
        known.note_down(ROUTER, PEER);
        // The Peer Down of another view of the same peer.
        known.note_down(ROUTER, PEER);
        assert!(!known.choose(ROUTER, ROUTER, RibView::LocRib));
        known.note_down(ROUTER, other);
        assert!(known.choose(ROUTER, ROUTER, RibView::LocRib));
        known.note(ROUTER, other, RibView::AdjRibInPost);
        assert!(!known.choose(ROUTER, ROUTER, RibView::LocRib));
    }

    #[test]
    fn peers_that_went_down_make_room_for_new_ones() {
        let mut known = KnownViews::default();
        let peer = |number: usize| IpAddr::from((number as u128).to_be_bytes());
        for number in 0..=KnownViews::MOST_PEERS {
            known.note(ROUTER, peer(number), RibView::AdjRibInPre);
        }
        let beyond = peer(KnownViews::MOST_PEERS);
        assert!(known.choose(ROUTER, beyond, RibView::AdjRibInPost));
        known.note_down(ROUTER, peer(0));
        known.note(ROUTER, beyond, RibView::AdjRibInPre);
        assert!(!known.choose(ROUTER, beyond, RibView::AdjRibInPost));
        assert_eq!(known.peers.len(), KnownViews::MOST_PEERS);
    }
}
