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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::bgp::attribute::PathAttributes;

    /// 23456 65000, as an OLD speaker writes 4200000000 65000.
    const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 2, 0x5b, 0xa0, 0xfd, 0xe8];
    const AS4_PATH: &[u8] = &[0xc0, 17, 10, 2, 2, 0xfa, 0x56, 0xea, 0, 0, 0, 0xfd, 0xe8];
    const AS4_AGGREGATOR: &[u8] = &[0xc0, 18, 8, 0xfa, 0x56, 0xea, 0, 192, 0, 2, 1];

    fn path_and_aggregator(aggregator: &[u8]) -> (Vec<u32>, Option<u32>) {
        let field = [AS_PATH, aggregator, AS4_PATH, AS4_AGGREGATOR].concat();
        let attributes = PathAttributes::parse(&field, AsWidth::Two).unwrap();
        assert!(attributes.faults.is_empty());
        let path = attributes.effective_as_path().unwrap();
        let aggregator = attributes.effective_aggregator();
        (
            path.flat_asns().collect(),
            aggregator.map(|aggregator| aggregator.asn),
        )
    }

    /// RFC 6793 §4.2.3: AS_TRANS in AGGREGATOR says that the AS4 attributes belong to this route.
    #[test]
    fn as_trans_in_aggregator_makes_the_as4_attributes_count() {
        let found = path_and_aggregator(&[0xc0, 7, 6, 0x5b, 0xa0, 192, 0, 2, 1]);
        assert_eq!(found, (vec![4_200_000_000, 65_000], Some(4_200_000_000)));
    }

    /// The same: any other number, and an OLD speaker aggregated after the AS4 attributes were written.
    #[test]
    fn another_aggregator_makes_the_as4_attributes_stale() {
        let found = path_and_aggregator(&[0xc0, 7, 6, 0xfd, 0xe9, 192, 0, 2, 2]);
        assert_eq!(found, (vec![23_456, 65_000], Some(65_001)));
    }
}
