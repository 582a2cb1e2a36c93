//! Writing: a walk over the routers of a shard, in slices.
//!
//! Between two slices anything may happen to the routers. Routers are walked in the order of their addresses, peers and
//! tables by their place (none is ever removed from a router that stays), routes by the table's own cursor, which misses
//! none that was there from begin to end. Every block names router, peer and table itself, so a router that went and
//! came again between two slices does no harm.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use arancini_rib::RouteKey;
use arancini_wire::bmp::PeerIdentity;
use arancini_wire::iana::AfiSafi;
use serde::{Deserialize, Serialize};

use super::{BlockKind, End, Head, MAGIC, VERSION, append_block, append_json};
use crate::peer::{Peer, PeerTable};
use crate::router::Router;

/// What a block costs beside its routes, in routes.
const BLOCK_COST: usize = 20;

/// A router, as written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RouterEntry {
    pub router: IpAddr,
    pub sys_name: String,
    pub sys_descr: String,
    pub port: u16,
    pub sequence: u64,
    /// A resync of it was due or under way.
    pub resync: bool,
}

/// What tells a peer from the others of its router, as written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IdentityEntry {
    pub peer_type: u8,
    pub distinguisher: [u8; 8],
    pub address: [u8; 16],
    pub bgp_id: u32,
}

/// A peer, as written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PeerEntry {
    pub router: IpAddr,
    pub peer: IdentityEntry,
    pub asn: u32,
    /// VRF / table names with the families they are for.
    pub names: Vec<(String, Vec<(u16, u8)>)>,
}

/// Which table the routes behind it are of, as written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TableEntry {
    pub router: IpAddr,
    pub peer: IdentityEntry,
    pub view: u8,
    pub afi: u16,
    pub safi: u8,
    pub asn: u32,
    /// Whether a path identifier stands before each route.
    pub path_ids: bool,
}

/// Where a walk is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Behind this router, or at the beginning.
    Behind(Option<IpAddr>),
    /// At this peer of the router.
    Peer(IpAddr, usize),
    /// At this segment of a table: router, peer, table, with path identifiers or without.
    Table(IpAddr, usize, usize, bool, usize),
    Over,
}

/// A walk over the routers of one shard.
#[derive(Debug)]
pub struct Walk {
    place: Place,
    end: End,
}

impl Walk {
    /// Begins a snapshot: what stands before the routers is appended to `out`.
    #[must_use]
    pub fn begin(head: &Head, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        append_block(BlockKind::Head, out, |out| append_json(head, out));
        Self {
            place: Place::Behind(None),
            end: End::default(),
        }
    }

    /// Ends the snapshot. `last_batch`: the last one that was closed, with every open batch closed before.
    #[must_use]
    pub fn finish(mut self, last_batch: u64, out: &mut Vec<u8>) -> End {
        self.end.last_batch = last_batch;
        append_block(BlockKind::End, out, |out| append_json(&self.end, out));
        self.end
    }

    /// What the shard knows beside its routers; the last word counts.
    pub(crate) const fn note_shard(&mut self, sequence_floor: u64, resync_strangers: bool) {
        self.end.sequence_floor = sequence_floor;
        self.end.resync_strangers = resync_strangers;
    }

    /// Appends about `budget` routes; returns whether there are more.
    pub(crate) fn slice(
        &mut self,
        routers: &BTreeMap<IpAddr, Router>,
        budget: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut spent = 0;
        while spent < budget {
            self.place = match self.place {
                Place::Over => return false,
                Place::Behind(router) => {
                    let lower = router.map_or(Bound::Unbounded, Bound::Excluded);
                    match routers.range((lower, Bound::Unbounded)).next() {
                        Some((&id, router)) => {
                            self.end.routers += 1;
                            append_block(BlockKind::Router, out, |out| append_json(&entry_of(router), out));
                            Place::Peer(id, 0)
                        }
                        None => Place::Over,
                    }
                }
                Place::Peer(id, index) => match routers.get(&id).and_then(|router| router.peers.get(index)) {
                    Some(peer) => {
                        append_block(BlockKind::Peer, out, |out| {
                            append_json(&peer_entry(id, peer), out)
                        });
                        Place::Table(id, index, 0, false, 0)
                    }
                    None => Place::Behind(Some(id)),
                },
                Place::Table(id, peer_index, table, path_ids, segment) => {
                    let peer = routers.get(&id).and_then(|router| router.peers.get(peer_index));
                    match peer.and_then(|peer| Some((peer, peer.tables.get(table)?))) {
                        None => Place::Peer(id, peer_index + 1),
                        Some((peer, held)) => {
                            let at = (id, peer, held);
                            let (routes, next) = routes_block(at, path_ids, segment, budget - spent, out);
                            self.end.routes += routes as u64;
                            spent += routes;
                            match (next, path_ids) {
                                (Some(segment), _) => Place::Table(id, peer_index, table, path_ids, segment),
                                (None, false) => Place::Table(id, peer_index, table, true, 0),
                                (None, true) => Place::Table(id, peer_index, table + 1, false, 0),
                            }
                        }
                    }
                }
            };
            spent += BLOCK_COST;
        }
        !matches!(self.place, Place::Over)
    }
}

/// Writes routes of a table from a segment on, some `budget` of them; returns how many, and where to go on.
fn routes_block(
    (router, peer, table): (IpAddr, &Peer, &PeerTable),
    path_ids: bool,
    segment: usize,
    budget: usize,
    out: &mut Vec<u8>,
) -> (usize, Option<usize>) {
    let rib = table.with_path_ids(path_ids);
    if rib.is_empty() {
        return (0, None);
    }
    let entry = TableEntry {
        router,
        // Under which its routes are known to consumers, whoever the peer is now.
        peer: IdentityEntry {
            bgp_id: table.bgp_id,
            ..identity_entry(&peer.identity)
        },
        view: table.view as u8,
        afi: table.family.afi,
        safi: table.family.safi,
        asn: table.asn,
        path_ids,
    };
    let mut routes = 0;
    let mut next = Some(segment);
    append_block(BlockKind::Routes, out, |out| {
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        append_json(&entry, out);
        let length = (out.len() - length_at - 4) as u32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        while let Some(at) = next
            && routes < budget
        {
            next = rib.visit(at, |key, fingerprint| {
                append_route(&key, fingerprint, path_ids, out);
                routes += 1;
            });
        }
    });
    (routes, next)
}

/// `[path id (4)] ‖ key ‖ fingerprint (8)`; addresses in network order, the fingerprint little endian.
fn append_route(key: &RouteKey<'_>, fingerprint: u64, path_ids: bool, out: &mut Vec<u8>) {
    if path_ids {
        out.extend_from_slice(&key.path_id().unwrap_or(0).to_be_bytes());
    }
    match *key {
        RouteKey::Ipv4 { address, length, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Ipv6 { address, length, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            ..
        } => {
            out.extend_from_slice(&distinguisher);
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            ..
        } => {
            out.extend_from_slice(&distinguisher);
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Opaque { nlri, .. } => {
            // An NLRI is a part of an UPDATE, whose length has two bytes.
            out.extend_from_slice(&(nlri.len() as u16).to_be_bytes());
            out.extend_from_slice(nlri);
        }
    }
    out.extend_from_slice(&fingerprint.to_le_bytes());
}

fn entry_of(router: &Router) -> RouterEntry {
    RouterEntry {
        router: router.id,
        sys_name: router.sys_name.clone(),
        sys_descr: router.sys_descr.clone(),
        port: router.port,
        sequence: router.sequence,
        resync: router.resync.is_some(),
    }
}

fn peer_entry(router: IpAddr, peer: &Peer) -> PeerEntry {
    let families = |families: &[AfiSafi]| families.iter().map(|family| (family.afi, family.safi)).collect();
    PeerEntry {
        router,
        peer: identity_entry(&peer.identity),
        asn: peer.asn,
        names: peer
            .names()
            .map(|(name, of)| (name.to_owned(), families(of)))
            .collect(),
    }
}

const fn identity_entry(identity: &PeerIdentity) -> IdentityEntry {
    IdentityEntry {
        peer_type: identity.peer_type,
        distinguisher: identity.distinguisher,
        address: identity.address,
        bgp_id: identity.bgp_id,
    }
}
