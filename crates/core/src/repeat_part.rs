//! The part of a router's tables that is published again ([`crate::repeat`]), and the scopes that name it in events.

use arancini_schema::events;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::table_key::TableKey;

/// The tables of a router that an event about a resync is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventScope {
    /// One peer in one view; `None` for all.
    pub peer: Option<events::Peer>,
    /// One family; `None` for all.
    pub family: Option<AfiSafi>,
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
    /// All peers of the router.
    pub const fn of_all_peers(family: Option<AfiSafi>) -> Self {
        Self { peer: None, family }
    }

    /// One peer, whatever its view says, in this view or in all.
    pub const fn of_peer(peer: events::Peer, view: Option<RibView>, family: Option<AfiSafi>) -> Self {
        let peer = Some(PartPeer { peer, view });
        Self { peer, family }
    }

    /// Whether all tables of the router belong to the part.
    pub const fn is_whole_router(&self) -> bool {
        self.peer.is_none() && self.family.is_none()
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
