//! Routes of the families that differ for curation, as a router writes them and as a consumer names them.
//!
//! A route is a small number in its family; neighbouring numbers are neighbours in the address space. The attributes of a
//! route are a small number too, its version. Two versions share a label.

use std::net::{Ipv4Addr, Ipv6Addr};

use arancini_generate::{Peer, route_monitoring};
use arancini_judge::Name;
use arancini_judge::update_capnp::update;
use arancini_wire::iana::AfiSafi;

/// A family whose routes have numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// IPv4 unicast, in the classic fields of the UPDATE.
    V4,
    /// IPv6 unicast, by MP_REACH_NLRI.
    V6,
    /// IPv4 VPN: route distinguisher and label.
    Vpn4,
    /// Labelled IPv4.
    Labelled4,
    /// EVPN: an opaque NLRI.
    Evpn,
}

impl Kind {
    /// All families.
    pub const ALL: [Self; 5] = [Self::V4, Self::V6, Self::Vpn4, Self::Labelled4, Self::Evpn];

    /// The numbers of the family.
    #[must_use]
    pub const fn family(self) -> AfiSafi {
        match self {
            Self::V4 => AfiSafi::IPV4_UNICAST,
            Self::V6 => AfiSafi::IPV6_UNICAST,
            Self::Vpn4 => AfiSafi::IPV4_VPN,
            Self::Labelled4 => AfiSafi::IPV4_LABELLED,
            Self::Evpn => AfiSafi::EVPN,
        }
    }

    const fn has_labels(self) -> bool {
        matches!(self, Self::Vpn4 | Self::Labelled4)
    }
}

/// The number of a route. With path identifiers three neighbours are paths of the same prefix.
pub type Number = u8;
/// The version of a route's attributes.
pub type Version = u8;

/// What a consumer reads of a route's attributes: the last AS number of its path, and its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// The last AS number of the path.
    pub origin_as: u32,
    /// The label; 0 where the family has none.
    pub label: u32,
}

/// What a consumer reads of this version in this family.
#[must_use]
pub fn value(kind: Kind, version: Version) -> Value {
    Value {
        origin_as: 70_000 + u32::from(version),
        label: if kind.has_labels() { label(version) } else { 0 },
    }
}

impl arancini_judge::Value for Value {
    fn read(update: update::Reader<'_>) -> capnp::Result<Self> {
        Ok(Self {
            origin_as: update.get_as_path()?.iter().last().unwrap_or_default(),
            label: update.get_labels()?.iter().next().unwrap_or_default(),
        })
    }
}

/// The name by which a consumer knows a route in its table.
#[must_use]
pub fn name(kind: Kind, paths: bool, number: Number) -> Name {
    let (prefix, path_id) = place(paths, number);
    let mut name = Name {
        address: 0,
        length: 0,
        distinguisher: None,
        path_id,
        raw: Vec::new(),
    };
    match kind {
        Kind::V4 | Kind::Labelled4 | Kind::Vpn4 => {
            name.address = Ipv4Addr::new(10, 0, prefix, 0).to_ipv6_mapped().to_bits();
            name.length = 24;
            name.distinguisher = (kind == Kind::Vpn4).then(|| distinguisher(prefix));
        }
        Kind::V6 => {
            name.address = Ipv6Addr::new(0x2001, 0xdb8, u16::from(prefix), 0, 0, 0, 0, 0).to_bits();
            name.length = 64;
        }
        Kind::Evpn => name.raw = evpn_key(prefix),
    }
    name
}

/// The form of an UPDATE that announces routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As RFC 4271 wants it.
    Plain,
    /// Its ORIGIN has two octets, so RFC 7606 §7.1 withdraws its routes.
    Damaged,
    /// Its routes are among the withdrawn ones too, where the family is in the classic fields. RFC 4271 §4.3 announces them.
    AlsoWithdrawn,
}

/// Writes a Route Monitoring message that announces these routes in this version.
#[must_use]
pub fn announce(
    peer: &Peer,
    kind: Kind,
    paths: bool,
    numbers: &[Number],
    version: Version,
    form: Form,
) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0];
    if form == Form::Damaged {
        attributes = vec![0x40, 1, 2, 0, 0];
    }
    attributes.extend([0x40, 2, 10, 2, 2]);
    attributes.extend(peer.asn.to_be_bytes());
    attributes.extend((70_000 + u32::from(version)).to_be_bytes());
    let mut nlri = Vec::new();
    for &number in numbers {
        write_nlri(kind, paths, number, label(version) << 4 | 1, &mut nlri);
    }
    if kind == Kind::V4 {
        attributes.extend([0x40, 3, 4, 192, 0, 2, 254]);
        let withdrawn: &[u8] = if form == Form::AlsoWithdrawn { &nlri } else { &[] };
        return monitoring(peer, withdrawn, &attributes, &nlri);
    }
    let next_hop: &[u8] = match kind {
        Kind::Vpn4 => &[0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 254],
        Kind::V6 => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe],
        Kind::V4 | Kind::Labelled4 | Kind::Evpn => &[192, 0, 2, 254],
    };
    let mut reach = family_octets(kind);
    reach.push(next_hop.len() as u8);
    reach.extend(next_hop);
    reach.push(0);
    reach.extend(nlri);
    write_attribute(14, &reach, &mut attributes);
    monitoring(peer, &[], &attributes, &[])
}

/// Writes a Route Monitoring message that withdraws these routes. It carries these octets instead of a label, and instead of
/// the Ethernet segment of EVPN: 0x800000 (RFC 8277 §2.4), or 0 as FRR sends it.
#[must_use]
pub fn withdraw(peer: &Peer, kind: Kind, paths: bool, numbers: &[Number], label_octets: u32) -> Vec<u8> {
    let mut nlri = Vec::new();
    for &number in numbers {
        write_nlri(kind, paths, number, label_octets, &mut nlri);
    }
    if kind == Kind::V4 {
        return monitoring(peer, &nlri, &[], &[]);
    }
    let mut unreach = family_octets(kind);
    unreach.extend(nlri);
    let mut attributes = Vec::new();
    write_attribute(15, &unreach, &mut attributes);
    monitoring(peer, &[], &attributes, &[])
}

/// Writes a Route Monitoring message whose UPDATE claims more attributes than it has.
#[must_use]
pub fn unreadable(peer: &Peer) -> Vec<u8> {
    let mut message = monitoring(peer, &[], &[], &[]);
    let last = message.len() - 1;
    message[last] = 200;
    message
}

fn place(paths: bool, number: Number) -> (u8, Option<u32>) {
    if paths {
        (number / 3, Some(1 + u32::from(number % 3)))
    } else {
        (number, None)
    }
}

const fn distinguisher(prefix: u8) -> u64 {
    1 + prefix as u64 % 3
}

const fn label(version: Version) -> u32 {
    100 + version as u32 / 2
}

fn family_octets(kind: Kind) -> Vec<u8> {
    let family = kind.family();
    let [high, low] = family.afi.to_be_bytes();
    vec![high, low, family.safi]
}

fn write_nlri(kind: Kind, paths: bool, number: Number, label_octets: u32, out: &mut Vec<u8>) {
    let (prefix, path_id) = place(paths, number);
    if let Some(path_id) = path_id {
        out.extend(path_id.to_be_bytes());
    }
    let label_octets = &label_octets.to_be_bytes()[1..];
    match kind {
        Kind::V4 => out.extend([24, 10, 0, prefix]),
        Kind::V6 => out.extend([64, 0x20, 1, 0xd, 0xb8, 0, prefix, 0, 0]),
        Kind::Labelled4 => {
            out.push(48);
            out.extend(label_octets);
            out.extend([10, 0, prefix]);
        }
        Kind::Vpn4 => {
            out.push(112);
            out.extend(label_octets);
            out.extend(distinguisher(prefix).to_be_bytes());
            out.extend([10, 0, prefix]);
        }
        Kind::Evpn => write_evpn(prefix, label_octets, out),
    }
}

/// A MAC address with its length in bits, and an IP address of length 0.
const MAC: [u8; 8] = [48, 2, 0, 0x5e, 0, 0, 1, 0];

/// Writes a route to a MAC address. Its Ethernet segment and its label are attributes of the route (RFC 7432 §7.2).
fn write_evpn(tag: u8, label_octets: &[u8], out: &mut Vec<u8>) {
    out.extend([2, 33]);
    out.extend(1_u64.to_be_bytes());
    out.extend([label_octets[1]; 10]);
    out.extend(u32::from(tag).to_be_bytes());
    out.extend(MAC);
    out.extend(label_octets);
}

/// The octets of a [`write_evpn`] route that are its key.
fn evpn_key(tag: u8) -> Vec<u8> {
    [
        &[2][..],
        &1_u64.to_be_bytes(),
        &u32::from(tag).to_be_bytes(),
        &MAC,
    ]
    .concat()
}

fn write_attribute(type_code: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend([0x90, type_code]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

fn monitoring(peer: &Peer, withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
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
