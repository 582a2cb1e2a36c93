//! The AS path of a route after AS4_PATH is merged into AS_PATH (RFC 6793 §4.2.3).

use super::as_path::{AsPath, Segment, SegmentKind, Segments, origin_as};

/// The AS path of a route: AS_PATH alone, or the leading part of AS_PATH in front of AS4_PATH (RFC 6793 §4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveAsPath<'a> {
    head: AsPath<'a>,
    /// How much of `head` is used, in the unit of [`AsPath::selection_length`].
    keep: usize,
    tail: AsPath<'a>,
}

impl<'a> EffectiveAsPath<'a> {
    /// Makes the path of AS_PATH alone.
    #[inline]
    #[must_use]
    pub const fn whole(path: AsPath<'a>) -> Self {
        Self {
            head: path,
            keep: usize::MAX,
            tail: AsPath::empty(),
        }
    }

    /// Merges the AS_PATH of an OLD speaker with its AS4_PATH. An AS4_PATH that is longer than AS_PATH is ignored.
    #[must_use]
    pub fn merged(path: AsPath<'a>, as4_path: AsPath<'a>) -> Self {
        // Confederation segments have no weight. Therefore such segments in AS4_PATH are ignored here, as in the iterator.
        match path.selection_length().checked_sub(as4_path.selection_length()) {
            Some(keep) => Self {
                head: path,
                keep,
                tail: as4_path,
            },
            None => Self::whole(path),
        }
    }

    /// Whether the path has AS numbers of AS4_PATH.
    #[inline]
    #[must_use]
    pub const fn is_merged(&self) -> bool {
        self.keep != usize::MAX
    }

    /// Iterates over the segments in order.
    #[inline]
    #[must_use]
    pub const fn segments(&self) -> EffectiveSegments<'a> {
        EffectiveSegments {
            head: self.head.segments(),
            keep: self.keep,
            tail: self.tail.segments(),
        }
    }

    /// Iterates over the AS numbers of all segments in order.
    #[inline]
    pub fn flat_asns(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// Whether all segments are AS_SEQUENCE; see [`AsPath::is_single_sequence`].
    #[inline]
    #[must_use]
    pub fn is_single_sequence(&self) -> bool {
        self.segments()
            .all(|segment| segment.kind == SegmentKind::AsSequence)
    }

    /// The AS that originated the route; see [`AsPath::origin_as`].
    #[inline]
    #[must_use]
    pub fn origin_as(&self) -> Option<u32> {
        origin_as(self.segments())
    }
}

/// Iterates over the segments of an [`EffectiveAsPath`].
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
            // Confederation segments have no weight, so they are used at the start and behind any segment that is used.
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

    use super::super::test_paths::{decode, encode};
    use super::SegmentKind::{AsSequence, AsSet, ConfedSequence, ConfedSet};
    use super::*;
    use crate::bgp::session_context::AsWidth::{Four, Two};

    /// RFC 6793 §4.2.3: AS_PATH contributes as many leading AS numbers as AS4_PATH lacks.
    #[test]
    fn as4_path_is_merged_behind_the_leading_part() {
        type Path<'a> = &'a [(SegmentKind, &'a [u32])];
        let cases: [(Path, Path, Path); 7] = [
            (
                &[(AsSequence, &[10, 20, 23456, 23456])],
                &[(AsSequence, &[70000, 80000])],
                &[(AsSequence, &[10, 20]), (AsSequence, &[70000, 80000])],
            ),
            // Equal length: AS4_PATH alone.
            (
                &[(AsSequence, &[23456])],
                &[(AsSequence, &[70000])],
                &[(AsSequence, &[70000])],
            ),
            // AS_PATH is shorter: AS_PATH alone.
            (
                &[(AsSequence, &[10])],
                &[(AsSequence, &[10, 70000])],
                &[(AsSequence, &[10])],
            ),
            // A set counts as one and is used whole.
            (
                &[(AsSequence, &[10]), (AsSet, &[1, 2, 3]), (AsSequence, &[23456])],
                &[(AsSequence, &[70000])],
                &[(AsSequence, &[10]), (AsSet, &[1, 2, 3]), (AsSequence, &[70000])],
            ),
            // Confederation segments at the start, or next to a used segment, stay.
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
            // Confederation segments in AS4_PATH are ignored.
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
}
