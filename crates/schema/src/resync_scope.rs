//! Scopes of resyncs: which tables of a router `resyncBegin` and `resyncEnd` are about.

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::table_key::{TableKey, UnreadableUpdate, identity_of, view_of};
use crate::update_capnp::router_event;

/// The tables of a router that a resync covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResyncScope {
    /// One peer in one view; all tables of the router if absent.
    pub peer: Option<ScopePeer>,
    /// One family; all if absent.
    pub family: Option<AfiSafi>,
}

/// A peer in one view, as a resync names it. The BGP identifier and the AS number do not matter: a peer that has changed
/// them is resynchronised with all its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopePeer {
    /// The peer type.
    pub peer_type: u8,
    /// The peer distinguisher.
    pub distinguisher: [u8; 8],
    /// The address in 16 bytes, IPv4-mapped.
    pub address: [u8; 16],
    /// The view.
    pub view: RibView,
}

impl ResyncScope {
    /// All tables of the router.
    pub const WHOLE_ROUTER: Self = Self {
        peer: None,
        family: None,
    };

    /// Reads the scope of a resync event.
    ///
    /// # Errors
    /// A field cannot be read, or holds something that no collector of this version writes.
    pub fn of_event(event: router_event::Reader<'_>) -> Result<Self, UnreadableUpdate> {
        let peer = match event.has_peer() {
            true => {
                let peer = event
                    .get_peer()
                    .map_err(|_| UnreadableUpdate("its peer cannot be read"))?;
                let identity = identity_of(peer)?;
                Some(ScopePeer {
                    peer_type: identity.peer_type,
                    distinguisher: identity.distinguisher,
                    address: identity.address,
                    view: view_of(peer.get_rib_view())?,
                })
            }
            false => None,
        };
        let family = match event.get_has_family() {
            true => {
                let family = event
                    .get_family()
                    .map_err(|_| UnreadableUpdate("its family cannot be read"))?;
                Some(AfiSafi::new(family.get_afi(), family.get_safi()))
            }
            false => None,
        };
        Ok(Self { peer, family })
    }

    /// Returns whether the resync covers a table.
    #[must_use]
    pub fn covers(&self, table: &TableKey) -> bool {
        let peer = self.peer.is_none_or(|peer| {
            peer.peer_type == table.peer.peer_type
                && peer.distinguisher == table.peer.distinguisher
                && peer.address == table.peer.address
                && peer.view == table.view
        });
        peer && self.family.is_none_or(|family| family == table.family)
    }
}
