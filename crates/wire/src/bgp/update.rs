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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::iana::AfiSafi;

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
        assert_eq!(update.end_of_rib(), None);
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

    #[test]
    fn end_of_rib_is_an_update_that_says_nothing() {
        let of = |body: &[u8]| Update::new_checked(body).unwrap().end_of_rib();
        assert_eq!(of(&[0, 0, 0, 0]), Some(AfiSafi::IPV4_UNICAST));
        let marker = [0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1];
        assert_eq!(of(&marker), Some(AfiSafi::IPV6_UNICAST));
        let extended = [0, 0, 0, 7, 0x90, 15, 0, 3, 0x40, 4, 71];
        assert_eq!(of(&extended), Some(AfiSafi::BGP_LS));
        for more in [
            &[0, 1, 0, 0, 0][..],
            &[0, 0, 0, 0, 0],
            &[0, 0, 0, 7, 0x80, 15, 4, 0, 2, 1, 0],
            &[0, 0, 0, 6, 0x80, 14, 3, 0, 2, 1],
            &[0, 0, 0, 10, 0x80, 15, 3, 0, 2, 1, 0x40, 1, 1, 0],
            &[0, 0, 0, 6, 0x80, 15, 2, 0, 2, 1],
        ] {
            assert_eq!(of(more), None, "{more:?}");
        }
    }
}
