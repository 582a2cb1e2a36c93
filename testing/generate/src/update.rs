//! BGP UPDATE messages (RFC 4271 §4.3): IPv4 unicast in the classic fields, all else by MP_REACH and MP_UNREACH (RFC 4760).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_wire::iana::AfiSafi;

/// An IP prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// Its address; bits beyond the length are zero.
    pub address: IpAddr,
    /// Its length in bits.
    pub length: u8,
}

impl Prefix {
    /// This prefix, with the bits beyond its length cleared.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Self {
        let address = match address {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !host))
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !host))
            }
        };
        Self { address, length }
    }

    /// Its unicast family.
    #[must_use]
    pub const fn family(&self) -> AfiSafi {
        if self.address.is_ipv4() {
            AfiSafi::IPV4_UNICAST
        } else {
            AfiSafi::IPV6_UNICAST
        }
    }

    /// Writes the length with that of the head, then the head, then the octets of the prefix.
    fn write(&self, head: &[u8], out: &mut Vec<u8>) {
        out.push(self.length + 8 * head.len() as u8);
        out.extend(head);
        let octets = usize::from(self.length).div_ceil(8);
        match self.address {
            IpAddr::V4(v4) => out.extend(v4.octets().iter().take(octets)),
            IpAddr::V6(v6) => out.extend(v6.octets().iter().take(octets)),
        }
    }
}

/// A prefix in an UPDATE, with a path identifier where that was negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nlri {
    /// The prefix.
    pub prefix: Prefix,
    /// The path identifier (RFC 7911).
    pub path_id: Option<u32>,
}

impl From<Prefix> for Nlri {
    fn from(prefix: Prefix) -> Self {
        Self {
            prefix,
            path_id: None,
        }
    }
}

impl Nlri {
    /// Writes the path identifier if there is one, and then the prefix with this head before its octets.
    pub(super) fn write(&self, head: &[u8], out: &mut Vec<u8>) {
        if let Some(path_id) = self.path_id {
            out.extend(path_id.to_be_bytes());
        }
        self.prefix.write(head, out);
    }
}

/// ORIGIN (RFC 4271 §5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Origin {
    /// IGP.
    #[default]
    Igp = 0,
    /// EGP.
    Egp = 1,
    /// INCOMPLETE.
    Incomplete = 2,
}

/// Path attributes of an announcement. Those that are empty or `None` are left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH: one AS_SEQUENCE; empty for a route of the peer's own AS.
    pub as_path: Vec<u32>,
    /// Next hop of IPv4 routes.
    pub next_hop_v4: Ipv4Addr,
    /// Next hop of IPv6 routes.
    pub next_hop_v6: Ipv6Addr,
    /// MULTI_EXIT_DISC.
    pub multi_exit_disc: Option<u32>,
    /// LOCAL_PREF.
    pub local_preference: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<(u32, Ipv4Addr)>,
    /// COMMUNITIES.
    pub communities: Vec<(u16, u16)>,
    /// LARGE_COMMUNITY.
    pub large_communities: Vec<(u32, u32, u32)>,
    /// Further attributes as they stand on the wire: flags, type, length, value.
    pub raw: Vec<u8>,
}

impl Attributes {
    /// ORIGIN IGP, this path, these next hops, and no other attributes.
    #[must_use]
    pub fn new(as_path: &[u32], next_hop_v4: Ipv4Addr, next_hop_v6: Ipv6Addr) -> Self {
        Self {
            origin: Origin::Igp,
            as_path: as_path.to_vec(),
            next_hop_v4,
            next_hop_v6,
            multi_exit_disc: None,
            local_preference: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: Vec::new(),
            large_communities: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Everything but next hop and reachability, in the order of the type codes.
    fn write(&self, two_octet_as: bool, next_hop: Option<Ipv4Addr>, out: &mut Vec<u8>) {
        attribute(0x40, 1, &[self.origin as u8], out);
        let mut path = Vec::new();
        // A segment holds at most 255 AS numbers.
        for segment in self.as_path.chunks(255) {
            path.extend([2, segment.len() as u8]);
            for asn in segment {
                write_asn(*asn, two_octet_as, &mut path);
            }
        }
        attribute(0x40, 2, &path, out);
        if let Some(next_hop) = next_hop {
            attribute(0x40, 3, &next_hop.octets(), out);
        }
        if let Some(med) = self.multi_exit_disc {
            attribute(0x80, 4, &med.to_be_bytes(), out);
        }
        if let Some(preference) = self.local_preference {
            attribute(0x40, 5, &preference.to_be_bytes(), out);
        }
        if self.atomic_aggregate {
            attribute(0x40, 6, &[], out);
        }
        if let Some((asn, address)) = self.aggregator {
            let mut value = Vec::new();
            write_asn(asn, two_octet_as, &mut value);
            value.extend(address.octets());
            attribute(0xc0, 7, &value, out);
        }
        if !self.communities.is_empty() {
            let value: Vec<u8> = self
                .communities
                .iter()
                .flat_map(|(asn, value)| [asn.to_be_bytes(), value.to_be_bytes()].concat())
                .collect();
            attribute(0xc0, 8, &value, out);
        }
        if !self.large_communities.is_empty() {
            let value: Vec<u8> = self
                .large_communities
                .iter()
                .flat_map(|(a, b, c)| [a.to_be_bytes(), b.to_be_bytes(), c.to_be_bytes()].concat())
                .collect();
            attribute(0xc0, 32, &value, out);
        }
        out.extend(&self.raw);
    }
}

/// The content of an UPDATE. IPv4 and IPv6 prefixes may be mixed; each is written into the field of its family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The withdrawn prefixes.
    pub withdrawn: Vec<Nlri>,
    /// The announced prefixes, which share the attributes. Without attributes none is announced.
    pub announced: Vec<Nlri>,
    /// The attributes.
    pub attributes: Option<Attributes>,
    /// Whether AS numbers are written in two octets.
    pub two_octet_as: bool,
    /// The routes are of the VPN with this route distinguisher (RFC 4364): all in MP_REACH or MP_UNREACH.
    pub distinguisher: Option<[u8; 8]>,
}

impl Update {
    /// Announces prefixes.
    #[must_use]
    pub fn announce<N: Into<Nlri>>(nlri: impl IntoIterator<Item = N>, attributes: Attributes) -> Self {
        Self {
            announced: nlri.into_iter().map(Into::into).collect(),
            attributes: Some(attributes),
            ..Self::default()
        }
    }

    /// Withdraws prefixes.
    #[must_use]
    pub fn withdraw<N: Into<Nlri>>(nlri: impl IntoIterator<Item = N>) -> Self {
        Self {
            withdrawn: nlri.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// The message, header included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let withdrawn = Fields::of(&self.withdrawn, self.distinguisher);
        let announced = Fields::of(&self.announced, self.distinguisher);
        let mut attributes = Vec::new();
        if let Some(own) = &self.attributes {
            let next_hop = (!announced.classic.is_empty()).then_some(own.next_hop_v4);
            own.write(self.two_octet_as, next_hop, &mut attributes);
            for (family, nlri) in &announced.multi_protocol {
                let mut value = family_octets(*family);
                let mut next_hop = match self.distinguisher {
                    // The next hop of a VPN route has a route distinguisher too, of zero (RFC 4364 §4.3.2).
                    Some(_) => vec![0; 8],
                    None => Vec::new(),
                };
                match family.afi {
                    1 => next_hop.extend(own.next_hop_v4.octets()),
                    _ => next_hop.extend(own.next_hop_v6.octets()),
                }
                value.push(next_hop.len() as u8);
                value.extend(next_hop);
                value.push(0);
                value.extend(nlri);
                attribute(0x80, 14, &value, &mut attributes);
            }
        }
        for (family, nlri) in &withdrawn.multi_protocol {
            let mut value = family_octets(*family);
            value.extend(nlri);
            attribute(0x80, 15, &value, &mut attributes);
        }
        let mut body = Vec::new();
        body.extend((withdrawn.classic.len() as u16).to_be_bytes());
        body.extend(withdrawn.classic);
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend(attributes);
        body.extend(announced.classic);
        bgp_message(2, &body)
    }
}

/// End-of-RIB of a family (RFC 4724 §2): an empty UPDATE, or an empty MP_UNREACH.
#[must_use]
pub fn end_of_rib(family: AfiSafi) -> Vec<u8> {
    if family == AfiSafi::IPV4_UNICAST {
        return bgp_message(2, &[0; 4]);
    }
    let mut attributes = Vec::new();
    attribute(0x80, 15, &family_octets(family), &mut attributes);
    let mut body = vec![0, 0];
    body.extend((attributes.len() as u16).to_be_bytes());
    body.extend(attributes);
    bgp_message(2, &body)
}

/// A BGP message of this type (RFC 4271 §4.1).
pub(super) fn bgp_message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend(((19 + body.len()) as u16).to_be_bytes());
    message.push(kind);
    message.extend(body);
    message
}

/// The label of every VPN route, bottom of the stack.
const VPN_LABEL: [u8; 3] = [0, 0x01, 0x01];

/// Where routes stand in an UPDATE: in the classic field, or in an attribute of their family.
#[derive(Default)]
struct Fields {
    classic: Vec<u8>,
    multi_protocol: Vec<(AfiSafi, Vec<u8>)>,
}

impl Fields {
    fn of(nlri: &[Nlri], distinguisher: Option<[u8; 8]>) -> Self {
        let mut fields = Self::default();
        for nlri in nlri {
            let unicast = nlri.prefix.family();
            match distinguisher {
                None if unicast == AfiSafi::IPV4_UNICAST => nlri.write(&[], &mut fields.classic),
                None => nlri.write(&[], fields.family(unicast)),
                Some(distinguisher) => {
                    let head = [VPN_LABEL.as_slice(), &distinguisher].concat();
                    nlri.write(&head, fields.family(AfiSafi::new(unicast.afi, 128)));
                }
            }
        }
        fields
    }

    fn family(&mut self, family: AfiSafi) -> &mut Vec<u8> {
        let place = self.multi_protocol.iter().position(|(known, _)| *known == family);
        let place = place.unwrap_or_else(|| {
            self.multi_protocol.push((family, Vec::new()));
            self.multi_protocol.len() - 1
        });
        &mut self.multi_protocol[place].1
    }
}

fn family_octets(family: AfiSafi) -> Vec<u8> {
    let [high, low] = family.afi.to_be_bytes();
    vec![high, low, family.safi]
}

fn write_asn(asn: u32, two_octet: bool, out: &mut Vec<u8>) {
    if two_octet {
        out.extend(u16::try_from(asn).unwrap_or(23456).to_be_bytes());
    } else {
        out.extend(asn.to_be_bytes());
    }
}

fn attribute(flags: u8, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    if let Ok(length) = u8::try_from(value.len()) {
        out.extend([flags, kind, length]);
    } else {
        out.extend([flags | 0x10, kind]);
        out.extend((value.len() as u16).to_be_bytes());
    }
    out.extend(value);
}
