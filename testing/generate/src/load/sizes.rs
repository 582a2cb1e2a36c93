//! How many prefixes an UPDATE has.

use super::weighted::weighted;
use crate::random::Random;

/// The sizes of the 89,675 UPDATEs of a full table of 2015: the smallest and the largest size of a range, and how many of
/// 10,000 UPDATEs have a size in this range. The mean is 6.4.
const OF_A_FULL_TABLE: [((u32, u32), u32); 27] = [
    ((1, 1), 4958),
    ((2, 2), 1579),
    ((3, 3), 782),
    ((4, 4), 544),
    ((5, 5), 344),
    ((6, 6), 242),
    ((7, 7), 181),
    ((8, 8), 172),
    ((9, 9), 121),
    ((10, 10), 93),
    ((11, 11), 83),
    ((12, 12), 76),
    ((13, 13), 54),
    ((14, 16), 155),
    ((17, 20), 130),
    ((21, 30), 168),
    ((31, 40), 86),
    ((41, 50), 56),
    ((51, 75), 69),
    ((76, 100), 29),
    ((101, 150), 29),
    ((151, 200), 15),
    ((201, 300), 12),
    ((301, 400), 6),
    ((401, 600), 7),
    ((601, 800), 3),
    ((801, 1022), 4),
];

/// The sizes of UPDATEs in incremental updates, such as RIPE RIS receives them: seven of ten have a single prefix. The mean
/// is 2.3.
const OF_INCREMENTAL_UPDATES: [((u32, u32), u32); 6] = [
    ((1, 1), 7100),
    ((2, 2), 1300),
    ((3, 4), 800),
    ((5, 9), 500),
    ((10, 19), 200),
    ((20, 40), 100),
];

/// The sizes of the UPDATEs of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sizes {
    /// As in a full table.
    FullTable,
    /// As in incremental updates.
    Incremental,
    /// Each UPDATE has this many prefixes.
    Fixed(u32),
}

impl Sizes {
    /// Returns the size of the next UPDATE.
    pub(super) fn next(self, random: &mut Random) -> usize {
        let ranges = match self {
            Self::FullTable => &OF_A_FULL_TABLE[..],
            Self::Incremental => &OF_INCREMENTAL_UPDATES[..],
            Self::Fixed(size) => return size.max(1) as usize,
        };
        let (least, most) = weighted(ranges, random).unwrap_or((1, 1));
        (least + random.below(most - least + 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(sizes: Sizes) -> f64 {
        let mut random = Random::new(1);
        let all: usize = (0..200_000).map(|_| sizes.next(&mut random)).sum();
        all as f64 / 200_000.0
    }

    #[test]
    fn the_means_are_those_that_were_measured() {
        let full = mean(Sizes::FullTable);
        assert!((6.2..6.8).contains(&full), "{full}");
        let incremental = mean(Sizes::Incremental);
        assert!((2.2..2.4).contains(&incremental), "{incremental}");
        assert_eq!(mean(Sizes::Fixed(10)), 10.0);
    }
}
