//! Checks of attributes that are kept raw: whether their RFC calls them malformed.

use super::faults::Handling;
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

/// Type of the Prefix-SID TLV "SRv6 L3 Service" (RFC 9252 §2).
const SRV6_L3_SERVICE: u8 = 5;
/// Type of the Prefix-SID TLV "SRv6 L2 Service" (RFC 9252 §2).
const SRV6_L2_SERVICE: u8 = 6;
/// Type of the sub-TLV "SRv6 SID Information" (RFC 9252 §3.1).
const SRV6_SID_INFORMATION: u8 = 1;
/// Octets of the fixed fields of an SRv6 SID Information: reserved, SID, flags, behaviour, reserved.
const SID_INFORMATION_OCTETS: usize = 21;
/// Type of the sub-sub-TLV "SRv6 SID Structure" (RFC 9252 §3.2.1).
const SRV6_SID_STRUCTURE: u8 = 1;
/// Octets of an SRv6 SID Structure.
const SID_STRUCTURE_OCTETS: usize = 6;

/// Checks Prefix-SID (RFC 8669 §3): TLVs with type (1) and length (2). Returns what happens to the routes if it is malformed.
///
/// A malformed Prefix-SID is discarded (RFC 8669 §6). A malformed SRv6 Service TLV withdraws the routes (RFC 9252 §7), which
/// could not be forwarded without it.
pub(super) fn prefix_sid_fault(value: &[u8]) -> Option<Handling> {
    let mut fault = None;
    let framed = each_tlv(value, |tlv_type, value| {
        if matches!(tlv_type, SRV6_L3_SERVICE | SRV6_L2_SERVICE) && !srv6_service_is_well_formed(value) {
            fault = Some(Handling::TreatAsWithdraw);
        }
    });
    match framed && !value.is_empty() {
        true => fault,
        false => fault.max(Some(Handling::AttributeDiscard)),
    }
}

/// Checks an SRv6 Service TLV (RFC 9252 §2): a reserved octet, then sub-TLVs with type (1) and length (2).
fn srv6_service_is_well_formed(value: &[u8]) -> bool {
    let Some((_reserved, rest)) = value.split_first() else {
        return false;
    };
    let mut well_formed = true;
    let framed = each_tlv(rest, |sub_type, value| {
        if sub_type == SRV6_SID_INFORMATION {
            well_formed &= sid_information_is_well_formed(value);
        }
    });
    framed && well_formed
}

/// Checks an SRv6 SID Information (RFC 9252 §3.1): fixed fields, then sub-sub-TLVs with type (1) and length (2).
fn sid_information_is_well_formed(value: &[u8]) -> bool {
    let Some(rest) = value.get(SID_INFORMATION_OCTETS..) else {
        return false;
    };
    let mut well_formed = true;
    let framed = each_tlv(rest, |sub_type, value| {
        if sub_type == SRV6_SID_STRUCTURE {
            well_formed &= value.len() == SID_STRUCTURE_OCTETS;
        }
    });
    framed && well_formed
}

/// Visits TLVs with type (1) and length (2). Returns whether they fill `value` exactly.
fn each_tlv(value: &[u8], mut visit: impl FnMut(u8, &[u8])) -> bool {
    let mut rest = value;
    while let [tlv_type, high, low, ref tail @ ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((value, behind)) = tail.split_at_checked(length) else {
            return false;
        };
        visit(tlv_type, value);
        rest = behind;
    }
    rest.is_empty()
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
