//! Routers, peers and tables as a snapshot names them.
//!
//! Each entry names its router, and where it applies its peer and table, itself: entries of a router that was forgotten and
//! came back between two slices of a walk do no harm. Names and types are part of the format.

use std::net::IpAddr;

use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;
use serde::{Deserialize, Serialize};

use crate::peer::Peer;
use crate::router::Router;
use crate::table_key::TableKey;

/// A router.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RouterEntry {
    pub router: IpAddr,
    pub sys_name: String,
    pub sys_descr: String,
    pub port: u16,
    pub sequence: u64,
    /// A resync of the router was due or under way.
    pub resync: bool,
    /// The tables hold every route that consumers may hold of the router.
    #[serde(default)]
    pub covers_consumers: bool,
}

/// What tells a peer from the others of its router.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IdentityEntry {
    peer_type: u8,
    distinguisher: [u8; 8],
    address: [u8; 16],
    bgp_id: u32,
}

/// A peer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PeerEntry {
    pub router: IpAddr,
    pub peer: IdentityEntry,
    pub asn: u32,
    /// VRF / table names, each with the families it is for.
    names: Vec<(String, Vec<(u16, u8)>)>,
}

/// The table that the routes of a block belong to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TableEntry {
    pub router: IpAddr,
    peer: IdentityEntry,
    pub view: u8,
    afi: u16,
    safi: u8,
    asn: u32,
    /// Whether a path identifier stands before each route.
    pub path_ids: bool,
}

impl RouterEntry {
    pub fn of(router: &Router) -> Self {
        Self {
            router: router.id,
            sys_name: router.sys_name.clone(),
            sys_descr: router.sys_descr.clone(),
            port: router.port,
            sequence: router.sequence,
            // After a restart, nobody would go on to publish the rest.
            resync: router.resync.is_some() || router.repeat.is_some(),
            covers_consumers: router.coverage.is_whole(),
        }
    }
}

impl IdentityEntry {
    const fn of(identity: &PeerIdentity) -> Self {
        Self {
            peer_type: identity.peer_type,
            distinguisher: identity.distinguisher,
            address: identity.address,
            bgp_id: identity.bgp_id,
        }
    }

    /// The peer that the entry names.
    pub const fn identity(&self) -> PeerIdentity {
        PeerIdentity {
            peer_type: self.peer_type,
            distinguisher: self.distinguisher,
            address: self.address,
            bgp_id: self.bgp_id,
        }
    }
}

impl PeerEntry {
    pub fn of(router: IpAddr, peer: &Peer) -> Self {
        let pairs = |families: &[AfiSafi]| families.iter().map(|family| (family.afi, family.safi)).collect();
        Self {
            router,
            peer: IdentityEntry::of(&peer.identity),
            asn: peer.asn,
            names: peer
                .names()
                .map(|(name, families)| (name.to_owned(), pairs(families)))
                .collect(),
        }
    }

    /// The names, each with the families it is for.
    pub fn into_names(self) -> impl Iterator<Item = (String, Vec<AfiSafi>)> {
        let family = |(afi, safi)| AfiSafi { afi, safi };
        let names = self.names.into_iter();
        names.map(move |(name, families)| (name, families.into_iter().map(family).collect()))
    }
}

impl TableEntry {
    /// Consumers know the routes under the key of their table, which may not be the key that the peer has by now.
    pub const fn of(router: IpAddr, key: &TableKey, path_ids: bool) -> Self {
        Self {
            router,
            peer: IdentityEntry::of(&key.peer),
            view: key.view as u8,
            afi: key.family.afi,
            safi: key.family.safi,
            asn: key.peer_asn,
            path_ids,
        }
    }

    /// The key of the table that the entry names; `None` if its RIB view has an unknown number.
    pub fn key(&self) -> Option<TableKey> {
        let view = RibView::ALL.into_iter().find(|view| *view as u8 == self.view)?;
        let family = AfiSafi::new(self.afi, self.safi);
        Some(TableKey::new(self.peer.identity(), self.asn, view, family))
    }
}
