//! BGP messages made by hand: families and damage that the generator cannot make.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_generate::{Open, Peer, peer_up, route_monitoring};
use arancini_wire::iana::AfiSafi;

pub fn v4(text: &str) -> IpAddr {
    IpAddr::V4(text.parse().unwrap())
}

/// A global IPv4 peer, numbered.
pub fn peer(number: u8) -> Peer {
    Peer::new(
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, number)),
        64_500 + u32::from(number),
        Ipv4Addr::new(203, 0, 113, number),
    )
}

/// A global IPv6 peer, numbered.
pub fn peer_v6(number: u8) -> Peer {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number));
    Peer::new(
        IpAddr::V6(address),
        64_600 + u32::from(number),
        Ipv4Addr::new(203, 0, 113, number),
    )
}

/// A Peer Up whose OPENs agree on nothing unusual.
pub fn up(peer: &Peer) -> Vec<u8> {
    let sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
    peer_up(peer, v4("192.0.2.1"), &sent, &Open::new(peer.asn, peer.bgp_id))
}

/// A whole UPDATE from its three fields.
pub fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    let length = 23 + withdrawn.len() + attributes.len() + nlri.len();
    message.extend(u16::try_from(length).unwrap().to_be_bytes());
    message.push(2);
    message.extend((withdrawn.len() as u16).to_be_bytes());
    message.extend(withdrawn);
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend(attributes);
    message.extend(nlri);
    message
}

/// A whole UPDATE in a Route Monitoring message.
pub fn monitoring(peer: &Peer, withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    route_monitoring(peer, &update(withdrawn, attributes, nlri))
}

/// A path attribute with the shorter length field that fits.
pub fn attribute(flags: u8, type_code: u8, value: &[u8]) -> Vec<u8> {
    match u8::try_from(value.len()) {
        Ok(length) => [&[flags, type_code, length], value].concat(),
        Err(_) => {
            let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
            [&[flags | 0x10, type_code, high, low], value].concat()
        }
    }
}

pub fn origin(value: u8) -> Vec<u8> {
    attribute(0x40, 1, &[value])
}

/// One AS_SEQUENCE of four-octet numbers.
pub fn as_path(asns: &[u32]) -> Vec<u8> {
    let mut value = vec![2, asns.len() as u8];
    value.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    attribute(0x40, 2, &value)
}

pub fn next_hop() -> Vec<u8> {
    attribute(0x40, 3, &[192, 0, 2, 254])
}

/// ORIGIN, AS_PATH and NEXT_HOP.
pub fn mandatory(asns: &[u32]) -> Vec<u8> {
    [origin(0), as_path(asns), next_hop()].concat()
}

pub fn mp_reach(family: AfiSafi, nlri: &[u8]) -> Vec<u8> {
    let next_hop: &[u8] = match (family.afi, family.safi) {
        (1, 128) => &[0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 254],
        (2, 128) => &[
            0, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe,
        ],
        (2, _) => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe],
        _ => &[192, 0, 2, 254],
    };
    let [high, low] = family.afi.to_be_bytes();
    let mut value = vec![high, low, family.safi, next_hop.len() as u8];
    value.extend(next_hop);
    value.push(0);
    value.extend(nlri);
    attribute(0x80, 14, &value)
}

pub fn mp_unreach(family: AfiSafi, nlri: &[u8]) -> Vec<u8> {
    let [high, low] = family.afi.to_be_bytes();
    attribute(0x80, 15, &[&[high, low, family.safi], nlri].concat())
}

/// The destination of a route, in the families used here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    V4([u8; 4], u8),
    V6(u128, u8),
    Vpn4(u64, [u8; 4], u8),
    Vpn6(u64, u128, u8),
    Labelled4([u8; 4], u8),
    /// An EVPN inclusive multicast route (RFC 7432 §7.3) of this tag.
    Evpn(u32),
}

impl Destination {
    pub const fn family(&self) -> AfiSafi {
        match self {
            Self::V4(..) => AfiSafi::IPV4_UNICAST,
            Self::V6(..) => AfiSafi::IPV6_UNICAST,
            Self::Vpn4(..) => AfiSafi::IPV4_VPN,
            Self::Vpn6(..) => AfiSafi::IPV6_VPN,
            Self::Labelled4(..) => AfiSafi::IPV4_LABELLED,
            Self::Evpn(_) => AfiSafi::EVPN,
        }
    }

    /// The NLRI, with a path identifier where there is one and a label where the family has labels.
    pub fn nlri(&self, path_id: Option<u32>, label: u32) -> Vec<u8> {
        let mut out = path_id.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec());
        let stack = (label << 4 | 1).to_be_bytes();
        let octets = |length: u8| usize::from(length).div_ceil(8);
        match *self {
            Self::V4(address, length) => {
                out.push(length);
                out.extend(&address[..octets(length)]);
            }
            Self::V6(address, length) => {
                out.push(length);
                out.extend(&address.to_be_bytes()[..octets(length)]);
            }
            Self::Labelled4(address, length) => {
                out.push(24 + length);
                out.extend(&stack[1..]);
                out.extend(&address[..octets(length)]);
            }
            Self::Vpn4(rd, address, length) => {
                out.push(88 + length);
                out.extend(&stack[1..]);
                out.extend(rd.to_be_bytes());
                out.extend(&address[..octets(length)]);
            }
            Self::Vpn6(rd, address, length) => {
                out.push(88 + length);
                out.extend(&stack[1..]);
                out.extend(rd.to_be_bytes());
                out.extend(&address.to_be_bytes()[..octets(length)]);
            }
            Self::Evpn(tag) => out.extend(evpn(tag, label)),
        }
        out
    }

    /// The key under which a consumer keeps the route.
    pub fn key(&self, path_id: Option<u32>) -> super::stream::RouteKey {
        let prefix_v4 = |address: [u8; 4], length| format!("{}/{length}", Ipv4Addr::from(address));
        let prefix_v6 = |address: u128, length| format!("{}/{length}", Ipv6Addr::from_bits(address));
        let (prefix, route_distinguisher, raw) = match *self {
            Self::V4(address, length) | Self::Labelled4(address, length) => {
                (prefix_v4(address, length), None, Vec::new())
            }
            Self::V6(address, length) => (prefix_v6(address, length), None, Vec::new()),
            Self::Vpn4(rd, address, length) => (prefix_v4(address, length), Some(rd), Vec::new()),
            Self::Vpn6(rd, address, length) => (prefix_v6(address, length), Some(rd), Vec::new()),
            Self::Evpn(tag) => (String::new(), None, evpn_key(tag)),
        };
        super::stream::RouteKey {
            prefix,
            route_distinguisher,
            path_id,
            raw,
        }
    }
}

/// MAC address with its length in bits, and an IP address of length 0.
const MAC: [u8; 8] = [48, 2, 0, 0x5e, 0, 0, 1, 0];

/// An EVPN route of type 2. Its Ethernet segment and its label are attributes (RFC 7432 §7.2).
fn evpn(tag: u32, label: u32) -> Vec<u8> {
    let mut nlri = vec![2, 33];
    nlri.extend(1_u64.to_be_bytes());
    nlri.extend([label as u8; 10]);
    nlri.extend(tag.to_be_bytes());
    nlri.extend(MAC);
    nlri.extend(&label.to_be_bytes()[1..]);
    nlri
}

/// The octets of an [`evpn`] route that are its key.
fn evpn_key(tag: u32) -> Vec<u8> {
    [&[2][..], &1_u64.to_be_bytes(), &tag.to_be_bytes(), &MAC].concat()
}

/// Announces routes of one family, all with these attributes (without next hop and reachability) and this label.
pub fn announce(
    peer: &Peer,
    attributes: &[u8],
    routes: &[(&Destination, Option<u32>)],
    label: u32,
) -> Vec<u8> {
    let Some((first, _)) = routes.first() else {
        return Vec::new();
    };
    let nlri: Vec<u8> = routes.iter().flat_map(|(to, id)| to.nlri(*id, label)).collect();
    if first.family() == AfiSafi::IPV4_UNICAST {
        let attributes = [attributes, &next_hop()].concat();
        return monitoring(peer, &[], &attributes, &nlri);
    }
    let attributes = [attributes, &mp_reach(first.family(), &nlri)].concat();
    monitoring(peer, &[], &attributes, &[])
}

/// Withdraws routes of one family.
pub fn withdraw(peer: &Peer, routes: &[(&Destination, Option<u32>)]) -> Vec<u8> {
    let Some((first, _)) = routes.first() else {
        return Vec::new();
    };
    // 0x800000 stands in place of the label (RFC 8277 §2.4).
    let nlri: Vec<u8> = routes.iter().flat_map(|(to, id)| to.nlri(*id, 0x80000)).collect();
    if first.family() == AfiSafi::IPV4_UNICAST {
        return monitoring(peer, &nlri, &[], &[]);
    }
    monitoring(peer, &[], &mp_unreach(first.family(), &nlri), &[])
}
