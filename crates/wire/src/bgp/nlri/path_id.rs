//! Path identifiers (RFC 7911): what was negotiated decides, unless the bytes prove it wrong.
//!
//! Some senders negotiate Add-Path and then mirror their tables to BMP without path identifiers. A field that can't
//! be read as negotiated but is exact the other way is taken the other way; the caller counts it as a quirk.

use super::count;
use crate::WireError;
use crate::iana::AfiSafi;

/// How an NLRI field is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathIdDecision {
    /// Path identifiers stand before each NLRI.
    pub add_path: bool,
    /// The field can't be read as negotiated.
    pub contradiction: bool,
    /// Routes in the field, read this way.
    pub routes: usize,
}

/// Decides whether the NLRI of this field carry path identifiers. `hint_absent` says that the peer was seen to leave
/// them out though negotiated: then a field that can be read both ways is read without.
///
/// The error is that of the negotiated reading, when the field is malformed either way.
#[inline]
pub fn decide_add_path(
    family: AfiSafi,
    field: &[u8],
    negotiated: bool,
    hint_absent: bool,
) -> Result<PathIdDecision, WireError> {
    if negotiated
        && hint_absent
        && let Ok(routes) = count(family, field, false)
    {
        return Ok(PathIdDecision {
            add_path: false,
            contradiction: false,
            routes,
        });
    }
    match count(family, field, negotiated) {
        Ok(routes) => Ok(PathIdDecision {
            add_path: negotiated,
            contradiction: false,
            routes,
        }),
        Err(error) => contradicted(family, field, negotiated, error),
    }
}

#[cold]
fn contradicted(
    family: AfiSafi,
    field: &[u8],
    negotiated: bool,
    error: WireError,
) -> Result<PathIdDecision, WireError> {
    match count(family, field, !negotiated) {
        Ok(routes) => Ok(PathIdDecision {
            add_path: !negotiated,
            contradiction: true,
            routes,
        }),
        Err(_) => Err(error),
    }
}

/// The path identifier at the start of an NLRI, and what follows it.
#[inline]
pub(super) fn split(nlri: &[u8]) -> Result<(u32, &[u8]), WireError> {
    match nlri.split_first_chunk::<4>() {
        Some((id, body)) => Ok((u32::from_be_bytes(*id), body)),
        None => Err(WireError::truncated(0, 4, nlri.len())),
    }
}
