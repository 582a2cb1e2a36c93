//! NLRI that are kept as bytes: finds the end of an NLRI.

use super::shape::Framing;
use crate::error::WireError;

/// Reads the length of the NLRI at the start of `body` in octets, type and length fields included.
#[inline]
pub(super) fn length(body: &[u8], framing: Framing) -> Result<usize, WireError> {
    let length = match (framing, body) {
        (Framing::TypeLength, [_, length, ..]) => 2 + usize::from(*length),
        (Framing::LongTypeLength, [_, _, high, low, ..]) => 4 + long(*high, *low),
        (Framing::ArchitectureTypeLength, [_, _, _, length, ..]) => 4 + usize::from(*length),
        (Framing::LongLength, [high, low, ..]) => 2 + long(*high, *low),
        (Framing::BitLength, [bits, ..]) => 1 + usize::from(*bits).div_ceil(8),
        (Framing::FlowSpec, [high @ 0xf0..=0xff, low, ..]) => 2 + long(*high & 0x0f, *low),
        (Framing::FlowSpec, [length @ 0..=0xef, ..]) => 1 + usize::from(*length),
        _ => {
            return Err(WireError::truncated(0, header(framing), body.len()));
        }
    };
    if length > body.len() {
        return Err(WireError::truncated(0, length, body.len()));
    }
    Ok(length)
}

/// Length of the type and length fields in octets. For FlowSpec the longer form, since the shorter form is never truncated.
const fn header(framing: Framing) -> usize {
    match framing {
        Framing::TypeLength | Framing::LongLength | Framing::FlowSpec => 2,
        Framing::LongTypeLength | Framing::ArchitectureTypeLength => 4,
        Framing::BitLength => 1,
    }
}

#[inline]
fn long(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high, low]))
}
