//! Routers of a test: their sessions, peers and tables, and the bytes that they have sent and nobody has read yet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use arancini_core::{SessionId, TableKey};
use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, end_of_rib, initiation, peer_down, peer_up, route_monitoring,
};
use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;

use super::stream::{RouteKey, Table};
use super::wire::{self, Destination, announce, as_path, origin, peer, peer_v6, withdraw};
use super::{Harness, router};

/// How a router ends the dump of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpEnd {
    EndOfRib,
    /// It says nothing, and the quiet period has to show the end.
    Silence,
}

impl DumpEnd {
    pub const ALL: [Self; 2] = [Self::EndOfRib, Self::Silence];
}

pub const PEERS: usize = 5;
/// The Loc-RIB. This router never sends a Peer Up for it.
const LOC_RIB: usize = 4;
/// The peer that sends several paths for a prefix.
const ADD_PATH: usize = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    V4,
    V6,
    Vpn4,
    Vpn6,
    Labelled4,
    Evpn,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::V4,
        Self::V6,
        Self::Vpn4,
        Self::Vpn6,
        Self::Labelled4,
        Self::Evpn,
    ];

    /// Destination `index` of the family; neighbours in number are neighbours in the address space.
    pub fn destination(self, index: u16) -> Destination {
        let [high, low] = index.to_be_bytes();
        let length = if index.is_multiple_of(2) { 24 } else { 32 };
        let v4 = [10, high, low, 0];
        let v6 = 0x2001_0db8 << 96 | u128::from(index) << 64;
        match self {
            Self::V4 => Destination::V4(v4, length),
            Self::V6 => Destination::V6(v6, 64),
            Self::Vpn4 => Destination::Vpn4(1 + u64::from(index % 3), v4, length),
            Self::Vpn6 => Destination::Vpn6(1 + u64::from(index % 3), v6, 64),
            Self::Labelled4 => Destination::Labelled4(v4, length),
            Self::Evpn => Destination::Evpn(index.into()),
        }
    }
}

type RouteId = (Destination, Option<u32>);

/// Some routes of one table of a router.
#[derive(Debug, Clone)]
pub struct Routes {
    pub peer: usize,
    pub post: bool,
    pub kind: Kind,
    pub start: u16,
    pub count: u16,
}

impl Routes {
    fn view(&self) -> RibView {
        match (self.peer, self.post) {
            (LOC_RIB, _) => RibView::LocRib,
            (_, true) => RibView::AdjRibInPost,
            (_, false) => RibView::AdjRibInPre,
        }
    }

    fn ids(&self) -> Vec<RouteId> {
        let paths = self.peer == ADD_PATH && self.kind == Kind::V4;
        (self.start..self.start + self.count)
            .map(|index| {
                if paths {
                    (self.kind.destination(index / 3), Some(1 + u32::from(index % 3)))
                } else {
                    (self.kind.destination(index), None)
                }
            })
            .collect()
    }
}

pub struct Router {
    number: u8,
    pub session: Option<SessionId>,
    up: BTreeSet<usize>,
    /// What the router really holds: the version of each route's attributes.
    tables: BTreeMap<(usize, RibView, Kind), BTreeMap<RouteId, u32>>,
    unread: Vec<u8>,
    /// Number of Peer Ups sent. Each is about another BGP session.
    sessions: u16,
}

impl Router {
    pub fn new(number: u8) -> Self {
        Self {
            number,
            session: None,
            up: BTreeSet::from([LOC_RIB]),
            tables: BTreeMap::new(),
            unread: Vec::new(),
            sessions: 0,
        }
    }

    fn say(&mut self, bytes: Vec<u8>) {
        if self.session.is_some() {
            self.unread.extend(bytes);
        }
    }

    pub fn announce(&mut self, routes: &Routes, version: u32) {
        if !self.up.contains(&routes.peer) {
            return;
        }
        let table = self
            .tables
            .entry((routes.peer, routes.view(), routes.kind))
            .or_default();
        let ids = routes.ids();
        table.extend(ids.iter().cloned().map(|id| (id, version)));
        let peer = header(routes.peer).in_view(routes.view());
        for chunk in ids.chunks(40) {
            self.say(announcement(&peer, chunk, version));
        }
    }

    pub fn withdraw(&mut self, routes: &Routes) {
        if !self.up.contains(&routes.peer) {
            return;
        }
        let table = self
            .tables
            .entry((routes.peer, routes.view(), routes.kind))
            .or_default();
        let ids = routes.ids();
        for id in &ids {
            table.remove(id);
        }
        let peer = header(routes.peer).in_view(routes.view());
        for chunk in ids.chunks(40) {
            let chunk: Vec<_> = chunk.iter().map(|(to, id)| (to, *id)).collect();
            self.say(withdraw(&peer, &chunk));
        }
    }

    pub fn peer_down(&mut self, peer: usize) {
        if peer != LOC_RIB && self.up.remove(&peer) {
            self.tables.retain(|(owner, _, _), _| *owner != peer);
            self.say(peer_down(&header(peer), &PeerDown::LocalEvent(2)));
        }
    }

    pub fn peer_up(&mut self, peer: usize) {
        if self.up.insert(peer) {
            self.say_peer_up(peer);
        }
    }

    fn say_peer_up(&mut self, peer: usize) {
        self.sessions += 1;
        let mut message = peer_up_message(peer);
        // The peer's port, behind the headers, the local address and the local port.
        message[66..68].copy_from_slice(&self.sessions.to_be_bytes());
        self.say(message);
    }

    /// Sends a Peer Up without a Peer Down before it, and dumps the peer's tables, which have lost some routes.
    pub fn peer_reset(&mut self, peer: usize, end: DumpEnd) {
        if peer != LOC_RIB && self.up.contains(&peer) {
            for ((owner, _, _), table) in &mut self.tables {
                let mut number = 0;
                table.retain(|_, _| {
                    number += 1;
                    *owner != peer || number % 3 != 0
                });
            }
            self.dump(peer, end);
        }
    }

    /// Loses the connection, with everything that was not read.
    pub fn lose(&mut self, harness: &mut Harness) {
        self.unread.clear();
        if let Some(session) = self.session.take() {
            harness.close(session);
        }
    }

    /// Connects, whether or not there is a connection, and dumps everything.
    pub fn connect(&mut self, harness: &mut Harness, end: DumpEnd) {
        self.unread.clear();
        self.session = Some(harness.open(router(self.number)));
        self.say(initiation("simulated", "router"));
        for peer in self.up.clone() {
            self.dump(peer, end);
        }
    }

    fn dump(&mut self, peer: usize, end: DumpEnd) {
        if peer != LOC_RIB {
            self.say_peer_up(peer);
        }
        let views: &[RibView] = if peer == LOC_RIB {
            &[RibView::LocRib]
        } else {
            &[RibView::AdjRibInPre, RibView::AdjRibInPost]
        };
        for &view in views {
            let header = header(peer).in_view(view);
            for kind in Kind::ALL {
                let table = self.tables.get(&(peer, view, kind)).cloned().unwrap_or_default();
                for (id, version) in table {
                    self.say(announcement(&header, &[id], version));
                }
                if end == DumpEnd::EndOfRib {
                    let family = kind.destination(0).family();
                    self.say(route_monitoring(&header, &end_of_rib(family)));
                }
            }
        }
    }

    /// Lets the collector read this many bytes.
    pub fn deliver(&mut self, harness: &mut Harness, bytes: usize) {
        if let Some(session) = self.session {
            let rest = self.unread.split_off(bytes.min(self.unread.len()));
            harness.send(session, &self.unread);
            self.unread = rest;
        }
    }

    pub fn deliver_all(&mut self, harness: &mut Harness) {
        self.deliver(harness, usize::MAX);
    }

    /// What a consumer must hold of this router: the AS path and the label of each route.
    pub fn expected(&self) -> BTreeMap<(Table, RouteKey), (Vec<u32>, Vec<u32>)> {
        let mut expected = BTreeMap::new();
        for (&(peer, view, kind), table) in &self.tables {
            let header = header(peer);
            let table_key = Table {
                router: router(self.number),
                key: TableKey::new(
                    identity(&header, view),
                    header.asn,
                    view,
                    kind.destination(0).family(),
                ),
            };
            for ((to, path_id), version) in table {
                let labels = match kind {
                    Kind::Vpn4 | Kind::Vpn6 | Kind::Labelled4 => vec![label(*version)],
                    _ => Vec::new(),
                };
                let value = (path(&header, *version), labels);
                expected.insert((table_key, to.key(*path_id)), value);
            }
        }
        expected
    }
}

fn header(index: usize) -> Peer {
    match index {
        0 => peer(1),
        ADD_PATH => peer(2),
        2 => peer_v6(3),
        // The address of peer 0 again, in a VRF.
        3 => Peer {
            peer_type: 1,
            distinguisher: 0x0000_fde8_0000_0007,
            ..peer(1)
        },
        _ => peer(9).in_view(RibView::LocRib),
    }
}

/// The peer as its messages name it: a Loc-RIB is a peer of type 3 with address zero (RFC 9069 §4.1).
fn identity(peer: &Peer, view: RibView) -> PeerIdentity {
    let loc_rib = view == RibView::LocRib;
    PeerIdentity {
        peer_type: if loc_rib { 3 } else { peer.peer_type },
        distinguisher: peer.distinguisher.to_be_bytes(),
        address: match peer.address {
            _ if loc_rib => [0; 16],
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        },
        bgp_id: peer.bgp_id.into(),
    }
}

fn peer_up_message(index: usize) -> Vec<u8> {
    let peer = header(index);
    let mut sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
    let mut received = Open::new(peer.asn, peer.bgp_id);
    if index == ADD_PATH {
        sent = sent.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
        received = received.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
    }
    peer_up(&peer, wire::v4("192.0.2.1"), &sent, &received)
}

fn path(peer: &Peer, version: u32) -> Vec<u32> {
    vec![peer.asn, 70_000 + version]
}

/// Two versions share a label.
const fn label(version: u32) -> u32 {
    100 + version / 2
}

fn announcement(peer: &Peer, routes: &[RouteId], version: u32) -> Vec<u8> {
    let routes: Vec<_> = routes.iter().map(|(to, id)| (to, *id)).collect();
    let attributes = [origin(0), as_path(&path(peer, version))].concat();
    announce(peer, &attributes, &routes, label(version))
}
