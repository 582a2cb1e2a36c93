//! The sessions, peers and events that hostile clients send.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use arancini_generate::{
    Attributes, Open, Peer, PeerDown, Prefix, Random, Statistic, Update, initiation, initiation_with,
    peer_down, peer_up, route_monitoring, statistics_report,
};
use arancini_wire::bmp::RibView;

/// The longest BMP message that the collector accepts by default (`limits.max_message_bytes`).
const LONGEST_ACCEPTED: usize = 1 << 20;
/// Headers of BMP and of a peer.
const HEADERS: usize = 48;
/// The length of a name that is nearly as long as a TLV allows.
const LONG_NAME: usize = 65_000;
/// Messages in one write where each message is small.
const AT_ONCE: u32 = 1000;
/// Number of peers of [`many_peers`].
const MANY_PEERS: u32 = 5000;

/// The peer with this number.
pub(super) fn peer(number: u32) -> Peer {
    // 198.18.0.0/15 has 131,072 addresses.
    let address = Ipv4Addr::from_bits(0xc612_0000 + number % 0x2_0000);
    Peer::new(IpAddr::V4(address), 65_000, address)
}

fn up(number: u32) -> Vec<u8> {
    say_up(&peer(number))
}

fn say_up(peer: &Peer) -> Vec<u8> {
    let mut open = Open::new(peer.asn, peer.bgp_id);
    open.extended_messages = true;
    open.four_octet_as = !peer.two_octet_as;
    peer_up(peer, Ipv4Addr::new(192, 0, 2, 1).into(), &open, &open)
}

fn attributes(version: u32) -> Attributes {
    let next_hop = Ipv4Addr::new(192, 0, 2, 254);
    Attributes::new(&[65_000, 100_000 + version], next_hop, next_hop.to_ipv6_mapped())
}

fn prefix(number: u32) -> Prefix {
    Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000 + (number << 8))), 24)
}

/// Initiation and the Peer Ups of the first peer and of [`old_peer`].
pub(super) fn introduction() -> Vec<u8> {
    [initiation("hostile", "hostile"), up(0), say_up(&old_peer())].concat()
}

/// A peer with two-octet AS numbers.
pub(super) fn old_peer() -> Peer {
    Peer {
        two_octet_as: true,
        ..peer(0x1_ffff)
    }
}

/// HTTP, TLS, or random bytes.
pub(super) fn garbage(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        1 => [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].repeat(20),
        2 => (0..2000).map(|_| random.next_u64() as u8).collect(),
        // These bytes begin like those of a router.
        _ => [initiation("garbage", "hostile"), vec![0xff; 500]].concat(),
    }
}

/// A BMP header that claims the largest length of 32 bits.
pub(super) fn huge_length() -> Vec<u8> {
    [&[3], u32::MAX.to_be_bytes().as_slice(), &[0; 200]].concat()
}

/// A message of a million bytes without its last one.
pub(super) fn nearly_whole() -> Vec<u8> {
    let length: u32 = 1_000_000;
    let mut message = vec![0; length as usize - 1];
    let header = [&[3], length.to_be_bytes().as_slice(), &[0]].concat();
    message.splice(..header.len(), header);
    message
}

/// The bytes of a session with a thousand routes.
pub(super) fn short_life(version: u32) -> Vec<u8> {
    [
        initiation("flapping", "hostile"),
        peer_with_routes(0, 1000, version),
    ]
    .concat()
}

/// A Peer Up and this many routes.
pub(super) fn peer_with_routes(number: u32, routes: u32, version: u32) -> Vec<u8> {
    [up(number), routes_of(&peer(number), 0..routes, version)].concat()
}

fn routes_of(peer: &Peer, routes: Range<u32>, version: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for first in routes.clone().step_by(100) {
        let prefixes = (first..routes.end.min(first + 100)).map(prefix);
        let update = Update::announce(prefixes, attributes(version));
        bytes.extend(route_monitoring(peer, &update.to_bytes()));
    }
    bytes
}

/// A peer that comes up, announces a thousand routes and goes down.
pub(super) fn peer_flap(turn: u32) -> Vec<u8> {
    let mut bytes = peer_with_routes(0, 1000, turn);
    bytes.extend(peer_down(&peer(0), &PeerDown::RemoteSilent));
    bytes
}

/// A hundred of 20,000 peers, with two routes each.
pub(super) fn hundred_peers(turn: u32) -> Vec<u8> {
    let first = turn.wrapping_mul(100) % 20_000;
    (first..first + 100)
        .flat_map(|peer| peer_with_routes(peer, 2, 1))
        .collect()
}

/// A hundred peers that nobody saw before. Each comes up, announces two routes and goes down.
pub(super) fn dynamic_neighbours(turn: u32) -> Vec<u8> {
    let first = turn.wrapping_mul(100);
    (first..first + 100)
        .flat_map(|number| {
            let mut bytes = peer_with_routes(number, 2, 1);
            bytes.extend(peer_down(&peer(number), &PeerDown::NoLongerMonitored));
            bytes
        })
        .collect()
}

/// A Route Monitoring message of the longest accepted length, with bytes that are no BGP message.
pub(super) fn large_malformed() -> Vec<u8> {
    route_monitoring(&peer(0), &vec![0xab; LONGEST_ACCEPTED - HEADERS])
}

/// An Initiation of 1.04 MB. Its text differs from that of the turn before.
pub(super) fn large_initiation(turn: u32) -> Vec<u8> {
    let text = vec![b'a' + (turn % 26) as u8; LONG_NAME];
    let mut tlvs: Vec<(u16, &[u8])> = vec![(0, &text); 14];
    tlvs.extend([(1, &*text), (2, &*text)]);
    initiation_with(&tlvs)
}

fn loc_rib() -> Peer {
    peer(0).in_view(RibView::LocRib)
}

/// Initiation, and a Loc-RIB whose VRF name (RFC 9069 §4.4) is as long as its TLV allows.
pub(super) fn long_table_name() -> Vec<u8> {
    let mut up = say_up(&loc_rib());
    up.extend(3_u16.to_be_bytes());
    up.extend((LONG_NAME as u16).to_be_bytes());
    up.extend([b'v'; LONG_NAME]);
    let length = (up.len() as u32).to_be_bytes();
    up.splice(1..5, length);
    [initiation("hostile", "hostile"), up].concat()
}

/// A thousand routes of that Loc-RIB.
pub(super) fn named_routes(version: u32) -> Vec<u8> {
    routes_of(&loc_rib(), 0..1000, version)
}

/// An Initiation with a sysName of 65,000 bytes.
pub(super) fn long_system_name() -> Vec<u8> {
    let name = [b'n'; LONG_NAME];
    initiation_with(&[(2, &name), (1, b"hostile")])
}

/// A thousand Terminations without a reason, six bytes each.
pub(super) fn terminations() -> Vec<u8> {
    [3, 0, 0, 0, 6, 5].repeat(AT_ONCE as usize)
}

/// The first peer with another AS number in its per-peer header.
fn other_as(turn: u32, number: u32) -> Peer {
    Peer {
        asn: 100_000 + turn.wrapping_mul(AT_ONCE) + number,
        ..peer(0)
    }
}

/// A thousand Statistics Reports, each of an AS number that no message had before.
pub(super) fn fresh_statistics(turn: u32) -> Vec<u8> {
    let statistics = [Statistic::Counter(0, turn)];
    (0..AT_ONCE)
        .flat_map(|number| statistics_report(&other_as(turn, number), &statistics))
        .collect()
}

/// A thousand UPDATEs of one route. Each has an AS number in its header that no message had before.
pub(super) fn fresh_as_numbers(turn: u32) -> Vec<u8> {
    (0..AT_ONCE)
        .flat_map(|number| routes_of(&other_as(turn, number), number..number + 1, turn))
        .collect()
}

/// Initiation, and the Peer Ups of thousands of peers.
pub(super) fn many_peers() -> Vec<u8> {
    let peers = (0..MANY_PEERS).flat_map(up);
    initiation("hostile", "hostile")
        .into_iter()
        .chain(peers)
        .collect()
}

/// A route of each of a thousand peers, with the BGP identifier 0 in the headers.
pub(super) fn no_identifier(turn: u32) -> Vec<u8> {
    let first = turn.wrapping_mul(AT_ONCE) % MANY_PEERS;
    (first..first + AT_ONCE)
        .flat_map(|number| {
            let nameless = Peer {
                bgp_id: Ipv4Addr::UNSPECIFIED,
                ..peer(number)
            };
            routes_of(&nameless, 0..1, turn)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_messages_are_as_long_as_they_say_and_as_the_collector_accepts() {
        for message in [large_malformed(), large_initiation(1), up(0)] {
            let says = message
                .get(1..5)
                .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            assert_eq!(says.map(|says| says as usize), Some(message.len()));
            assert!(message.len() <= LONGEST_ACCEPTED);
        }
        assert!(large_initiation(1).len() > 1_040_000);
    }
}
