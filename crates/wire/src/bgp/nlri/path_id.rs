//! Path identifiers (RFC 7911): what was negotiated decides, unless the bytes prove it wrong.
//!
//! Some senders negotiate Add-Path and then mirror their tables to BMP without path identifiers. A field that can't
//! be read as negotiated but is exact the other way is taken the other way; the caller counts it as a quirk.

use super::{Route, count, iter};
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
/// them out though negotiated: then a field that can be read both ways is read without, if what comes out is likely.
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
        && is_likely_plain(family, field)
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

/// Whether a field that reads exactly without path identifiers probably has none. Some senders leave them out in some
/// messages only, and most path identifiers are small numbers: their zero octets read as default routes, one behind
/// the other, or what follows them as a prefix with bits behind its length.
#[cold]
fn is_likely_plain(family: AfiSafi, field: &[u8]) -> bool {
    let mut default_routes = 0;
    for nlri in iter(family, field, false).flatten() {
        let Route::Prefix {
            rd: None,
            length,
            prefix,
            ..
        } = nlri.route
        else {
            continue;
        };
        default_routes += usize::from(length == 0);
        let spare_bits = match (length % 8, prefix.octets().last()) {
            (1..=7, Some(last)) => last & (0xff >> (length % 8)),
            _ => 0,
        };
        if spare_bits != 0 || default_routes > 1 {
            return false;
        }
    }
    true
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
