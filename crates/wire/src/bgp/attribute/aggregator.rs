//! AGGREGATOR and AS4_AGGREGATOR (RFC 4271 §5.1.7, RFC 6793): who aggregated the route.

use crate::bgp::AsWidth;

/// The AS number that stands for one which doesn't fit two octets (RFC 6793 §9).
pub const AS_TRANS: u32 = 23456;

/// The speaker that formed the aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregator {
    /// Its AS number.
    pub asn: u32,
    /// Its BGP identifier.
    pub bgp_id: u32,
}

impl Aggregator {
    /// The value and the width of its AS number, which its length tells; `None` where the length is of neither.
    #[inline]
    #[must_use]
    pub const fn parse(value: &[u8]) -> Option<(Self, AsWidth)> {
        let (asn, bgp_id, width) = match *value {
            [a, b, i, j, k, l] => (
                u32::from_be_bytes([0, 0, a, b]),
                u32::from_be_bytes([i, j, k, l]),
                AsWidth::Two,
            ),
            [a, b, c, d, i, j, k, l] => (
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([i, j, k, l]),
                AsWidth::Four,
            ),
            _ => return None,
        };
        Some((Self { asn, bgp_id }, width))
    }
}
