//! The key of an NLRI that is kept as bytes: the octets that identify the route, without the octets that are attributes.
//!
//! Some families carry attributes of a route inside the NLRI, such as a label. Two NLRI that differ only in such octets are
//! the same route: the later one replaces the earlier one, and a withdrawal may have any value there. [`split_opaque`]
//! therefore splits an NLRI into key and attributes. Bits that have no meaning (behind a prefix length) are zero in the key.
//!
//! | family | key | attributes |
//! |---|---|---|
//! | EVPN type 1 (RFC 7432 §7.1) | RD, ESI, Ethernet tag | label |
//! | EVPN type 2 (RFC 7432 §7.2) | RD, Ethernet tag, MAC, IP address | ESI, labels |
//! | EVPN types 3, 4 (RFC 7432 §7.3, §7.4) | all | – |
//! | EVPN type 5 (RFC 9136 §3.1) | RD, Ethernet tag, prefix | ESI, gateway, label |
//! | EVPN types 6, 7 (RFC 9251 §9.1, §9.2) | all but the attributes | flags |
//! | EVPN type 8 (RFC 9251 §9.3) | all but the attributes | reserved octets, maximum response time, flags |
//! | EVPN types 9 to 11 (RFC 9572 §3) and all others | all | – |
//! | MUP type 1, ISD (draft-ietf-bess-mup-safi §3.1.1) | all; bits behind the prefix length are zero | – |
//! | MUP type 3, T1ST (§3.1.3) | RD, prefix; bits behind the prefix length are zero | TEID, QFI, endpoint, source |
//! | MUP type 4, T2ST (§3.1.4) | all; bits behind the endpoint length are zero | – |
//! | route target constraints (RFC 4684 §4) | all; bits behind the prefix length are zero | – |
//! | FlowSpec (RFC 8955 §4, RFC 8956 §3) | all but the length field; bits behind a prefix length are zero | – |
//! | VPLS (RFC 4761 §3.2.2), MCAST-VPN (RFC 6514 §4), BGP-LS (RFC 9552 §5.2), SR Policy (RFC 9830 §2.1) | all | – |
//!
//! An NLRI that does not have the form of its type is its own key.

use crate::iana::AfiSafi;

/// Most octets of a key that is not a part of the NLRI itself. The longest is of FlowSpec, whose length has 12 bits.
const MOST_KEY_OCTETS: usize = 4096;
/// Most octets of attributes. The NLRI of EVPN and MUP have a length of one octet.
const MOST_ATTRIBUTE_OCTETS: usize = 256;

/// Memory for the key and the attributes of one NLRI at a time.
#[derive(Debug)]
pub struct OpaqueBuffer {
    key: Octets<MOST_KEY_OCTETS>,
    attributes: Octets<MOST_ATTRIBUTE_OCTETS>,
}

impl Default for OpaqueBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl OpaqueBuffer {
    /// Makes an empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            key: Octets::new(),
            attributes: Octets::new(),
        }
    }
}

/// An NLRI that is kept as bytes, split into key and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpaqueNlri<'a> {
    /// The octets that identify the route within its family.
    pub key: &'a [u8],
    /// The octets that are attributes of the route, in the order of the NLRI.
    pub attributes: &'a [u8],
}

/// Splits an NLRI with its type and length fields, but without its path identifier, into key and attributes.
#[must_use]
pub fn split_opaque<'a>(family: AfiSafi, nlri: &'a [u8], buffer: &'a mut OpaqueBuffer) -> OpaqueNlri<'a> {
    buffer.key.clear();
    buffer.attributes.clear();
    let mut splitter = Splitter { rest: nlri, buffer };
    let split = match (family.afi, family.safi) {
        (25, 70) => splitter.evpn(),
        (1 | 2, 85) => splitter.mup(),
        (1, 132) => splitter.key_bits(),
        (1 | 2, 133 | 134) => splitter.flow_spec(family),
        _ => None,
    };
    match split {
        Some(()) => OpaqueNlri {
            key: buffer.key.as_slice(),
            attributes: buffer.attributes.as_slice(),
        },
        None => OpaqueNlri {
            key: nlri,
            attributes: &[],
        },
    }
}

/// A part of a route type, in the order of the NLRI.
#[derive(Clone, Copy)]
enum Part {
    /// Octets of the key.
    Key(usize),
    /// A length in bits and as many octets as hold them, both of the key. Bits behind the length are zero.
    KeyBits,
    /// A length in bits and four octets, both of the key. Bits behind the length are zero.
    KeyPrefix4,
    /// As [`Self::KeyPrefix4`] with sixteen octets.
    KeyPrefix16,
    /// Octets that are attributes.
    Attribute(usize),
    /// All further octets are attributes.
    AttributesToEnd,
    /// All further octets belong to the key.
    KeyToEnd,
}

use Part::{Attribute, AttributesToEnd, Key, KeyBits, KeyPrefix4, KeyPrefix16, KeyToEnd};

/// Octets of a route distinguisher.
const RD: usize = 8;
/// Octets of an Ethernet segment identifier.
const ESI: usize = 10;
/// Octets of an Ethernet tag.
const TAG: usize = 4;
/// Octets behind type and length of an EVPN route of type 5 to an IPv4 prefix (RFC 9136 §3.1).
const IPV4_PREFIX_ROUTE: usize = 34;

/// The parts of an EVPN route behind type and length.
const fn evpn_parts(route_type: u8, octets: usize) -> &'static [Part] {
    match route_type {
        1 => &[Key(RD + ESI + TAG), AttributesToEnd],
        2 => &[
            Key(RD),
            Attribute(ESI),
            Key(TAG),
            KeyBits,
            KeyBits,
            AttributesToEnd,
        ],
        5 if octets == IPV4_PREFIX_ROUTE => &[Key(RD), Attribute(ESI), Key(TAG), KeyPrefix4, AttributesToEnd],
        5 => &[Key(RD), Attribute(ESI), Key(TAG), KeyPrefix16, AttributesToEnd],
        6 => &[Key(RD + TAG), KeyBits, KeyBits, KeyBits, AttributesToEnd],
        7 | 8 => &[Key(RD + ESI + TAG), KeyBits, KeyBits, KeyBits, AttributesToEnd],
        _ => &[KeyToEnd],
    }
}

/// The parts of a MUP route of the architecture 3gpp-5g behind type and length.
const fn mup_parts(route_type: u16) -> &'static [Part] {
    match route_type {
        1 | 4 => &[Key(RD), KeyBits, KeyToEnd],
        3 => &[Key(RD), KeyBits, AttributesToEnd],
        _ => &[KeyToEnd],
    }
}

/// Copies the parts of an NLRI to the key or to the attributes. A method returns `None` if the NLRI is too short.
struct Splitter<'n, 'b> {
    rest: &'n [u8],
    buffer: &'b mut OpaqueBuffer,
}

impl<'n> Splitter<'n, '_> {
    fn evpn(&mut self) -> Option<()> {
        let [route_type, _length, ref rest @ ..] = *self.rest else {
            return None;
        };
        self.rest = rest;
        self.buffer.key.push(&[route_type])?;
        self.parts(evpn_parts(route_type, rest.len()))
    }

    fn mup(&mut self) -> Option<()> {
        let [architecture, high, low, _length, ref rest @ ..] = *self.rest else {
            return None;
        };
        self.rest = rest;
        self.buffer.key.push(&[architecture, high, low])?;
        match architecture {
            1 => self.parts(mup_parts(u16::from_be_bytes([high, low]))),
            _ => self.parts(&[KeyToEnd]),
        }
    }

    fn flow_spec(&mut self, family: AfiSafi) -> Option<()> {
        let length_octets = match self.rest.first()? {
            0xf0..=0xff => 2,
            _ => 1,
        };
        self.take(length_octets)?;
        if family.safi == 134 {
            self.key(RD)?;
        }
        // Components are in ascending order of their types, so the prefixes come first.
        while let [1 | 2, ..] = self.rest {
            self.key(1)?;
            if family.afi == 1 {
                self.key_bits()?;
            } else {
                self.key_bits_from_offset()?;
            }
        }
        self.key(self.rest.len())
    }

    fn parts(&mut self, parts: &[Part]) -> Option<()> {
        for part in parts {
            match *part {
                Key(octets) => self.key(octets)?,
                KeyBits => self.key_bits()?,
                KeyPrefix4 => self.key_prefix(4)?,
                KeyPrefix16 => self.key_prefix(16)?,
                Attribute(octets) => self.attribute(octets)?,
                AttributesToEnd => self.attribute(self.rest.len())?,
                KeyToEnd => self.key(self.rest.len())?,
            }
        }
        self.rest.is_empty().then_some(())
    }

    fn take(&mut self, octets: usize) -> Option<&'n [u8]> {
        let (taken, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(taken)
    }

    fn key(&mut self, octets: usize) -> Option<()> {
        let taken = self.take(octets)?;
        self.buffer.key.push(taken)
    }

    fn attribute(&mut self, octets: usize) -> Option<()> {
        let taken = self.take(octets)?;
        self.buffer.attributes.push(taken)
    }

    fn key_bits(&mut self) -> Option<()> {
        let bits = usize::from(*self.rest.first()?);
        self.key(1 + bits.div_ceil(8))?;
        self.buffer.key.clear_behind(bits, bits.div_ceil(8));
        Some(())
    }

    /// A prefix of FlowSpec for IPv6: length, offset, and the bits between the two (RFC 8956 §3.1).
    fn key_bits_from_offset(&mut self) -> Option<()> {
        let [length, offset, ..] = *self.rest else {
            return None;
        };
        let bits = usize::from(length.checked_sub(offset)?);
        self.key(2 + bits.div_ceil(8))?;
        self.buffer.key.clear_behind(bits, bits.div_ceil(8));
        Some(())
    }

    fn key_prefix(&mut self, octets: usize) -> Option<()> {
        let bits = usize::from(*self.rest.first()?);
        self.key(1 + octets)?;
        self.buffer.key.clear_behind(bits, octets);
        Some(())
    }
}

/// A list of octets with room for `N`.
#[derive(Debug)]
struct Octets<const N: usize> {
    octets: [u8; N],
    length: usize,
}

impl<const N: usize> Octets<N> {
    const fn new() -> Self {
        Self {
            octets: [0; N],
            length: 0,
        }
    }

    const fn clear(&mut self) {
        self.length = 0;
    }

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Appends octets; `None` if there is no room.
    fn push(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.length.checked_add(octets.len())?;
        self.octets.get_mut(self.length..end)?.copy_from_slice(octets);
        self.length = end;
        Some(())
    }

    /// Clears all bits of the last `octets` octets but the first `bits`.
    fn clear_behind(&mut self, bits: usize, octets: usize) {
        let start = self.length.saturating_sub(octets);
        let field = self.octets.get_mut(start..self.length).unwrap_or_default();
        let mut whole = field.iter_mut().skip(bits / 8);
        if let Some(octet) = whole.next() {
            *octet &= !(0xff_u8 >> (bits % 8));
        }
        for octet in whole {
            *octet = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Key and attributes of an NLRI, owned.
    fn split(family: AfiSafi, nlri: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut buffer = OpaqueBuffer::new();
        let OpaqueNlri { key, attributes } = split_opaque(family, nlri, &mut buffer);
        (key.to_vec(), attributes.to_vec())
    }

    const MUP: AfiSafi = AfiSafi::new(1, 85);
    const RD_1: [u8; 8] = [0, 1, 192, 0, 2, 10, 0, 7];
    const ESI_1: [u8; 10] = [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99];
    const MAC: [u8; 7] = [48, 2, 0, 0x5e, 0, 0, 1];

    fn evpn(route_type: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        [&[route_type, body.len() as u8][..], &body].concat()
    }

    /// A route to a MAC address, with these Ethernet segment, IP address and labels.
    fn mac_route(esi: [u8; 10], ip: &[u8], labels: &[u8]) -> Vec<u8> {
        evpn(2, &[&RD_1, &esi, &[0, 0, 0, 0], &MAC, ip, labels])
    }

    #[test]
    fn a_mac_route_is_known_without_segment_and_labels() {
        let ip = [32, 192, 0, 2, 77];
        let (key, attributes) = split(AfiSafi::EVPN, &mac_route(ESI_1, &ip, &[0, 0, 100]));
        assert_eq!(attributes, [&ESI_1[..], &[0, 0, 100]].concat());
        // Another segment and label, two labels, and the form of a withdrawal.
        for (esi, labels) in [
            ([0; 10], &[0, 0, 101][..]),
            (ESI_1, &[0, 0, 100, 0, 0, 200]),
            ([0; 10], &[0, 0, 0]),
            ([0; 10], &[]),
        ] {
            assert_eq!(split(AfiSafi::EVPN, &mac_route(esi, &ip, labels)).0, key);
        }
        assert_ne!(split(AfiSafi::EVPN, &mac_route(ESI_1, &[0], &[0, 0, 100])).0, key);
    }

    #[test]
    fn a_prefix_route_is_known_without_segment_gateway_and_label() {
        let route = |esi: [u8; 10], prefix: &[u8], gateway: &[u8], label: [u8; 3]| {
            evpn(5, &[&RD_1, &esi, &[0, 0, 0, 9], prefix, gateway, &label])
        };
        let v4 = |esi, last: u8, label| route(esi, &[24, 198, 51, 100, last], &[192, 0, 2, 1], label);
        let (key, attributes) = split(AfiSafi::EVPN, &v4(ESI_1, 0, [0, 0, 1]));
        assert_eq!(attributes, [&ESI_1[..], &[192, 0, 2, 1], &[0, 0, 1]].concat());
        let withdrawn = route([0; 10], &[24, 198, 51, 100, 0], &[0; 4], [0; 3]);
        assert_eq!(split(AfiSafi::EVPN, &withdrawn).0, key);
        assert_eq!(split(AfiSafi::EVPN, &v4(ESI_1, 0xff, [0, 0, 1])).0, key);
        let mut prefix = [0; 17];
        prefix[..5].copy_from_slice(&[32, 0x20, 1, 0xd, 0xb8]);
        let (v6, _) = split(AfiSafi::EVPN, &route(ESI_1, &prefix, &[7; 16], [0, 0, 1]));
        assert_eq!(
            split(AfiSafi::EVPN, &route([0; 10], &prefix, &[0; 16], [0; 3])).0,
            v6
        );
        assert_eq!(v6.len(), 1 + 8 + 4 + 17);
    }

    #[test]
    fn segments_and_multicast_routes_are_known_without_label_and_flags() {
        let discovery = |label: u8| evpn(1, &[&RD_1, &ESI_1, &[0; 4], &[0, 0, label]]);
        assert_eq!(
            split(AfiSafi::EVPN, &discovery(1)).0,
            split(AfiSafi::EVPN, &discovery(0)).0
        );
        let other_segment = evpn(1, &[&RD_1, &[0; 10], &[0; 4], &[0, 0, 1]]);
        assert_ne!(
            split(AfiSafi::EVPN, &discovery(1)).0,
            split(AfiSafi::EVPN, &other_segment).0
        );
        let groups: [&[u8]; 3] = [&[0], &[32, 233, 252, 0, 1], &[32, 192, 0, 2, 10]];
        for (route_type, head, tail) in [
            (6, [&RD_1[..], &[0; 4]].concat(), vec![2]),
            (7, [&RD_1[..], &ESI_1, &[0; 4]].concat(), vec![2]),
            (8, [&RD_1[..], &ESI_1, &[0; 4]].concat(), vec![0, 0, 0, 0, 10, 2]),
        ] {
            let with = |tail: &[u8]| evpn(route_type, &[&head, groups[0], groups[1], groups[2], tail]);
            let (key, attributes) = split(AfiSafi::EVPN, &with(&tail));
            assert_eq!(attributes, tail, "type {route_type}");
            assert_eq!(split(AfiSafi::EVPN, &with(&vec![0xff; tail.len()])).0, key);
        }
        for route_type in [3, 4, 9, 10, 11, 99] {
            let nlri = evpn(route_type, &[&[7; 20]]);
            let key = [&[route_type][..], &[7; 20]].concat();
            assert_eq!(split(AfiSafi::EVPN, &nlri), (key, vec![]));
        }
    }

    #[test]
    fn a_mobile_session_is_known_by_its_prefix() {
        let session = |prefix: &[u8], tail: &[u8]| {
            let body = [&RD_1[..], prefix, tail].concat();
            [&[1, 0, 3, body.len() as u8][..], &body].concat()
        };
        let tail = [0, 0, 0, 1, 9, 32, 192, 0, 2, 200];
        let (key, attributes) = split(MUP, &session(&[32, 203, 0, 113, 5], &tail));
        assert_eq!(attributes, tail);
        assert_eq!(key, [&[1, 0, 3][..], &RD_1, &[32, 203, 0, 113, 5]].concat());
        assert_eq!(split(MUP, &session(&[32, 203, 0, 113, 5], &[0; 10])).0, key);
        assert_ne!(split(MUP, &session(&[32, 203, 0, 113, 6], &tail)).0, key);
        let by_endpoint = |last: u8| [&[1, 0, 4, 15][..], &RD_1, &[44, 192, 0, 2, 1, 7, last]].concat();
        assert_eq!(split(MUP, &by_endpoint(0x1f)), split(MUP, &by_endpoint(0x10)));
        assert_ne!(split(MUP, &by_endpoint(0x20)), split(MUP, &by_endpoint(0x10)));
        // Another architecture may give the octets another meaning.
        let unknown = [&[2, 0, 3, 13][..], &RD_1, &[32, 203, 0, 113, 5]].concat();
        assert_eq!(split(MUP, &unknown).1, []);
    }

    #[test]
    fn bits_without_meaning_are_not_in_the_key() {
        let target = |last: u8| [84, 0, 0, 0xfb, 0xf5, 0, 2, 0xfb, 0xf5, 0, 7, last];
        let of = |family, nlri: &[u8]| split(family, nlri).0;
        assert_eq!(
            of(AfiSafi::ROUTE_TARGET, &target(0x7f)),
            of(AfiSafi::ROUTE_TARGET, &target(0x70))
        );
        assert_ne!(
            of(AfiSafi::ROUTE_TARGET, &target(0x7f)),
            of(AfiSafi::ROUTE_TARGET, &target(0x80))
        );
        assert_eq!(of(AfiSafi::ROUTE_TARGET, &[0]), [0]);
        let rule = |last: u8| [7, 1, 20, 192, 0, last, 3, 6];
        assert_eq!(
            of(AfiSafi::IPV4_FLOWSPEC, &rule(0x2f)),
            [1, 20, 192, 0, 0x20, 3, 6]
        );
        // The long form of the length field is the same rule.
        let long = [&[0xf0][..], &rule(0x20)].concat();
        assert_eq!(
            of(AfiSafi::IPV4_FLOWSPEC, &long),
            of(AfiSafi::IPV4_FLOWSPEC, &rule(0x20))
        );
        // From bit 8 to bit 20: twelve bits.
        let rule = |last: u8| [7, 2, 20, 8, 0xab, last, 3, 6];
        assert_eq!(
            of(AfiSafi::IPV6_FLOWSPEC, &rule(0xcd)),
            [2, 20, 8, 0xab, 0xc0, 3, 6]
        );
        let in_a_vpn = [&[13][..], &RD_1, &[1, 12, 10, 0x1f, 3]].concat();
        assert_eq!(
            of(AfiSafi::new(1, 134), &in_a_vpn),
            [&RD_1[..], &[1, 12, 10, 0x10, 3]].concat()
        );
    }

    #[test]
    fn other_families_and_short_routes_are_their_own_key() {
        for (family, nlri) in [
            (AfiSafi::VPLS, &[0, 17, 1, 2, 3][..]),
            (AfiSafi::BGP_LS, &[0, 1, 0, 1, 9]),
            (AfiSafi::new(1, 5), &[1, 1, 9]),
            (AfiSafi::new(1, 73), &[96, 1, 2, 3]),
            (AfiSafi::new(25, 133), &[3, 1, 2, 3]),
            (AfiSafi::EVPN, &[2, 3, 1, 2, 3]),
            (AfiSafi::EVPN, &[2]),
            (MUP, &[1, 0, 3, 2, 1, 1]),
            (AfiSafi::IPV4_FLOWSPEC, &[3, 1, 24, 10]),
            (AfiSafi::IPV6_FLOWSPEC, &[3, 1, 8, 9]),
        ] {
            assert_eq!(split(family, nlri), (nlri.to_vec(), vec![]), "{family}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_have_a_key(
            family in prop::sample::select(vec![
                AfiSafi::EVPN, MUP, AfiSafi::ROUTE_TARGET, AfiSafi::IPV4_FLOWSPEC, AfiSafi::IPV6_FLOWSPEC,
                AfiSafi::new(1, 134), AfiSafi::new(2, 134), AfiSafi::VPLS,
            ]),
            nlri in prop::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..90),
            repeated in 1..90_usize,
        ) {
            let (key, attributes) = split(family, &nlri);
            prop_assert!(key.len() + attributes.len() <= nlri.len());
            let long = nlri.repeat(repeated);
            let (key, attributes) = split(family, &long);
            prop_assert!(key.len() + attributes.len() <= long.len());
        }
    }
}
