//! Checks of attributes that are kept raw: whether their RFC calls them malformed.

use super::raw::raw_attributes;

/// Skips a TLV of `header` octets and a value of `length` octets. Returns `false` if the TLV does not fit.
fn skip(rest: &mut &[u8], header: usize, length: usize) -> bool {
    match rest.get(header + length..) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// Checks AIGP (RFC 7311 §3): TLVs with type (1) and length (2), which counts the whole TLV. Type 1 has eleven octets.
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

/// Checks Prefix-SID (RFC 8669 §3): TLVs with type (1) and length (2).
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

/// Checks BGP-LS (RFC 9552 §5.1): TLVs with type (2) and length (2).
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

/// Checks ATTR_SET (RFC 6368 §5): the origin AS, then path attributes.
pub(super) fn attr_set_is_well_formed(value: &[u8]) -> bool {
    value
        .get(4..)
        .is_some_and(|inner| raw_attributes(inner).all(|attribute| attribute.is_ok()))
}
