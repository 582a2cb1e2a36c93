//! What a question finds: plain values that own what they hold, for other threads.

use std::net::IpAddr;
use std::sync::Arc;

use arancini_rib::{Held, RouteKey};
use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;
use serde::{Deserialize, Serialize};

use super::prefix::Prefix;
use crate::changes::{Changes, PeerChange, RouterChange};
use crate::counters::Quirk;
use crate::dump::Dump;
use crate::last_statistics::LastStatistics;
use crate::names::Naming;
use crate::opens::Opens;
use crate::peer::PeerState;
use crate::route_attributes::RouteAttributes;
use crate::router::RouterLife;
use crate::table_key::TableKey;

/// What a question has found, by what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Routers.
    Routers(Vec<RouterAnswer>),
    /// Peers.
    Peers(Vec<PeerAnswer>),
    /// Numbers of routes by view and family.
    Counts(Vec<TableCount>),
    /// Routes.
    Routes(Vec<RouteAnswer>),
}

/// A router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterAnswer {
    /// Its address, which identifies it.
    pub router: IpAddr,
    /// What the settings say about it.
    pub naming: Arc<Naming>,
    /// The port that it last connected from; 0 if it has not connected since the start.
    pub port: u16,
    /// Its sysName; empty while unknown.
    pub sys_name: String,
    /// Its sysDescr; empty while unknown.
    pub sys_descr: String,
    /// Whether it has a session.
    pub life: RouterLife,
    /// Whether it is not known what consumers hold of it: a resync is due or under way.
    pub needs_resync: bool,
    /// BMP messages received from it.
    pub messages: u64,
    /// When its last message came, in Unix nanoseconds; `None` if none has come since the start.
    pub last_message_unix_ns: Option<u64>,
    /// Messages of it that could not be read.
    pub malformed: u64,
    /// Its peers.
    pub peers: usize,
    /// Its peers that are up or provisional.
    pub peers_up: usize,
    /// How often its peers showed quirks.
    pub quirks: u64,
    /// Its tables that it dumps anew.
    pub settling: usize,
    /// Routes held of all its peers.
    pub routes: usize,
    /// The routes by view and family.
    pub counts: Vec<TableCount>,
    /// The last changes of its session.
    pub changes: Changes<RouterChange>,
}

/// A peer of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The router.
    pub router: IpAddr,
    /// What tells the peer from the router's other peers.
    pub identity: PeerIdentity,
    /// Its AS number.
    pub asn: u32,
    /// Whether it is up.
    pub state: PeerState,
    /// What its last Peer Up said; `None` if there was none since the start.
    pub opens: Option<Box<Opens>>,
    /// Its tables.
    pub tables: Vec<TableAnswer>,
    /// How often it showed each quirk, without those that it never showed.
    pub quirks: Vec<(Quirk, u64)>,
    /// Its last Statistics Report; `None` if there was none since the start.
    pub statistics: Option<Box<LastStatistics>>,
    /// When its last message came, in Unix nanoseconds; `None` if none has come since the start.
    pub last_message_unix_ns: Option<u64>,
    /// The dump that began when it last came up.
    pub dump: Dump,
    /// The last changes of its state.
    pub changes: Changes<PeerChange>,
}

/// A table of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAnswer {
    /// The key of the table. Its BGP identifier and AS number may be earlier ones of the peer.
    pub key: TableKey,
    /// The VRF / table name; empty if there is none.
    pub table_name: String,
    /// Routes held.
    pub routes: usize,
    /// Routes announced by the router, before curation, since the start.
    pub received_announces: u64,
    /// Routes withdrawn by the router, before curation, since the start.
    pub received_withdraws: u64,
    /// Whether path identifiers were negotiated.
    pub add_path: bool,
    /// Whether the router dumps the table anew: routes that it has not announced again are stale.
    pub is_settling: bool,
}

/// Numbers of all tables of one view and family together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCount {
    /// The view.
    pub view: RibView,
    /// The family.
    pub family: AfiSafi,
    /// Tables that hold routes.
    pub tables: usize,
    /// Routes held.
    pub routes: usize,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteAnswer {
    /// The router.
    pub router: IpAddr,
    /// The present identity of the peer.
    pub peer: PeerIdentity,
    /// Whether the peer is up.
    pub peer_state: PeerState,
    /// The key of the table, under which the route is published.
    pub table: TableKey,
    /// The VRF / table name; empty if there is none.
    pub table_name: String,
    /// What names the route within the table.
    pub name: RouteName,
    /// The fingerprint of its attributes; `None` if none is kept or the route is in doubt.
    pub fingerprint: Option<u64>,
    /// Its attributes; `None` if its table does not retain them, or if only their fingerprint is known.
    pub attributes: Option<RouteAttributes>,
    /// Since when it has these attributes, in Unix seconds; `None` if that is unknown.
    pub since: Option<u32>,
    /// Whether the router has not announced it again since the session was lost or the peer came up anew.
    pub is_stale: bool,
}

/// What names a route within its table, in an order of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteName {
    /// A prefix, within a VPN with a route distinguisher.
    Prefix {
        /// The route distinguisher as on the wire.
        distinguisher: Option<[u8; 8]>,
        /// The prefix.
        prefix: Prefix,
        /// The path identifier (RFC 7911).
        path_id: Option<u32>,
    },
    /// An NLRI of a family that has no prefixes.
    Opaque {
        /// The NLRI as on the wire, without its path identifier.
        nlri: Box<[u8]>,
        /// The path identifier (RFC 7911).
        path_id: Option<u32>,
    },
}

/// A route that a search has found in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub name: RouteName,
    pub held: Held,
}

impl RouteName {
    pub(super) fn of(key: &RouteKey<'_>) -> Self {
        let path_id = key.path_id();
        let distinguisher = match *key {
            RouteKey::Opaque { nlri, .. } => {
                return Self::Opaque {
                    nlri: nlri.into(),
                    path_id,
                };
            }
            RouteKey::Vpn4 { distinguisher, .. } | RouteKey::Vpn6 { distinguisher, .. } => {
                Some(distinguisher)
            }
            RouteKey::Ipv4 { .. } | RouteKey::Ipv6 { .. } => None,
        };
        Self::Prefix {
            distinguisher,
            prefix: Prefix::of_key(key),
            path_id,
        }
    }

    /// The route distinguisher and the prefix; `None` if the route has no prefix.
    #[must_use]
    pub const fn prefix(&self) -> Option<(Option<[u8; 8]>, Prefix)> {
        match *self {
            Self::Prefix {
                distinguisher,
                prefix,
                ..
            } => Some((distinguisher, prefix)),
            Self::Opaque { .. } => None,
        }
    }

    /// The path identifier, if it has one.
    #[must_use]
    pub const fn path_id(&self) -> Option<u32> {
        match *self {
            Self::Prefix { path_id, .. } | Self::Opaque { path_id, .. } => path_id,
        }
    }
}
