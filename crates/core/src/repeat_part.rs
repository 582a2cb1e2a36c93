//! The part of a router's tables that is published again ([`crate::repeat`]), and the scopes that name it in events.

use arancini_schema::events;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::ask::PeerSelector;
use crate::events::{EventScope, event_peer};
use crate::repeat::RepeatRefusal;
use crate::router::Router;
use crate::table_key::TableKey;

/// Which tables of a router somebody wants to be published again. A field that is not set selects all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepeatedPart {
    /// Only this peer.
    pub peer: Option<RepeatedPeer>,
    /// Only this family.
    pub family: Option<AfiSafi>,
}

/// Which peer somebody wants to be published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedPeer {
    /// Selects the peer.
    pub selector: PeerSelector,
    /// Only this view of the peer.
    pub view: Option<RibView>,
}

/// The tables of a router that are published again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    peer: Option<PartPeer>,
    family: Option<AfiSafi>,
}

/// A peer with all its views, or one.
#[derive(Debug, Clone, Copy)]
struct PartPeer {
    /// The peer; its view has no meaning.
    peer: events::Peer,
    view: Option<RibView>,
}

impl Part {
    /// The part of the router that somebody wants. A peer that changed its BGP identifier is one peer, as it is in events.
    pub fn of(router: &Router, wanted: &RepeatedPart) -> Result<Self, RepeatRefusal> {
        let family = wanted.family;
        let Some(RepeatedPeer { selector, view }) = wanted.peer else {
            return Ok(Self { peer: None, family });
        };
        let selected = router.peers.iter();
        let mut selected = selected.filter(|peer| selector.selects(&peer.identity));
        let first = selected.next().ok_or(RepeatRefusal::UnknownPeer)?;
        let peer = event_peer(first, RibView::AdjRibInPre);
        let one = PartPeer { peer, view };
        if selected.any(|other| !one.is(&event_peer(other, RibView::AdjRibInPre))) {
            return Err(RepeatRefusal::SeveralPeers);
        }
        Ok(Self {
            peer: Some(one),
            family,
        })
    }

    /// Whether a table belongs to the part.
    pub fn covers(&self, key: &TableKey) -> bool {
        let of_peer = self.peer.is_none_or(|one| {
            let peer = &one.peer;
            peer.peer_type == key.peer.peer_type
                && peer.distinguisher == key.peer.distinguisher
                && peer.address == key.peer.address
                && one.view.is_none_or(|view| view == key.view)
        });
        of_peer && self.family.is_none_or(|family| family == key.family)
    }

    /// The scopes that name the part in events. An event names a peer in one view, so a peer with all its views has a scope for
    /// each of them, also for those without tables: consumers may hold routes of them that are gone.
    pub fn scopes(self) -> impl Iterator<Item = EventScope> {
        let family = self.family;
        let all_peers = match self.peer {
            None => Some(EventScope { peer: None, family }),
            Some(_) => None,
        };
        let of_peer = self
            .peer
            .into_iter()
            .flat_map(move |PartPeer { peer, view: only }| {
                let views = RibView::ALL.into_iter();
                let views = views.filter(move |view| only.is_none_or(|only| only == *view));
                views.map(move |view| EventScope {
                    peer: Some(events::Peer { view, ..peer }),
                    family,
                })
            });
        all_peers.into_iter().chain(of_peer)
    }
}

impl PartPeer {
    /// Whether events name this peer as they name the other one.
    fn is(&self, other: &events::Peer) -> bool {
        let peer = &self.peer;
        peer.peer_type == other.peer_type
            && peer.distinguisher == other.distinguisher
            && peer.address == other.address
    }
}
