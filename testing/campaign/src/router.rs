//! A router: the routes that it holds, how they change, and the BMP messages of both.
//!
//! The router's tables are right whatever happens to its sessions. A change without a session is not sent; the next session
//! begins with a dump of all tables.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use arancini_bed::router::router_address;
use arancini_generate::{
    AddPathMode, Open, PeerDown, Random, end_of_rib, initiation, peer_down, peer_up, route_monitoring,
};
use arancini_wire::iana::AfiSafi;

use crate::route::{ADD_PATH, PEERS, TABLES, VERSIONS, peer};

/// Largest number of routes in one UPDATE.
const ROUTES_PER_UPDATE: u32 = 10;
/// Where the remote port stands in a Peer Up, behind both headers, local address and local port. The number of the BGP
/// session goes there, so that a new session differs from one that is only reported again.
const REMOTE_PORT: std::ops::Range<usize> = 66..68;

/// A router and what it holds.
#[derive(Debug)]
pub struct Router {
    number: u8,
    address: IpAddr,
    routes: u32,
    up: [bool; PEERS],
    bgp_sessions: [u16; PEERS],
    /// The version of each route of each table; 0 where the router does not hold the route.
    tables: Vec<Vec<u32>>,
    /// What the dump of this session still owes: tables and their next route.
    to_dump: VecDeque<(usize, u32)>,
    random: Random,
}

impl Router {
    /// A router that holds half of its routes. All its peers are up.
    #[must_use]
    pub fn new(number: u8, routes: u32, seed: u64) -> Self {
        let mut random = Random::of(&[seed, u64::from(number)]);
        let mut table = || -> Vec<u32> {
            (0..routes)
                .map(|_| {
                    if random.percent(50) {
                        some_version(&mut random)
                    } else {
                        0
                    }
                })
                .collect()
        };
        let tables = TABLES.iter().map(|_| table()).collect();
        Self {
            number,
            address: router_address(number),
            routes,
            up: [true; PEERS],
            bgp_sessions: [1; PEERS],
            tables,
            to_dump: VecDeque::new(),
            random,
        }
    }

    /// The same router with another address.
    #[must_use]
    pub const fn at(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// The router's address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The version of each route of each table; 0 where the router does not hold the route.
    #[must_use]
    pub fn tables(&self) -> &[Vec<u32>] {
        &self.tables
    }

    /// Number of routes that the router holds.
    #[must_use]
    pub fn held(&self) -> u64 {
        let tables = self.tables.iter();
        tables
            .map(|table| table.iter().filter(|version| **version != 0).count() as u64)
            .sum()
    }

    /// Begins a session: writes its first messages. From now on [`Router::dump_some`] has work.
    pub fn begin_session(&mut self, out: &mut Vec<u8>) {
        out.extend(initiation(
            &format!("campaign-{}", self.number),
            "a router of a campaign",
        ));
        for peer in 0..PEERS {
            if self.up.get(peer) == Some(&true) {
                self.say_peer_up(peer, out);
            }
        }
        self.to_dump = (0..TABLES.len()).map(|table| (table, 0)).collect();
    }

    /// Ends the session.
    pub fn end_session(&mut self) {
        self.to_dump.clear();
    }

    /// Whether the dump of this session is complete.
    #[must_use]
    pub fn is_dumped(&self) -> bool {
        self.to_dump.is_empty()
    }

    /// Dumps the next routes, and an End-of-RIB at the end of each table.
    pub fn dump_some(&mut self, out: &mut Vec<u8>) {
        let Some((index, first)) = self.to_dump.pop_front() else {
            return;
        };
        let (Some(table), Some(held)) = (TABLES.get(index), self.tables.get(index)) else {
            return;
        };
        if self.up.get(table.peer) != Some(&true) {
            return;
        }
        let last = (first + 1000).min(self.routes);
        let mut numbers = Vec::new();
        let mut version = 0;
        for number in first..last {
            let of_number = held.get(number as usize).copied().unwrap_or_default();
            if of_number == 0 {
                continue;
            }
            if of_number != version || numbers.len() >= ROUTES_PER_UPDATE as usize {
                if !numbers.is_empty() {
                    table.announce(&numbers, version, out);
                }
                numbers.clear();
                version = of_number;
            }
            numbers.push(number);
        }
        if !numbers.is_empty() {
            table.announce(&numbers, version, out);
        }
        if last < self.routes {
            self.to_dump.push_front((index, last));
        } else {
            let end = end_of_rib(table.kind.family());
            out.extend(route_monitoring(&table.header(), &end));
        }
    }

    /// Changes some routes of one table and writes the messages. Returns the number of routes.
    pub fn change(&mut self, out: &mut Vec<u8>) -> u32 {
        let index = self.random.below(TABLES.len() as u32) as usize;
        let (Some(table), Some(held)) = (TABLES.get(index), self.tables.get_mut(index)) else {
            return 0;
        };
        if self.up.get(table.peer) != Some(&true) {
            return 0;
        }
        let count = 1 + self.random.below(ROUTES_PER_UPDATE);
        let first = self.random.below(self.routes.saturating_sub(count).max(1));
        let numbers: Vec<u32> = (first..(first + count).min(self.routes)).collect();
        let slots = held.get_mut(first as usize..).into_iter().flatten();
        let slots = slots.take(numbers.len());
        match self.random.below(100) {
            0..35 => {
                slots.for_each(|version| *version = 0);
                table.withdraw(&numbers, out);
            }
            // The version is often the one that the router holds already.
            35..50 => {
                let version = 1 + self.random.below(3);
                slots.for_each(|held| *held = version);
                table.announce(&numbers, version, out);
            }
            _ => {
                let version = some_version(&mut self.random);
                slots.for_each(|held| *held = version);
                table.announce(&numbers, version, out);
            }
        }
        numbers.len() as u32
    }

    /// Takes a peer down with its routes, or brings one back with some. Returns the number of routes.
    pub fn peer_event(&mut self, out: &mut Vec<u8>) -> u32 {
        let peer = self.random.below(PEERS as u32) as usize;
        let Some(up) = self.up.get_mut(peer) else { return 0 };
        *up = !*up;
        if *up {
            return self.peer_comes(peer, out);
        }
        let mut gone = 0;
        for (table, held) in TABLES.iter().zip(&mut self.tables) {
            if table.peer == peer {
                gone += held.iter().filter(|version| **version != 0).count() as u32;
                held.fill(0);
            }
        }
        self.to_dump
            .retain(|(index, _)| TABLES.get(*index).is_some_and(|table| table.peer != peer));
        out.extend(peer_down(&crate::route::peer(peer), &PeerDown::LocalEvent(2)));
        gone
    }

    fn peer_comes(&mut self, peer: usize, out: &mut Vec<u8>) -> u32 {
        if let Some(sessions) = self.bgp_sessions.get_mut(peer) {
            *sessions = sessions.wrapping_add(1);
        }
        self.say_peer_up(peer, out);
        let mut back = 0;
        for (index, (table, held)) in TABLES.iter().zip(&mut self.tables).enumerate() {
            if table.peer == peer {
                for version in held.iter_mut() {
                    if self.random.percent(40) {
                        *version = some_version(&mut self.random);
                        back += 1;
                    }
                }
                self.to_dump.push_back((index, 0));
            }
        }
        back
    }

    fn say_peer_up(&self, index: usize, out: &mut Vec<u8>) {
        let header = peer(index);
        let mut sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
        let mut received = Open::new(header.asn, header.bgp_id);
        if index == ADD_PATH {
            sent = sent.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
            received = received.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
        }
        let local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let mut message = peer_up(&header, local, &sent, &received);
        let session = self.bgp_sessions.get(index).copied().unwrap_or_default();
        if let Some(port) = message.get_mut(REMOTE_PORT) {
            port.copy_from_slice(&session.to_be_bytes());
        }
        out.extend(message);
    }
}

fn some_version(random: &mut Random) -> u32 {
    1 + random.below(VERSIONS - 1)
}
