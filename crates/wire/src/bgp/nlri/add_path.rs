//! Decides whether the NLRI of a field have path identifiers (RFC 7911).
//!
//! The negotiation decides, unless the bytes prove it wrong. Some senders negotiate Add-Path and then mirror their tables to
//! BMP without path identifiers. A field with prefixes that cannot be read as negotiated, but can be read exactly the other
//! way into likely routes, is read the other way. The caller counts that as a quirk. Everything else is malformed.

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
/// The field is malformed as negotiated, and the other reading is malformed or unlikely too.
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
        && is_likely(family, field, WITHOUT_PATH_IDS)
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
        Err(error) => contradicted(family, field, negotiated, hint_absent, error),
    }
}

/// Largest path identifier that is likely where none was negotiated: senders count from 1, or from 0.
const MOST_LIKELY_PATH_ID: u32 = (1 << 24) - 1;
/// Largest type of a route distinguisher (RFC 4364 §4.2).
const LAST_RD_TYPE: u16 = 2;

/// Whether this reading of a field, which has no error, is also likely. It never is for a family without prefixes: any bytes
/// are a key there, so a broken field would become routes that do not exist.
///
/// Some senders leave out path identifiers only in some messages. Most path identifiers are small numbers. Without path
/// identifiers, their zero octets would read as several default routes, or the following octets as a prefix with bits set
/// behind its length.
#[cold]
fn is_likely(family: AfiSafi, field: &[u8], add_path: bool) -> bool {
    let mut default_routes = 0;
    for nlri in iter(family, field, add_path).flatten() {
        let Route::Prefix {
            rd, length, prefix, ..
        } = nlri.route
        else {
            return false;
        };
        if nlri.path_id.is_some_and(|id| id > MOST_LIKELY_PATH_ID) {
            return false;
        }
        match rd {
            Some([high, low, ..]) if u16::from_be_bytes([high, low]) > LAST_RD_TYPE => return false,
            None if nlri.path_id.is_none() && length == 0 => default_routes += 1,
            _ => {}
        }
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

/// Reads a field the other way after the negotiated reading failed with `error`. A peer that left out path identifiers before
/// may have done so again, however unlikely its prefixes are.
#[cold]
fn contradicted(
    family: AfiSafi,
    field: &[u8],
    negotiated: bool,
    hint_absent: bool,
    error: WireError,
) -> Result<PathIdDecision, WireError> {
    match count(family, field, !negotiated) {
        Ok(routes) if (negotiated && hint_absent) || is_likely(family, field, !negotiated) => {
            Ok(PathIdDecision {
                add_path: !negotiated,
                contradiction: true,
                routes,
            })
        }
        _ => Err(error),
    }
}
