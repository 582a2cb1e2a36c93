//! The bytes that hostile clients send.

use std::net::{IpAddr, Ipv4Addr};

use arancini_generate::{
    Attributes, Open, Peer, Prefix, Random, Update, initiation, peer_up, route_monitoring,
};

/// The longest BGP message there is (RFC 8654).
const LONGEST: usize = 65_535;
/// A BGP header and the two length fields of an UPDATE.
const OVERHEAD: usize = 23;

/// The peer with this number.
pub(super) fn peer(number: u32) -> Peer {
    let address = Ipv4Addr::from_bits(0xc612_0000 | number);
    Peer::new(IpAddr::V4(address), 65_000, address)
}

fn up(number: u32) -> Vec<u8> {
    let peer = peer(number);
    let mut open = Open::new(peer.asn, peer.bgp_id);
    open.extended_messages = true;
    peer_up(&peer, Ipv4Addr::new(192, 0, 2, 1).into(), &open, &open)
}

fn attributes(version: u32) -> Attributes {
    let next_hop = Ipv4Addr::new(192, 0, 2, 254);
    Attributes::new(&[65_000, 100_000 + version], next_hop, next_hop.to_ipv6_mapped())
}

fn prefix(number: u32) -> Prefix {
    Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000 + (number << 8))), 24)
}

/// Initiation and the Peer Up of the first peer.
pub(super) fn introduction() -> Vec<u8> {
    [initiation("hostile", "hostile"), up(0)].concat()
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
    let mut bytes = up(number);
    for first in (0..routes).step_by(100) {
        let prefixes = (first..routes.min(first + 100)).map(prefix);
        let update = Update::announce(prefixes, attributes(version));
        bytes.extend(route_monitoring(&peer(number), &update.to_bytes()));
    }
    bytes
}

/// An UPDATE of the largest length with as many routes as fit.
pub(super) fn large_update(version: u32) -> Vec<u8> {
    let attributes = plain_attributes(version);
    let room = LONGEST - OVERHEAD - attributes.len();
    update(&attributes, room / 4)
}

/// An UPDATE of the largest length for one route, in turns with unknown attributes, the longest AS path, communities, and
/// attributes that are out of order.
pub(super) fn attribute_bomb(turn: u32) -> Vec<u8> {
    let mut attributes = plain_attributes(turn);
    let room = LONGEST - OVERHEAD - attributes.len() - 4;
    match turn % 4 {
        0 => {
            // The type codes that BGP leaves free, again and again: a reader must discard the doubles.
            let free = 50..=255_u8;
            let empty = free.cycle().flat_map(|kind| [0xc0, kind, 0]);
            attributes.extend(empty.take(room / 3 * 3));
        }
        1 => {
            let numbers = (room - 4 - 2 * (room / 1022)) / 4 * 4;
            let mut path = Vec::new();
            for segment in vec![0xfe; numbers].chunks(255 * 4) {
                path.extend([2, (segment.len() / 4) as u8]);
                path.extend(segment);
            }
            // The long path replaces the short one.
            attributes.splice(4..4 + 3 + 10, []);
            write(0x40, 2, &path, &mut attributes);
        }
        2 => {
            let communities = vec![0x55; (room - 4) / 4 * 4];
            write(0xc0, 8, &communities, &mut attributes);
        }
        _ => {
            let falling = (50..=255_u8).rev().cycle().flat_map(|kind| [0xc0, kind, 1, 7]);
            attributes.extend(falling.take(room / 4 * 4));
        }
    }
    update(&attributes, 1)
}

/// An UPDATE with 32,000 bytes of communities and 8,000 routes: 260 MB of updates.
pub(super) fn amplification(turn: u32) -> Vec<u8> {
    let mut attributes = plain_attributes(turn);
    write(0xc0, 8, &[0x55; 32_000], &mut attributes);
    update(&attributes, 8000)
}

fn plain_attributes(version: u32) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 10, 2, 2];
    attributes.extend(65_000_u32.to_be_bytes());
    attributes.extend((100_000 + version % 1000).to_be_bytes());
    attributes.extend([0x40, 3, 4, 192, 0, 2, 254]);
    attributes
}

fn write(flags: u8, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend([flags | 0x10, kind]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

fn update(attributes: &[u8], routes: usize) -> Vec<u8> {
    let length = OVERHEAD + attributes.len() + routes * 4;
    let mut update = vec![0xff; 16];
    update.extend((length as u16).to_be_bytes());
    update.extend([2, 0, 0]);
    update.extend((attributes.len() as u16).to_be_bytes());
    update.extend(attributes);
    for route in 0..routes as u32 {
        update.push(24);
        let address = (0x0100_0000 + (route << 8)).to_be_bytes();
        update.extend(address.iter().take(3));
    }
    route_monitoring(&peer(0), &update)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_as_long_as_a_message_may_be_and_say_their_own_length() {
        for turn in 0..4 {
            for message in [large_update(turn), attribute_bomb(turn), amplification(turn)] {
                let bgp = message.get(48..).unwrap_or_default();
                let length = bgp
                    .get(16..18)
                    .map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
                assert_eq!(length.map(usize::from), Some(bgp.len()), "turn {turn}");
            }
            assert!(attribute_bomb(turn).len() > 65_500, "turn {turn}");
        }
    }
}
