//! The tables of a campaign's routers, and their routes on the wire and in the stream.
//!
//! A route is a number in its table, and its attributes are a number too, its version. So a table is a vector, and what a
//! consumer reads can be turned back into both numbers. Writing and reading share no code with the collector.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_generate::{Peer, route_monitoring};
use arancini_judge::Name;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

/// Number of peers of a router.
pub const PEERS: usize = 5;
/// The peer that sends several paths of a prefix.
pub const ADD_PATH: usize = 1;
/// The last AS number of a path is this number plus the version.
const ORIGIN_AS: u32 = 70_000;
/// Versions are below this number.
pub const VERSIONS: u32 = 1000;

/// The kind of a table's routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 unicast, in the classic fields of the UPDATE.
    V4,
    /// IPv6 unicast, by MP_REACH_NLRI.
    V6,
    /// IPv4 VPN: route distinguisher and label.
    Vpn4,
}

impl Kind {
    /// The family of the routes.
    #[must_use]
    pub const fn family(self) -> AfiSafi {
        match self {
            Self::V4 => AfiSafi::IPV4_UNICAST,
            Self::V6 => AfiSafi::IPV6_UNICAST,
            Self::Vpn4 => AfiSafi::IPV4_VPN,
        }
    }
}

/// A table of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The peer: an index of [`peer`].
    pub peer: usize,
    /// The RIB view.
    pub view: RibView,
    /// The kind of the routes.
    pub kind: Kind,
}

/// The tables of every router.
pub const TABLES: [Table; 7] = [
    table(0, RibView::AdjRibInPre, Kind::V4),
    table(0, RibView::AdjRibInPost, Kind::V4),
    table(ADD_PATH, RibView::AdjRibInPre, Kind::V4),
    table(2, RibView::AdjRibInPre, Kind::V6),
    table(2, RibView::AdjRibInPre, Kind::V4),
    table(3, RibView::AdjRibInPre, Kind::Vpn4),
    table(4, RibView::AdjRibInPost, Kind::V4),
];

const fn table(peer: usize, view: RibView, kind: Kind) -> Table {
    Table { peer, view, kind }
}

/// A peer of a router: two plain ones, one over IPv6, one with VPN routes, and one in a VRF with the address and AS number
/// of the first.
#[must_use]
pub fn peer(index: usize) -> Peer {
    let v4 = |number: u8| {
        let address = Ipv4Addr::new(203, 0, 113, number);
        Peer::new(IpAddr::V4(address), 64_500 + u32::from(number), address)
    };
    match index {
        0 => v4(1),
        ADD_PATH => v4(2),
        2 => Peer::new(
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3)),
            64_503,
            Ipv4Addr::new(203, 0, 113, 3),
        ),
        3 => v4(4),
        _ => Peer {
            peer_type: 1,
            distinguisher: 0x0000_fde8_0000_0007,
            ..v4(1)
        },
    }
}

impl Table {
    const fn has_paths(self) -> bool {
        self.peer == ADD_PATH
    }

    /// The per-peer header of the table's messages.
    #[must_use]
    pub fn header(self) -> Peer {
        peer(self.peer).in_view(self.view)
    }

    /// The name of the route with this number.
    #[must_use]
    pub fn name(self, number: u32) -> Name {
        let (place, path_id) = if self.has_paths() {
            (number / 3, Some(1 + number % 3))
        } else {
            (number, None)
        };
        let v4 = 0xffff_0000_0000 | u128::from(v4_bits(place));
        let (address, length) = match self.kind {
            Kind::V4 | Kind::Vpn4 => (v4, 20 + (place % 5) as u8),
            Kind::V6 => (v6_bits(place), 44 + (place % 5) as u8),
        };
        Name {
            address,
            length,
            path_id,
            distinguisher: (self.kind == Kind::Vpn4).then(|| distinguisher(place)),
            raw: Vec::new(),
        }
    }

    /// The number of the route with this name; `None` where the table has no such route.
    #[must_use]
    pub fn number(self, name: &Name) -> Option<u32> {
        let place = match self.kind {
            Kind::V4 | Kind::Vpn4 => (name.address as u32).wrapping_sub(0x0100_0000) >> 12,
            Kind::V6 => (name.address >> 84) as u32 & 0x0fff_ffff,
        };
        let number = if self.has_paths() {
            place.checked_mul(3)?.checked_add(name.path_id?.checked_sub(1)?)?
        } else {
            place
        };
        (self.name(number) == *name).then_some(number)
    }

    /// Writes a Route Monitoring message that announces these routes in this version.
    pub fn announce(self, numbers: &[u32], version: u32, out: &mut Vec<u8>) {
        let header = self.header();
        let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 10, 2, 2];
        attributes.extend(header.asn.to_be_bytes());
        attributes.extend((ORIGIN_AS + version).to_be_bytes());
        if self.kind == Kind::V4 {
            attributes.extend([0x40, 3, 4, 192, 0, 2, 254]);
        }
        attributes.extend([0x80, 4, 4]);
        attributes.extend(version.to_be_bytes());
        attributes.extend([0xc0, 8, 8, 0xfd, 0xe8, 0, 1, 0xfd, 0xe8]);
        attributes.extend((version as u16).to_be_bytes());
        let mut nlri = Vec::with_capacity(numbers.len() * 16);
        for &number in numbers {
            self.write(number, label(version) << 4 | 1, &mut nlri);
        }
        if self.kind == Kind::V4 {
            out.extend(update(&header, &[], &attributes, &nlri));
            return;
        }
        let next_hop: &[u8] = match self.kind {
            Kind::Vpn4 => &[0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 254],
            Kind::V4 | Kind::V6 => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe],
        };
        let mut reach = self.family_octets();
        reach.push(next_hop.len() as u8);
        reach.extend(next_hop);
        reach.push(0);
        reach.extend(nlri);
        write_attribute(14, &reach, &mut attributes);
        out.extend(update(&header, &[], &attributes, &[]));
    }

    /// Writes a Route Monitoring message that withdraws these routes.
    pub fn withdraw(self, numbers: &[u32], out: &mut Vec<u8>) {
        let header = self.header();
        let mut nlri = Vec::with_capacity(numbers.len() * 16);
        for &number in numbers {
            // A withdraw carries 0x800000 instead of a label (RFC 8277 §2.4).
            self.write(number, 0x80_0000, &mut nlri);
        }
        if self.kind == Kind::V4 {
            out.extend(update(&header, &nlri, &[], &[]));
            return;
        }
        let mut unreach = self.family_octets();
        unreach.extend(nlri);
        let mut attributes = Vec::new();
        write_attribute(15, &unreach, &mut attributes);
        out.extend(update(&header, &[], &attributes, &[]));
    }

    fn family_octets(self) -> Vec<u8> {
        let family = self.kind.family();
        let [high, low] = family.afi.to_be_bytes();
        vec![high, low, family.safi]
    }

    fn write(self, number: u32, label_octets: u32, out: &mut Vec<u8>) {
        let name = self.name(number);
        if let Some(path_id) = name.path_id {
            out.extend(path_id.to_be_bytes());
        }
        let octets = usize::from(name.length).div_ceil(8);
        let address = name.address.to_be_bytes();
        if let Some(distinguisher) = name.distinguisher {
            out.push(name.length + 88);
            out.extend(&label_octets.to_be_bytes()[1..]);
            out.extend(distinguisher.to_be_bytes());
        } else {
            out.push(name.length);
        }
        let skip = if self.kind == Kind::V6 { 0 } else { 12 };
        out.extend(address.iter().skip(skip).take(octets));
    }
}

/// The fields of an announce by which its route's version is told.
#[derive(Debug, Clone, Copy)]
pub struct Carried {
    /// The last AS number of the path.
    pub origin_as: u32,
    /// MULTI_EXIT_DISC.
    pub med: u32,
    /// The value of the last community.
    pub community: u16,
    /// The first label, where the family has labels.
    pub first_label: Option<u32>,
}

impl Carried {
    /// The version, if all fields say the same.
    #[must_use]
    pub fn version(self, kind: Kind) -> Option<u32> {
        let version = self.origin_as.checked_sub(ORIGIN_AS)?;
        let labelled = (kind == Kind::Vpn4).then(|| label(version));
        let agrees =
            self.med == version && u32::from(self.community) == version && self.first_label == labelled;
        (version < VERSIONS && agrees).then_some(version)
    }
}

/// The label of a version; two versions share one.
const fn label(version: u32) -> u32 {
    100 + version / 2
}

const fn v4_bits(place: u32) -> u32 {
    // Prefixes begin at 1.0.0.0 and lie 4096 addresses apart.
    0x0100_0000_u32.wrapping_add(place << 12)
}

const fn v6_bits(place: u32) -> u128 {
    // Prefixes lie in 2000::/4 and have a /44 each.
    (0x2 << 124) | (place as u128 & 0x0fff_ffff) << 84
}

const fn distinguisher(place: u32) -> u64 {
    0x0000_fde8_0000_0001 + place as u64 % 3
}

fn write_attribute(type_code: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend([0x90, type_code]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

fn update(peer: &Peer, withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = 23 + withdrawn.len() + attributes.len() + nlri.len();
    let mut update = Vec::with_capacity(length);
    update.extend([0xff; 16]);
    update.extend((length as u16).to_be_bytes());
    update.push(2);
    update.extend((withdrawn.len() as u16).to_be_bytes());
    update.extend(withdrawn);
    update.extend((attributes.len() as u16).to_be_bytes());
    update.extend(attributes);
    update.extend(nlri);
    route_monitoring(peer, &update)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_its_number_back_and_no_other_table_takes_it() {
        for table in TABLES {
            for number in [0, 1, 2, 3, 4, 5, 77, 10_000, 65_535] {
                let name = table.name(number);
                assert_eq!(table.number(&name), Some(number), "{table:?}");
                let longer = Name {
                    length: name.length + 1,
                    ..name
                };
                assert_eq!(table.number(&longer), None);
            }
        }
    }
}
