//! A router: the routes that it holds, and the BMP messages that it sends.
//!
//! The router's tables are right whatever happens to its sessions. What it sends without a connection is lost, and the next
//! session begins with a dump of all tables. Some routers have [`Oddities`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, Statistic, end_of_rib, initiation, peer_down, peer_up,
    route_monitoring, statistics_report,
};
use arancini_judge::{Family, Route, Table};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::oddity::Oddities;
use crate::routes::{self, Form, Kind, Number, Value, Version};

/// Number of peers of a router.
const PEERS: usize = 5;
/// The peer that sends several paths for a prefix of IPv4.
const ADD_PATH: usize = 1;
/// The peer whose routes may come with another AS number than its Peer Up.
const OTHER_AS: usize = 2;
/// The peer in a VRF; it has the address of the first peer.
const VRF: usize = 3;
/// The Loc-RIB. Few routers send Peer Ups for it.
pub const LOC_RIB: usize = 4;
/// A withdraw carries this instead of a label (RFC 8277 §2.4).
const WITHDRAWN_LABEL: u32 = 0x80_0000;

/// A table of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableId {
    /// The peer.
    pub peer: usize,
    /// Whether it is the view after policy; without meaning for the Loc-RIB.
    pub post: bool,
    /// The family.
    pub kind: Kind,
}

impl TableId {
    const fn view(self) -> RibView {
        match (self.peer, self.post) {
            (LOC_RIB, _) => RibView::LocRib,
            (_, true) => RibView::AdjRibInPost,
            (_, false) => RibView::AdjRibInPre,
        }
    }

    const fn in_order(self) -> Self {
        Self {
            post: self.post && self.peer != LOC_RIB,
            ..self
        }
    }
}

/// A router and what it holds.
#[derive(Debug)]
pub struct Router {
    /// The router's address.
    pub address: IpAddr,
    /// What it does differently from others.
    pub oddities: Oddities,
    up: BTreeSet<usize>,
    /// How often each peer came back with another BGP identifier.
    new_ids: [u8; PEERS],
    /// Whether the Loc-RIB has path identifiers in IPv4.
    loc_rib_paths: bool,
    /// Number of messages that could have the BGP identifier 0.
    messages: u32,
    tables: BTreeMap<TableId, BTreeMap<Number, Version>>,
    /// How often each route was withdrawn.
    withdrawals: BTreeMap<Route, u32>,
    /// The number of each peer's BGP session.
    bgp_sessions: [u16; PEERS],
}

impl Router {
    /// A router without routes. All its peers are up.
    #[must_use]
    pub fn new(number: u8, oddities: Oddities) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
            oddities,
            up: (0..PEERS).collect(),
            new_ids: [0; PEERS],
            loc_rib_paths: false,
            messages: 0,
            tables: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            bgp_sessions: [0; PEERS],
        }
    }

    /// Announces routes of a table. Damaged ones are written so that they count as withdrawn.
    pub fn announce(&mut self, table: TableId, numbers: &[Number], version: Version, form: Form) -> Vec<u8> {
        let table = table.in_order();
        if !self.up.contains(&table.peer) {
            return Vec::new();
        }
        let form = match form {
            Form::AlsoWithdrawn if !self.oddities.also_withdraws => Form::Plain,
            form => form,
        };
        if form == Form::Damaged {
            self.note_withdrawals(table, numbers);
        }
        let held = self.tables.entry(table).or_default();
        for &number in numbers {
            if form == Form::Damaged {
                held.remove(&number);
            } else {
                held.insert(number, version);
            }
        }
        let header = self.routes_header(table);
        routes::announce(&header, table.kind, self.has_paths(table), numbers, version, form)
    }

    /// Withdraws routes of a table, whether the router holds them or not.
    pub fn withdraw(&mut self, table: TableId, numbers: &[Number]) -> Vec<u8> {
        let table = table.in_order();
        if !self.up.contains(&table.peer) {
            return Vec::new();
        }
        self.note_withdrawals(table, numbers);
        if let Some(held) = self.tables.get_mut(&table) {
            held.retain(|number, _| !numbers.contains(number));
        }
        let header = self.routes_header(table);
        let label_octets = if self.oddities.zero_labels {
            0
        } else {
            WITHDRAWN_LABEL
        };
        routes::withdraw(&header, table.kind, self.has_paths(table), numbers, label_octets)
    }

    /// Takes a peer down with its routes.
    pub fn peer_down(&mut self, peer: usize) -> Vec<u8> {
        if peer == LOC_RIB || !self.up.remove(&peer) {
            return Vec::new();
        }
        self.tables.retain(|table, _| table.peer != peer);
        peer_down(&self.spoken_header(peer), &PeerDown::LocalEvent(2))
    }

    /// Brings a peer up. Its BGP identifier may be another one than before.
    pub fn peer_up(&mut self, peer: usize) -> Vec<u8> {
        if !self.up.insert(peer) {
            return Vec::new();
        }
        if self.oddities.new_ids {
            self.new_ids[peer] = self.new_ids[peer].wrapping_add(1) % 4;
        }
        self.say_peer_up(peer)
    }

    /// Sends the Peer Up of a peer again, although it is up and its BGP session is the same. For the Loc-RIB of some routers,
    /// IPv4 gains or loses path identifiers, and the router dumps it again.
    pub fn peer_up_again(&mut self, peer: usize, with_end: bool) -> Vec<u8> {
        if !self.up.contains(&peer) || !self.says_peer_up(peer) {
            return Vec::new();
        }
        if peer == LOC_RIB {
            self.loc_rib_paths = !self.loc_rib_paths;
            return self.dump_peer(peer, with_end);
        }
        self.peer_up_message(peer)
    }

    /// Begins a new BGP session of a peer without a Peer Down for the old one. Every third route does not come back.
    pub fn peer_reset(&mut self, peer: usize, with_end: bool) -> Vec<u8> {
        // Without a Peer Up nobody can notice the new session.
        if !self.up.contains(&peer) || peer == LOC_RIB || !self.says_peer_up(peer) {
            return Vec::new();
        }
        for (_, held) in self.tables.iter_mut().filter(|(table, _)| table.peer == peer) {
            held.retain(|number, _| number % 3 != 0);
        }
        self.dump_peer(peer, with_end)
    }

    /// Begins a session: Initiation, then a dump of all tables.
    pub fn dump(&mut self, with_end: bool) -> Vec<u8> {
        let mut out = initiation("simulated", "router");
        for peer in self.up.clone() {
            out.extend(self.dump_peer(peer, with_end));
        }
        out
    }

    /// A Statistics Report of a peer.
    pub fn statistics(&mut self, peer: usize) -> Vec<u8> {
        let header = self.spoken_header(peer);
        statistics_report(&header, &[Statistic::Counter(0, 1), Statistic::Gauge(7, 2)])
    }

    /// A message that can't be read, of a peer that is up.
    pub fn unreadable(&mut self, peer: usize) -> Vec<u8> {
        if self.up.contains(&peer) {
            routes::unreadable(&self.spoken_header(peer))
        } else {
            Vec::new()
        }
    }

    /// The routes that consumers must hold of this router.
    pub fn expected(&self) -> impl Iterator<Item = (Route, Value)> + '_ {
        self.tables.iter().flat_map(move |(&id, held)| {
            let routes = held.iter();
            routes.map(move |(&number, &version)| (self.route(id, number), routes::value(id.kind, version)))
        })
    }

    /// How often the router withdrew a route, damaged announces included.
    #[must_use]
    pub fn withdrawals(&self, route: &Route) -> u32 {
        self.withdrawals.get(route).copied().unwrap_or_default()
    }

    fn note_withdrawals(&mut self, table: TableId, numbers: &[Number]) {
        for &number in numbers {
            *self.withdrawals.entry(self.route(table, number)).or_default() += 1;
        }
    }

    /// A route as consumers know it.
    fn route(&self, id: TableId, number: Number) -> Route {
        let header = self.true_header(id);
        let AfiSafi { afi, safi } = id.kind.family();
        let table = Table {
            router: self.address,
            peer: if id.peer == LOC_RIB {
                IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            } else {
                header.address
            },
            distinguisher: header.distinguisher,
            asn: header.asn,
            bgp_id: header.bgp_id.to_bits(),
            view: id.view() as u16,
            family: Family::new(afi, safi),
        };
        let name = routes::name(id.kind, self.has_paths(id), number);
        Route { table, name }
    }

    fn dump_peer(&mut self, peer: usize, with_end: bool) -> Vec<u8> {
        let mut out = self.say_peer_up(peer);
        let tables: Vec<TableId> = self.tables.keys().copied().collect();
        for table in tables.into_iter().filter(|table| table.peer == peer) {
            let held = self.tables.get(&table).cloned().unwrap_or_default();
            for (number, version) in held {
                out.extend(self.announce(table, &[number], version, Form::Plain));
            }
        }
        if with_end {
            let views: &[bool] = if peer == LOC_RIB { &[false] } else { &[false, true] };
            for &post in views {
                for kind in Kind::ALL {
                    let header = self.routes_header(TableId { peer, post, kind });
                    out.extend(route_monitoring(&header, &end_of_rib(kind.family())));
                }
            }
        }
        out
    }

    /// Whether the router sends Peer Ups for this peer.
    const fn says_peer_up(&self, peer: usize) -> bool {
        match peer {
            LOC_RIB => self.oddities.loc_rib_up,
            VRF => !self.oddities.no_vrf_up,
            _ => true,
        }
    }

    fn say_peer_up(&mut self, peer: usize) -> Vec<u8> {
        if !self.says_peer_up(peer) {
            return Vec::new();
        }
        self.bgp_sessions[peer] += 1;
        self.peer_up_message(peer)
    }

    fn peer_up_message(&self, peer: usize) -> Vec<u8> {
        let header = self.header(peer);
        let mut sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
        let mut received = Open::new(header.asn, header.bgp_id);
        if peer == ADD_PATH || peer == LOC_RIB && self.loc_rib_paths {
            sent = sent.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
            received = received.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
        }
        let local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let mut message = peer_up(&header, local, &sent, &received);
        // The peer's port stands behind the headers, the local address and the local port.
        message[66..68].copy_from_slice(&self.bgp_sessions[peer].to_be_bytes());
        message
    }

    const fn has_paths(&self, table: TableId) -> bool {
        let paths = table.peer == ADD_PATH || table.peer == LOC_RIB && self.loc_rib_paths;
        paths && matches!(table.kind, Kind::V4)
    }

    /// The peer as its Peer Up names it.
    fn header(&self, peer: usize) -> Peer {
        let mut header = header(peer);
        let id = header.bgp_id.to_bits() + (u32::from(self.new_ids[peer]) << 8);
        header.bgp_id = Ipv4Addr::from_bits(id);
        header
    }

    /// The header of a message about a peer: its BGP identifier is sometimes left out. Without a Peer Up nobody could know who
    /// is meant.
    fn spoken_header(&mut self, peer: usize) -> Peer {
        let mut header = self.header(peer);
        self.messages += 1;
        if self.oddities.zero_ids && self.says_peer_up(peer) && self.messages.is_multiple_of(3) {
            header.bgp_id = Ipv4Addr::UNSPECIFIED;
        }
        header
    }

    /// The header of a table's messages.
    fn routes_header(&mut self, table: TableId) -> Peer {
        Peer {
            bgp_id: self.spoken_header(table.peer).bgp_id,
            ..self.true_header(table)
        }
    }

    /// The header of a table as consumers know it.
    fn true_header(&self, table: TableId) -> Peer {
        let mut header = self.header(table.peer).in_view(table.view());
        if self.oddities.other_as && table.peer == OTHER_AS {
            header.asn += 100;
        }
        header
    }
}

fn header(peer: usize) -> Peer {
    let v4 = |number: u8| {
        let address = Ipv4Addr::new(203, 0, 113, number);
        Peer::new(IpAddr::V4(address), 64_500 + u32::from(number), address)
    };
    match peer {
        0 => v4(1),
        ADD_PATH => v4(2),
        2 => Peer::new(
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3)),
            64_603,
            Ipv4Addr::new(203, 0, 113, 3),
        ),
        VRF => Peer {
            peer_type: 1,
            distinguisher: 0x0000_fde8_0000_0007,
            ..v4(1)
        },
        _ => v4(9).in_view(RibView::LocRib),
    }
}
