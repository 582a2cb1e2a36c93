//! Path attributes as on the wire (RFC 4271 §4.3): flags, type code, value.

use super::type_set::TypeSet;
use crate::error::WireError;

/// Attribute flag: the attribute is optional, not well-known.
pub const FLAG_OPTIONAL: u8 = 0x80;
/// Attribute flag: the attribute is transitive.
pub const FLAG_TRANSITIVE: u8 = 0x40;
/// Attribute flag: some speaker on the way did not know the attribute (partial).
pub const FLAG_PARTIAL: u8 = 0x20;
/// Attribute flag: the length field has two octets.
pub const FLAG_EXTENDED_LENGTH: u8 = 0x10;

/// One attribute whose value is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Attribute Flags.
    pub flags: u8,
    /// Attribute Type Code.
    pub type_code: u8,
    /// Value.
    pub value: &'a [u8],
    /// Offset of the attribute's flags in the field.
    pub offset: usize,
}

impl RawAttribute<'_> {
    /// Offset of the value in the field.
    #[inline]
    #[must_use]
    pub const fn value_offset(&self) -> usize {
        if self.flags & FLAG_EXTENDED_LENGTH == 0 {
            self.offset + 3
        } else {
            self.offset + 4
        }
    }
}

/// Iterates over all attributes of a Path Attributes field in order, including duplicates. Ends after the first error.
#[inline]
#[must_use]
pub const fn raw_attributes(field: &[u8]) -> RawAttributes<'_> {
    RawAttributes {
        rest: field,
        field_octets: field.len(),
    }
}

/// The iterator that [`raw_attributes`] returns.
#[derive(Debug, Clone)]
pub struct RawAttributes<'a> {
    /// The part of the field that is still to be read.
    rest: &'a [u8],
    field_octets: usize,
}

impl RawAttributes<'_> {
    /// Offset of the next attribute in the field.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.field_octets - self.rest.len()
    }

    /// Ends the iteration: `needed` octets should follow at `header` octets behind the start of the attribute.
    #[cold]
    fn truncated(&mut self, header: usize, needed: usize) -> WireError {
        let offset = self.offset() + header;
        self.rest = &[];
        WireError::truncated(offset, needed, self.field_octets - offset)
    }
}

impl<'a> Iterator for RawAttributes<'a> {
    type Item = Result<RawAttribute<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (flags, type_code, length, header, tail) = match *self.rest {
            [flags, type_code, length, ref tail @ ..] if flags & FLAG_EXTENDED_LENGTH == 0 => {
                (flags, type_code, usize::from(length), 3, tail)
            }
            [flags, type_code, high, low, ref tail @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                (flags, type_code, length, 4, tail)
            }
            [] => return None,
            [flags, ..] => {
                let needed = if flags & FLAG_EXTENDED_LENGTH == 0 { 3 } else { 4 };
                return Some(Err(self.truncated(0, needed)));
            }
        };
        let Some((value, rest)) = tail.split_at_checked(length) else {
            return Some(Err(self.truncated(header, length)));
        };
        let offset = self.offset();
        self.rest = rest;
        Some(Ok(RawAttribute {
            flags,
            type_code,
            value,
            offset,
        }))
    }
}

impl core::iter::FusedIterator for RawAttributes<'_> {}

/// Iterates over attributes that have no typed field and that no fault discarded. Of duplicates, only the first counts
/// (RFC 7606 §3 g).
#[derive(Debug, Clone)]
pub struct UnknownAttributes<'a> {
    pub(super) walk: RawAttributes<'a>,
    /// Codes that have a typed field, were discarded, or came already.
    pub(super) skip: TypeSet,
}

impl<'a> Iterator for UnknownAttributes<'a> {
    type Item = RawAttribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let attribute = self.walk.next()?.ok()?;
            if self.skip.insert(attribute.type_code) {
                return Some(attribute);
            }
        }
    }
}
