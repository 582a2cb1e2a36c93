//! AGGREGATOR and AS4_AGGREGATOR (RFC 4271 §5.1.7, RFC 6793): the speaker that aggregated the route.

use crate::bgp::session_context::AsWidth;

/// The AS number that stands for an AS number of more than two octets (RFC 6793 §9).
pub const AS_TRANS: u32 = 23456;

/// The speaker that aggregated the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregator {
    /// AS number of the speaker.
    pub asn: u32,
    /// BGP identifier of the speaker.
    pub bgp_id: u32,
}

impl Aggregator {
    /// Reads the value and the size of its AS number, which follows from the length. `None` if the length fits no size.
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
