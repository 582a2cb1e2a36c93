//! A set of numbers that are mostly neighbours, as the ranges in which they lie.

use std::collections::BTreeMap;

/// The set; ranges begin at the key and end with the value, both included.
#[derive(Debug, Clone, Default)]
pub struct Intervals {
    ranges: BTreeMap<u64, u64>,
}

impl Intervals {
    /// Puts a number in; false if it was there.
    pub fn insert(&mut self, number: u64) -> bool {
        let below = self.ranges.range(..=number).next_back();
        let below = below.map(|(first, last)| (*first, *last));
        if below.is_some_and(|(_, last)| number <= last) {
            return false;
        }
        let above = number.checked_add(1).and_then(|next| self.ranges.remove(&next));
        let end = above.unwrap_or(number);
        let begin = below
            .filter(|(_, last)| last + 1 == number)
            .map_or(number, |(first, _)| first);
        self.ranges.insert(begin, end);
        true
    }

    /// How many numbers between the first and the last one are not in it.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        let next = self.ranges.iter().skip(1);
        let gaps = self.ranges.iter().zip(next);
        gaps.map(|((_, end), (begin, _))| begin - end - 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_it_once_whatever_their_order() {
        let mut set = Intervals::default();
        for number in [5, 3, 4, 9, u64::MAX, 0, 1, 8, 7, 6, 2] {
            assert!(set.insert(number));
        }
        assert_eq!(set.ranges, BTreeMap::from([(0, 9), (u64::MAX, u64::MAX)]));
        assert_eq!(set.gaps(), u64::MAX - 10);
        assert!((0..=9).all(|number| !set.insert(number)));
    }
}
