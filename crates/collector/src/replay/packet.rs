//! Finds the TCP segment in a captured packet: link layer, IPv4 or IPv6, TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::pcap::Packet;

/// One direction of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Direction {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) direction: Direction,
    pub(super) sequence: u32,
    pub(super) is_syn: bool,
    pub(super) payload: &'a [u8],
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// VLAN tags of 802.1Q and 802.1ad.
const ETHERTYPE_VLANS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const PROTOCOL_TCP: u8 = 6;

/// Returns the TCP segment in a packet, if the packet contains a whole one.
pub(super) fn segment<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    let ip = network_layer(packet.link_type, packet.data)?;
    let (from, to, tcp) = match ip.first()? >> 4 {
        4 => ipv4(ip)?,
        6 => ipv6(ip)?,
        _ => return None,
    };
    let header = tcp.first_chunk::<20>()?;
    let [
        sp0,
        sp1,
        dp0,
        dp1,
        s0,
        s1,
        s2,
        s3,
        _,
        _,
        _,
        _,
        data_offset,
        flags,
        ..,
    ] = *header;
    let payload = tcp.get(usize::from(data_offset >> 4) * 4..)?;
    Some(Segment {
        direction: Direction {
            from: SocketAddr::new(from, u16::from_be_bytes([sp0, sp1])),
            to: SocketAddr::new(to, u16::from_be_bytes([dp0, dp1])),
        },
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        is_syn: flags & 0x02 != 0,
        payload,
    })
}

/// Returns the bytes after the header of the link layer, if they are IP.
fn network_layer(link_type: u32, data: &[u8]) -> Option<&[u8]> {
    match link_type {
        // NULL and LOOP: a protocol family in four bytes.
        0 | 108 => data.get(4..),
        // Ethernet.
        1 => {
            let mut offset = 12;
            while ETHERTYPE_VLANS.contains(&ether_type(data, offset)?) {
                offset += 4;
            }
            is_ip(ether_type(data, offset)?)
                .then(|| data.get(offset + 2..))
                .flatten()
        }
        // Raw IP, which has several numbers.
        12 | 14 | 101 | 228 | 229 => Some(data),
        // Linux cooked captures, versions 1 and 2.
        113 => is_ip(ether_type(data, 14)?).then(|| data.get(16..)).flatten(),
        276 => is_ip(ether_type(data, 0)?).then(|| data.get(20..)).flatten(),
        _ => None,
    }
}

fn ether_type(data: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(offset..)?.first_chunk()?))
}

const fn is_ip(ether_type: u16) -> bool {
    matches!(ether_type, ETHERTYPE_IPV4 | ETHERTYPE_IPV6)
}

/// Returns the addresses and the payload of an IPv4 packet, if it carries TCP and is not a fragment.
fn ipv4(ip: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = ip.first_chunk::<20>()?;
    let [
        first,
        _,
        l0,
        l1,
        _,
        _,
        f0,
        f1,
        _,
        protocol,
        _,
        _,
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
    ] = *header;
    let fragment = u16::from_be_bytes([f0, f1]) & 0x3fff;
    if protocol != PROTOCOL_TCP || fragment != 0 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    // With segmentation offload, a capture on the sending host may show the length 0. Then all captured bytes count.
    let end = if total == 0 { ip.len() } else { total };
    let payload = ip.get(usize::from(first & 0x0f) * 4..end)?;
    Some((
        Ipv4Addr::new(a, b, c, d).into(),
        Ipv4Addr::new(e, f, g, h).into(),
        payload,
    ))
}

/// Returns the addresses and the payload of an IPv6 packet, if it carries TCP and is not a fragment.
fn ipv6(ip: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = ip.first_chunk::<40>()?;
    let [_, _, _, _, l0, l1, mut next, ..] = *header;
    let source = Ipv6Addr::from(*header.get(8..)?.first_chunk::<16>()?);
    let destination = Ipv6Addr::from(*header.get(24..)?.first_chunk::<16>()?);
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let mut payload = if length == 0 {
        ip.get(40..)?
    } else {
        ip.get(40..40 + length)?
    };
    // Skip hop-by-hop, routing and destination options. Any other header than TCP ends the walk.
    while matches!(next, 0 | 43 | 60) {
        let [following, units] = *payload.first_chunk::<2>()?;
        payload = payload.get((usize::from(units) + 1) * 8..)?;
        next = following;
    }
    (next == PROTOCOL_TCP).then_some((source.into(), destination.into(), payload))
}
