//! Prefixes behind labels and a route distinguisher (RFC 8277 §2, RFC 4364 §4.3.4). One length field counts all bits.

use super::prefix::{PrefixBits, octets_for};
use super::route::Route;
use crate::error::WireError;

/// Length of a label in octets.
const LABEL_OCTETS: usize = 3;
/// Length of a route distinguisher in octets.
const RD_OCTETS: usize = 8;

/// Reads the route at the start of `body`. Returns the route and its length in octets.
#[inline]
pub(super) fn read(
    body: &[u8],
    rd: bool,
    labelled: bool,
    max_bits: u8,
) -> Result<(Route<'_>, usize), WireError> {
    let Some((&bits, after)) = body.split_first() else {
        return Err(WireError::truncated(0, 1, 0));
    };
    let octets = octets_for(bits);
    let Some(value) = after.get(..octets) else {
        return Err(WireError::truncated(1, octets, after.len()));
    };
    let mut length = usize::from(bits);
    let (labels, value) = if labelled {
        let end = label_stack(value)?;
        length = length.wrapping_sub(end * 8);
        value.split_at(end)
    } else {
        (&[][..], value)
    };
    let (rd, value) = if rd {
        let Some((rd, prefix)) = value.split_first_chunk::<RD_OCTETS>() else {
            return Err(WireError::invalid(0, "prefix length", u64::from(bits)));
        };
        length = length.wrapping_sub(RD_OCTETS * 8);
        (Some(*rd), prefix)
    } else {
        (None, value)
    };
    // If the length is too short for labels and route distinguisher, the subtraction wrapped around: too large as well.
    if length > usize::from(max_bits) {
        return Err(WireError::invalid(0, "prefix length", u64::from(bits)));
    }
    let length = length as u8;
    let route = Route::Prefix {
        rd,
        labels,
        length,
        prefix: PrefixBits::new(value, length, max_bits),
    };
    Ok((route, 1 + octets))
}

/// Length of the label stack at the start of `value` in octets.
///
/// The label with the bottom-of-stack bit ends the stack. The values that stand for "no label" in a withdrawal, 0x800000
/// (RFC 8277 §2.4) and 0x000000, end the stack as well.
#[inline]
fn label_stack(value: &[u8]) -> Result<usize, WireError> {
    let mut end = 0;
    for label in value.as_chunks::<LABEL_OCTETS>().0 {
        end += LABEL_OCTETS;
        if label[2] & 1 == 1 || *label == [0x80, 0, 0] || *label == [0, 0, 0] {
            return Ok(end);
        }
    }
    Err(WireError::truncated(1 + end, LABEL_OCTETS, value.len() - end))
}
