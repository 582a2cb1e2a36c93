//! A made-up router of `arancini demo --serve`: peers with the same prefixes over different paths, and changes by chance.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use arancini_collector::replay::connect;
use arancini_generate::{
    Attributes, Open, Peer, PeerDown, Prefix, Random, Update, initiation, peer_down, peer_up,
    route_monitoring,
};

/// Routes that each peer announces.
const ROUTES: u8 = 120;
/// AS number of all routers.
const OWN_ASN: u32 = 64_999;
/// AS number of the first peer. Each further peer has the next number.
const FIRST_ASN: u32 = 64_500;
/// AS numbers of transit networks, of which each path has one to three.
const TRANSIT: [u32; 5] = [65_536, 65_537, 65_540, 65_545, 65_550];

/// What a router does with a prefix by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It announces the prefix as before.
    Unchanged,
    /// It announces the prefix over another path.
    OtherPath,
    /// It withdraws the prefix.
    Withdraw,
}

/// A router with its peers.
pub(super) struct DemoRouter {
    address: IpAddr,
    name: String,
    peers: Vec<DemoPeer>,
    session: Option<TcpStream>,
}

/// A peer, and how often the path of each of its prefixes has changed.
struct DemoPeer {
    peer: Peer,
    is_up: bool,
    versions: [u32; ROUTES as usize],
}

impl DemoPeer {
    fn up(&self, local: Ipv4Addr) -> Vec<u8> {
        let (sent, received) = (
            Open::new(OWN_ASN, local),
            Open::new(self.peer.asn, self.peer.bgp_id),
        );
        peer_up(&self.peer, local.into(), &sent, &received)
    }

    fn announce(&self, route: u8) -> Vec<u8> {
        let version = self.versions[usize::from(route)];
        let mut choice = Random::of(&[u64::from(self.peer.asn), u64::from(route), u64::from(version)]);
        let mut path = vec![self.peer.asn];
        path.extend((0..=choice.below(2)).map(|_| TRANSIT[choice.below(5) as usize]));
        path.push(64_512 + u32::from(route));
        let attributes = Attributes::new(&path, self.peer.bgp_id, Ipv6Addr::LOCALHOST);
        route_monitoring(
            &self.peer,
            &Update::announce([prefix(route)], attributes).to_bytes(),
        )
    }

    fn change(&mut self, route: u8, change: Change) -> Vec<u8> {
        match change {
            Change::Unchanged => self.announce(route),
            Change::OtherPath => {
                self.versions[usize::from(route)] += 1;
                self.announce(route)
            }
            Change::Withdraw => route_monitoring(&self.peer, &Update::withdraw([prefix(route)]).to_bytes()),
        }
    }
}

/// The prefixes of all peers, in networks that are reserved for examples and tests.
fn prefix(route: u8) -> Prefix {
    match route {
        0 => Prefix::new(IpAddr::from([203, 0, 113, 0]), 24),
        1 => Prefix::new(IpAddr::from([203, 0, 113, 128]), 25),
        2 => Prefix::new(IpAddr::from([198, 51, 100, 0]), 24),
        3 => Prefix::new(IpAddr::from([198, 18, 0, 0]), 15),
        4..80 => Prefix::new(IpAddr::from([198, 18, route, 0]), 24),
        _ => Prefix::new(
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, u16::from(route), 0, 0, 0, 0, 0)),
            48,
        ),
    }
}

impl DemoRouter {
    /// The router of this number, with some peers, without a session.
    pub fn new(number: u8) -> Self {
        let peers = (0..=2 + number % 3).map(|place| {
            let address = Ipv4Addr::new(192, 0, 2, 10 * number + place);
            DemoPeer {
                peer: Peer::new(address.into(), FIRST_ASN + u32::from(place), address),
                is_up: true,
                versions: [0; ROUTES as usize],
            }
        });
        Self {
            address: IpAddr::from([127, 0, 1, number]),
            name: format!("edge-{number}"),
            peers: peers.collect(),
            session: None,
        }
    }

    /// Connects, and dumps the tables of all peers.
    pub fn come(&mut self, collector: SocketAddr) -> io::Result<()> {
        let mut session = connect(collector, Some(self.address)).map_err(io::Error::other)?;
        let mut dump = initiation(&self.name, "a made-up router of arancini demo --serve");
        for peer in &mut self.peers {
            peer.is_up = true;
            dump.extend(peer.up(Ipv4Addr::new(192, 0, 2, 254)));
            dump.extend((0..ROUTES).flat_map(|route| peer.announce(route)));
        }
        session.write_all(&dump)?;
        self.session = Some(session);
        Ok(())
    }

    /// Ends the session without a word, as a router does that is switched off.
    pub fn go(&mut self) {
        self.session = None;
    }

    /// Sends some changes of routes: one half are announces of what is known, as from a router that refreshes.
    pub fn churn(&mut self, random: &mut Random) -> io::Result<()> {
        let mut messages = Vec::new();
        for _ in 0..=random.below(12) {
            let (place, route) = (
                random.below(self.peers.len() as u32),
                random.below(u32::from(ROUTES)),
            );
            let change = match random.below(10) {
                0..5 => Change::Unchanged,
                5..9 => Change::OtherPath,
                _ => Change::Withdraw,
            };
            let peer = &mut self.peers[place as usize];
            if peer.is_up {
                messages.extend(peer.change(route as u8, change));
            }
        }
        self.send(&messages)
    }

    /// Takes one peer down. If one is down already, it comes up again with a dump of its table instead.
    pub fn flap(&mut self, random: &mut Random) -> io::Result<()> {
        let down = self.peers.iter().position(|peer| !peer.is_up);
        let place = down.unwrap_or_else(|| random.below(self.peers.len() as u32) as usize);
        let peer = &mut self.peers[place];
        peer.is_up = !peer.is_up;
        let mut messages = Vec::new();
        if peer.is_up {
            messages.extend(peer.up(Ipv4Addr::new(192, 0, 2, 254)));
            messages.extend((0..ROUTES).flat_map(|route| peer.announce(route)));
        } else {
            messages.extend(peer_down(&peer.peer, &PeerDown::RemoteSilent));
        }
        self.send(&messages)
    }

    fn send(&mut self, messages: &[u8]) -> io::Result<()> {
        match &mut self.session {
            Some(session) => session.write_all(messages),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_of_a_peer_has_a_prefix_of_its_own() {
        let prefixes: BTreeSet<_> = (0..ROUTES).map(prefix).collect();
        assert_eq!(prefixes.len(), usize::from(ROUTES));
    }
}
