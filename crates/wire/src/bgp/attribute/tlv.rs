//! The framing of attributes that are kept raw: only as much is read as says whether they are malformed.

use super::raw_attributes;

/// Takes a TLV off the front whose header has `header` octets, of which the last two are the length; `true` where it fits.
fn skip(rest: &mut &[u8], header: usize, length: usize) -> bool {
    match rest.get(header + length..) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// AIGP (RFC 7311 §3): TLVs whose length counts their header; that of type 1 has eleven octets.
pub(super) fn aigp_is_well_formed(value: &[u8]) -> bool {
    let mut rest = value;
    while let [kind, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 3 || (kind == 1 && length != 11) || !skip(&mut rest, 0, length) {
            return false;
        }
    }
    rest.is_empty() && !value.is_empty()
}

/// Prefix-SID (RFC 8669 §3): type (1), length (2).
pub(super) fn prefix_sid_is_well_formed(value: &[u8]) -> bool {
    let mut rest = value;
    while let [_, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !skip(&mut rest, 3, length) {
            return false;
        }
    }
    rest.is_empty() && !value.is_empty()
}

/// BGP-LS (RFC 9552 §5.1): type (2), length (2).
pub(super) fn bgp_ls_is_well_formed(value: &[u8]) -> bool {
    let mut rest = value;
    while let [_, _, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !skip(&mut rest, 4, length) {
            return false;
        }
    }
    rest.is_empty() && !value.is_empty()
}

/// ATTR_SET (RFC 6368 §5): the origin AS, then path attributes.
pub(super) fn attr_set_is_well_formed(value: &[u8]) -> bool {
    value
        .get(4..)
        .is_some_and(|inner| raw_attributes(inner).all(|attribute| attribute.is_ok()))
}
