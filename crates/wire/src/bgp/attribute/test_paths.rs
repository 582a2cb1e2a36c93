//! Paths for the tests of this folder.

use super::as_path::{Segment, SegmentKind};
use crate::bgp::session_context::AsWidth;

/// An AS_PATH of these segments.
pub(super) fn encode(segments: &[(SegmentKind, &[u32])], width: AsWidth) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, asns) in segments {
        bytes.extend([*kind as u8, asns.len() as u8]);
        for asn in *asns {
            bytes.extend(&asn.to_be_bytes()[4 - width.octets()..]);
        }
    }
    bytes
}

/// The segments as kinds and AS numbers.
pub(super) fn decode<'a>(segments: impl Iterator<Item = Segment<'a>>) -> Vec<(SegmentKind, Vec<u32>)> {
    segments
        .map(|segment| (segment.kind, segment.asns().collect()))
        .collect()
}
