//! Type-length-value lists (RFC 7854 §4.4). Initiation, Termination, Peer Up, Peer Down and Route Mirroring have one.

use core::fmt;

use crate::error::WireError;

/// One element of a TLV list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Type. The message decides which registry the type is from.
    pub tlv_type: u16,
    /// Value.
    pub value: &'a [u8],
    /// Offset of the element in the BMP message.
    pub offset: usize,
}

impl<'a> Tlv<'a> {
    /// The value as text.
    #[must_use]
    pub const fn text(&self) -> LossyText<'a> {
        LossyText(self.value)
    }
}

/// Iterates over a TLV list. An element that runs past the end of the message is one error, and ends the iteration.
#[derive(Debug, Clone)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Tlvs<'a> {
    /// Makes an iterator over `bytes`, which start at `offset` of the BMP message.
    #[must_use]
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    /// Finds the value of the first intact element of this type.
    pub(super) fn find_value(self, tlv_type: u16) -> Option<&'a [u8]> {
        self.map_while(Result::ok)
            .find(|tlv| tlv.tlv_type == tlv_type)
            .map(|tlv| tlv.value)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let available = self.rest.len();
        if available == 0 {
            return None;
        }
        let rest = core::mem::take(&mut self.rest);
        let Some((&[t0, t1, l0, l1], rest)) = rest.split_first_chunk() else {
            return Some(Err(WireError::truncated(offset, 4, available)));
        };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return Some(Err(WireError::truncated(offset + 4, length, rest.len())));
        };
        self.rest = rest;
        self.offset = offset + 4 + length;
        Some(Ok(Tlv {
            tlv_type: u16::from_be_bytes([t0, t1]),
            value,
            offset,
        }))
    }
}

/// Bytes that should be UTF-8. Printed with U+FFFD in place of other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossyText<'a>(pub &'a [u8]);

impl fmt::Display for LossyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_with_their_offsets() {
        let mut tlvs = Tlvs::new(&[0, 2, 0, 2, b'r', b'1', 0xff, 0, 0, 0], 6);
        let name = Tlv {
            tlv_type: 2,
            value: b"r1",
            offset: 6,
        };
        assert_eq!(tlvs.next(), Some(Ok(name)));
        let empty = Tlv {
            tlv_type: 0xff00,
            value: b"",
            offset: 12,
        };
        assert_eq!(tlvs.next(), Some(Ok(empty)));
        assert_eq!(tlvs.next(), None);
    }

    #[test]
    fn a_length_past_the_end_is_one_error() {
        let mut tlvs = Tlvs::new(&[0, 2, 0, 9, b'r', b'1'], 6);
        assert_eq!(tlvs.next(), Some(Err(WireError::truncated(10, 9, 2))));
        assert_eq!(tlvs.next(), None);

        let mut tlvs = Tlvs::new(&[0, 2, 0], 6);
        assert_eq!(tlvs.next(), Some(Err(WireError::truncated(6, 4, 3))));
        assert_eq!(tlvs.next(), None);
    }

    #[test]
    fn text_survives_what_is_not_utf8() {
        assert_eq!(LossyText(b"caf\xc3\xa9 \xff!").to_string(), "café \u{fffd}!");
    }
}
