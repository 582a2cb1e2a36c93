//! A router: the routes that it holds, and the BMP messages that it sends.
//!
//! The router's tables are right whatever happens to its sessions. What it sends without a connection is lost, and the next
//! session begins with a dump of all tables. Some routers are odd as real ones are: peers without Peer Up, no End-of-RIB,
//! Peer Up sent twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, Statistic, end_of_rib, initiation, peer_down, peer_up,
    route_monitoring, statistics_report,
};
use arancini_judge::{Family, Route, Table};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::routes::{self, Kind, Number, Value, Version};

/// Number of peers of a router.
pub const PEERS: usize = 5;
/// The peer that sends several paths for a prefix of IPv4.
const ADD_PATH: usize = 1;
/// The peer in a VRF; it has the address of the first peer.
const VRF: usize = 3;
/// The Loc-RIB; the router sends no Peer Up for it.
const LOC_RIB: usize = 4;

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

    const fn has_paths(self) -> bool {
        self.peer == ADD_PATH && matches!(self.kind, Kind::V4)
    }

    fn header(self) -> Peer {
        header(self.peer).in_view(self.view())
    }
}

/// A router and what it holds.
#[derive(Debug)]
pub struct Router {
    /// The router's address.
    pub address: IpAddr,
    /// Whether it sends no Peer Up for the peer in the VRF.
    odd: bool,
    up: BTreeSet<usize>,
    tables: BTreeMap<TableId, BTreeMap<Number, Version>>,
    /// Number of Peer Ups sent; each reports another BGP session.
    bgp_sessions: u16,
}

impl Router {
    /// A router without routes. All its peers are up.
    #[must_use]
    pub fn new(number: u8, odd: bool) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
            odd,
            up: (0..PEERS).collect(),
            tables: BTreeMap::new(),
            bgp_sessions: 0,
        }
    }

    /// Announces routes of a table. Damaged ones are written so that they count as withdrawn.
    pub fn announce(
        &mut self,
        table: TableId,
        numbers: &[Number],
        version: Version,
        damaged: bool,
    ) -> Vec<u8> {
        let table = table.in_order();
        if !self.up.contains(&table.peer) {
            return Vec::new();
        }
        let held = self.tables.entry(table).or_default();
        for &number in numbers {
            if damaged {
                held.remove(&number);
            } else {
                held.insert(number, version);
            }
        }
        routes::announce(
            &table.header(),
            table.kind,
            table.has_paths(),
            numbers,
            version,
            damaged,
        )
    }

    /// Withdraws routes of a table, whether the router holds them or not.
    pub fn withdraw(&mut self, table: TableId, numbers: &[Number]) -> Vec<u8> {
        let table = table.in_order();
        if !self.up.contains(&table.peer) {
            return Vec::new();
        }
        if let Some(held) = self.tables.get_mut(&table) {
            held.retain(|number, _| !numbers.contains(number));
        }
        routes::withdraw(&table.header(), table.kind, table.has_paths(), numbers)
    }

    /// Takes a peer down with its routes.
    pub fn peer_down(&mut self, peer: usize) -> Vec<u8> {
        if peer == LOC_RIB || !self.up.remove(&peer) {
            return Vec::new();
        }
        self.tables.retain(|table, _| table.peer != peer);
        peer_down(&header(peer), &PeerDown::LocalEvent(2))
    }

    /// Brings a peer up.
    pub fn peer_up(&mut self, peer: usize) -> Vec<u8> {
        if !self.up.insert(peer) {
            return Vec::new();
        }
        self.say_peer_up(peer)
    }

    /// Begins a new BGP session of a peer without a Peer Down for the old one. Every third route does not come back.
    pub fn peer_reset(&mut self, peer: usize, with_end: bool) -> Vec<u8> {
        // Without a Peer Up nobody can notice the new session.
        if !self.up.contains(&peer) || peer == LOC_RIB || peer == VRF && self.odd {
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
    #[must_use]
    pub fn statistics(&self, peer: usize) -> Vec<u8> {
        statistics_report(&header(peer), &[Statistic::Counter(0, 1), Statistic::Gauge(7, 2)])
    }

    /// A message that can't be read, of a peer that is up.
    #[must_use]
    pub fn unreadable(&self, peer: usize) -> Vec<u8> {
        if self.up.contains(&peer) {
            routes::unreadable(&header(peer))
        } else {
            Vec::new()
        }
    }

    /// The routes that consumers must hold of this router.
    pub fn expected(&self) -> impl Iterator<Item = (Route, Value)> + '_ {
        self.tables.iter().flat_map(move |(&id, held)| {
            let header = id.header();
            let AfiSafi { afi, safi } = id.kind.family();
            let table = Table {
                router: self.address,
                peer: if id.peer == LOC_RIB {
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                } else {
                    header.address
                },
                distinguisher: header.distinguisher,
                view: id.view() as u16,
                family: Family::new(afi, safi),
            };
            held.iter().map(move |(&number, &version)| {
                let name = routes::name(id.kind, id.has_paths(), number);
                (Route { table, name }, routes::value(id.kind, version))
            })
        })
    }

    fn dump_peer(&mut self, peer: usize, with_end: bool) -> Vec<u8> {
        let mut out = self.say_peer_up(peer);
        let of_peer = self.tables.iter().filter(|(table, _)| table.peer == peer);
        for (table, held) in of_peer {
            for (&number, &version) in held {
                let paths = table.has_paths();
                out.extend(routes::announce(
                    &table.header(),
                    table.kind,
                    paths,
                    &[number],
                    version,
                    false,
                ));
            }
        }
        if with_end {
            let views: &[bool] = if peer == LOC_RIB { &[false] } else { &[false, true] };
            for &post in views {
                for kind in Kind::ALL {
                    let table = TableId { peer, post, kind };
                    out.extend(route_monitoring(&table.header(), &end_of_rib(kind.family())));
                }
            }
        }
        out
    }

    fn say_peer_up(&mut self, peer: usize) -> Vec<u8> {
        if peer == LOC_RIB || peer == VRF && self.odd {
            return Vec::new();
        }
        self.bgp_sessions += 1;
        let header = header(peer);
        let mut sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
        let mut received = Open::new(header.asn, header.bgp_id);
        if peer == ADD_PATH {
            sent = sent.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
            received = received.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
        }
        let local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let mut message = peer_up(&header, local, &sent, &received);
        // The peer's port stands behind the headers, the local address and the local port.
        message[66..68].copy_from_slice(&self.bgp_sessions.to_be_bytes());
        message
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
