//! Path attributes as they are on the wire (RFC 4271 §4.3): flags, type code, value.

use crate::WireError;

/// Attribute Flags: optional (1) or well-known (0).
pub const FLAG_OPTIONAL: u8 = 0x80;
/// Attribute Flags: transitive.
pub const FLAG_TRANSITIVE: u8 = 0x40;
/// Attribute Flags: some speaker on the way did not know the attribute.
pub const FLAG_PARTIAL: u8 = 0x20;
/// Attribute Flags: the length field has two octets.
pub const FLAG_EXTENDED_LENGTH: u8 = 0x10;

/// One attribute, its value not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Attribute Flags.
    pub flags: u8,
    /// Attribute Type Code.
    pub type_code: u8,
    /// The value.
    pub value: &'a [u8],
    /// Where the attribute (its flags) starts in the field.
    pub offset: usize,
}

impl RawAttribute<'_> {
    /// Where the value starts in the field.
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

/// All attributes of a Path Attributes field, in order, duplicates too. Ends after the first error.
#[inline]
#[must_use]
pub const fn raw_attributes(field: &[u8]) -> RawAttributes<'_> {
    RawAttributes {
        rest: field,
        field_octets: field.len(),
    }
}

/// See [`raw_attributes`].
#[derive(Debug, Clone)]
pub struct RawAttributes<'a> {
    /// What was not walked over yet.
    rest: &'a [u8],
    field_octets: usize,
}

impl RawAttributes<'_> {
    /// Where the attribute that comes next starts in the field.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.field_octets - self.rest.len()
    }

    /// The end of the walk: `needed` octets should stand `header` octets behind the start of the attribute.
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

/// A set of attribute type codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeSet([u64; 4]);

impl TypeSet {
    pub(super) const EMPTY: Self = Self([0; 4]);

    /// The set of these codes.
    pub(super) const fn of(codes: &[u8]) -> Self {
        let mut words = [0; 4];
        let mut i = 0;
        while i < codes.len() {
            words[(codes[i] >> 6) as usize] |= 1 << (codes[i] & 63);
            i += 1;
        }
        Self(words)
    }

    #[inline]
    pub(super) const fn contains(&self, code: u8) -> bool {
        self.0[(code >> 6) as usize] >> (code & 63) & 1 == 1
    }

    /// Adds the code; `false` when it was there.
    #[inline]
    pub(super) const fn insert(&mut self, code: u8) -> bool {
        let word = &mut self.0[(code >> 6) as usize];
        let bit = 1 << (code & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// The attributes that no typed field holds and no fault discarded; of duplicates the first (RFC 7606 §3 g).
#[derive(Debug, Clone)]
pub struct UnknownAttributes<'a> {
    pub(super) walk: RawAttributes<'a>,
    /// Codes that are typed, discarded, or came already.
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
