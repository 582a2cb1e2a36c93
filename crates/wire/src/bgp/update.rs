//! UPDATE (RFC 4271 §4.3): three fields and their offsets.

use crate::error::WireError;

/// An UPDATE without its 19-octet header. Its two length fields are checked.
///
/// [`PathAttributes`](super::attribute::PathAttributes) and [`nlri`](super::nlri) read the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    nlri: &'a [u8],
}

impl<'a> Update<'a> {
    /// Splits an UPDATE into its fields.
    ///
    /// # Errors
    /// A length field points past the end of the message: its routes cannot be located (RFC 7606 §4).
    #[inline]
    pub fn new_checked(body: &'a [u8]) -> Result<Self, WireError> {
        let (withdrawn, rest) = sized(body, 0)?;
        let (attributes, nlri) = sized(rest, 2 + withdrawn.len())?;
        Ok(Self {
            withdrawn,
            attributes,
            nlri,
        })
    }

    /// Withdrawn Routes field (IPv4 unicast).
    #[inline]
    #[must_use]
    pub const fn withdrawn(&self) -> &'a [u8] {
        self.withdrawn
    }

    /// Path Attributes field.
    #[inline]
    #[must_use]
    pub const fn attributes(&self) -> &'a [u8] {
        self.attributes
    }

    /// Network Layer Reachability Information field (IPv4 unicast).
    #[inline]
    #[must_use]
    pub const fn nlri(&self) -> &'a [u8] {
        self.nlri
    }

    /// Offset of the Withdrawn Routes field in the body.
    #[inline]
    #[must_use]
    pub const fn withdrawn_offset(&self) -> usize {
        2
    }

    /// Offset of the Path Attributes field in the body.
    #[inline]
    #[must_use]
    pub const fn attributes_offset(&self) -> usize {
        4 + self.withdrawn.len()
    }

    /// Offset of the NLRI field in the body.
    #[inline]
    #[must_use]
    pub const fn nlri_offset(&self) -> usize {
        self.attributes_offset() + self.attributes.len()
    }
}

/// Splits `bytes` into the field behind a two-octet length, and the rest.
#[inline]
fn sized(bytes: &[u8], offset: usize) -> Result<(&[u8], &[u8]), WireError> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return Err(WireError::truncated(offset, 2, bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes(*length));
    rest.split_at_checked(length)
        .ok_or(WireError::truncated(offset + 2, length, rest.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ATTRIBUTES: [u8; 4] = [0x40, 1, 1, 0];

    #[test]
    fn fields_and_their_offsets() {
        let body = [0, 3, 16, 10, 1, 0, 4, 0x40, 1, 1, 0, 24, 192, 0, 2, 8, 11];
        let update = Update::new_checked(&body).unwrap();
        assert_eq!(update.withdrawn(), [16, 10, 1]);
        assert_eq!(update.attributes(), ATTRIBUTES);
        assert_eq!(update.nlri(), [24, 192, 0, 2, 8, 11]);
        assert_eq!(body[update.withdrawn_offset()..][..3], [16, 10, 1]);
        assert_eq!(body[update.attributes_offset()..][..4], ATTRIBUTES);
        assert_eq!(body[update.nlri_offset()..], [24, 192, 0, 2, 8, 11]);
    }

    #[test]
    fn lengths_stay_within_the_message() {
        for (body, offset) in [
            (&[][..], 0),
            (&[0], 0),
            (&[0, 1], 2),
            (&[0, 0], 2),
            (&[0, 1, 0, 0], 3),
            (&[0, 0, 0, 1], 4),
            (&[0, 1, 0, 0, 2, 0], 5),
        ] {
            let error = Update::new_checked(body).unwrap_err();
            assert_eq!(error.offset, offset, "{body:?}");
        }
    }
}
