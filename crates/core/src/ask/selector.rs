//! Which routers, peers and tables a question is about.

use std::net::IpAddr;

use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;

use crate::table_key::TableKey;

/// Selects routers, peers and tables. A field that is not set selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// Only this router.
    pub router: Option<IpAddr>,
    /// Only peers like this.
    pub peer: Option<PeerSelector>,
    /// Only tables of this view.
    pub view: Option<RibView>,
    /// Only tables of this family.
    pub family: Option<AfiSafi>,
}

/// Selects peers by their identity. The address alone often names one peer of a router; the other fields tell peers with the
/// same address apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerSelector {
    /// The address; all zeros for a Loc-RIB.
    pub address: IpAddr,
    /// The BGP identifier.
    pub bgp_id: Option<u32>,
    /// The peer type.
    pub peer_type: Option<u8>,
    /// The peer distinguisher.
    pub distinguisher: Option<[u8; 8]>,
}

impl PeerSelector {
    /// Whether it selects a peer of this identity.
    #[must_use]
    pub fn selects(&self, identity: &PeerIdentity) -> bool {
        self.address == IpAddr::from(identity.address).to_canonical()
            && self.bgp_id.is_none_or(|id| id == identity.bgp_id)
            && self.peer_type.is_none_or(|kind| kind == identity.peer_type)
            && self
                .distinguisher
                .is_none_or(|distinguisher| distinguisher == identity.distinguisher)
    }
}

impl Selector {
    /// Whether it selects a peer of this identity.
    pub(super) fn selects_peer(&self, identity: &PeerIdentity) -> bool {
        self.peer.is_none_or(|peer| peer.selects(identity))
    }

    /// Whether it selects a table with this key, of a peer that it selects.
    pub(super) fn selects_table(&self, key: &TableKey) -> bool {
        self.view.is_none_or(|view| view == key.view) && self.family.is_none_or(|family| family == key.family)
    }
}
