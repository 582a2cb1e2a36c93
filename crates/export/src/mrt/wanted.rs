//! Which updates an MRT file can have: those of one view, and of peers that it can tell apart.
//!
//! MRT names a peer by its address and AS number. It has no router, no view and no distinguisher. So a file has one view,
//! and if two peers have the same address and AS number, the file has only the first.

use std::collections::HashMap;
use std::net::IpAddr;

use arancini_schema::json::Named;
use arancini_schema::update_capnp::{RibView, update};

use super::record::address;
use crate::writer::WriteError;

/// A peer as MRT names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MrtPeer {
    pub(super) address: IpAddr,
    pub(super) asn: u32,
}

/// A peer as a collector names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RouterPeer {
    pub(super) router: IpAddr,
    pub(super) distinguisher: u64,
    pub(super) peer: MrtPeer,
}

/// What an announce would need to be a BGP UPDATE.
enum Missing {
    Nothing,
    /// A snapshot may have a route with its fingerprint only.
    Attributes,
    /// Some routers have routes in their Loc-RIB without a next hop, or with one of a length that no RFC defines.
    NextHop,
}

fn what_is_missing(update: update::Reader<'_>) -> capnp::Result<Missing> {
    let unknown = update.get_unknown_attributes()?;
    if update.get_has_next_hop() {
        return Ok(Missing::Nothing);
    }
    if !update.get_has_origin() && update.get_as_path()?.is_empty() && unknown.is_empty() {
        return Ok(Missing::Attributes);
    }
    // Families without prefixes may have no next hop (RFC 8955 §4), or one of a length that no RFC defines.
    Ok(if update.get_raw_nlri()?.is_empty() {
        Missing::NextHop
    } else {
        Missing::Nothing
    })
}

/// Chooses the updates of a file.
pub(super) struct Wanted {
    view: RibView,
    owners: HashMap<MrtPeer, RouterPeer>,
    other_views: HashMap<&'static str, u64>,
    same_name: HashMap<RouterPeer, u64>,
    without_attributes: u64,
    without_next_hop: u64,
}

impl Wanted {
    pub(super) fn new(view: RibView) -> Self {
        Self {
            view,
            owners: HashMap::new(),
            other_views: HashMap::new(),
            same_name: HashMap::new(),
            without_attributes: 0,
            without_next_hop: 0,
        }
    }

    /// Returns the peer of an update; `None` if the file cannot have the update.
    ///
    /// # Errors
    /// The update cannot be read.
    pub(super) fn peer_of(&mut self, update: update::Reader<'_>) -> Result<Option<RouterPeer>, WriteError> {
        let view = update.get_rib_view();
        if view != Ok(self.view) {
            let name = view.map_or("of a newer schema", Named::name);
            *self.other_views.entry(name).or_default() += 1;
            return Ok(None);
        }
        if update.get_announced() {
            let what = what_is_missing(update).map_err(|error| WriteError::Message(error.to_string()))?;
            let count = match what {
                Missing::Nothing => None,
                Missing::Attributes => Some(&mut self.without_attributes),
                Missing::NextHop => Some(&mut self.without_next_hop),
            };
            if let Some(count) = count {
                *count += 1;
                return Ok(None);
            }
        }
        let octets = |octets: capnp::Result<&[u8]>| -> Result<[u8; 16], WriteError> {
            let octets = octets.map_err(|error| WriteError::Message(error.to_string()))?;
            let octets = octets.try_into();
            octets.map_err(|_| WriteError::Message("an address has not 16 octets".to_owned()))
        };
        let peer = RouterPeer {
            router: address(octets(update.get_router_addr())?),
            distinguisher: update.get_peer_distinguisher(),
            peer: MrtPeer {
                address: address(octets(update.get_peer_addr())?),
                asn: update.get_peer_asn(),
            },
        };
        if *self.owners.entry(peer.peer).or_insert(peer) == peer {
            return Ok(Some(peer));
        }
        *self.same_name.entry(peer).or_default() += 1;
        Ok(None)
    }

    /// Says what the file does not have, one sentence each.
    pub(super) fn left_out(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        let own = self.view.name();
        let mut views: Vec<_> = self.other_views.iter().collect();
        views.sort();
        for (view, count) in views {
            sentences.push(format!(
                "left out: {} of the view {view}, because a file has one view (here {own}); give --view {view} for another file",
                counted(*count, "update")
            ));
        }
        let mut peers: Vec<_> = self.same_name.iter().collect();
        peers.sort_by_key(|(peer, _)| (peer.router, peer.peer.address, peer.distinguisher));
        for (peer, count) in peers {
            let RouterPeer {
                router,
                distinguisher,
                peer: MrtPeer { address, asn },
            } = peer;
            let is_of_owner = self
                .owners
                .get(&peer.peer)
                .is_some_and(|owner| owner.router == *router);
            let remedy = if is_of_owner {
                "the other peer is of the same router, so no MRT file can have both; use --format json or parquet".to_owned()
            } else {
                format!("give --router {router} for another file")
            };
            sentences.push(format!(
                "left out: {} of the peer {address} AS{asn} with distinguisher {distinguisher} of the router {router}, because MRT \
                 cannot tell it from another peer with this address and AS number; {remedy}",
                counted(*count, "update")
            ));
        }
        if self.without_attributes > 0 {
            sentences.push(format!(
                "left out: {} without attributes; a collector keeps them with rib.attributes = \"retain\"",
                counted(self.without_attributes, "route")
            ));
        }
        if self.without_next_hop > 0 {
            sentences.push(format!(
                "left out: {} without a next hop that a reader of BGP UPDATEs takes",
                counted(self.without_next_hop, "route")
            ));
        }
        sentences
    }
}

/// Returns a count with its noun: "1 route", "2 routes".
fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
