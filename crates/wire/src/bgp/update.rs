//! The UPDATE message (RFC 4271 §4.3): three fields and where they are.

use crate::WireError;

/// An UPDATE without its 19-octet header, its two length fields checked.
///
/// What is inside the fields is read by [`PathAttributes`](super::attribute::PathAttributes) and [`nlri`](super::nlri).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    nlri: &'a [u8],
}

impl<'a> Update<'a> {
    /// Checks that both length fields stay within the message (RFC 7606 §4: else its routes can't be located).
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

    /// The Withdrawn Routes field: IPv4 unicast.
    #[inline]
    #[must_use]
    pub const fn withdrawn(&self) -> &'a [u8] {
        self.withdrawn
    }

    /// The Path Attributes field.
    #[inline]
    #[must_use]
    pub const fn attributes(&self) -> &'a [u8] {
        self.attributes
    }

    /// The Network Layer Reachability Information field: IPv4 unicast.
    #[inline]
    #[must_use]
    pub const fn nlri(&self) -> &'a [u8] {
        self.nlri
    }

    /// Where the Withdrawn Routes field starts in the body.
    #[inline]
    #[must_use]
    pub const fn withdrawn_offset(&self) -> usize {
        2
    }

    /// Where the Path Attributes field starts in the body.
    #[inline]
    #[must_use]
    pub const fn attributes_offset(&self) -> usize {
        4 + self.withdrawn.len()
    }

    /// Where the NLRI field starts in the body.
    #[inline]
    #[must_use]
    pub const fn nlri_offset(&self) -> usize {
        self.attributes_offset() + self.attributes.len()
    }
}

/// The field behind the two-octet length at the start of `bytes`, and the rest.
#[inline]
fn sized(bytes: &[u8], offset: usize) -> Result<(&[u8], &[u8]), WireError> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return Err(WireError::truncated(offset, 2, bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes(*length));
    rest.split_at_checked(length)
        .ok_or(WireError::truncated(offset + 2, length, rest.len()))
}
