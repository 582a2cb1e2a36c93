//! The set of a router's sequences that were seen: mostly neighbours, kept as ranges.

use std::collections::BTreeMap;

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
}

/// The set.
#[derive(Debug, Clone, Default)]
pub struct Sequences {
    /// The highest range: nearly every number extends it.
    highest: Option<Range>,
    /// The ranges below, last number by first number.
    below: BTreeMap<u64, u64>,
}

impl Sequences {
    /// Puts a number into the set. Returns false if it was there before.
    #[inline]
    pub fn insert(&mut self, number: u64) -> bool {
        let Some(highest) = &mut self.highest else {
            self.highest = Some(Range {
                first: number,
                last: number,
            });
            return true;
        };
        if number > highest.last {
            if number - highest.last > 1 {
                self.below.insert(highest.first, highest.last);
                highest.first = number;
            }
            highest.last = number;
            return true;
        }
        number < highest.first && self.insert_below(number)
    }

    fn insert_below(&mut self, number: u64) -> bool {
        let before = self.below.range(..=number).next_back();
        let before = before.map(|(first, last)| Range {
            first: *first,
            last: *last,
        });
        if before.is_some_and(|before| number <= before.last) {
            return false;
        }
        let first = before
            .filter(|before| before.last + 1 == number)
            .map_or(number, |before| before.first);
        // The number may close the gap to the range above it.
        match &mut self.highest {
            Some(highest) if number + 1 == highest.first => {
                highest.first = first;
                self.below.remove(&first);
            }
            _ => {
                let last = self.below.remove(&(number + 1)).unwrap_or(number);
                self.below.insert(first, last);
            }
        }
        true
    }

    /// How many numbers between the first and the last one are not in the set.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        let begins = self.below.keys().copied().skip(1);
        let begins = begins.chain(self.highest.map(|highest| highest.first));
        let gaps = self.below.values().zip(begins);
        gaps.map(|(last, begin)| begin - last - 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_set_once_whatever_their_order() {
        let mut set = Sequences::default();
        for number in [5, 3, 4, 9, u64::MAX, 0, 1, 8, 7, 6, 2] {
            assert!(set.insert(number));
        }
        assert_eq!(set.below, BTreeMap::from([(0, 9)]));
        assert_eq!(set.left_out(), u64::MAX - 10);
        assert!((0..=9).chain([u64::MAX]).all(|number| !set.insert(number)));
    }

    #[test]
    fn a_gap_below_the_highest_range_closes() {
        let mut set = Sequences::default();
        assert!([1, 2, 7, 8, 4].into_iter().all(|number| set.insert(number)));
        assert_eq!(set.left_out(), 3);
        assert!([3, 6, 5].into_iter().all(|number| set.insert(number)));
        assert_eq!((set.left_out(), set.below.len()), (0, 0));
    }
}
