//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4): routes of any family with their next hop.

use crate::bgp::nlri::{NlriShape, shape};
use crate::iana::AfiSafi;

/// Length of AFI and SAFI in octets. Both attributes start with AFI and SAFI.
pub const MP_HEADER_OCTETS: usize = 3;

/// Announced routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MpReach<'a> {
    /// Family of the routes.
    pub family: AfiSafi,
    /// Network Address of Next Hop, as on the wire.
    pub next_hop: &'a [u8],
    /// NLRI field.
    pub nlri: &'a [u8],
    /// Offset of the NLRI field in the Path Attributes field.
    pub offset: usize,
}

/// Withdrawn routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MpUnreach<'a> {
    /// Family of the routes.
    pub family: AfiSafi,
    /// Withdrawn Routes field.
    pub nlri: &'a [u8],
    /// Offset of the Withdrawn Routes field in the Path Attributes field.
    pub offset: usize,
}

impl<'a> MpReach<'a> {
    /// Reads the attribute's value, which starts at `offset`. `None` if its NLRI cannot be located (RFC 7606 §7.11).
    #[inline]
    #[must_use]
    pub fn parse(value: &'a [u8], offset: usize) -> Option<Self> {
        let [high, low, safi, length, rest @ ..] = value else {
            return None;
        };
        let family = AfiSafi::new(u16::from_be_bytes([*high, *low]), *safi);
        let (next_hop, rest) = rest.split_at_checked(usize::from(*length))?;
        // One reserved octet separates next hop and NLRI (RFC 4760 §3).
        let (_reserved, nlri) = rest.split_first()?;
        if !next_hop_fits(family, next_hop.len()) && !next_hop_may_be_absent(family, next_hop.len()) {
            return None;
        }
        Some(Self {
            family,
            next_hop,
            nlri,
            offset: offset + value.len() - nlri.len(),
        })
    }

    /// Whether a route to a prefix has no next hop, so that RFC 7606 §7.11 calls the attribute malformed.
    ///
    /// The field then has 0 octets, or in a VPN a route distinguisher without an address. Its length still says where the NLRI
    /// begins. Some routers (Cisco IOS XR) write this for their own routes.
    #[inline]
    #[must_use]
    pub fn next_hop_is_absent(&self) -> bool {
        next_hop_may_be_absent(self.family, self.next_hop.len())
    }

    /// Next hop in 16 octets, IPv4 as IPv4-mapped IPv6; `None` if the field has no address.
    ///
    /// Of two IPv6 addresses, this is the global address. In a VPN, this is the address behind the route distinguisher
    /// (RFC 2545 §3, RFC 4659 §3.2.1, RFC 8950 §4).
    #[inline]
    #[must_use]
    pub fn next_hop_mapped(&self) -> Option<[u8; 16]> {
        let address = match self.next_hop.len() {
            8 | 12 | 24 | 48 => self.next_hop.get(8..)?,
            _ => self.next_hop,
        };
        if let Some(address) = address.first_chunk::<16>() {
            return Some(*address);
        }
        address
            .first_chunk::<4>()
            .map(|v4| mapped(u32::from_be_bytes(*v4)))
    }
}

impl<'a> MpUnreach<'a> {
    /// Reads the attribute's value, which starts at `offset`. `None` if it is too short for a family (RFC 7606 §7.12).
    #[inline]
    #[must_use]
    pub fn parse(value: &'a [u8], offset: usize) -> Option<Self> {
        let [high, low, safi, nlri @ ..] = value else {
            return None;
        };
        Some(Self {
            family: AfiSafi::new(u16::from_be_bytes([*high, *low]), *safi),
            nlri,
            offset: offset + MP_HEADER_OCTETS,
        })
    }
}

/// Whether a next hop of this length is possible in the family.
///
/// Families of prefixes have one or two addresses, with or without route distinguishers. Other families may have no next hop
/// (FlowSpec) or a next hop of their own form.
#[inline]
fn next_hop_fits(family: AfiSafi, length: usize) -> bool {
    match shape(family) {
        NlriShape::Prefix { .. } => matches!(length, 4 | 12 | 16 | 24 | 32 | 48),
        NlriShape::Opaque { .. } | NlriShape::Unframed => true,
    }
}

/// Whether a next hop of this length in a family of prefixes is the absence of a next hop.
#[inline]
fn next_hop_may_be_absent(family: AfiSafi, length: usize) -> bool {
    match length {
        0 => matches!(shape(family), NlriShape::Prefix { .. }),
        8 => matches!(shape(family), NlriShape::Prefix { rd: true, .. }),
        _ => false,
    }
}

/// Converts an IPv4 address to IPv4-mapped IPv6 (RFC 4291 §2.5.5.2).
#[inline]
pub(super) const fn mapped(v4: u32) -> [u8; 16] {
    (0xffff_0000_0000_u128 | v4 as u128).to_be_bytes()
}
