//! AS_PATH and AS4_PATH (RFC 4271 §4.3, RFC 5065 §3, RFC 6793): segments of AS numbers of two or four octets.

use crate::bgp::session_context::AsWidth;

/// The kind of a path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SegmentKind {
    /// Unordered set (RFC 4271).
    AsSet = 1,
    /// Ordered sequence (RFC 4271).
    AsSequence = 2,
    /// Ordered sequence within a confederation (RFC 5065).
    ConfedSequence = 3,
    /// Unordered set within a confederation (RFC 5065).
    ConfedSet = 4,
}

impl SegmentKind {
    /// Converts a number to its kind; `None` for an unknown number.
    #[inline]
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::AsSet,
            2 => Self::AsSequence,
            3 => Self::ConfedSequence,
            4 => Self::ConfedSet,
            _ => return None,
        })
    }

    /// Name of the kind in JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsSet => "AS_SET",
            Self::AsSequence => "AS_SEQUENCE",
            Self::ConfedSequence => "AS_CONFED_SEQUENCE",
            Self::ConfedSet => "AS_CONFED_SET",
        }
    }

    /// Whether the segment belongs to a confederation. Such a segment does not count in a path's length (RFC 5065 §5.3).
    #[inline]
    #[must_use]
    pub const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

/// Whether the bytes are exactly a sequence of non-empty segments of known kinds (RFC 7606 §7.2).
#[inline]
#[must_use]
pub fn as_path_is_well_formed(bytes: &[u8], width: AsWidth) -> bool {
    if let Some([_, ..]) = (AsPath { bytes, width }).as_plain_sequence() {
        return true;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let [1..=4, count @ 1..=255, after @ ..] = rest else {
            return false;
        };
        match after.get(usize::from(*count) * width.octets()..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// A well-formed AS path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsPath<'a> {
    bytes: &'a [u8],
    width: AsWidth,
}

impl<'a> AsPath<'a> {
    /// Makes a path of these bytes; `None` if they are malformed.
    #[inline]
    #[must_use]
    pub fn new_checked(bytes: &'a [u8], width: AsWidth) -> Option<Self> {
        as_path_is_well_formed(bytes, width).then_some(Self { bytes, width })
    }

    /// The path without segments, as in a route that an internal peer originates.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            bytes: &[],
            width: AsWidth::Four,
        }
    }

    /// Value of the attribute as on the wire.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Size of the AS numbers of the path.
    #[inline]
    #[must_use]
    pub const fn width(&self) -> AsWidth {
        self.width
    }

    /// The AS numbers in big-endian order, if the path is one AS_SEQUENCE of 4-octet numbers. Nearly every path is.
    #[inline]
    #[must_use]
    pub fn as_plain_sequence(&self) -> Option<&'a [[u8; 4]]> {
        match self.bytes {
            [kind, count, asns @ ..]
                if *kind == SegmentKind::AsSequence as u8
                    && self.width == AsWidth::Four
                    && asns.len() == 4 * usize::from(*count) =>
            {
                Some(asns.as_chunks().0)
            }
            _ => None,
        }
    }

    /// Whether the path has no segment.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Iterates over the segments in order.
    #[inline]
    #[must_use]
    pub const fn segments(&self) -> Segments<'a> {
        Segments {
            rest: self.bytes,
            width: self.width,
        }
    }

    /// Iterates over the AS numbers of all segments in order.
    #[inline]
    pub fn flat_asns(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// Whether the path contains AS 0, which RFC 7607 forbids.
    #[inline]
    pub(super) fn has_as_zero(&self) -> bool {
        if let Some(asns) = self.as_plain_sequence() {
            return contains_zero(asns);
        }
        self.segments().any(|segment| match segment.width {
            AsWidth::Four => segment.bytes.as_chunks::<4>().0.contains(&[0; 4]),
            AsWidth::Two => segment.bytes.as_chunks::<2>().0.contains(&[0; 2]),
        })
    }

    /// Whether all segments are AS_SEQUENCE, so that [`flat_asns`](Self::flat_asns) is the whole path.
    ///
    /// A path of more than 255 AS numbers needs several segments, which still are one sequence.
    #[inline]
    #[must_use]
    pub fn is_single_sequence(&self) -> bool {
        self.segments()
            .all(|segment| segment.kind == SegmentKind::AsSequence)
    }

    /// The AS that originated the route: the last AS number of a path that ends in an AS_SEQUENCE.
    #[inline]
    #[must_use]
    pub fn origin_as(&self) -> Option<u32> {
        origin_as(self.segments())
    }

    /// Length of the path in route selection: an AS_SET counts as one, and a confederation segment does not count (RFC 4271
    /// §9.1.2.2, RFC 5065 §5.3).
    #[must_use]
    pub fn selection_length(&self) -> usize {
        self.segments().map(|segment| segment.weight()).sum()
    }
}

/// Whether one of these numbers is 0.
///
/// Up to eight numbers are checked without a branch per number; nearly all paths are that short. The processor cannot
/// predict how long a path is, and a wrong prediction costs more than eight checks.
#[inline]
fn contains_zero(asns: &[[u8; 4]]) -> bool {
    /// The lowest and the highest bit of each half of a word.
    const LOWEST: u64 = 0x0000_0001_0000_0001;
    const HIGHEST: u64 = 0x8000_0000_8000_0000;
    let count = asns.len();
    if !(2..=8).contains(&count) {
        return asns.contains(&[0; 4]);
    }
    // Two numbers at a time. If 1 is subtracted from each half of a word, the highest bit becomes set only in a half that is
    // zero, or beside one.
    let borrows = |place: usize| {
        let place = place.min(count - 2);
        let pair = asns.get(place..place + 2).map_or(&[][..], <[_]>::as_flattened);
        let word = pair.try_into().map_or(u64::MAX, u64::from_ne_bytes);
        word.wrapping_sub(LOWEST) & !word
    };
    (borrows(0) | borrows(2) | borrows(4) | borrows(6)) & HIGHEST != 0
}

/// The last AS number of a path that ends in an AS_SEQUENCE.
pub(super) fn origin_as<'a>(segments: impl Iterator<Item = Segment<'a>>) -> Option<u32> {
    let last = segments.last()?;
    match last.kind {
        SegmentKind::AsSequence => last.asns().next_back(),
        _ => None,
    }
}

/// One path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Kind of the segment.
    pub kind: SegmentKind,
    bytes: &'a [u8],
    width: AsWidth,
}

impl<'a> Segment<'a> {
    /// Iterates over the AS numbers of the segment.
    #[inline]
    #[must_use]
    pub const fn asns(&self) -> Asns<'a> {
        Asns {
            rest: self.bytes,
            width: self.width,
        }
    }

    /// Number of AS numbers.
    #[inline]
    #[must_use]
    pub const fn count(&self) -> usize {
        self.bytes.len() / self.width.octets()
    }

    /// What the segment adds to the length of a path in route selection.
    pub(super) const fn weight(&self) -> usize {
        match self.kind {
            SegmentKind::AsSequence => self.count(),
            SegmentKind::AsSet => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }

    /// The first `count` AS numbers of the segment.
    pub(super) fn first(mut self, count: usize) -> Self {
        self.bytes = self
            .bytes
            .get(..count * self.width.octets())
            .unwrap_or(self.bytes);
        self
    }
}

/// Iterates over the segments of a path.
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    pub(super) rest: &'a [u8],
    width: AsWidth,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let [kind, count, after @ ..] = self.rest else {
            return None;
        };
        let kind = SegmentKind::from_code(*kind)?;
        let (bytes, rest) = after.split_at_checked(usize::from(*count) * self.width.octets())?;
        self.rest = rest;
        Some(Segment {
            kind,
            bytes,
            width: self.width,
        })
    }
}

impl core::iter::FusedIterator for Segments<'_> {}

/// Iterates over the AS numbers of a segment.
#[derive(Debug, Clone)]
pub struct Asns<'a> {
    rest: &'a [u8],
    width: AsWidth,
}

impl Iterator for Asns<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self.width {
            AsWidth::Four => {
                let (asn, rest) = self.rest.split_first_chunk::<4>()?;
                self.rest = rest;
                Some(u32::from_be_bytes(*asn))
            }
            AsWidth::Two => {
                let (asn, rest) = self.rest.split_first_chunk::<2>()?;
                self.rest = rest;
                Some(u32::from(u16::from_be_bytes(*asn)))
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len() / self.width.octets();
        (count, Some(count))
    }
}

impl DoubleEndedIterator for Asns<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<u32> {
        match self.width {
            AsWidth::Four => {
                let (rest, asn) = self.rest.split_last_chunk::<4>()?;
                self.rest = rest;
                Some(u32::from_be_bytes(*asn))
            }
            AsWidth::Two => {
                let (rest, asn) = self.rest.split_last_chunk::<2>()?;
                self.rest = rest;
                Some(u32::from(u16::from_be_bytes(*asn)))
            }
        }
    }
}

impl ExactSizeIterator for Asns<'_> {}
impl core::iter::FusedIterator for Asns<'_> {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::test_paths::{decode, encode};
    use super::SegmentKind::{AsSequence, AsSet, ConfedSequence, ConfedSet};
    use super::*;
    use AsWidth::{Four, Two};

    #[test]
    fn segments_of_both_widths() {
        let segments: &[(SegmentKind, &[u32])] = &[
            (ConfedSequence, &[64512]),
            (AsSequence, &[1, 2, 65535]),
            (AsSet, &[7, 8]),
            (ConfedSet, &[9]),
        ];
        for width in [Two, Four] {
            let bytes = encode(segments, width);
            let path = AsPath::new_checked(&bytes, width).unwrap();
            let expected: Vec<_> = segments.iter().map(|(k, a)| (*k, a.to_vec())).collect();
            assert_eq!(decode(path.segments()), expected);
            let flat: Vec<_> = path.flat_asns().collect();
            assert_eq!(flat, [64512, 1, 2, 65535, 7, 8, 9]);
            assert_eq!(path.selection_length(), 4);
            assert!(!path.is_single_sequence());
            assert_eq!(path.origin_as(), None);
        }
    }

    #[test]
    fn a_long_path_is_one_sequence() {
        let asns: Vec<u32> = (1..=300).collect();
        let bytes = encode(&[(AsSequence, &asns[..255]), (AsSequence, &asns[255..])], Four);
        let path = AsPath::new_checked(&bytes, Four).unwrap();
        assert!(path.is_single_sequence());
        assert!(path.flat_asns().eq(1..=300));
        assert_eq!(path.origin_as(), Some(300));
        assert!(AsPath::empty().is_single_sequence() && AsPath::empty().origin_as().is_none());
    }

    #[test]
    fn kinds_have_the_numbers_and_names_of_the_rfcs() {
        for (code, kind, name) in [
            (1, AsSet, "AS_SET"),
            (2, AsSequence, "AS_SEQUENCE"),
            (3, ConfedSequence, "AS_CONFED_SEQUENCE"),
            (4, ConfedSet, "AS_CONFED_SET"),
        ] {
            assert_eq!(SegmentKind::from_code(code), Some(kind));
            assert_eq!((kind as u8, kind.name()), (code, name));
        }
        assert_eq!(
            (SegmentKind::from_code(0), SegmentKind::from_code(5)),
            (None, None)
        );
    }
}
