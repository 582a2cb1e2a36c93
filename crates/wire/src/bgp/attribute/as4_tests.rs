//! Tests of the AS4 attributes of OLD speakers together with AGGREGATOR (RFC 6793 §4.2.3).
#![allow(clippy::unwrap_used)]

use super::path_attributes::PathAttributes;
use crate::bgp::session_context::AsWidth;

/// The path 23456 65000, as an OLD speaker writes 4200000000 65000.
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

/// AS_TRANS in AGGREGATOR says that the AS4 attributes belong to this route.
#[test]
fn as_trans_in_aggregator_makes_the_as4_attributes_count() {
    let found = path_and_aggregator(&[0xc0, 7, 6, 0x5b, 0xa0, 192, 0, 2, 1]);
    assert_eq!(found, (vec![4_200_000_000, 65_000], Some(4_200_000_000)));
}

/// Another AS number in AGGREGATOR says that an OLD speaker aggregated the route after the AS4 attributes were written.
#[test]
fn another_aggregator_makes_the_as4_attributes_stale() {
    let found = path_and_aggregator(&[0xc0, 7, 6, 0xfd, 0xe9, 192, 0, 2, 2]);
    assert_eq!(found, (vec![23_456, 65_000], Some(65_001)));
}
