//! Decides whether the NLRI of a field have path identifiers (RFC 7911).
//!
//! The negotiation decides, unless the bytes prove it wrong. Some senders negotiate Add-Path and then mirror their tables to
//! BMP without path identifiers. A field that cannot be read as negotiated, but can be read exactly the other way, is read
//! the other way. The caller counts that as a quirk.

use super::field::{count, iter};
use super::route::Route;
use crate::error::WireError;
use crate::iana::AfiSafi;

/// `add_path` argument of [`count`] and [`iter`] for a field without path identifiers.
const WITHOUT_PATH_IDS: bool = false;

/// The reading of an NLRI field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathIdDecision {
    /// Whether each NLRI has a path identifier.
    pub add_path: bool,
    /// Whether the field cannot be read as negotiated.
    pub contradiction: bool,
    /// Number of routes in the field.
    pub routes: usize,
}

/// Decides whether the NLRI of a field have path identifiers, and counts its routes.
///
/// `hint_absent` says that this peer left out path identifiers before, although they were negotiated. A field that can be
/// read both ways is then read without path identifiers, if the routes of that reading are likely.
///
/// # Errors
/// The field is malformed in both readings. The error is the error of the negotiated reading.
#[inline]
pub fn decide_add_path(
    family: AfiSafi,
    field: &[u8],
    negotiated: bool,
    hint_absent: bool,
) -> Result<PathIdDecision, WireError> {
    if negotiated
        && hint_absent
        && let Ok(routes) = count(family, field, WITHOUT_PATH_IDS)
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

/// Whether a field that can be read without path identifiers probably has none.
///
/// Some senders leave out path identifiers only in some messages. Most path identifiers are small numbers. Without path
/// identifiers, their zero octets would read as several default routes, or the following octets as a prefix with bits set
/// behind its length.
#[cold]
fn is_likely_plain(family: AfiSafi, field: &[u8]) -> bool {
    let mut default_routes = 0;
    for nlri in iter(family, field, WITHOUT_PATH_IDS).flatten() {
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

/// Reads a field the other way after the negotiated reading failed with `error`.
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
