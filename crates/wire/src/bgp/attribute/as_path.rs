//! AS_PATH and AS4_PATH (RFC 4271 §4.3, RFC 5065 §3, RFC 6793): segments of AS numbers, two or four octets each.

use crate::bgp::AsWidth;

/// Kind of a path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SegmentKind {
    /// Unordered (RFC 4271).
    AsSet = 1,
    /// Ordered (RFC 4271).
    AsSequence = 2,
    /// Ordered, within the confederation (RFC 5065).
    ConfedSequence = 3,
    /// Unordered, within the confederation (RFC 5065).
    ConfedSet = 4,
}

impl SegmentKind {
    /// The kind with this number.
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

    /// The name used in JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsSet => "AS_SET",
            Self::AsSequence => "AS_SEQUENCE",
            Self::ConfedSequence => "AS_CONFED_SEQUENCE",
            Self::ConfedSet => "AS_CONFED_SET",
        }
    }

    /// Whether the segment is of a confederation; such a one counts nothing in a path's length (RFC 5065 §5.3).
    #[inline]
    #[must_use]
    pub const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

const fn octets(width: AsWidth) -> usize {
    match width {
        AsWidth::Two => 2,
        AsWidth::Four => 4,
    }
}

/// Whether the bytes are exactly a sequence of segments of known kinds, none of them empty (RFC 7606 §7.2).
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
        match after.get(usize::from(*count) * octets(width)..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// A well-formed path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsPath<'a> {
    bytes: &'a [u8],
    width: AsWidth,
}

impl<'a> AsPath<'a> {
    /// The path in these bytes, if they are well-formed.
    #[inline]
    #[must_use]
    pub fn new_checked(bytes: &'a [u8], width: AsWidth) -> Option<Self> {
        as_path_is_well_formed(bytes, width).then_some(Self { bytes, width })
    }

    /// The path without a segment, as of a route that the peer itself originates in iBGP.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            bytes: &[],
            width: AsWidth::Four,
        }
    }

    /// The attribute's value as it is on the wire.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Octets of an AS number in it.
    #[inline]
    #[must_use]
    pub const fn width(&self) -> AsWidth {
        self.width
    }

    /// The AS numbers, big-endian, if the path is what nearly every one is: one AS_SEQUENCE of 4-octet numbers.
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

    /// Whether there is no segment.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The segments in order.
    #[inline]
    #[must_use]
    pub const fn segments(&self) -> Segments<'a> {
        Segments {
            rest: self.bytes,
            width: self.width,
        }
    }

    /// All AS numbers of all segments in order.
    #[inline]
    pub fn flat_asns(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// Whether AS 0 is in it, which may not be (RFC 7607).
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

    /// Whether [`flat_asns`](Self::flat_asns) says all: there is nothing but AS_SEQUENCE. (A path of more than 255
    /// AS numbers takes several segments, which are one sequence all the same.)
    #[inline]
    #[must_use]
    pub fn is_single_sequence(&self) -> bool {
        self.segments()
            .all(|segment| segment.kind == SegmentKind::AsSequence)
    }

    /// The AS that originated the route: the last of a path that ends in a sequence.
    #[inline]
    #[must_use]
    pub fn origin_as(&self) -> Option<u32> {
        origin_as(self.segments())
    }

    /// Length of the path as route selection counts it: a set is one, confederation segments are nothing
    /// (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    #[must_use]
    pub fn selection_length(&self) -> usize {
        self.segments().map(|segment| segment.weight()).sum()
    }
}

/// Whether 0 is among these numbers. Up to eight, as nearly all paths have, are looked at without a branch for each: how
/// many there are can't be guessed, and a wrong guess costs more than the looks.
#[inline]
fn contains_zero(asns: &[[u8; 4]]) -> bool {
    match asns.len() {
        0 => false,
        count @ 1..=8 => (0..8).fold(false, |zero, place: usize| {
            zero | (asns[place.min(count - 1)] == [0; 4])
        }),
        _ => asns.contains(&[0; 4]),
    }
}

fn origin_as<'a>(segments: impl Iterator<Item = Segment<'a>>) -> Option<u32> {
    let last = segments.last()?;
    match last.kind {
        SegmentKind::AsSequence => last.asns().next_back(),
        _ => None,
    }
}

/// One path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its kind.
    pub kind: SegmentKind,
    bytes: &'a [u8],
    width: AsWidth,
}

impl<'a> Segment<'a> {
    /// Its AS numbers.
    #[inline]
    #[must_use]
    pub const fn asns(&self) -> Asns<'a> {
        Asns {
            rest: self.bytes,
            width: self.width,
        }
    }

    /// How many AS numbers there are.
    #[inline]
    #[must_use]
    pub const fn count(&self) -> usize {
        self.bytes.len() / octets(self.width)
    }

    /// What the segment adds to the length of a path.
    const fn weight(&self) -> usize {
        match self.kind {
            SegmentKind::AsSequence => self.count(),
            SegmentKind::AsSet => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }

    fn first(mut self, count: usize) -> Self {
        self.bytes = self.bytes.get(..count * octets(self.width)).unwrap_or(self.bytes);
        self
    }
}

/// The segments of a path.
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    rest: &'a [u8],
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
        let (bytes, rest) = after.split_at_checked(usize::from(*count) * octets(self.width))?;
        self.rest = rest;
        Some(Segment {
            kind,
            bytes,
            width: self.width,
        })
    }
}

impl core::iter::FusedIterator for Segments<'_> {}

/// The AS numbers of a segment.
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
        let count = self.rest.len() / octets(self.width);
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

/// The path that counts: AS_PATH alone, or its leading part before AS4_PATH (RFC 6793 §4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveAsPath<'a> {
    head: AsPath<'a>,
    /// How much of `head` is taken, by its length in route selection.
    keep: usize,
    tail: AsPath<'a>,
}

impl<'a> EffectiveAsPath<'a> {
    /// AS_PATH alone.
    #[inline]
    #[must_use]
    pub const fn whole(path: AsPath<'a>) -> Self {
        Self {
            head: path,
            keep: usize::MAX,
            tail: AsPath::empty(),
        }
    }

    /// AS_PATH of an OLD speaker and the AS4_PATH that came with it. An AS4_PATH longer than AS_PATH is ignored.
    #[must_use]
    pub fn merged(path: AsPath<'a>, as4_path: AsPath<'a>) -> Self {
        // Confederation segments weigh nothing, so that those a speaker left in AS4_PATH are ignored here as below.
        match path.selection_length().checked_sub(as4_path.selection_length()) {
            Some(keep) => Self {
                head: path,
                keep,
                tail: as4_path,
            },
            None => Self::whole(path),
        }
    }

    /// Whether AS numbers were taken from AS4_PATH.
    #[inline]
    #[must_use]
    pub const fn is_merged(&self) -> bool {
        self.keep != usize::MAX
    }

    /// The segments in order.
    #[inline]
    #[must_use]
    pub const fn segments(&self) -> EffectiveSegments<'a> {
        EffectiveSegments {
            head: self.head.segments(),
            keep: self.keep,
            tail: self.tail.segments(),
        }
    }

    /// All AS numbers of all segments in order.
    #[inline]
    pub fn flat_asns(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// See [`AsPath::is_single_sequence`].
    #[inline]
    #[must_use]
    pub fn is_single_sequence(&self) -> bool {
        self.segments()
            .all(|segment| segment.kind == SegmentKind::AsSequence)
    }

    /// See [`AsPath::origin_as`].
    #[inline]
    #[must_use]
    pub fn origin_as(&self) -> Option<u32> {
        origin_as(self.segments())
    }
}

/// The segments of an [`EffectiveAsPath`].
#[derive(Debug, Clone)]
pub struct EffectiveSegments<'a> {
    head: Segments<'a>,
    keep: usize,
    tail: Segments<'a>,
}

impl<'a> Iterator for EffectiveSegments<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(segment) = self.head.next() {
            let weight = segment.weight();
            // Confederation segments at the start, or behind one that was taken, are taken as well: they weigh nothing.
            if weight <= self.keep {
                self.keep = match self.keep {
                    usize::MAX => usize::MAX,
                    keep => keep - weight,
                };
                return Some(segment);
            }
            let partial = (self.keep > 0).then(|| segment.first(self.keep));
            self.keep = 0;
            self.head.rest = &[];
            if partial.is_some() {
                return partial;
            }
        }
        self.tail.find(|segment| !segment.kind.is_confederation())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SegmentKind::{AsSequence, AsSet, ConfedSequence, ConfedSet};
    use super::*;
    use crate::bgp::AsWidth::{Four, Two};

    fn encode(segments: &[(SegmentKind, &[u32])], width: AsWidth) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, asns) in segments {
            bytes.extend([*kind as u8, asns.len() as u8]);
            for asn in *asns {
                bytes.extend(&asn.to_be_bytes()[4 - octets(width)..]);
            }
        }
        bytes
    }

    fn decode<'a>(segments: impl Iterator<Item = Segment<'a>>) -> Vec<(SegmentKind, Vec<u32>)> {
        segments
            .map(|segment| (segment.kind, segment.asns().collect()))
            .collect()
    }

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

    /// RFC 6793 §4.2.3: as many AS numbers of the leading part of AS_PATH as AS4_PATH lacks.
    #[test]
    fn as4_path_is_merged_behind_the_leading_part() {
        type Path<'a> = &'a [(SegmentKind, &'a [u32])];
        let cases: [(Path, Path, Path); 7] = [
            (
                &[(AsSequence, &[10, 20, 23456, 23456])],
                &[(AsSequence, &[70000, 80000])],
                &[(AsSequence, &[10, 20]), (AsSequence, &[70000, 80000])],
            ),
            // As long: AS4_PATH alone.
            (
                &[(AsSequence, &[23456])],
                &[(AsSequence, &[70000])],
                &[(AsSequence, &[70000])],
            ),
            // Shorter than AS4_PATH: AS_PATH alone.
            (
                &[(AsSequence, &[10])],
                &[(AsSequence, &[10, 70000])],
                &[(AsSequence, &[10])],
            ),
            // A set counts one, whole segments are taken whole.
            (
                &[(AsSequence, &[10]), (AsSet, &[1, 2, 3]), (AsSequence, &[23456])],
                &[(AsSequence, &[70000])],
                &[(AsSequence, &[10]), (AsSet, &[1, 2, 3]), (AsSequence, &[70000])],
            ),
            // Confederation segments that lead or touch what is taken stay.
            (
                &[
                    (ConfedSequence, &[64512]),
                    (AsSequence, &[10]),
                    (ConfedSet, &[5]),
                    (AsSequence, &[23456]),
                ],
                &[(AsSequence, &[70000])],
                &[
                    (ConfedSequence, &[64512]),
                    (AsSequence, &[10]),
                    (ConfedSet, &[5]),
                    (AsSequence, &[70000]),
                ],
            ),
            (
                &[(ConfedSequence, &[64512]), (AsSequence, &[23456])],
                &[(AsSequence, &[70000])],
                &[(ConfedSequence, &[64512]), (AsSequence, &[70000])],
            ),
            // Those in AS4_PATH are ignored.
            (
                &[(AsSequence, &[10, 23456])],
                &[(ConfedSequence, &[64512, 64513]), (AsSequence, &[70000])],
                &[(AsSequence, &[10]), (AsSequence, &[70000])],
            ),
        ];
        for (path, as4_path, expected) in cases {
            let (old, new) = (encode(path, Two), encode(as4_path, Four));
            let merged = EffectiveAsPath::merged(
                AsPath::new_checked(&old, Two).unwrap(),
                AsPath::new_checked(&new, Four).unwrap(),
            );
            let expected: Vec<_> = expected.iter().map(|(k, a)| (*k, a.to_vec())).collect();
            assert_eq!(decode(merged.segments()), expected, "{path:?} {as4_path:?}");
        }
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
