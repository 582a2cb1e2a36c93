//! NLRI that are kept as bytes: finds the end of an NLRI.

use super::shape::LengthField;
use crate::error::WireError;

/// Reads the length of the NLRI at the start of `body` in octets, type and length fields included.
#[inline]
pub(super) fn length(body: &[u8], length_field: LengthField) -> Result<usize, WireError> {
    let length = match (length_field, body) {
        (LengthField::TypeLength, [_, length, ..]) => 2 + usize::from(*length),
        (LengthField::LongTypeLength, [_, _, high, low, ..]) => 4 + long(*high, *low),
        (LengthField::ArchitectureTypeLength, [_, _, _, length, ..]) => 4 + usize::from(*length),
        (LengthField::LongLength, [high, low, ..]) => 2 + long(*high, *low),
        (LengthField::BitLength, [bits, ..]) => 1 + usize::from(*bits).div_ceil(8),
        (LengthField::FlowSpec, [high @ 0xf0..=0xff, low, ..]) => 2 + long(*high & 0x0f, *low),
        (LengthField::FlowSpec, [length @ 0..=0xef, ..]) => 1 + usize::from(*length),
        _ => {
            return Err(WireError::truncated(0, header(length_field), body.len()));
        }
    };
    if length > body.len() {
        return Err(WireError::truncated(0, length, body.len()));
    }
    Ok(length)
}

/// Length of the type and length fields in octets. For FlowSpec the longer form, since the shorter form is never truncated.
const fn header(length_field: LengthField) -> usize {
    match length_field {
        LengthField::TypeLength | LengthField::LongLength | LengthField::FlowSpec => 2,
        LengthField::LongTypeLength | LengthField::ArchitectureTypeLength => 4,
        LengthField::BitLength => 1,
    }
}

#[inline]
fn long(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high, low]))
}
