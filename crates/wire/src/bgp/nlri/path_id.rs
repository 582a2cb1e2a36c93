//! The path identifier in front of an NLRI (RFC 7911 §3).

use crate::error::WireError;

/// Splits the path identifier off the front of an NLRI.
#[inline]
pub(super) fn split(nlri: &[u8]) -> Result<(u32, &[u8]), WireError> {
    match nlri.split_first_chunk::<4>() {
        Some((id, body)) => Ok((u32::from_be_bytes(*id), body)),
        None => Err(WireError::truncated(0, 4, nlri.len())),
    }
}
